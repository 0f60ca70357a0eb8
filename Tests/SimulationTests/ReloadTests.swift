import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Reloads, and commands that go on after the main process.
@Suite struct ReloadTests {
  private func notifying() throws -> Simulation {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "type": "notify", "reload": {"signal": "SIGHUP"}, "ready": {"timeout": "5s"}}"#
    )
    var script = Script()
    script.saysReady = true
    script.manners = .ignores
    sim.always(script)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
    return sim
  }

  @Test("a reload by signal is over soon when the service says nothing of it")
  func silent() throws {
    let sim = try notifying()
    let request = sim.world.request(.reload, 0)
    try sim.run(for: .seconds(2))
    #expect(sim.world.requests[request].answer?.code == .done)
    #expect(sim.world.services[0].signals.map(\.number) == [1])
    #expect(sim.state(0) == .ready)
  }

  @Test("a reload that the service announces is over with READY=1, or fails without")
  func announced() throws {
    let sim = try notifying()
    let request = sim.world.request(.reload, 0)
    sim.world.at(sim.world.time + .milliseconds(100)) { $0.notify(0, .reloading) }
    sim.world.at(sim.world.time + .seconds(3)) { $0.notify(0, .ready) }
    try sim.run(for: .seconds(2))
    #expect(sim.world.requests[request].answer == nil)
    try sim.run(for: .seconds(2))
    #expect(sim.world.requests[request].answer?.code == .done)
    let late = sim.world.request(.reload, 0)
    sim.world.at(sim.world.time + .milliseconds(100)) { $0.notify(0, .reloading) }
    try sim.run(for: .seconds(4))
    #expect(sim.world.requests[late].answer == nil)
    try sim.run(for: .seconds(4))
    #expect(sim.world.requests[late].answer?.code == .failed)
    #expect(sim.world.requests[late].answer?.reason.kind == .reload)
    #expect(sim.state(0) == .ready)
  }

  @Test("a reload of what is not ready is refused with the reason")
  func starting() throws {
    let sim = try simulate(
      services: #""a": {"exec": ["/a"], "type": "notify", "reload": {"signal": "SIGHUP"}}"#)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .starting)
    let request = sim.world.request(.reload, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.requests[request].answer?.code == .failed)
    #expect(sim.world.requests[request].answer?.reason.kind == .reload)
    #expect(sim.world.services[0].signals.isEmpty)
  }

  @Test("the command of a stop goes on when the main process has ended, within the stop's timeout")
  func stopCommand() throws {
    for (life, isInTime) in [(Int64(2_000_000), true), (60_000_000, false)] {
      let sim = try simulate(
        services:
          #""a": {"exec": ["/a"], "stop": {"exec": ["/s"], "timeout": "4s"}, "post": [["/p"]]}"#)
      sim.always(.ending(after: 2_000_000, code: 0))
      sim.world.helperLives[0] = life
      try sim.run(for: .milliseconds(1500))
      let request = sim.world.request(.stop, 0)
      try sim.run(for: .seconds(1))
      // The main process has ended, the command has not, and nothing follows it yet.
      #expect(sim.world.helperStarts == 1)
      #expect(sim.world.helperCount == 1)
      #expect(sim.state(0) == .stopping)
      #expect(sim.world.requests[request].answer == nil)
      try sim.run(for: .milliseconds(500))
      #expect(sim.world.helperStarts == 1)
      sim.world.helperLives[0] = 1000
      try sim.run(for: .seconds(1))
      #expect(sim.world.helperStarts == (isInTime ? 2 : 1))
      #expect(sim.state(0) == (isInTime ? .stopped : .stopping))
      try sim.run(for: .seconds(3))
      #expect(sim.world.helperStarts == 2)
      #expect(sim.state(0) == .stopped)
      #expect(sim.world.requests[request].answer?.code == .done)
      #expect(sim.world.helperCount == 0)
    }
  }
}
