import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import Testing

/// Self-healing: whatever goes wrong again and again, the listener is paused, ever longer up to a
/// limit, says so, and comes back alone.
@Suite struct EnduranceTests {
  /// What goes wrong for thirty days.
  struct Loop: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// The longest pause that may be.
    var longest = Interval.minutes(6)
    /// Whether pauses grow; that of a trigger limit is the rest of its window.
    var grows = true
    /// Whether the listener is made anew each time.
    var rebinds = false
    /// Whether what waits is taken for what ends the daemon, and dropped one by one. Then it takes
    /// new clients to go on.
    var drops = false
    /// What is tried: pauses lie between two of these.
    var tries: @Sendable (World) -> [Instant] = { $0.services[0].attempts }
    var service: @Sendable (inout ManifestBuilder.Draft) -> Void = { _ in }
    var spoil: @Sendable (World) -> Void
  }

  private static let ends = Script.ending(after: 1_000)

  private static func lives(_ script: Script) -> @Sendable (World) -> Void {
    { world in world.behaviour = { _, _, _ in script } }
  }

  static let crashes = [RestartPolicy.no, .onFailure, .always].flatMap { policy in
    [
      ("exits with 1", Script.ending(after: 1_000, code: 1)),
      ("dumps core", Script.ending(after: 1_000, signal: 11, core: true)),
      ("cannot be executed", Script.failing(.execute, .noEntry)),
      ("exits with 0", ends),
    ].map { name, script in
      Loop(
        testDescription: "\(name) without accepting, restart \(policy)",
        drops: name == "exits with 1" || name == "dumps core",
        service: { $0.restart.policy = policy }, spoil: lives(script.with { $0.accepts = 0 }))
    }
  }

  private static let errnos = [
    Errno.fileLimit, .systemFileLimit, .noBuffers, .again, .noMemory,
  ]

  /// Each of the errors in turn, from one day to another.
  private static func lacks(
    _ place: FaultPlace, _ errnos: [Errno] = errnos, from first: Int64 = 0, to last: Int64 = 30
  ) -> [Fault] {
    let part = (Interval.days(last) - .days(first)).microseconds / Int64(errnos.count)
    return errnos.enumerated().map { index, errno in
      var fault = Fault(place, errno, .always)
      fault.from = .zero + .days(first) + Interval(microseconds: Int64(index) * part)
      fault.until = fault.from + Interval(microseconds: part)
      return fault
    }
  }

  static let shortages = [
    Loop(testDescription: "no process for the daemon") { $0.faults = lacks(.spawn(nil, .clone)) },
    Loop(testDescription: "no pipe for the daemon") { $0.faults = lacks(.spawn(nil, .reportPipe)) },
    Loop(
      testDescription: "no descriptor or memory at accept, then no process for the connection",
      longest: .seconds(5), tries: { $0.listeners[0].watches }, service: { $0.accept() },
      spoil: { world in
        world.faults =
          lacks(.accept(nil), errnos.filter { $0 != .again }, to: 15)
          + lacks(.spawn(nil, .clone), from: 15)
        again(world, in: .seconds(4))
      }),
    // EAGAIN there is no lack: another process was quicker. The trigger limit keeps that from
    // spinning.
    Loop(
      testDescription: "always another process was quicker to accept", longest: .seconds(60),
      grows: false, tries: { $0.listeners[0].watches },
      service: {
        $0.accept()
        $0.service.trigger = Rate(count: 5, window: .seconds(60))
      },
      spoil: { $0.faults = [Fault(.accept(nil), .again, .always)] }),
  ]

  static let others = [
    Loop(
      testDescription: "over the trigger limit", longest: .seconds(60), grows: false,
      tries: { $0.listeners[0].watches },
      service: {
        $0.accept()
        $0.service.trigger = Rate(count: 3, window: .seconds(60))
      },
      spoil: { world in
        world.behaviour = { _, _, _ in ends }
        again(world, in: .seconds(7))
      }),
    Loop(
      testDescription: "the daemon shuts its listener down", rebinds: true,
      tries: { $0.listeners[0].bindAttempts },
      service: { $0.restart.policy = .always },
      spoil: { world in
        world.behaviour = { [weak world] _, _, _ in
          world?.hangUp(0)
          return ends.with { $0.accepts = 0 }
        }
        again(world, in: .seconds(100))
      }),
  ]

  /// Another client comes, and another, as long as things go wrong.
  private static func again(_ world: World, in interval: Interval) {
    world.after(interval.microseconds) { world in
      guard world.time < thirtyDays else { return }
      if world.listeners[0].queue.isEmpty { world.connect(0) }
      again(world, in: interval)
    }
  }

  private static let thirtyDays = Instant.zero + .days(30)

  @Test(
    "SOC-04: after thirty days of the worst loop a good connection is served within a pause",
    arguments: crashes + shortages + others)
  func heals(_ loop: Loop) throws {
    let sim = simulate(traceLimit: 1 << 12) {
      $0.service("web") {
        $0.listen()
        $0.restart.maxDelay = .minutes(5)
        loop.service(&$0)
      }
    }
    try sim.run(for: .seconds(1))
    loop.spoil(sim.world)
    sim.world.connect(0, count: loop.grows ? 12 : 1)
    if loop.drops { Self.again(sim.world, in: .seconds(13)) }
    var seen = 0
    var paused = 0
    while sim.world.time < Self.thirtyDays {
      // Now and then, never in step with the pauses.
      try sim.run(for: .seconds(12_377))
      seen += 1
      let listener = try #require(sim.report(listener: 0))
      let service = try #require(sim.report(service: 0))
      // The listing says why, and until when.
      let until = service.state == .backoff ? service.nextStart : listener.pausedUntil
      if listener.state == .listening || service.state == .starting { continue }
      if until == nil, service.state == .ready || service.state == .stopping { continue }
      let moment = try #require(until)
      #expect(moment - sim.world.time <= loop.longest)
      #expect((service.state == .backoff ? service.reason : listener.reason) != .none)
      paused += 1
    }
    // It rests nearly always.
    #expect(paused > seen / 2)
    let tries = loop.tries(sim.world)
    let pauses = zip(tries, tries.dropFirst()).map { $1 - $0 }
    #expect(pauses.count > 1_000)
    if loop.grows {
      let early = pauses.prefix(4).max() ?? .never
      let late = pauses.suffix(100).min() ?? .zero
      #expect(early < late, "\(pauses.prefix(12)) … \(pauses.suffix(3))")
    }
    #expect(pauses.dropFirst(20).allSatisfy { $0 <= loop.longest + .seconds(13) })
    // A lack of the board's, a program that is not there or a clean end are nobody's fault who waits.
    #expect(sim.world.connections.contains { $0.fate == .dropped } == loop.drops)
    #expect((sim.world.listeners[0].bindAttempts.count > 1) == loop.rebinds)
    sim.world.faults = []
    sim.always(Script())
    // Of a socket that was shut down the kernel says so to clients; for the next one they wait.
    try sim.run(within: loop.longest) { $0.world.listeners[0].isBound }
    let connection = sim.world.connections.count
    sim.world.connect(0)
    try sim.run(for: loop.longest + .seconds(1))
    #expect(sim.world.connections[connection].fate == .served)
  }
}
