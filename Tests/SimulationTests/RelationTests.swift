import ApusCore
import ApusSimulation
import ApusWire
import Testing

/// `partOf`.
@Suite struct RelationTests {
  @Test("a part is stopped and restarted with the whole, and the whole not with its part")
  func part() throws {
    let sim = simulate { builder in
      builder.service("whole")
      builder.service("part") { $0.partOf = [0] }
    }
    try sim.run(for: .seconds(1))
    sim.world.request(.restart, 0)
    try sim.run(for: .seconds(5))
    #expect(sim.world.services[0].attempts.count == 2)
    #expect(sim.world.services[1].attempts.count == 2)
    sim.world.request(.restart, 1)
    try sim.run(for: .seconds(5))
    #expect(sim.world.services[0].attempts.count == 2)
    #expect(sim.world.services[1].attempts.count == 3)
    sim.world.request(.stop, 0)
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .stopped)
    #expect(sim.state(1) == .stopped)
    sim.world.request(.start, 0)
    try sim.run(for: .seconds(5))
    #expect(sim.state(1) == .stopped)
  }

  @Test("a part that waits for its next start does not come back without the whole")
  func restingPart() throws {
    let sim = simulate { builder in
      builder.service("whole")
      builder.service("part") {
        $0.partOf = [0]
        $0.restart.delay = .seconds(20)
      }
    }
    try sim.run(for: .seconds(1))
    sim.world.kill(1, signal: 11)
    try sim.run(for: .seconds(1))
    #expect(sim.state(1) == .backoff)
    sim.world.request(.stop, 0)
    try sim.run(for: .seconds(60))
    #expect(sim.state(1) == .stopped)
    #expect(sim.world.services[1].attempts.count == 1)
  }
}
