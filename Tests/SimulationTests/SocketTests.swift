import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct SocketTests {
  @Test("SOC-01: a connection makes exactly one start, and its client is served")
  func firstConnection() throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .listening)
    #expect(sim.starts(0) == 0)
    #expect(sim.world.bootsFinished == 1)
    sim.world.connect(0)
    try sim.run(for: .seconds(10))
    #expect(sim.state(0) == .ready)
    #expect(sim.starts(0) == 1)
    #expect(sim.world.count(.served) == 1)
    #expect(!sim.world.listeners[0].isWatched)
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    #expect(sim.starts(0) == 1)
    #expect(sim.world.count(.served) == 2)
    // It crashes: the next connection starts it again.
    sim.world.kill(0)
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(for: .seconds(2))
    #expect(sim.starts(0) == 2)
    #expect(sim.world.count(.served) == 3)
  }

  @Test("SOC-01: a client of an accept service gets a process of its own")
  func acceptedConnection() throws {
    let sim = simulate {
      $0.service("ssh") {
        $0.listen()
        $0.accept()
      }
    }
    sim.always(.ending(after: 1_000_000))
    try sim.run(for: .seconds(1))
    sim.world.connect(0, count: 3)
    try sim.run(for: .milliseconds(500))
    #expect(sim.starts(0) == 3)
    #expect(sim.world.count(.served) == 3)
    #expect(sim.state(0) == .listening)
    #expect(sim.world.listeners[0].isWatched)
    try sim.run(for: .seconds(5))
    #expect(sim.world.liveInstances.isEmpty)
    #expect(sim.world.processCount == 0)
  }

  @Test("SOC-01: an accept service at its limit leaves clients in the queue until there is room")
  func connectionLimit() throws {
    let sim = simulate {
      $0.service("ssh") {
        $0.listen()
        $0.accept(max: 2)
        $0.service.trigger = Rate(count: 200, window: .seconds(2))
      }
    }
    sim.always(.ending(after: 100_000))
    try sim.run(for: .seconds(1))
    sim.world.connect(0, count: 9)
    try sim.run(for: .milliseconds(50))
    #expect(sim.world.liveInstances.count == 2)
    #expect(sim.world.listeners[0].queue.count == 7)
    #expect(!sim.world.listeners[0].isWatched)
    try sim.run(for: .seconds(2))
    #expect(sim.world.count(.served) == 9)
    #expect(sim.world.listeners[0].isWatched)
  }

  @Test("SOC-01: one source too many is accepted and closed, other sources are served")
  func sourceLimit() throws {
    let sim = simulate {
      $0.service("ssh") {
        $0.listen()
        $0.accept(max: 10, perSource: 2)
        $0.service.trigger = Rate(count: 200, window: .seconds(2))
      }
    }
    try sim.run(for: .seconds(1))
    sim.world.connect(0, count: 5, source: ConnectionSource(family: 2, key: 7))
    sim.world.connect(0, count: 2, source: ConnectionSource(family: 2, key: 8))
    try sim.run(for: .seconds(1))
    #expect(sim.world.count(.served) == 4)
    #expect(sim.world.count(.discarded) == 3)
    #expect(sim.world.liveInstances.count == 4)
  }

  @Test("SOC-02: a thousand clients before the daemon is ready make one instance")
  func thousandClients() throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    sim.always(Script().with { $0.execDelay = 50_000 })
    try sim.run(for: .seconds(1))
    sim.world.connect(0, count: 500)
    try sim.run(for: .milliseconds(20))
    sim.world.connect(0, count: 500)
    try sim.run(for: .seconds(1))
    #expect(sim.starts(0) == 1)
    #expect(sim.world.count(.served) == 1000)
  }

  @Test("SOC-03: a daemon that never accepts is started ever more slowly, for ever")
  func neverAccepts() throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    sim.always(Script.ending(after: 1_000).with { $0.accepts = 0 })
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(for: .minutes(20))
    let pauses = sim.pauses(0)
    // Grows from at most a few at once to the longest delay, and is never longer.
    #expect(pauses.suffix(10).allSatisfy { $0 > 26_000_000 && $0 <= 31_000_000 })
    #expect(pauses.contains { $0 > 80_000 && $0 < 1_000_000 })
    for (pause, next) in zip(pauses, pauses.dropFirst()) {
      #expect(Double(next) > Double(pause) * 0.8)
    }
    // 20 minutes, some 50 starts: the loop slept.
    #expect(sim.starts(0) < 70)
    #expect(sim.steps < 40 * sim.starts(0))
    #expect(sim.world.listeners[0].watches.count >= sim.starts(0))
    #expect(sim.world.listeners[0].bindAttempts.count == 1)
  }

  @Test("SOC-04: after thirty days of that, a good binary serves without any operator")
  func thirtyDays() throws {
    let sim = simulate {
      $0.service("web") {
        $0.listen()
        $0.restart.maxDelay = .minutes(5)
      }
    }
    sim.always(Script.ending(after: 1_000).with { $0.accepts = 0 })
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(for: .days(30))
    #expect(sim.starts(0) > 30 * 86_400 / 301)
    sim.always(Script())
    sim.world.connect(0)
    try sim.run(for: .seconds(301))
    #expect(sim.state(0) == .ready)
    #expect(sim.world.count(.served) == 2)
    #expect(sim.world.count(.queued) == 0)
  }

  @Test("SOC-05: a connection and a stop order in one turn make no start")
  func triggerAndStop() throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    let stop = sim.world.request(.stop, 0)
    try sim.run(for: .minutes(10))
    #expect(sim.starts(0) == 0)
    #expect(sim.state(0) == .stopped)
    #expect(sim.world.requests[stop].answer?.code == .done)
    #expect(sim.world.count(.queued) == 1)
    // The client is not lost: a start serves it.
    sim.world.request(.start, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.count(.served) == 1)
  }

  @Test(
    "SOC-09: a listener that cannot be bound is tried again by itself, and delays nobody",
    arguments: [Errno.addressInUse, .addressNotAvailable, .accessDenied])
  func bindFails(_ errno: Errno) throws {
    let sim = simulate {
      $0.service("web") { $0.listen() }
      $0.service("log")
      $0.service("bus") { $0.listen() }
    }
    let repaired = Instant(microseconds: 300_000_000)
    sim.world.faults = [Fault(.bind(0, .bind), errno, .always, until: repaired)]
    try sim.run(for: .seconds(1))
    #expect(sim.state(1) == .ready)
    #expect(sim.world.listeners[2 - 1].isWatched)
    let report = try #require(sim.report(listener: 0))
    #expect(report.state == .error)
    #expect(report.reason == Reason(.bindFailed, step: BindStep.bind.rawValue, value: errno.code))
    #expect(report.pausedUntil != nil)
    try sim.run(until: repaired)
    let attempts = sim.world.listeners[0].bindAttempts
    let pauses = zip(attempts, attempts.dropFirst()).map { ($1 - $0).microseconds }
    #expect(pauses.prefix(6).map { $0 / 1_000_000 } == [1, 2, 4, 8, 16, 30])
    #expect(pauses.dropFirst(6).allSatisfy { $0 == 30_000_000 })
    try sim.run(for: .seconds(31))
    #expect(sim.report(listener: 0)?.state == .listening)
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.count(.served) == 1)
  }

  @Test("SOC-10: a listener that hangs up is made anew, without a busy loop")
  func hangUp() throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    try sim.run(for: .seconds(1))
    let before = sim.steps
    sim.world.hangUp(0)
    try sim.run(for: .seconds(5))
    #expect(sim.steps - before < 20)
    #expect(sim.world.listeners[0].bindAttempts.count == 2)
    #expect(sim.world.listeners[0].isWatched)
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.count(.served) == 1)
  }

  @Test("SOC-13: an event of a listener that is not watched any more is dropped")
  func staleListener() throws {
    let sim = simulate { $0.service("web") { $0.listen(2) } }
    try sim.run(for: .seconds(1))
    // Both are readable in one batch; the first starts the service, the second is stale.
    sim.world.connect(0)
    sim.world.connect(1)
    try sim.run(for: .seconds(1))
    #expect(sim.starts(0) == 1)
    #expect(sim.world.count(.served) == 2)
    #expect(sim.supervisor.staleEvents == 1)
    sim.world.inject(.readable(listener: 0))
    sim.world.inject(.brokenListener(listener: 0))
    sim.world.inject(.readable(listener: 9999))
    try sim.run(for: .seconds(1))
    #expect(sim.starts(0) == 1)
    #expect(sim.world.listeners[0].bindAttempts.count == 1)
    #expect(sim.supervisor.staleEvents == 4)
  }

  @Test("SOC-13: events of earlier lives are dropped and no effect answers them")
  func staleInstance() throws {
    let sim = simulate { $0.service("web") }
    try sim.run(for: .seconds(1))
    let old = try #require(sim.report(service: 0)?.instance)
    sim.world.kill(0)
    try sim.run(for: .seconds(1))
    #expect(sim.starts(0) == 2)
    sim.world.inject(.exited(old, ExitReport(isSignal: false, number: 3)))
    sim.world.inject(.executed(old))
    sim.world.inject(.executionFailed(old, step: .execute, errno: .noEntry))
    sim.world.inject(.spawned(old, pid: 1))
    sim.world.inject(.spawnRefused(old, step: .clone, errno: .again))
    sim.world.inject(.accepted(old, listener: 0, source: ConnectionSource(family: 1, key: 0)))
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
    #expect(sim.starts(0) == 2)
    #expect(sim.world.services[0].alive == 1)
  }
}
