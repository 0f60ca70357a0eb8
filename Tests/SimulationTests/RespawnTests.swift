import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct RespawnTests {
  @Test("RES-01: for a whole day the starts follow the declared curve exactly, and the cap holds")
  func curveOfADay() throws {
    let sim = simulate {
      $0.service("bad") { $0.restart.jitterPermille = 0 }
    }
    sim.always(.ending(after: 1_000, code: 1))
    try sim.run(for: .days(1))
    let pauses = sim.pauses(0)
    #expect(pauses.count > 86_400 / 31)
    #expect(pauses == curve(Restart(), count: pauses.count))
    #expect(sim.state(0) == .backoff)
  }

  @Test("RES-01: jitter spreads the starts and never goes beyond the declared part")
  func jitter() throws {
    let sim = simulate { $0.service("bad") { $0.restart.jitterPermille = 100 } }
    sim.always(.ending(after: 1_000, code: 1))
    try sim.run(for: .hours(4))
    let pauses = sim.pauses(0)
    let declared = curve(Restart(), count: pauses.count)
    for (pause, expected) in zip(pauses, declared) {
      #expect(pause >= expected - expected / 10 && pause <= expected + expected / 10)
    }
    #expect(zip(pauses, declared).contains { $0 != $1 })
  }

  @Test("RES-02: after a long healthy run the delay is back to the first")
  func resetAfter() throws {
    let sim = simulate { $0.service("bad") { $0.restart.jitterPermille = 0 } }
    sim.world.behaviour = { _, earlier, _ in
      .ending(after: earlier == 8 ? 61_000_000 : 1_000, code: 1)
    }
    try sim.run(for: .minutes(10))
    let pauses = sim.pauses(0)
    let declared = curve(Restart(), count: 8)
    #expect(Array(pauses.prefix(8)) == declared)
    #expect(Array(pauses.dropFirst(8).prefix(8)) == declared)
  }

  @Test(
    "RES-04: a restart that is pending is forgotten when something else is ordered",
    arguments: [Request.Action.stop, .start, .restart, .reboot])
  func pendingRestart(_ action: Request.Action) throws {
    let sim = simulate {
      $0.service("bad") {
        $0.restart.delay = .seconds(20)
        $0.restart.jitterPermille = 0
      }
    }
    sim.world.behaviour = { _, earlier, _ in
      earlier == 0 ? .ending(after: 1_000, code: 1) : Script()
    }
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .backoff)
    sim.world.request(action, action == .reboot ? nil : 0)
    try sim.run(for: .seconds(1))
    switch action {
    case .stop:
      #expect(sim.state(0) == .stopped)
      #expect(sim.report(service: 0)?.nextStart == nil)
    case .reboot: #expect(sim.world.power == .reboot)
    default:
      #expect(sim.state(0) == .ready)
      #expect(sim.starts(0) == 2)
    }
    let starts = sim.starts(0)
    try sim.run(for: .hours(1))
    #expect(sim.starts(0) == starts)
  }

  @Test("RES-05: what needs a failed service waits quietly and starts once when it is back")
  func failedDependency() throws {
    let sim = simulate {
      let bus = $0.service("bus") { $0.restart.policy = .no }
      $0.service("web") { $0.needs = [bus] }
      $0.service("log") { $0.after = [bus] }
    }
    sim.world.behaviour = { service, earlier, _ in
      service == 0 && earlier == 0 ? .failing(.execute, .noEntry) : Script()
    }
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .failed)
    #expect(sim.state(1) == .waiting)
    #expect(sim.reason(1) == Reason(.dependency, value: 0))
    #expect(sim.starts(1) == 0)
    // Order only: the failure settles the question.
    #expect(sim.state(2) == .ready)
    let steps = sim.steps
    try sim.run(for: .hours(24))
    #expect(sim.steps - steps < 10)
    sim.world.request(.start, 0)
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .ready)
    #expect(sim.state(1) == .ready)
    #expect(sim.starts(1) == 1)
  }

  @Test("RES-05: a service with pre-bound listeners satisfies others without being started")
  func boundIsEnough() throws {
    let sim = simulate {
      let bus = $0.service("bus") { $0.listen() }
      $0.service("web") { $0.needs = [bus] }
    }
    sim.world.faults = [Fault(.bind(0, .bind), .addressInUse, .times(2))]
    try sim.run(for: .milliseconds(500))
    #expect(sim.state(1) == .waiting)
    try sim.run(for: .seconds(5))
    #expect(sim.state(1) == .ready)
    #expect(sim.starts(0) == 0)
  }

  @Test(
    "RES-06: giving up shows state, reason and time, and the escalation runs once",
    arguments: [LimitAction.stop, .reboot, .poweroff, .rescue])
  func giveUp(_ action: LimitAction) throws {
    let sim = simulate {
      $0.service("bad") {
        $0.restart.limit = Rate(count: 5, window: .seconds(60))
        $0.restart.onLimit = action
        $0.restart.jitterPermille = 0
      }
      $0.service("good")
    }
    sim.world.behaviour = { service, _, _ in
      service == 0 ? .ending(after: 1_000, code: 1) : Script()
    }
    try sim.run(for: .hours(2))
    // The first start and five more, in 3.1 seconds of delays.
    #expect(sim.starts(0) == 6)
    #expect(sim.world.messages.filter { $0.kind == .gaveUp }.count == 1)
    #expect(sim.world.rescues == (action == .rescue ? 1 : 0))
    switch action {
    case .reboot: #expect(sim.world.power == .reboot)
    case .poweroff: #expect(sim.world.power == .poweroff)
    case .stop, .rescue:
      #expect(sim.world.power == nil)
      let report = try #require(sim.report(service: 0))
      #expect(report.state == .failed)
      #expect(report.reason.kind == .restartLimit)
      #expect(report.since < Instant(microseconds: 6_000_000))
      #expect(sim.state(1) == .ready)
      // An operator may try again, with a fresh count.
      sim.world.request(.start, 0)
      try sim.run(for: .hours(1))
      #expect(sim.starts(0) == 12)
      #expect(sim.world.rescues == (action == .rescue ? 2 : 0))
    }
  }

  @Test("RES-06: a critical service that gives up reboots the board")
  func critical() throws {
    let sim = simulate {
      $0.service("vital") {
        $0.service.flags.insert(.critical)
        $0.restart.policy = .no
      }
    }
    sim.always(.ending(after: 5_000_000, signal: 11, core: true))
    try sim.run(for: .minutes(5))
    #expect(sim.world.power == .reboot)
    #expect(sim.starts(0) == 1)
  }

  @Test("RES-07: the wall clock may jump as it likes, nothing changes by a byte")
  func wallClock() throws {
    func run(_ jumps: [Int64]) throws -> [UInt8] {
      let sim = simulate(traceLimit: .max) {
        $0.service("bad")
        $0.service("web") { $0.listen() }
      }
      sim.always(.ending(after: 1_000, code: 1))
      for (index, years) in jumps.enumerated() {
        sim.world.at(Instant(microseconds: 10_000_000 * Int64(index + 1))) {
          $0.wallOffset += years * 31_557_600_000_000
        }
      }
      sim.world.at(Instant(microseconds: 15_000_000)) { $0.connect(0) }
      try sim.run(for: .minutes(10))
      return sim.world.trace.bytes
    }
    #expect(try run([20, -40, 30, -10, 60]) == run([0, 0, 0, 0, 0]))
  }

  @Test("RES-09: after a day of suspend every overdue start happens once, without a burst")
  func suspend() throws {
    let sim = simulate { builder in
      for index in 0..<8 {
        builder.service("bad\(index)")
      }
      builder.service("good")
    }
    sim.world.behaviour = { service, _, _ in
      service == 8 ? Script() : .ending(after: 1_000, code: 1)
    }
    try sim.run(for: .minutes(10))
    let before = (0..<8).map { sim.starts($0) }
    sim.world.suspend(for: .days(1))
    try sim.run(for: .milliseconds(20))
    for service in 0..<8 {
      // CLOCK_BOOTTIME went on: what was due is done now, once, and not for each missed time.
      #expect(sim.starts(service) == before[service] + 1)
    }
    try sim.run(for: .minutes(1))
    for service in 0..<8 { #expect(sim.starts(service) <= before[service] + 4) }
    #expect(sim.state(8) == .ready)
    #expect(sim.starts(8) == 1)
  }
}
