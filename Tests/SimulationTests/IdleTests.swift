import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct IdleTests {
  private func daemon(
    _ limit: Interval = .milliseconds(50), seed: UInt64 = 1,
    _ change: (inout ManifestBuilder.Draft) -> Void = { _ in }
  ) -> Simulation {
    simulate(seed: seed) {
      $0.service("web") {
        $0.listen()
        $0.extras.idleStop = limit
        $0.service.trigger = Rate(count: 100_000, window: .seconds(1))
        change(&$0)
      }
    }
  }

  /// Between the end of the last connection and the log line, in microseconds.
  private func stopTime(_ sim: Simulation, after moment: Instant) throws -> Int64 {
    try sim.run(within: .minutes(2)) { $0.world.idleStops.count == 1 }
    return (sim.world.time - moment).microseconds
  }

  @Test("a service without a connection is stopped between 1 and 1.3 times its limit, once")
  func stops() throws {
    let sim = daemon(.seconds(60))
    sim.always(Script().with { $0.connectionLife = 10_000_000 })
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(within: .seconds(5)) { $0.state(0) == .ready }
    let end = sim.world.time + .seconds(10)
    let time = try stopTime(sim, after: end)
    #expect(time >= 60_000_000 && time <= 78_000_000, "\(time)")
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .listening)
    #expect(sim.reason(0) == Reason(.idle))
    #expect(sim.world.services[0].signals.contains { $0.number == 15 })
    let looks = sim.world.looks
    try sim.run(for: .hours(5))
    #expect(sim.world.looks == looks, "nothing is looked at that does not run")
    #expect(sim.starts(0) == 1)
    // And it starts again at once.
    sim.world.connect(0)
    try sim.run(within: .milliseconds(10)) { $0.world.count(.served) == 2 }
  }

  @Test("an open connection keeps a service for ever, and nothing is frozen")
  func connected() throws {
    let sim = daemon()
    sim.always(Script().with { $0.connectionLife = .max })
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(for: .minutes(5))
    #expect(sim.state(0) == .ready)
    #expect(sim.world.freezes == 0)
  }

  @Test("services without idleStop, at boot or with accept are never looked at")
  func untouched() throws {
    let sim = simulate {
      $0.service("plain") { $0.listen() }
      $0.service("boot") {
        $0.listen()
        $0.service.start = .boot
        $0.extras.idleStop = .seconds(1)
      }
      $0.service("accept") {
        $0.listen()
        $0.accept()
        $0.extras.idleStop = .seconds(1)
      }
    }
    try sim.run(for: .seconds(1))
    for listener in 0..<3 { sim.world.connect(listener) }
    try sim.run(for: .minutes(5))
    #expect(sim.world.looks == 0)
    #expect(sim.state(0) == .ready)
  }

  /// Connections at random moments around the limit.
  private func lottery(_ seed: UInt64, _ script: Script) throws -> World {
    let sim = daemon(seed: seed)
    var random = Random(seed: seed &* 77)
    sim.world.chaos.missedReadiness = 50
    sim.world.chaos.lateExits = 100
    sim.world.chaos.interruptions = 20
    sim.world.behaviour = { _, _, random in
      script.with {
        $0.freezeDelay = random.time(0, random.chance(100) ? 150_000 : 4_000)
        $0.acceptDelay = random.time(0, 300)
        $0.connectionLife = random.time(1, random.chance(100) ? 200_000 : 2_000)
      }
    }
    var moment: Int64 = 1_000_000
    for _ in 0..<400 {
      moment += random.time(40_000, 75_000)
      sim.world.at(Instant(microseconds: moment)) { $0.connect(0) }
    }
    try sim.run(for: .seconds(60))
    return sim.world
  }

  @Test(
    "thousands of connections at any moment around the limit: none is lost",
    arguments: [
      Script.Manners.dies(after: 0), .exits(code: 1, after: 0), .drains, .ignores,
    ])
  func nothingLost(_ manners: Script.Manners) throws {
    var stops = 0
    for seed in UInt64(1)...20 {
      let world = try lottery(seed, Script().with { $0.manners = manners })
      stops += world.idleStops.count
      #expect(world.connections.count == 400)
      #expect(world.count(.served) == 400)
      #expect(world.connections.allSatisfy { !$0.isCut })
    }
    #expect(stops > 20, "\(stops)")
  }

  @Test("a daemon that ends in its own time on TERM may cut only what it accepted after that")
  func slowEnd() throws {
    let world = try lottery(
      3, Script().with { $0.manners = .dies(after: 500) })
    #expect(world.count(.served) == 400)
  }

  @Test("what cannot be frozen goes on")
  func unfreezable() throws {
    let sim = daemon()
    sim.always(Script().with { $0.freezeDelay = .max })
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(for: .minutes(1))
    #expect(sim.world.freezes > 10)
    #expect(sim.world.idleStops.isEmpty)
    #expect(sim.state(0) == .ready)
  }

  @Test("one that does not end on TERM and still serves is not killed, one that is idle is")
  func deaf() throws {
    let sim = daemon { $0.stop.timeout = .seconds(1) }
    sim.world.holdsOff = false
    sim.always(
      Script().with {
        $0.manners = .ignores
        $0.connectionLife = 10_000_000
      })
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(within: .seconds(30)) { $0.world.idleStops.count == 1 }
    sim.world.connect(0)
    try sim.run(for: .seconds(9))
    #expect(sim.state(0) == .stopping)
    #expect(sim.world.count(.served) == 2)
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .listening)
    #expect(sim.world.connections.allSatisfy { !$0.isCut })
  }

  @Test("orders during an idle stop are followed")
  func orders() throws {
    for action in [Request.Action.start, .restart, .stop] {
      let sim = daemon()
      sim.always(Script().with { $0.manners = .dies(after: 100_000) })
      try sim.run(for: .seconds(1))
      sim.world.connect(0)
      try sim.run(within: .seconds(30)) { $0.world.idleStops.count == 1 }
      sim.world.request(action, 0)
      try sim.run(within: .seconds(1)) { $0.world.requests[0].answer != nil }
      #expect(sim.world.requests[0].answer?.code == .done)
      #expect(sim.state(0) == (action == .stop ? .stopped : .ready))
    }
  }

  @Test("memory pressure stops what is idle, the biggest first, one at a time")
  func pressure() throws {
    let sim = simulate {
      for name in ["small", "big", "busy", "kept"] {
        $0.service(name) {
          $0.listen()
          if name == "kept" { $0.service.flags.remove(.reclaim) }
        }
      }
    }
    sim.world.behaviour = { service, _, _ in
      Script().with {
        $0.connectionLife = service == 2 ? .max : 1
        $0.kilobytes = [10, 20, 90, 90][service]
      }
    }
    try sim.run(for: .seconds(1))
    for listener in 0..<4 { sim.world.connect(listener) }
    try sim.run(for: .hours(1))
    #expect(sim.world.looks == 0, "no look without need")
    for second in 0..<20 { sim.world.after(Int64(second) * 1_000_000) { $0.press() } }
    try sim.run(for: .milliseconds(9_900))
    #expect(sim.world.idleStops.isEmpty, "not before it has been idle for long enough")
    try sim.run(within: .seconds(5)) { $0.world.idleStops.count == 1 }
    #expect(sim.world.idleStops == [1])
    try sim.run(for: .milliseconds(100))
    #expect(sim.reason(1) == Reason(.reclaimed))
    #expect(sim.state(0) == .ready)
    try sim.run(for: .seconds(60))
    #expect(sim.world.idleStops == [1, 0])
    #expect(sim.state(2) == .ready && sim.state(3) == .ready)
    let looks = sim.world.looks
    try sim.run(for: .hours(1))
    #expect(sim.world.looks == looks, "looks end with the pressure")
  }

  @Test("another supervisor at any moment keeps the promise")
  func replaced() throws {
    for seed in UInt64(1)...10 {
      let sim = daemon(seed: seed)
      var random = Random(seed: seed)
      sim.always(
        Script().with {
          $0.connectionLife = 2_000; $0.manners = .dies(after: 0)
        })
      sim.replaces = { random.chance(300) }
      for index in 0..<100 {
        sim.world.at(Instant(microseconds: 1_000_000 + Int64(index) * 90_000)) { $0.connect(0) }
      }
      try sim.run(for: .seconds(30))
      #expect(sim.world.count(.served) == 100)
      #expect(sim.world.connections.allSatisfy { !$0.isCut })
    }
  }

  @Test("invariant 14: a stop without a look, and one of a service that is not still, are caught")
  func caught() throws {
    let changes: [(Effect, InstanceID) -> [Effect]] = [
      { effect, id in
        guard case .log(let message) = effect, message.reason.kind == .idle else { return [effect] }
        return [.freeze(id, false), effect]
      },
      { effect, _ in if case .freeze(_, false) = effect { [] } else { [effect] } },
    ]
    for change in changes {
      let sim = daemon()
      sim.always(
        Script().with {
          $0.manners = .drains; $0.connectionLife = 1
        })
      let world = sim.world
      sim.tamper = { [unowned world] effect in
        change(effect, world.liveInstances.first ?? InstanceID(slot: 0, generation: 0))
      }
      try sim.run(for: .seconds(1))
      world.connect(0)
      do {
        try sim.run(for: .minutes(1))
        Issue.record("not caught")
      } catch { #expect(error.invariant == 14) }
    }
  }
}
