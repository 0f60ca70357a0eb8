import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import Testing

/// Listeners over the ends of their services, and while the network comes and goes.
@Suite struct ListenerTests {
  @Test("flush: what waits when the service ends is dropped and does not start it again")
  func flush() throws {
    for flushes in [true, false] {
      let sim = simulate {
        $0.service("web") {
          $0.listen(2)
          $0.restart.policy = .no
        }
        $0.change { if flushes { $0.listeners[0].flags.insert(.flush) } }
      }
      sim.always(Script().with { $0.accepts = 0 })
      try sim.run(for: .seconds(1))
      sim.world.connect(0, count: 3)
      try sim.run(for: .seconds(1))
      #expect(sim.state(0) == .ready)
      sim.world.kill(0)
      try sim.run(for: .seconds(60))
      #expect(sim.world.count(.dropped) == (flushes ? 3 : 0))
      #expect((sim.starts(0) == 1) == flushes)
      guard flushes else { continue }
      // Who comes later is not dropped.
      sim.always(Script())
      sim.world.connect(0)
      sim.world.connect(1)
      try sim.run(for: .seconds(60))
      #expect(sim.world.count(.served) == 2)
    }
  }

  @Test("SOC-10: a listener that its service shut down is made anew before the next start")
  func shutDown() throws {
    for policy in [RestartPolicy.always, .no] {
      let sim = simulate {
        $0.service("web") {
          $0.listen(2)
          if policy == .always { $0.service.start = .boot }
          $0.restart.policy = policy
        }
      }
      try sim.run(for: .seconds(1))
      sim.world.connect(1)
      try sim.run(for: .seconds(1))
      #expect(sim.state(0) == .ready)
      sim.world.hangUp(0)
      try sim.run(for: .seconds(1))
      // As long as the service runs it is the service's business.
      #expect(sim.world.listeners[0].bindAttempts.count == 1)
      sim.world.kill(0)
      try sim.run(for: .milliseconds(500))
      #expect(sim.report(listener: 0)?.state == .error)
      #expect(sim.report(listener: 0)?.reason.kind == .brokenListener)
      #expect(sim.world.listeners[1].isBound)
      try sim.run(for: .seconds(5))
      #expect(sim.world.listeners[0].bindAttempts.count == 2)
      #expect(sim.state(0) == (policy == .always ? .ready : .listening))
      let bound = try #require(sim.world.listeners[0].bindAttempts.last)
      if policy == .always { #expect((sim.world.services[0].starts.last ?? .zero) >= bound) }
      sim.world.connect(0)
      try sim.run(for: .seconds(1))
      #expect(sim.world.count(.served) == 2)
    }
  }

  @Test("a bind whose path does not answer holds nobody up, and is done as soon as it answers")
  func deadPath() throws {
    let sim = simulate {
      $0.service("dead") { $0.listen() }
      $0.service("web") { $0.listen() }
      $0.service("plain")
    }
    sim.world.faults = [Fault(.bind(0, .probe), .timedOut, .always)]
    try sim.run(for: .seconds(20))
    #expect(sim.state(2) == .ready)
    sim.world.connect(1)
    try sim.run(for: .milliseconds(10))
    #expect(sim.world.count(.served) == 1)
    #expect(sim.report(listener: 0)?.state == .error)
    #expect(
      sim.report(listener: 0)?.reason
        == Reason(
          .bindFailed, step: BindStep.probe.rawValue, value: Errno.timedOut.code))
    // After 0, 1, 3, 7 and 15 seconds: the next one would be due after 31.
    #expect(sim.world.listeners[0].bindAttempts.count == 5)
    sim.world.answerPaths()
    try sim.run(for: .milliseconds(10))
    #expect(sim.world.listeners[0].isBound)
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.count(.served) == 2)
    // Never: the board ends all the same.
    let other = simulate { $0.service("dead") { $0.listen() } }
    other.world.faults = [Fault(.bind(0, .probe), .timedOut, .always)]
    try other.run(for: .minutes(5))
    other.world.signalSelf(15)
    try other.run(for: .seconds(30))
    #expect(other.world.power == .reboot)
  }

  @Test(
    "SOC-09: an address or interface that comes up is bound at once; a busy port is not hurried")
  func network() throws {
    for errno in [Errno.addressNotAvailable, .noDevice, .addressInUse] {
      let sim = simulate { $0.service("web") { $0.listen() } }
      sim.world.faults = [Fault(.bind(0, .bind), errno, .always)]
      // Attempts after 0, 1, 3, 7 and 15 seconds: the next one is due after 31.
      try sim.run(for: .seconds(20))
      #expect(sim.world.listeners[0].bindAttempts.count == 5)
      let moment = sim.world.time
      sim.world.bringNetworkUp()
      try sim.run(for: .seconds(1))
      let attempts = sim.world.listeners[0].bindAttempts
      if errno == .addressInUse {
        #expect(attempts.count == 5)
      } else {
        #expect(attempts.count == 6)
        #expect(attempts.last.map { $0 - moment } ?? .never < .milliseconds(1))
        #expect(sim.world.listeners[0].isWatched)
      }
    }
  }

  @Test("news of the network change nothing for what is bound, nor once the board goes down")
  func networkElsewhere() throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    try sim.run(for: .seconds(1))
    sim.world.inject(.networkChanged)
    try sim.run(for: .seconds(1))
    #expect(sim.world.listeners[0].bindAttempts.count == 1)
    let down = simulate { $0.service("web") { $0.listen() } }
    down.world.faults = [Fault(.bind(0, .bind), .noDevice, .always)]
    try down.run(for: .seconds(2))
    let attempts = down.world.listeners[0].bindAttempts.count
    down.world.signalSelf(15)
    try down.run(for: .milliseconds(1))
    down.world.inject(.networkChanged)
    try down.run(for: .seconds(5))
    #expect(down.world.listeners[0].bindAttempts.count == attempts)
  }

  @Test("each connection has a number, a state and a peer, and its listener remembers the last one")
  func connections() throws {
    let sim = simulate {
      $0.service("ssh") {
        $0.listen()
        $0.accept()
      }
    }
    try sim.run(for: .seconds(1))
    #expect(sim.report(listener: 0)?.lastPeer.family == 0)
    let first = ConnectionSource(family: 2, key: 0x7F00_0001, port: 4711)
    let second = ConnectionSource(family: 10, key: 1, rest: 2, port: 9)
    sim.world.connect(0, source: first)
    try sim.run(for: .seconds(1))
    sim.world.connect(0, source: second)
    try sim.run(for: .seconds(1))
    let reports = (0..<sim.supervisor.connectionCount).compactMap {
      sim.report(connection: $0)
    }
    #expect(reports.map(\.number) == [1, 2])
    #expect(reports.map(\.state) == [.ready, .ready])
    #expect(reports.map(\.source) == [first, second])
    #expect(reports.allSatisfy { $0.pid > 0 && $0.since > .zero })
    #expect(reports[0].since < reports[1].since)
    #expect(sim.report(listener: 0)?.lastPeer == second)
    #expect(sim.report(connection: -1) == nil)
    #expect(sim.report(connection: 4000) == nil)
  }

  @Test("per source counts addresses and IPv6 networks, not ports")
  func perSource() throws {
    let sim = simulate {
      $0.service("ssh") {
        $0.listen()
        $0.accept(max: 10, perSource: 1)
      }
    }
    try sim.run(for: .seconds(1))
    for port in [1, 2] as [UInt16] {
      sim.world.connect(0, source: ConnectionSource(family: 2, key: 7, port: port))
      sim.world.connect(
        0, source: ConnectionSource(family: 10, key: 7, rest: UInt64(port), port: port))
      sim.world.connect(0, source: ConnectionSource(family: 1, key: 7))
    }
    try sim.run(for: .seconds(1))
    #expect(sim.world.count(.served) == 3)
    #expect(sim.world.count(.discarded) == 3)
  }
}
