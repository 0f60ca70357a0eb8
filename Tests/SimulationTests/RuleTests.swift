import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Lives in which no rule is broken though a checker that knew less of the world once said so.
@Suite struct RuleTests {
  @Test("a connection that waits for its turn to be started has its place")
  func placeOfWaiting() throws {
    let sim = simulate { builder in
      for number in 0..<Limits.spawnsInFlight { builder.service("s\(number)") }
      builder.service("ssh") {
        $0.listen(2)
        $0.accept(max: 2)
      }
    }
    let ssh = Limits.spawnsInFlight
    sim.world.behaviour = { service, _, _ in
      Script().with { if service < ssh { $0.isStuckBeforeExec = true } }
    }
    sim.world.after(1_000_000) { $0.connect(0, count: 3) }
    // What hangs up comes back into a full service.
    sim.world.after(1_000_000) { $0.hangUp(1) }
    try sim.run(for: .seconds(3))
    #expect(sim.world.count(.held) == 2 && sim.world.count(.queued) == 1)
    try sim.run(for: .seconds(60))
    #expect(sim.world.count(.served) == 2)
  }

  @Test("a child that has failed keeps its place until its end is seen")
  func placeOfFailed() throws {
    let sim = simulate { builder in
      for number in 0..<Limits.spawnsInFlight - 1 { builder.service("s\(number)") }
      builder.service("ssh") {
        $0.listen()
        $0.accept(max: 4)
      }
    }
    let ssh = Limits.spawnsInFlight - 1
    sim.world.behaviour = { service, earlier, _ in
      if service < ssh { return Script().with { $0.isStuckBeforeExec = true } }
      return earlier == 0
        ? .failing(.verify, .accessDenied).with { $0.execDelay = 20_000 } : Script()
    }
    sim.world.after(1_000_000) { $0.connect(0, count: 2) }
    try sim.run(for: .seconds(3))
    #expect(sim.world.count(.discarded) == 1 && sim.world.count(.served) == 1)
  }

  @Test("what a daemon's first process has not accepted, the one it leaves behind does")
  func leftOver() throws {
    let sim = simulate {
      $0.service("db") {
        $0.listen()
        $0.service.type = .forking
      }
    }
    sim.always(
      Script().with {
        $0.life = 100
        $0.stragglers = 1
      })
    sim.world.after(1_000_000) { $0.connect(0, count: 2) }
    try sim.run(for: .minutes(3))
    #expect(sim.state(0) == .ready && sim.world.count(.served) == 2)
    try sim.checkRecovery()
  }

  @Test("what was being ended before the order to shut down is none of the shutdown's order")
  func endedBefore() throws {
    let sim = simulate {
      let db = $0.service("db") {
        $0.listen()
        $0.extras.idleStop = .seconds(1)
        $0.stop.timeout = .seconds(1)
      }
      $0.service("web") {
        $0.needs = [db]
        $0.stop.timeout = .seconds(5)
      }
    }
    sim.world.behaviour = { _, _, _ in Script().with { $0.manners = .ignores } }
    sim.world.after(1_000_000) { $0.connect(0) }
    try sim.run(within: .seconds(10)) { $0.state(0) == .stopping }
    sim.world.request(.reboot)
    try sim.run(for: .minutes(1))
    #expect(sim.world.power == .reboot)
    let (db, web) = (sim.world.services[0].ends, sim.world.services[1].ends)
    #expect(try #require(db.last) < #require(web.last))
  }

  @Test("a queue that gets shorter as slowly as the trigger says is not stuck")
  func slowQueue() throws {
    let sim = simulate {
      $0.service("ssh") {
        $0.listen()
        $0.accept(max: 2)
        $0.service.trigger = Rate(count: 1, window: .seconds(4))
      }
    }
    sim.always(Script())
    sim.world.after(1_000_000) { $0.connect(0, count: 400) }
    try sim.run(for: .minutes(10))
    #expect(sim.world.listeners[0].queue.count > 100)
    try sim.checkRecovery()
  }

  @Test("a queue from which nothing is taken is found")
  func stuckQueue() throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    sim.always(Script().with { $0.acceptDelay = .max / 2 })
    sim.world.after(1_000_000) { $0.connect(0) }
    try sim.run(for: .minutes(10))
    #expect(throws: Violation.self) { try sim.checkRecovery() }
  }
}
