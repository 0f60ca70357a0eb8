import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Readiness, watchdogs, helpers and timers, from manifests as people write them.
@Suite struct HelperTests {
  @Test("NOT-08 a service that never says READY=1 is ended as its stop plan says, and tried again")
  func notReady() throws {
    let sim = try simulate(
      services: #""a": {"exec": ["/a"], "type": "notify", "ready": {"timeout": "5s"}}"#)
    try sim.run(for: .seconds(4))
    #expect(sim.state(0) == .starting)
    try sim.run(for: .seconds(2))
    #expect(sim.world.services[0].signals.contains { $0.number == 15 })
    #expect(sim.world.services[0].starts.count >= 2)
  }

  @Test("NOT-04 READY=1 and an exit that are pending together are seen in that order")
  func readyThenExit() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "type": "notify", "restart": "no"}, "#
        + #""b": {"exec": ["/b"], "needs": ["a"], "start": "manual"}"#)
    sim.always(.ending(after: 1_000, code: 1))
    sim.world.at(sim.world.time + Interval(microseconds: 1_100)) {
      $0.notify(0, .ready)
    }
    try sim.run(for: .seconds(1))
    #expect(sim.world.messages.contains { $0.kind == .ready && $0.service == 0 })
    #expect(sim.state(0) == .failed)
  }

  @Test("READY=1 that overtakes the report of execve is not lost")
  func overtaking() throws {
    let sim = try simulate(services: #""a": {"exec": ["/a"], "type": "notify"}"#)
    var script = Script()
    script.saysReady = true
    sim.always(script)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
  }

  @Test("NOT-09 a watchdog that runs out sends ABRT, then KILL, once")
  func watchdog() throws {
    let sim = try simulate(services: #""a": {"exec": ["/a"], "type": "notify", "watchdog": "2s"}"#)
    var deaf = Script()
    deaf.manners = .ignores
    sim.always(deaf)
    let start = sim.world.time
    sim.world.at(sim.world.time + .milliseconds(500)) { $0.notify(0, .ready) }
    sim.world.at(sim.world.time + .milliseconds(1500)) { $0.notify(0, .alive) }
    sim.world.at(sim.world.time + .seconds(4)) { $0.notify(0, .alive) }
    try sim.run(for: .seconds(20))
    let first = sim.world.services[0].signals.prefix { $0.time < start + .seconds(9) }
    // The last one is for what the process may have left behind.
    #expect(first.map(\.number) == [6, 18, 9, 9])
  }

  @Test("commands run in order around the main process, and a failing one fails the start")
  func helpers() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "pre": [["/x"], ["/y"]], "post": [["/z"]], "restart": "no"}"#)
    sim.always(.ending(after: 10_000, code: 0))
    try sim.run(for: .seconds(1))
    #expect(sim.world.helperStarts == 3)
    #expect(sim.state(0) == .stopped)
    let failing = try simulate(
      services: #""a": {"exec": ["/a"], "pre": [["/x"]], "restart": "no"}"#)
    failing.world.helperCodes[0] = 3
    try failing.run(for: .seconds(1))
    #expect(failing.state(0) == .failed)
    #expect(failing.world.services[0].starts.isEmpty)
  }

  @Test("SHU-02 a board goes down in every stage of a helper", arguments: 0..<40)
  func shutdown(_ step: Int) throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "pre": [["/x"], ["/y"]], "post": [["/z"]], "#
        + #""stop": {"exec": ["/s"]}}"#)
    sim.always(.ending(after: 3_000, code: 1))
    sim.world.at(sim.world.time + Interval(microseconds: Int64(step) * 250)) { $0.signalSelf(15) }
    try sim.run(for: .seconds(60))
    #expect(sim.world.power == .reboot)
  }

  @Test("SHU-02 a probe that runs when the stop comes holds nothing up", arguments: 0..<16)
  func shutdownBesideProbe(_ step: Int) throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "ready": {"exec": ["/p"], "interval": "10ms"}, "#
        + #""stop": {"exec": ["/s"]}}"#)
    sim.world.helperCodes[0] = 1
    let start = sim.world.time
    sim.world.at(start + Interval(microseconds: Int64(step) * 250)) { $0.signalSelf(15) }
    try sim.run(for: .seconds(60))
    #expect(sim.world.power == .reboot)
    let end = try #require(sim.world.powerTime)
    // Services end at once here; what is left is the time for everything else.
    #expect(end - start < .seconds(5))
  }

  @Test("timers start what is not running, again and again")
  func timers() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "type": "oneshot", "timer": {"afterBoot": "10s", "every": "1h"}}"#)
    sim.always(.ending(after: 1_000, code: 0))
    try sim.run(for: .hours(3))
    #expect(sim.world.services[0].starts.count == 3)
  }
}
