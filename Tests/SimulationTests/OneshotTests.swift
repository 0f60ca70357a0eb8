import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Oneshots, reloads and what else a limit or an end of the board is about.
@Suite struct OneshotTests {
  private let network =
    #""net": {"exec": ["/up"], "type": "oneshot", "remain": true, "post": [["/post"]], "#
    + #""stop": {"exec": ["/down"], "timeout": "2s"}}"#

  @Test("a oneshot that remains runs the commands of its stop when it is stopped")
  func stop() throws {
    let sim = try simulate(services: network)
    sim.always(.ending(after: 1_000))
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready && sim.world.helperStarts == 0)
    let stop = sim.world.request(.stop, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .stopped && sim.world.helperStarts == 2)
    #expect(sim.world.requests[stop].answer?.code == .done)
    sim.world.request(.start, 0)
    try sim.run(for: .seconds(1))
    let restart = sim.world.request(.restart, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready && sim.world.helperStarts == 4 && sim.starts(0) == 3)
    #expect(sim.world.requests[restart].answer?.code == .done)
  }

  @Test("and at the end of the board, after what needs it, hang as they may")
  func end() throws {
    let lives: [Int64] = [1_000, .max / 2]
    for life in lives {
      let sim = try simulate(services: network + #", "web": {"exec": ["/w"], "needs": ["net"]}"#)
      sim.world.behaviour = { service, _, _ in
        service == 0 ? .ending(after: 1_000) : Script().with { $0.manners = .dies(after: 700_000) }
      }
      sim.world.helperLives[0] = life
      try sim.run(for: .seconds(1))
      sim.world.request(.reboot)
      try sim.run(for: .milliseconds(500))
      #expect(sim.world.helperStarts == 0)
      try sim.run(for: .seconds(29))
      #expect(sim.world.power == .reboot && sim.world.helperStarts == 2)
    }
  }

  @Test("a oneshot stopped amid the commands that follow its work has not done it")
  func brokenOff() throws {
    let sim = try simulate(
      services: #""a": {"exec": ["/a"], "type": "oneshot", "started": [["/s"]]}, "#
        + #""b": {"exec": ["/b"], "needs": ["a"], "start": "manual"}"#)
    sim.world.behaviour = { service, _, _ in service == 0 ? .ending(after: 1_000) : Script() }
    sim.world.helperLives[0] = .max / 2
    try sim.run(for: .seconds(1))
    let stop = sim.world.request(.stop, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .stopped && sim.world.requests[stop].answer?.code == .done)
    sim.world.helperLives[0] = nil
    sim.world.request(.start, 1)
    try sim.run(for: .seconds(1))
    #expect(sim.state(1) == .ready && sim.starts(0) == 2 && sim.world.helperStarts == 2)
  }

  @Test("ready.timeout holds for a oneshot that has one, and may be never")
  func timeout() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "type": "oneshot", "ready": {"timeout": "5s"}, "restart": "no"}, "#
        + #""b": {"exec": ["/b"], "type": "oneshot"}, "#
        + #""c": {"exec": ["/c"], "type": "notify", "ready": {"timeout": "never"}}"#)
    sim.always(Script())
    try sim.run(for: .minutes(10))
    #expect(sim.state(0) == .failed && sim.reason(0).kind == .notReady)
    #expect(sim.state(1) == .starting && sim.starts(1) == 1)
    #expect(sim.state(2) == .starting && sim.starts(2) == 1)
  }

  @Test("a reload that hangs is killed and told, and the next one works")
  func reload() throws {
    let sim = try simulate(services: #""a": {"exec": ["/a"], "reload": {"exec": ["/r"]}}"#)
    sim.always(Script())
    sim.world.helperLives[0] = .max / 2
    try sim.run(for: .seconds(1))
    let first = sim.world.request(.reload, 0)
    try sim.run(for: .seconds(1))
    let second = sim.world.request(.reload, 0)
    try sim.run(for: .minutes(1))
    #expect(sim.world.requests[first].answer?.code == .failed)
    #expect(sim.world.requests[second].answer?.reason.kind == .busy)
    #expect(sim.world.messages.contains { $0.reason.kind == .helperFailed && $0.reason.step == 2 })
    sim.world.helperLives[0] = nil
    let third = sim.world.request(.reload, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.requests[third].answer?.code == .done)
    #expect(sim.state(0) == .ready && sim.starts(0) == 1)
  }

  @Test("where nobody but services is to be ended the whole time is theirs")
  func wholeTime() throws {
    let sim = simulate(mode: .user) {
      $0.service("slow") { $0.stop.timeout = .seconds(60) }
      $0.change { $0.system.shutdownTimeout = .seconds(6) }
    }
    sim.always(Script().with { $0.manners = .exits(code: 0, after: 5_500_000) })
    try sim.run(for: .seconds(1))
    let start = sim.world.time
    sim.world.signalSelf(15)
    try sim.run(for: .seconds(20))
    #expect(try #require(sim.world.powerTime) - start >= .seconds(5))
    #expect(!sim.world.services[0].signals.dropLast().contains { $0.number == 9 })
  }

  @Test("apus run ends with its main service, once that is not started again", arguments: [0, 1])
  func main(_ code: UInt8) throws {
    func life(_ mode: SupervisorMode) throws -> Simulation {
      let sim = simulate(mode: mode) {
        $0.service("main") { $0.service.flags.insert(.main) }
        $0.service("other")
      }
      sim.world.behaviour = { service, earlier, _ in
        service == 1 ? Script() : .ending(after: 1_000_000, code: earlier == 0 ? 7 : code)
      }
      try sim.run(for: .seconds(3))
      return sim
    }
    let sim = try life(.user)
    #expect(sim.starts(0) >= 2)
    #expect(sim.world.power == (code == 0 ? .exit : nil))
    #expect(try life(.system).world.power == nil)
  }

  @Test("a restart that a stop overtakes is answered")
  func overtaken() throws {
    let sim = simulate {
      $0.service("net") {
        $0.service.type = .oneshot
        $0.service.flags.insert(.remain)
      }
    }
    sim.always(.ending(after: 1_000))
    try sim.run(for: .seconds(1))
    let restart = sim.world.request(.restart, 0)
    let stop = sim.world.request(.stop, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.requests[restart].answer?.code == .failed)
    #expect(sim.world.requests[stop].answer?.code == .done)
  }
}
