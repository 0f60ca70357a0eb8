import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import Testing

/// When a boot is good (`system.bootAttempts`).
@Suite struct GoodBootTests {
  private func board(
    needs: Bool = true, mode: SupervisorMode = .system, after: Interval = .seconds(60)
  ) -> Simulation {
    simulate(mode: mode) { builder in
      let web = builder.service("web")
      let good = builder.service("good") {
        $0.service.type = .oneshot
        $0.service.start = .manual
      }
      builder.goodBoot(after: after, needs: needs ? [web] : [], runs: good)
    }
  }

  @Test("a boot is good once, after its time, and runs its command once")
  func once() throws {
    let sim = board()
    try sim.run(for: (.zero + .seconds(59)) - sim.world.time)
    #expect(sim.world.goodBoots.isEmpty && sim.starts(1) == 0)
    try sim.run(for: .hours(1))
    #expect(sim.world.goodBoots == [.zero + .seconds(60)])
    #expect(sim.starts(1) == 1 && sim.supervisor.isBootGood)
  }

  @Test("it waits for the services it needs, however long that takes")
  func needs() throws {
    let sim = board()
    sim.world.behaviour = { service, _, _ in
      service == 0 ? Script.failing(.execute, .noEntry) : Script()
    }
    try sim.run(for: .minutes(10))
    #expect(sim.world.goodBoots.isEmpty && sim.starts(1) == 0)
    sim.always(Script())
    try sim.run(for: .minutes(10))
    #expect(sim.world.goodBoots.count == 1 && sim.starts(1) == 1)
  }

  @Test("it is good once over any number of new programs", arguments: 1...8)
  func replaced(seed: UInt64) throws {
    let sim = board(needs: seed % 2 == 0)
    var random = Random(seed: seed)
    sim.replaces = { random.chance(500) }
    try sim.run(for: .minutes(5))
    #expect(sim.world.goodBoots.count == 1 && sim.starts(1) == 1)
  }

  @Test("a board that is going down is not good any more, and apus run counts no boots")
  func never() throws {
    let sim = board()
    try sim.run(for: .seconds(30))
    sim.world.request(.reboot)
    try sim.run(for: .minutes(5))
    #expect(sim.world.goodBoots.isEmpty)
    let user = board(mode: .user)
    try user.run(for: .minutes(5))
    #expect(user.world.goodBoots.isEmpty)
  }
}
