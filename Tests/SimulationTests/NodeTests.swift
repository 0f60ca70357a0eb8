import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Nodes of listeners that somebody removes or replaces.
@Suite struct NodeTests {
  private func listener(_ configure: (inout ManifestBuilder.Draft) -> Void = { _ in }) throws
    -> Simulation
  {
    let sim = simulate { builder in
      builder.service("web") {
        $0.listen(2)
        configure(&$0)
      }
    }
    try sim.run(for: .seconds(1))
    return sim
  }

  private func binds(_ sim: Simulation, _ listener: Int = 0) -> Int {
    sim.world.listeners[listener].bindAttempts.count
  }

  @Test("a node that is removed is bound anew in a moment, without any start, and that is said")
  func removed() throws {
    let sim = try listener()
    sim.world.lose(0)
    // Whoever removes its directory finds that empty for a moment.
    try sim.run(for: .milliseconds(40))
    #expect(binds(sim) == 1)
    try sim.run(for: .milliseconds(20))
    #expect(binds(sim) == 2 && binds(sim, 1) == 1)
    #expect(sim.starts(0) == 0 && sim.state(0) == .listening)
    let report = sim.report(listener: 0)
    #expect(report?.state == .listening && report?.reason.kind == .lostNode)
    #expect(sim.world.messages.filter { $0.reason.kind == .lostNode }.count == 1)
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.count(.served) == 1)
  }

  @Test("who removes it again and again is followed ever more slowly, and forgiven after a while")
  func again() throws {
    let sim = try listener()
    for number in 0..<200 {
      sim.world.after(Int64(number) * 300_000) { $0.lose(0) }
    }
    try sim.run(for: .seconds(62))
    // At once, then after 1, 2, 4, 8, 16 and 30 s.
    #expect(binds(sim) >= 6 && binds(sim) <= 9)
    try sim.run(for: .seconds(120))
    #expect(!sim.world.listeners[0].isNodeLost)
    let before = binds(sim)
    sim.world.lose(0)
    try sim.run(for: .milliseconds(60))
    #expect(binds(sim) == before + 1)
  }

  @Test("one that starts again before its directory was waited for long enough finds it bound")
  func overtaken() throws {
    let sim = try listener {
      $0.service.type = .notify
      $0.restart.delay = .milliseconds(500)
      $0.restart.maxDelay = .milliseconds(500)
    }
    // It is never ready, and ended for that.
    sim.world.connect(0)
    try sim.run(for: .seconds(10))
    #expect(sim.starts(0) == 1)
    sim.world.lose(0, .folder)
    try sim.run(for: .seconds(25))
    #expect(sim.starts(0) == 2)
    #expect(!sim.world.listeners[0].isNodeLost && binds(sim) == 2)
  }

  @Test("a start during the pause of a link leaves that pause as it is")
  func overtakenLink() throws {
    let sim = try listener()
    for moment in [0, 100_000] { sim.world.after(Int64(moment)) { $0.lose(0, .link) } }
    try sim.run(for: .milliseconds(500))
    #expect(sim.report(listener: 0)?.pausedUntil != nil)
    for moment in [0, 100_000] {
      sim.world.after(Int64(moment)) { $0.request(.restart, 0) }
    }
    sim.world.after(200_000) { $0.end(0, code: 0) }
    try sim.run(for: .seconds(40))
    #expect(sim.starts(0) > 0 && sim.state(0) == .listening)
    #expect(sim.world.listeners[0].isWatched && sim.world.listeners[0].lost == nil)
  }

  @Test("a daemon that removes its node when it ends finds it bound anew, without a pause")
  func removedByDaemon() throws {
    for isTold in [true, false] {
      let sim = try listener()
      sim.world.watchesDirectories = isTold
      sim.always(.ending(after: 200_000))
      for round in 1...20 {
        sim.world.connect(0)
        sim.world.after(150_000) { $0.lose(0) }
        try sim.run(for: .seconds(2))
        #expect(binds(sim) == 1 + round)
        #expect(sim.state(0) == .listening)
      }
      #expect(sim.world.count(.served) == 20)
    }
  }

  @Test("what a running daemon holds stays as it is until its end, which list-sockets says")
  func whileRunning() throws {
    let sim = try listener()
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    sim.world.lose(0)
    try sim.run(for: .seconds(100))
    #expect(binds(sim) == 1)
    let report = sim.report(listener: 0)
    #expect(report?.state == .error && report?.reason == Reason(.lostNode, step: 2))
    sim.world.request(.restart, 0)
    try sim.run(for: .seconds(5))
    #expect(binds(sim) == 2)
    // Bound before the start.
    let bound = sim.world.listeners[0].bindAttempts.last ?? .never
    #expect((sim.world.services[0].starts.last ?? .zero) >= bound)
    #expect(sim.starts(0) == 2)
  }

  @Test("where the kernel tells nothing, it is looked at before each start")
  func unwatched() throws {
    let sim = try listener()
    sim.world.watchesDirectories = false
    sim.world.lose(1)
    try sim.run(for: .seconds(10))
    #expect(binds(sim, 1) == 1)
    sim.world.request(.start, 0)
    try sim.run(for: .seconds(1))
    #expect(binds(sim, 1) == 2 && sim.state(0) == .ready)
  }

  @Test("accept: apus holds the listener alone, and binds it anew beside its connections")
  func accepting() throws {
    let sim = try listener { $0.accept(max: 4) }
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    sim.world.lose(0)
    try sim.run(for: .milliseconds(60))
    #expect(binds(sim) == 2)
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.count(.served) == 2)
  }

  @Test("clients that wait in the queue are served before it is bound anew")
  func awaited() throws {
    let sim = try listener { $0.accept(max: 1) }
    sim.always(.ending(after: 3_000_000))
    sim.world.connect(0, count: 3)
    try sim.run(for: .seconds(1))
    sim.world.lose(0)
    try sim.run(for: .seconds(5))
    #expect(sim.world.count(.reset) == 0)
    try sim.run(for: .seconds(60))
    #expect(sim.world.count(.served) == 3)
    #expect(binds(sim) == 2)
  }

  @Test("a directory that is swept may be made by whoever does that, for a second")
  func swept() throws {
    let sim = try listener()
    sim.world.lose(0, .folder)
    sim.world.lose(1, .folder)
    try sim.run(for: .milliseconds(900))
    #expect(binds(sim) == 1)
    #expect(sim.report(listener: 0)?.state == .error)
    try sim.run(for: .milliseconds(200))
    #expect(binds(sim) == 2 && binds(sim, 1) == 2)
  }

  @Test("a link is made anew while its listener stays, whatever its service does")
  func link() throws {
    let sim = try listener()
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    sim.world.lose(0, .link)
    try sim.run(for: .milliseconds(10))
    #expect(sim.world.listeners[0].lost == nil)
    #expect(binds(sim) == 1 && sim.state(0) == .ready && sim.starts(0) == 1)
    sim.world.lose(0, .link)
    try sim.run(for: .milliseconds(900))
    #expect(sim.world.listeners[0].lost == .link)
    try sim.run(for: .milliseconds(200))
    #expect(sim.world.listeners[0].lost == nil)
  }

  @Test("a bind that fails then is tried again like any other")
  func failing() throws {
    let sim = try listener()
    sim.world.faults.append(Fault(.bind(0, .bind), .addressInUse, .times(2)))
    sim.world.lose(0)
    try sim.run(for: .milliseconds(60))
    #expect(sim.report(listener: 0)?.reason.kind == .bindFailed)
    try sim.run(for: .seconds(4))
    #expect(binds(sim) == 4 && sim.world.listeners[0].isBound)
  }

  @Test("what is lost while another program takes over is found")
  func takeOver() throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    sim.replaces = { false }
    try sim.run(for: .seconds(1))
    sim.world.watchesDirectories = false
    sim.world.lose(0)
    try sim.run(for: .seconds(1))
    #expect(binds(sim) == 1)
    try sim.replaceSupervisor()
    try sim.run(for: .seconds(3))
    #expect(binds(sim) == 2)
  }
}
