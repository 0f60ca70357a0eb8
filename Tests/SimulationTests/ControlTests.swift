import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct ControlTests {
  @Test("CTL-08: of a stop and a start in one turn the last wins, and both answers are true")
  func stopAndStart() throws {
    for isStopLast in [false, true] {
      let sim = simulate { $0.service("web") }
      sim.always(Script().with { $0.manners = .dies(after: 700_000) })
      try sim.run(for: .seconds(1))
      let first = sim.world.request(isStopLast ? .start : .stop, 0)
      let last = sim.world.request(isStopLast ? .stop : .start, 0)
      try sim.run(for: .seconds(20))
      #expect(sim.state(0) == (isStopLast ? .stopped : .ready))
      #expect(sim.world.requests[first].answer?.code == .done)
      #expect(sim.world.requests[last].answer?.code == .done)
      let answered = try #require(sim.world.requests[last].answeredAt)
      let made = sim.world.requests[last].made
      // The stop takes as long as the process takes to end.
      if isStopLast { #expect(answered - made >= .milliseconds(700)) }
      #expect(sim.starts(0) == (isStopLast ? 1 : 2))
    }
  }

  @Test("CTL-08: a restart is one stop and one start, answered when the new process is up")
  func restart() throws {
    let sim = simulate {
      let bus = $0.service("bus")
      $0.service("web") { $0.needs = [bus] }
    }
    sim.always(Script().with { $0.execDelay = 300_000 })
    try sim.run(for: .seconds(2))
    let request = sim.world.request(.restart, 0)
    try sim.run(for: .milliseconds(100))
    #expect(sim.world.requests[request].answer == nil)
    try sim.run(for: .seconds(5))
    #expect(sim.world.requests[request].answer?.code == .done)
    #expect(sim.starts(0) == 2)
    #expect(sim.starts(1) == 2)
    #expect(sim.state(1) == .ready)
  }

  @Test("CTL-08: a start that fails is answered with the reason, an unknown service with its code")
  func answers() throws {
    let sim = simulate { $0.service("web") { $0.service.start = .manual } }
    sim.always(.failing(.execute, .noEntry))
    try sim.run(for: .seconds(1))
    let start = sim.world.request(.start, 0)
    let unknown = sim.world.request(.start, 77)
    let quick = sim.world.request(.start, 0, noWait: true)
    try sim.run(for: .seconds(2))
    #expect(
      sim.world.requests[start].answer
        == Answer(
          .failed, service: 0,
          reason: Reason(.spawnFailed, step: SpawnStepKind.execute.rawValue, value: 2)))
    #expect(sim.world.requests[unknown].answer?.code == .noSuchService)
    #expect(sim.world.requests[quick].answer?.code == .done)
  }

  @Test("CTL-10: when the client dies after asking, the deed is still done")
  func clientDies() throws {
    let sim = simulate { $0.service("web") }
    sim.always(Script().with { $0.manners = .dies(after: 700_000) })
    try sim.run(for: .seconds(1))
    let stop = sim.world.request(.stop, 0)
    sim.world.after(100_000) { $0.hangUpClient(stop) }
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .stopped)
    #expect(sim.world.requests[stop].answer == nil)
  }

  @Test("PAR-12: of ten services with a bad one, nine run and the bad one says so")
  func oneBadService() throws {
    var services: [String] = []
    for index in 0..<10 {
      services.append(
        index == 4
          ? #""s4": { "exec": ["relative/path"] }"#
          : #""s\#(index)": { "exec": ["/bin/s\#(index)"] }"#)
    }
    let text = #"{ "apus": 1, "services": { "# + services.joined(separator: ", ") + " } }"
    var loader = ManifestLoader()
    loader.add(file: Array("apus.json".utf8), bytes: Array(text.utf8))
    let loaded = loader.finish()
    let sim = Simulation(loaded.manifest)
    try sim.run(for: .seconds(5))
    #expect(loaded.manifest.services.count == 10)
    for index in 0..<10 {
      #expect(sim.state(index) == (index == 4 ? .invalid : .ready))
      #expect(sim.starts(index) == (index == 4 ? 0 : 1))
    }
    #expect(sim.reason(4).kind == .invalid)
    #expect(loaded.reason(for: 4) != nil)
    let start = sim.world.request(.start, 4)
    try sim.run(for: .seconds(1))
    #expect(sim.world.requests[start].answer?.code == .failed)
  }

  @Test("a connection is stopped alone, and the answer comes with its end")
  func oneConnection() throws {
    let sim = simulate {
      $0.service("each") {
        $0.listen()
        $0.accept()
      }
    }
    sim.always(Script().with { $0.manners = .dies(after: 700_000) })
    try sim.run(for: .seconds(1))
    sim.world.connect(0, count: 3)
    try sim.run(for: .milliseconds(100))
    let before = (0..<3).compactMap { sim.report(connection: $0)?.pid }
    #expect(before.count == 3)
    let stop = sim.world.request(.stop, 0, connection: 2)
    let missing = sim.world.request(.stop, 0, connection: 9)
    try sim.run(for: .milliseconds(500))
    #expect(sim.world.requests[stop].answer == nil)
    #expect(sim.world.requests[missing].answer?.code == .noSuchService)
    try sim.run(for: .seconds(1))
    #expect(sim.world.requests[stop].answer?.code == .done)
    let left = (0..<3).compactMap { sim.report(connection: $0)?.number }
    #expect(left.sorted() == [1, 3])
    #expect(sim.state(0) == .listening)
  }
}
