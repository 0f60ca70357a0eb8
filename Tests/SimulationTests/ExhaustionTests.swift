import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct ExhaustionTests {
  @Test("EXH-05: a full pid space means waiting, and it ends by itself when there is room")
  func pidSpace() throws {
    let sim = simulate { builder in
      for index in 0..<3 { builder.service("boot\(index)") }
      builder.service("web") { $0.listen() }
    }
    let freed = Instant(microseconds: 600_000_000)
    sim.world.faults = [Fault(.spawn(nil, .clone), .again, .always, until: freed)]
    sim.world.after(1_000_000) { $0.connect(0) }
    try sim.run(until: freed)
    for service in 0..<4 {
      #expect(sim.starts(service) == 0)
      #expect(sim.world.services[service].attempts.count < 40)
    }
    #expect(sim.world.listeners[0].isBound)
    try sim.run(for: .seconds(31))
    for service in 0..<4 { #expect(sim.state(service) == .ready) }
    #expect(sim.world.count(.served) == 1)
  }

  @Test(
    "EXH-06: a full or read-only file system fails what needs it, changes nothing else, and heals",
    arguments: [Errno.noSpace, Errno(30)])
  func noFiles(_ errno: Errno) throws {
    let sim = simulate {
      $0.service("web") { $0.listen() }
      $0.service("owner")
      $0.service("bus") { $0.listen() }
      $0.service("log")
    }
    let repaired = Instant(microseconds: 120_000_000)
    sim.world.faults = [
      Fault(.bind(0, .bind), errno, .always, until: repaired),
      Fault(.spawn(1, .directories), errno, .always, until: repaired),
    ]
    sim.world.after(1_000_000) { $0.connect(1) }
    try sim.run(until: repaired)
    #expect(
      sim.report(listener: 0)?.reason
        == Reason(.bindFailed, step: BindStep.bind.rawValue, value: errno.code))
    #expect(sim.state(1) == .backoff)
    #expect(
      sim.report(service: 1)?.reason
        == Reason(.spawnFailed, step: SpawnStepKind.directories.rawValue, value: errno.code))
    #expect(sim.state(2) == .ready && sim.starts(2) == 1)
    #expect(sim.state(3) == .ready && sim.starts(3) == 1)
    try sim.run(for: .seconds(31))
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready && sim.state(1) == .ready)
    #expect(sim.starts(2) == 1 && sim.starts(3) == 1)
    #expect(sim.world.count(.served) == 2)
  }

  @Test("EXH-08: a thousand interruptions lose nothing")
  func interruptions() throws {
    let sim = simulate {
      $0.service("log")
      $0.service("web") { $0.listen() }
    }
    sim.world.interruptions = 1000
    sim.world.after(0) { $0.connect(0) }
    try sim.run(for: .seconds(2))
    #expect(sim.state(0) == .ready)
    #expect(sim.state(1) == .ready)
    sim.world.interruptions = 1000
    sim.world.kill(0)
    sim.world.connect(0)
    try sim.run(for: .seconds(2))
    #expect(sim.starts(0) == 2)
    #expect(sim.world.count(.served) == 2)
    #expect(sim.world.interruptions == 0)
  }

  @Test(
    "EXH-10: a listener that cannot be watched is shown so, and tried again by deadline",
    arguments: [Errno.noSpace, .noMemory])
  func watchFails(_ errno: Errno) throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    sim.world.faults = [Fault(.watch(0), errno, .times(3))]
    try sim.run(for: .milliseconds(500))
    let report = try #require(sim.report(listener: 0))
    #expect(report.state == .paused)
    #expect(report.reason == Reason(.watchFailed, value: errno.code))
    #expect(report.pausedUntil != nil)
    sim.world.connect(0)
    let steps = sim.steps
    try sim.run(for: .seconds(20))
    #expect(sim.steps - steps < 30)
    #expect(sim.state(0) == .ready)
    #expect(sim.world.count(.served) == 1)
  }

  @Test(
    "CTL-05: an accept that lacks descriptors or memory pauses the listener, and never closes it",
    arguments: [Errno.fileLimit, .systemFileLimit, .noBuffers, .noMemory, .connectionAborted])
  func acceptFails(_ errno: Errno) throws {
    let sim = simulate {
      $0.service("ssh") {
        $0.listen()
        $0.accept()
      }
    }
    sim.world.faults = [
      Fault(.accept(0), errno, errno == .connectionAborted ? .times(1) : .times(20))
    ]
    try sim.run(for: .seconds(1))
    sim.world.connect(0, count: 2)
    let steps = sim.steps
    try sim.run(for: .minutes(2))
    #expect(sim.steps - steps < 300)
    #expect(sim.world.listeners[0].bindAttempts.count == 1)
    #expect(sim.world.count(.served) == (errno == .connectionAborted ? 1 : 2))
    #expect(sim.report(listener: 0)?.state == .listening)
  }

  @Test("EXH-12: five hundred days of uptime, and the end of the clock, trap nowhere")
  func uptime() throws {
    for start in [Interval.days(500).microseconds, Int64.max - 3_600_000_000] {
      let sim = simulate {
        $0.service("bad")
        $0.service("web") { $0.listen() }
        $0.service("never") { $0.stop.timeout = .never }
      }
      sim.world.begin(at: Instant(microseconds: start))
      sim.world.behaviour = { service, _, _ in
        service == 0 ? .ending(after: 1_000, code: 1) : Script()
      }
      sim.world.after(1_000_000) { $0.connect(0) }
      try sim.run(for: .minutes(30))
      #expect(sim.state(1) == .ready)
      #expect(sim.starts(0) > 50)
      sim.world.request(.reboot)
      try sim.run(for: .minutes(1))
      #expect(sim.world.power == .reboot)
    }
  }

  @Test("EXH-12: a slot's life counter wraps without losing an event")
  func generations() throws {
    var builder = ManifestBuilder()
    builder.service("web")
    var supervisor = Supervisor(manifest: builder.manifest, mode: .system, seed: 1)
    supervisor.age(generations: .max - 2)
    let sim = Simulation(builder.manifest, supervisor: supervisor)
    try sim.run(for: .seconds(1))
    for _ in 0..<6 {
      sim.world.request(.restart, 0)
      try sim.run(for: .seconds(1))
      #expect(sim.state(0) == .ready)
    }
    #expect(sim.starts(0) == 7)
    #expect(sim.report(service: 0)?.instance.generation == 4)
  }
}
