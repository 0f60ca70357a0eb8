import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct ReplaceTests {
  @Test("PID-01 random boards live on under another supervisor after any turn")
  func soak() throws {
    let count = setting("APUS_SOAK_SEEDS") ?? 300
    let first = setting("APUS_SOAK_FIRST") ?? 1
    var replaced = 0
    for seed in UInt64(first)..<UInt64(first + count) {
      let workload = Workload(seed: seed)
      var random = Random(seed: seed &+ 77)
      let often = [1000, 200, 20][Int(seed % 3)]
      workload.simulation.replaces = {
        guard random.chance(often) else { return false }
        replaced += 1
        return true
      }
      do { try workload.run() } catch {
        Issue.record("\(error)")
        return
      }
    }
    #expect(replaced > 20 * count)
  }

  @Test("PID-01 torn slots cost what they say and nothing else")
  func torn() throws {
    for seed in UInt64(1)...100 {
      let simulation = simulate(seed: seed) { builder in
        for index in 0..<4 {
          builder.service("s\(index)") { draft in
            if index % 2 == 0 { draft.listen(1) }
            draft.restart.policy = .onFailure
          }
        }
      }
      var random = Random(seed: seed)
      simulation.isTorn = { slot in slot == Int(seed % 7) }
      simulation.replaces = { random.chance(100) }
      simulation.always(Script())
      try simulation.run(for: .seconds(5))
      simulation.world.kill(Int(seed % 4))
      for listener in 0..<2 { simulation.world.connect(listener) }
      try simulation.run(for: .seconds(60))
      for listener in 0..<2 { #expect(simulation.world.listeners[listener].isBound) }
      for service in 0..<4 {
        #expect([.ready, .listening].contains(simulation.state(service)), "\(seed) \(service)")
      }
    }
  }
}
