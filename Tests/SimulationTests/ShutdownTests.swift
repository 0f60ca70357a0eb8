import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct ShutdownTests {
  @Test("what is overdue when the end is ordered is stopped in its turn")
  func overdue() throws {
    let sim = simulate {
      let db = $0.service("db") { $0.extras.runtimeMax = .seconds(10) }
      $0.service("web") { $0.needs = [db] }
    }
    sim.always(Script().with { $0.manners = .dies(after: 100_000) })
    sim.world.after(9_000_000) {
      $0.suspend(for: .seconds(60))
      $0.request(.reboot)
    }
    try sim.run(for: .minutes(3))
    #expect(sim.world.power == .reboot)
    let (db, web) = (sim.world.services[0].ends, sim.world.services[1].ends)
    #expect(try #require(web.last) < #require(db.last))
  }

  @Test("SHU-01: who ignores TERM gets KILL at the declared time, and the board ends in time")
  func ignoreTerm() throws {
    let sim = simulate { builder in
      for index in 0..<5 {
        builder.service("stubborn\(index)") {
          $0.stop.timeout = .seconds(Int64(index + 1))
        }
      }
    }
    sim.always(Script().with { $0.manners = .ignores })
    try sim.run(for: .seconds(5))
    sim.world.request(.poweroff)
    let ordered = sim.world.time
    try sim.run(for: .minutes(5))
    #expect(sim.world.power == .poweroff)
    for service in 0..<5 {
      let signals = sim.world.services[service].signals
      let first = try #require(signals.first)
      let kill = try #require(signals.first { $0.number == 9 })
      #expect(first.number == 15)
      #expect(first.time == ordered)
      #expect(kill.time - first.time == .seconds(Int64(service + 1)))
    }
    let end = try #require(sim.world.powerTime)
    #expect(end - ordered < .seconds(6))
  }

  @Test(
    "SHU-01: the declared total holds whatever the services' own timeouts are",
    arguments: [1, 2, 3, 4, 6, 10, 30], [1, 3])
  func total(_ seconds: Int64, _ chain: Int) throws {
    var builder = ManifestBuilder()
    for index in 0..<chain {
      builder.service("slow\(index)") {
        $0.stop.timeout = .minutes(5)
        if index > 0 { $0.needs = [index - 1] }
      }
    }
    builder.change { $0.system.shutdownTimeout = .seconds(seconds) }
    let sim = Simulation(builder.manifest)
    sim.always(Script().with { $0.manners = .ignores })
    try sim.run(for: .seconds(5))
    #expect(sim.state(chain - 1) == .ready)
    let ordered = sim.world.time
    sim.world.request(.reboot)
    try sim.run(for: .minutes(10))
    let end = try #require(sim.world.powerTime)
    #expect(end - ordered <= .seconds(seconds))
    #expect(sim.world.power == .reboot)
  }

  /// Brings service 0 into a state.
  private func bring(into state: ServiceState, mode: SupervisorMode) throws -> Simulation {
    let sim = simulate(mode: mode) { builder in
      let other = builder.service("other") {
        $0.restart.policy = .no
        $0.service.start = .manual
      }
      builder.service("it") {
        $0.restart.delay = .seconds(5)
        switch state {
        case .invalid: $0.service.flags.insert(.invalid)
        case .skipped: $0.service.flags.insert(.template)
        case .listening: $0.listen()
        case .waiting: $0.needs = [other]
        case .stopped: $0.service.start = .manual
        case .failed: $0.restart.policy = .no
        case .starting, .ready, .stopping, .backoff: break
        }
      }
    }
    sim.world.behaviour = { service, _, _ in
      if service == 0 { return .failing(.execute, .noEntry) }
      switch state {
      case .starting: return Script().with { $0.isStuckBeforeExec = true }
      case .stopping: return Script().with { $0.manners = .ignores }
      case .backoff, .failed: return .ending(after: 1, code: 1)
      default: return Script()
      }
    }
    try sim.run(for: .seconds(2))
    if state == .stopping {
      sim.world.request(.stop, 1)
      try sim.run(for: .seconds(1))
    }
    return sim
  }

  @Test(
    "SHU-02: a shutdown completes from every state of a service",
    arguments: [
      ServiceState.invalid, .skipped, .listening, .waiting, .starting, .ready, .stopping, .backoff,
      .stopped, .failed,
    ], [SupervisorMode.system, .user])
  func everyState(_ state: ServiceState, _ mode: SupervisorMode) throws {
    let sim = try bring(into: state, mode: mode)
    #expect(sim.state(1) == state)
    let starts = sim.starts(1)
    sim.world.orderShutdown()
    sim.world.signalSelf(15)
    let ordered = sim.world.time
    try sim.run(for: .minutes(5))
    #expect(sim.world.power == (mode == .system ? .reboot : .exit))
    #expect(sim.starts(1) == starts)
    #expect(sim.world.liveInstances.isEmpty)
    let end = try #require(sim.world.powerTime)
    #expect(end - ordered <= .seconds(30))
  }

  @Test("SHU-02: a shutdown completes when it is ordered before the first listener is bound")
  func duringBoot() throws {
    for delay in stride(from: Int64(0), through: 3_000, by: 100) {
      let sim = simulate {
        let bus = $0.service("bus") { $0.listen(3) }
        let web = $0.service("web") { $0.needs = [bus] }
        $0.service("log") { $0.needs = [web] }
      }
      sim.world.faults = [Fault(.bind(1, .bind), .addressInUse, .always)]
      sim.world.after(delay) { $0.request(.reboot) }
      try sim.run(for: .minutes(5))
      #expect(sim.world.power == .reboot)
      #expect(sim.world.liveInstances.isEmpty)
    }
  }

  @Test("SHU-03: services that would be started again are not, once the end is ordered")
  func autoRestart() throws {
    let sim = simulate { builder in
      for index in 0..<4 {
        builder.service("always\(index)") {
          $0.restart.policy = .always
          $0.restart.delay = .milliseconds(1)
        }
      }
      builder.service("stubborn") { $0.stop.timeout = .seconds(10) }
    }
    sim.world.behaviour = { service, _, _ in
      switch service {
      case 4: Script().with { $0.manners = .ignores }
      case 3: Script().with { $0.manners = .exits(code: 1, after: 2_000_000) }
      default: Script()
      }
    }
    try sim.run(for: .seconds(5))
    sim.world.request(.reboot)
    sim.world.after(0) { $0.kill(0) }
    sim.world.after(10) { $0.kill(1, signal: 11) }
    try sim.run(for: .minutes(5))
    for service in 0..<5 { #expect(sim.starts(service) == 1) }
    #expect(sim.world.power == .reboot)
  }

  @Test("SHU-04: what needs a service is gone before that gets its first signal")
  func order() throws {
    let sim = simulate {
      let bus = $0.service("bus")
      let web = $0.service("web") { $0.needs = [bus] }
      $0.service("app") { $0.needs = [web] }
      $0.service("log") { $0.after = [bus] }
    }
    sim.always(Script().with { $0.manners = .dies(after: 1_500_000) })
    try sim.run(for: .seconds(5))
    #expect(sim.state(2) == .ready)
    sim.world.request(.reboot)
    try sim.run(for: .minutes(5))
    for (earlier, later) in [(2, 1), (1, 0), (3, 0)] {
      let end = try #require(sim.world.services[earlier].ends.first)
      let signal = try #require(sim.world.services[later].signals.first)
      #expect(end <= signal.time)
    }
    #expect(sim.world.power == .reboot)
  }

  @Test("SHU-04: a stop order for one service stops those that need it first")
  func orderOfOneStop() throws {
    let sim = simulate {
      let bus = $0.service("bus")
      let web = $0.service("web") { $0.needs = [bus] }
      $0.service("app") { $0.needs = [web] }
      $0.service("log")
    }
    sim.always(Script().with { $0.manners = .dies(after: 500_000) })
    try sim.run(for: .seconds(5))
    let stop = sim.world.request(.stop, 0)
    try sim.run(for: .seconds(10))
    for (earlier, later) in [(2, 1), (1, 0)] {
      let end = try #require(sim.world.services[earlier].ends.first)
      let signal = try #require(sim.world.services[later].signals.first)
      #expect(end <= signal.time)
    }
    #expect((0..<3).allSatisfy { sim.state($0) == .stopped })
    #expect(sim.state(3) == .ready)
    #expect(sim.world.requests[stop].answer?.code == .done)
  }

  @Test("SHU-05: a process in uninterruptible sleep is named and left behind")
  func uninterruptible() throws {
    for mode in [SupervisorMode.system, .user] {
      let sim = simulate(mode: mode) {
        let disk = $0.service("disk")
        $0.service("web") { $0.needs = [disk] }
      }
      sim.world.behaviour = { service, _, _ in
        Script().with {
          $0.manners = .ignores
          if service == 1 { $0.killDelay = .max }
        }
      }
      try sim.run(for: .seconds(5))
      let pid = sim.world.mainPid(of: 1)
      sim.world.request(.reboot)
      let ordered = sim.world.time
      try sim.run(for: .minutes(5))
      #expect(sim.world.power == (mode == .system ? .reboot : .exit))
      let end = try #require(sim.world.powerTime)
      #expect(end - ordered <= .seconds(30))
      #expect(
        sim.world.messages.contains { $0.kind == .leftBehind && $0.reason.value == pid })
      // The service below it was still stopped in order.
      #expect(sim.world.services[0].signals.first?.number == 15)
    }
  }

  @Test("SHU-11: whoever waits when the end comes is answered, and nothing is honoured afterwards")
  func waitingClient() throws {
    let sim = simulate {
      $0.service("stuck") { $0.service.start = .manual }
      $0.service("slow")
      $0.service("other") { $0.service.start = .manual }
    }
    sim.world.behaviour = { service, _, _ in
      Script().with {
        if service == 0 { $0.isStuckBeforeExec = true }
        if service == 1 { $0.manners = .dies(after: 3_000_000) }
      }
    }
    try sim.run(for: .seconds(1))
    let start = sim.world.request(.start, 0)
    let stop = sim.world.request(.stop, 1)
    try sim.run(for: .seconds(1))
    #expect(sim.world.requests[start].answer == nil)
    let end = sim.world.request(.poweroff)
    let late = sim.world.request(.start, 2)
    try sim.run(for: .minutes(5))
    #expect(sim.world.power == .poweroff)
    #expect(sim.world.requests[start].answer?.code == .failed)
    #expect(sim.world.requests[stop].answer?.code == .done)
    #expect(sim.world.requests[end].answer?.code == .done)
    #expect(
      sim.world.requests[late].answer
        == Answer(.failed, service: 2, reason: Reason(.shutdown)))
    #expect(sim.starts(2) == 0)
  }

  @Test("SHU-11: a client that waits for a process that cannot die is answered before the end")
  func waitingForTheUnkillable() throws {
    let sim = simulate { $0.service("disk") }
    sim.always(
      Script().with {
        $0.manners = .ignores
        $0.killDelay = .max
      })
    try sim.run(for: .seconds(1))
    let stop = sim.world.request(.stop, 0)
    sim.world.after(1_000_000) { $0.request(.reboot) }
    try sim.run(for: .minutes(5))
    #expect(sim.world.power == .reboot)
    #expect(sim.world.requests[stop].answer?.code == .failed)
  }
}
