import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Conditions, readiness by descriptor, daemons that leave their parent, parked descriptors.
@Suite struct LifeCycleTests {
  private static let unmet = Script.failing(.condition, Errno(2))

  @Test("a condition that is not met skips the start, fails nobody, and is looked at again")
  func condition() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "conditions": {"missing": "/x"}, "post": [["/z"]]}, "#
        + #""b": {"exec": ["/b"], "conditions": {"missing": "/x"}}, "#
        + #""c": {"exec": ["/c"], "needs": ["a", "b"]}"#)
    sim.world.behaviour = { service, starts, _ in
      service < 2 && starts < 1 ? Self.unmet : Script()
    }
    try sim.run(for: .seconds(10))
    #expect(sim.state(0) == .skipped)
    #expect(sim.reason(0) == Reason(.condition, step: SpawnStepKind.condition.rawValue, value: 2))
    #expect(sim.report(service: 0)?.lastExit == nil)
    #expect(sim.state(2) == .ready)
    #expect([sim.starts(0), sim.starts(1), sim.starts(2)] == [1, 1, 1])
    #expect(sim.world.helperStarts == 0)
    #expect(sim.world.bootsFinished == 1)
    sim.world.request(.start, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
    #expect(sim.world.requests.last?.answer?.code == .done)
  }

  @Test("asking for a service that is skipped is answered as done")
  func skippedRequest() throws {
    let sim = try simulate(services: #""a": {"exec": ["/a"], "start": "manual"}"#)
    sim.always(Self.unmet)
    try sim.run(for: .seconds(1))
    sim.world.request(.start, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .skipped)
    #expect(sim.world.requests.last?.answer?.code == .done)
    sim.world.request(.stop, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.requests.last?.answer?.code == .done)
  }

  @Test("conditions come before the commands before a start")
  func conditionBeforeCommands() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "conditions": {"exists": "/x"}, "pre": [["/y"]]}"#)
    sim.world.helperFailures[0] = Script.Failure(.condition, Errno(1))
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .skipped)
    #expect(sim.starts(0) == 0)
    sim.world.helperFailures[0] = nil
    sim.world.request(.start, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
  }

  @Test("clients of a service that is skipped wait; it is tried again with growing pauses")
  func conditionOfListener() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "listen": [{"stream": "/run/a"}], "conditions": {"exists": "/x"}}"#)
    sim.world.behaviour = { _, starts, _ in starts < 5 ? Self.unmet : Script() }
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(for: .milliseconds(100))
    #expect(sim.state(0) == .skipped)
    try sim.run(for: .minutes(2))
    #expect(sim.state(0) == .ready)
    #expect(sim.starts(0) == 6)
    #expect(sim.world.connections.allSatisfy { $0.fate == .served })
  }

  @Test("SHU-02 a board goes down while services are skipped", arguments: 0..<12)
  func shutdownWhileSkipped(_ step: Int) throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "listen": [{"stream": "/run/a"}]}, "b": {"exec": ["/b"]}"#)
    sim.always(Self.unmet)
    let start = sim.world.time
    sim.world.at(start) { $0.connect(0) }
    sim.world.at(start + Interval(microseconds: Int64(step) * 100)) { $0.signalSelf(15) }
    try sim.run(for: .seconds(60))
    #expect(sim.world.power == .reboot)
  }

  /// A process that leaves another behind and ends well.
  private static func daemon(after life: Int64 = 5_000, stragglerLife: Int64? = nil) -> Script {
    Script.ending(after: life).with {
      $0.stragglers = 1
      $0.stragglerLife = stragglerLife
    }
  }

  @Test("a daemon is up when its parent has exited and left it, and is the main process")
  func forking() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "type": "forking"}, "b": {"exec": ["/b"], "needs": ["a"]}"#)
    sim.world.behaviour = { service, _, _ in
      service == 0 ? Self.daemon(after: 500_000) : Script()
    }
    try sim.run(for: .milliseconds(400))
    #expect(sim.state(0) == .starting)
    #expect(sim.state(1) == .waiting)
    let left = try #require(sim.world.stragglers(of: 0).first)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
    #expect(sim.state(1) == .ready)
    #expect(sim.report(service: 0)?.pid == left)
    #expect(sim.report(service: 0)?.lastExit == nil)
    sim.world.kill(0, signal: 11)
    try sim.run(for: .seconds(10))
    #expect(sim.starts(0) == 2)
    #expect(sim.state(0) == .ready)
    #expect(sim.report(service: 0)?.lastExit?.number == 11)
    sim.world.request(.stop, 0)
    try sim.run(for: .seconds(10))
    #expect(sim.state(0) == .stopped)
    #expect(sim.world.processCount == 0)
  }

  @Test("a daemon that leaves nothing, or whose parent fails, or that takes too long, has failed")
  func forkingFailure() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "type": "forking"}, "#
        + #""b": {"exec": ["/b"], "type": "forking", "restart": "no"}, "#
        + #""c": {"exec": ["/c"], "type": "forking", "restart": "no", "ready": {"timeout": "2s"}}"#)
    sim.world.behaviour = { service, _, _ in
      service == 0
        ? .ending(after: 1_000) : service == 1 ? .ending(after: 1_000, code: 3) : Script()
    }
    try sim.run(for: .seconds(10))
    #expect(sim.state(0) == .backoff && sim.reason(0).kind == .endedEarly)
    #expect(sim.state(1) == .failed)
    #expect(sim.state(2) == .failed)
    #expect(sim.reason(2).kind == .notReady)
  }

  @Test("what ends between a parent and its daemon is not taken for the daemon's end")
  func doubleFork() throws {
    let sim = try simulate(services: #""a": {"exec": ["/a"], "type": "forking"}"#)
    sim.always(Self.daemon(stragglerLife: nil).with { $0.stragglers = 2 })
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
    let first = sim.world.mainPid(of: 0)
    sim.world.end(0, code: 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
    #expect(sim.world.mainPid(of: 0) != first)
    #expect(sim.report(service: 0)?.pid == sim.world.mainPid(of: 0))
    sim.world.end(0, code: 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .stopped)
    #expect(sim.starts(0) == 1)
  }

  @Test("a pid file is waited for, and believed only when it names a process of the service")
  func pidFile() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "type": "forking", "pidFile": "/run/a.pid"}, "b": {"exec": ["/b"]}"#
    )
    sim.world.behaviour = { service, _, _ in
      service == 0 ? Self.daemon().with { $0.stragglers = 2 } : Script()
    }
    try sim.run(for: .seconds(2))
    #expect(sim.state(0) == .starting)
    sim.world.pidFiles[0] = sim.world.mainPid(of: 1)
    try sim.run(for: .seconds(2))
    #expect(sim.state(0) == .starting)
    #expect(sim.world.refusedPids >= 1)
    let named = try #require(sim.world.stragglers(of: 0).last)
    sim.world.pidFiles[0] = named
    try sim.run(for: .seconds(2))
    #expect(sim.state(0) == .ready)
    #expect(sim.report(service: 0)?.pid == named)
  }

  @Test("NOT-05 MAINPID is believed within the service's tree only, and a late end is not mistaken")
  func mainPid() throws {
    let sim = try simulate(
      services: #""a": {"exec": ["/a"], "type": "notify"}, "b": {"exec": ["/b"]}"#)
    sim.always(Script().with { $0.stragglers = 1 })
    try sim.run(for: .seconds(1))
    sim.world.notify(0, .ready, mainPid: sim.world.mainPid(of: 1))
    try sim.run(for: .seconds(1))
    for pid in [-1, 12_345] as [Int32] { sim.world.notify(0, .alive, mainPid: pid) }
    let before = sim.world.mainPid(of: 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
    #expect(sim.world.mainPid(of: 0) == before)
    #expect(sim.world.refusedPids == 3)
    // The old main process ends in the very turn in which it names the new one.
    let left = try #require(sim.world.stragglers(of: 0).first)
    sim.world.notify(0, .alive, mainPid: left)
    sim.world.kill(0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
    #expect(sim.starts(0) == 1)
    #expect(sim.report(service: 0)?.pid == left)
    sim.world.kill(0)
    try sim.run(for: .seconds(5))
    #expect(sim.starts(0) == 2)
  }

  @Test("SHU-02 a board goes down in every stage of a daemon's start", arguments: 0..<40)
  func shutdownOfDaemon(_ step: Int) throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "type": "forking", "pidFile": "/run/a.pid"}, "#
        + #""b": {"exec": ["/b"], "type": "forking"}"#)
    sim.always(Self.daemon(after: 2_000))
    sim.world.pidFiles[0] = 5
    sim.world.at(sim.world.time + Interval(microseconds: Int64(step) * 150)) { $0.signalSelf(15) }
    try sim.run(for: .seconds(60))
    #expect(sim.world.power == .reboot)
    let end = try #require(sim.world.powerTime)
    #expect(end - .zero < .seconds(20))
  }

  @Test("PID-01 a daemon's next supervisor goes on with it", arguments: 0..<30)
  func replacedBesideDaemon(_ step: Int) throws {
    let sim = try simulate(services: #""a": {"exec": ["/a"], "type": "forking"}"#)
    sim.always(Self.daemon(after: 2_000))
    var turns = 0
    sim.replaces = {
      turns += 1
      return turns == step
    }
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .ready)
    #expect(sim.starts(0) == 1)
  }

  @Test("a newline on the descriptor of ready.fd makes ready, READY=1 does not")
  func readyByDescriptor() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "ready": {"fd": 3, "timeout": "5s"}, "watchdog": "1h"}"#)
    try sim.run(for: .seconds(1))
    sim.world.notify(0, .ready)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .starting)
    sim.world.notify(0, .announced)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
    let silent = try simulate(
      services:
        #""a": {"exec": ["/a"], "ready": {"fd": 3, "timeout": "5s"}, "restart": "no"}"#)
    try silent.run(for: .seconds(10))
    #expect(silent.state(0) == .failed)
  }

  @Test(
    "an address is tried until somebody listens there",
    arguments: [
      #"{"tcp": "127.0.0.1:80"}"#, #"{"unix": "/run/a"}"#,
    ])
  func readyByAddress(_ ready: String) throws {
    let sim = try simulate(services: #""a": {"exec": ["/a"], "ready": \#(ready)}"#)
    sim.world.helperCodes[0] = 1
    try sim.run(for: .seconds(3))
    #expect(sim.state(0) == .starting)
    #expect(sim.world.helperStarts >= 5)
    sim.world.helperCodes[0] = 0
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready)
  }

  @Test("what is parked is kept over every kind of restart, and given up with the service")
  func store() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "fdStore": 2}, "b": {"exec": ["/b"]}, "#
        + #""c": {"exec": ["/c"], "fdStore": 2, "restart": {"policy": "always", "limit": "3/1h"}}"#)
    sim.world.behaviour = { service, _, _ in
      service == 2 ? .ending(after: 1_000, code: 1) : Script()
    }
    try sim.run(for: .seconds(1))
    sim.world.kill(0)
    try sim.run(for: .seconds(5))
    sim.world.request(.restart, 0)
    try sim.run(for: .seconds(5))
    #expect(sim.starts(0) == 3)
    #expect(sim.world.services[0].storesEmptied == 0)
    sim.world.request(.stop, 0)
    sim.world.request(.stop, 1)
    try sim.run(for: .seconds(5))
    #expect(sim.world.services[0].storesEmptied == 1)
    #expect(sim.world.services[1].storesEmptied == 0)
    #expect(sim.state(2) == .failed)
    #expect(sim.world.services[2].storesEmptied == 1)
  }
}
