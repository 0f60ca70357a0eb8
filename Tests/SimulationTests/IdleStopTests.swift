import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// What an idle daemon does between being asked to end and its end.
@Suite struct IdleStopTests {
  private func daemon(
    seed: UInt64, hasCommand: Bool = false,
    _ change: (inout ManifestBuilder.Draft) -> Void = { _ in }
  ) -> Simulation {
    simulate(seed: seed) {
      $0.service("web") {
        $0.listen()
        $0.hasStopCommand = hasCommand
        $0.extras.idleStop = .milliseconds(50)
        $0.service.trigger = Rate(count: 100_000, window: .seconds(1))
        change(&$0)
      }
    }
  }

  /// Connections at random moments around the limit, and the stop that follows it.
  private func crowd(_ sim: Simulation, seed: UInt64, connections: Int = 300) throws {
    var random = Random(seed: seed &* 77)
    sim.world.chaos.missedReadiness = 50
    sim.world.chaos.lateExits = 100
    var moment: Int64 = 1_000_000
    for _ in 0..<connections {
      moment += random.time(40_000, 75_000)
      sim.world.at(Instant(microseconds: moment)) { $0.connect(0) }
    }
    try sim.run(for: .seconds(90))
  }

  private func script(_ manners: Script.Manners, _ random: inout Random) -> Script {
    Script().with {
      $0.manners = manners
      $0.freezeDelay = random.time(0, 4_000)
      $0.acceptDelay = random.time(0, 300)
      $0.connectionLife = random.time(1, random.chance(100) ? 200_000 : 2_000)
    }
  }

  private static let manners: [Script.Manners] = [
    .dies(after: 0), .exits(code: 1, after: 0), .drains, .ignores, .lingers(after: 100_000),
  ]

  @Test(
    "a daemon that drops what it accepts after its stop signal is given nothing to drop",
    arguments: [false, true])
  func lingers(isReplaced: Bool) throws {
    var stops = 0
    for seed in UInt64(1)...20 {
      let sim = daemon(seed: seed)
      var random = Random(seed: seed)
      sim.world.behaviour = { _, _, random in self.script(.lingers(after: 100_000), &random) }
      if isReplaced { sim.replaces = { random.chance(200) } }
      try crowd(sim, seed: seed)
      stops += sim.world.idleStops.count
      #expect(sim.world.count(.served) == 300)
      #expect(sim.world.connections.allSatisfy { !$0.isCut })
    }
    #expect(stops > 50, "\(stops)")
  }

  @Test("a unix socket cannot hold clients off: what such a daemon takes after the signal is lost")
  func unix() throws {
    let sim = daemon(seed: 1)
    sim.world.holdsOff = false
    sim.world.behaviour = { _, _, random in self.script(.lingers(after: 100_000), &random) }
    try crowd(sim, seed: 1)
    #expect(sim.world.connections.contains { $0.isCut })
    #expect(sim.world.count(.served) == 300)
  }

  @Test(
    "the command of an idle stop can talk to the daemon, whose connections outlive it",
    arguments: manners, [false, true])
  func command(_ manners: Script.Manners, isReplaced: Bool) throws {
    var stops = 0
    for seed in UInt64(1)...20 {
      let sim = daemon(seed: seed, hasCommand: true)
      sim.world.behaviour = { _, _, random in self.script(manners, &random) }
      sim.world.commandBehaviour = { _, _, random in
        var script = CommandScript()
        script.life = random.time(200, random.chance(100) ? 200_000 : 20_000)
        return script
      }
      var random = Random(seed: seed)
      if isReplaced { sim.replaces = { random.chance(200) } }
      try crowd(sim, seed: seed)
      stops += sim.world.idleStops.count
      #expect(sim.world.helperStarts >= sim.world.idleStops.count)
      #expect(sim.world.count(.served) == 300)
      #expect(sim.world.connections.allSatisfy { !$0.isCut })
    }
    #expect(stops > 50, "\(stops)")
  }

  @Test("one that its command has not ended and that serves again gets its signal when it is idle")
  func later() throws {
    let sim = daemon(seed: 1, hasCommand: true) { $0.stop.timeout = .seconds(1) }
    sim.world.helperLives[0] = 100_000
    sim.always(Script().with { $0.connectionLife = 3_000_000 })
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(within: .seconds(30)) { $0.world.idleStops.count == 1 }
    sim.world.after(50_000) { $0.connect(0) }
    try sim.run(for: .seconds(2))
    #expect(sim.state(0) == .stopping)
    #expect(sim.world.services[0].signals.allSatisfy { $0.number != 15 })
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .listening)
    #expect(sim.world.services[0].signals.filter { $0.number == 15 }.count == 1)
    #expect(sim.world.messages.allSatisfy { $0.kind != .stopEscalated })
    #expect(sim.world.connections.allSatisfy { !$0.isCut })
    #expect(sim.world.helperStarts == 1)
  }

  @Test("an operator's stop after the command of an idle one sends the signal, and KILL only then")
  func ordered() throws {
    let sim = daemon(seed: 1, hasCommand: true) { $0.stop.timeout = .seconds(1) }
    sim.world.helperLives[0] = 100_000
    sim.always(Script().with { $0.connectionLife = 100_000_000 })
    try sim.run(for: .seconds(1))
    sim.world.request(.start, 0)
    try sim.run(within: .seconds(30)) { $0.world.idleStops.count == 1 }
    sim.world.after(50_000) { $0.connect(0) }
    try sim.run(for: .milliseconds(500))
    #expect(sim.state(0) == .stopping)
    sim.world.request(.stop, 0)
    try sim.run(for: .seconds(3))
    #expect(sim.state(0) == .stopped)
    #expect(sim.world.services[0].signals.contains { $0.number == 15 })
    #expect(sim.world.messages.allSatisfy { $0.kind != .stopEscalated })
  }

  @Test("a service is not stopped for being idle while one of its commands runs")
  func reloading() throws {
    let sim = try simulate(
      services: #"""
        "web": {"exec": ["/bin/web"], "listen": [{"stream": "/run/web"}], "idleStop": "50ms",
          "reload": {"exec": ["/bin/reload"]}}
        """#)
    sim.world.helperLives[0] = 10_000_000
    try sim.run(for: .seconds(1))
    sim.world.request(.start, 0)
    try sim.run(for: .milliseconds(10))
    sim.world.request(.reload, 0)
    try sim.run(for: .seconds(9))
    #expect(sim.world.idleStops.isEmpty && sim.state(0) == .ready)
    #expect(sim.world.requests[1].answer == nil)
    try sim.run(for: .seconds(2))
    #expect(sim.world.idleStops == [0])
    #expect(sim.world.requests[1].answer?.code == .done)
  }

  @Test("invariant 14: a command that finds the daemon frozen or its clients held off is caught")
  func caught() throws {
    let changes: [(Effect) -> [Effect]] = [
      { effect in if case .freeze(_, false) = effect { [] } else { [effect] } },
      { effect in
        guard case .lookIdle(let id, let service, .frozen) = effect else { return [effect] }
        return [.lookIdle(id, service: service, .last)]
      },
    ]
    for change in changes {
      let sim = daemon(seed: 1, hasCommand: true)
      sim.always(Script().with { $0.manners = .drains })
      sim.tamper = change
      try sim.run(for: .seconds(1))
      sim.world.connect(0)
      do {
        try sim.run(for: .minutes(1))
        Issue.record("not caught")
      } catch { #expect(error.invariant == 14) }
    }
  }
}
