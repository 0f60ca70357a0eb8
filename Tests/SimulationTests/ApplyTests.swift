import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Manifests that come into force while services run.
@Suite struct ApplySimulationTests {
  @Test(
    "CTL-13 random boards whose manifest is edited and applied at any moment", arguments: [0, 50])
  func soak(replacing: Int) throws {
    let count = setting("APUS_SOAK_SEEDS") ?? 300
    let first = setting("APUS_SOAK_FIRST") ?? 1
    var (applications, refusals, failures) = (0, 0, 0)
    for seed in UInt64(first)..<UInt64(first + count) {
      let workload = Workload(seed: seed, applies: true)
      var random = Random(seed: seed &+ 99)
      if replacing > 0 { workload.simulation.replaces = { random.chance(replacing) } }
      do {
        let world = try workload.run().world
        applications += world.applications
        refusals += world.refusals
      } catch {
        Issue.record("\(error)")
        failures += 1
        if failures == 3 { return }
      }
    }
    // It is worth something only if manifests do come into force.
    #expect(applications > 2 * count && refusals > count / 5)
  }
}
