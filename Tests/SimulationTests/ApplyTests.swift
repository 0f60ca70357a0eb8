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

  @Test("a record that lies is found out when a manifest is applied")
  func canary() {
    var found = 0
    for seed in UInt64(1)...40 {
      let workload = Workload(seed: seed, applies: true)
      workload.simulation.tamperRecord = { slot, bytes in slot == 0 ? [] : bytes }
      do { _ = try workload.run() } catch { found += 1 }
    }
    #expect(found > 5)
  }

  @Test(
    "CTL-12 a mistake, and CTL-13 what is changed by one edit, with nobody to wake the supervisor")
  func edits() throws {
    func board(_ change: (inout ManifestBuilder) -> Void) -> ManifestBuilder {
      var builder = ManifestBuilder()
      change(&builder)
      return builder
    }
    let first = board {
      let gone = $0.service("gone")
      $0.service("user") { $0.needs = [gone] }
      $0.service("plain")
    }
    let second = board {
      $0.service("plain")
      $0.service("user") { $0.version = 2 }
      $0.service("new") { $0.listen() }
    }
    let sim = Simulation(first.manifest)
    sim.appliesManifests = true
    sim.always(Script())
    try sim.run(for: .seconds(2))
    let pids = (0..<3).map { sim.world.mainPid(of: $0) }
    sim.world.disk = nil
    sim.world.signalSelf(1)
    try sim.run(for: .seconds(2))
    #expect(sim.world.refusals == 1 && sim.world.manifest.services.count == 3)
    #expect((0..<3).map { sim.world.mainPid(of: $0) } == pids)
    // The first execve(2) fails, and is tried again though nothing else happens.
    var failures = 1
    sim.failsToApply = {
      failures -= 1
      return failures >= 0
    }
    sim.world.disk = second.manifest
    sim.world.signalSelf(1)
    try sim.run(for: .seconds(5))
    #expect(sim.world.applications == 1 && !sim.world.manifest.isLeaving)
    #expect(sim.world.mainPid(of: 0) == pids[2] && sim.starts(0) == 1)
    #expect(sim.state(1) == .ready && sim.starts(1) == 1)
    #expect(sim.state(2) == .listening && sim.world.listeners[0].isWatched)
    #expect(sim.world.processCount == 2)
  }
}
