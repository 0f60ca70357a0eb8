import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Conditions, readiness by descriptor, daemons that leave their parent, parked descriptors.
@Suite struct LifeCycleTests {
  private func sim(_ services: String) throws -> Simulation {
    var loader = ManifestLoader()
    loader.add(
      file: Array("test.json".utf8), bytes: Array("{\"apus\":1,\"services\":{\(services)}}".utf8))
    let loaded = loader.finish()
    #expect(loaded.diagnostics.filter { $0.severity == .error }.isEmpty)
    return Simulation(loaded.manifest)
  }

  private static let unmet = Script.failing(.condition, Errno(2))

  @Test("a condition that is not met skips the start, fails nobody, and is looked at again")
  func condition() throws {
    let sim = try sim(
      #""a": {"exec": ["/a"], "conditions": {"missing": "/x"}, "post": [["/z"]]}, "#
        + #""b": {"exec": ["/b"], "conditions": {"missing": "/x"}}, "#
        + #""c": {"exec": ["/c"], "needs": ["a", "b"]}"#)
    sim.world.behaviour = { service, starts, _ in
      service < 2 && starts < 1 ? Self.unmet : Script()
    }
    try sim.run(for: .seconds(10))
    #expect(sim.state(0) == .skipped)
    #expect(sim.reason(0) == Reason(.condition, step: SpawnStepKind.condition.rawValue, value: 2))
    #expect(sim.supervisor.report(service: 0)?.lastExit == nil)
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
    let sim = try sim(#""a": {"exec": ["/a"], "start": "manual"}"#)
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
    let sim = try sim(
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
    let sim = try sim(
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
    let sim = try sim(
      #""a": {"exec": ["/a"], "listen": [{"stream": "/run/a"}]}, "b": {"exec": ["/b"]}"#)
    sim.always(Self.unmet)
    let start = sim.world.time
    sim.world.at(start) { $0.connect(0) }
    sim.world.at(start + Interval(microseconds: Int64(step) * 100)) { $0.signalSelf(15) }
    try sim.run(for: .seconds(60))
    #expect(sim.world.power == .reboot)
  }
}
