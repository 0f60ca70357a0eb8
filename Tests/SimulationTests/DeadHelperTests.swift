import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Processes that a dead path holds up so that not even KILL ends them: their service says so, and all
/// others go on.
@Suite struct DeadHelperTests {
  /// Commands of the first service hang for a minute, whoever kills them.
  private func hang(_ sim: Simulation, _ roles: HelperRole...) {
    sim.world.commandBehaviour = { service, command, _ in
      var script = CommandScript()
      if service == 0, roles.contains(command.role) {
        script.life = .max / 2
        script.killDelay = 60_000_000
      }
      return script
    }
  }

  @Test("children that no KILL ends before their execve keep no place that others need")
  func places() throws {
    let sim = simulate { builder in
      for number in 0..<40 { builder.service("s\(number)") }
      builder.service("other") { $0.service.start = .manual }
    }
    sim.world.behaviour = { service, _, _ in
      Script().with {
        $0.isStuckBeforeExec = service < 40
        $0.killDelay = service < 40 ? 3_600_000_000 : 50
      }
    }
    try sim.run(for: .seconds(1))
    sim.world.after(0) { _ = $0.request(.start, 40) }
    try sim.run(for: .milliseconds(10))
    #expect(sim.state(40) == .ready)
    // After ready.timeout and what KILL may take they say so.
    try sim.run(for: .seconds(41))
    for service in 0..<40 { #expect(sim.state(service) == .stopping) }
  }

  @Test("a probe that no KILL ends keeps its service starting no longer than a process would")
  func probe() throws {
    let sim = try simulate(
      services: #"""
        "a": {"exec": ["/a"], "ready": {"exec": ["/p"], "timeout": "5s"}}, "b": {"exec": ["/b"]}
        """#)
    hang(sim, .probe)
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .starting && sim.state(1) == .ready)
    try sim.run(for: .seconds(11))
    #expect(sim.state(0) == .stopping && sim.reason(0).kind == .notReady)
    #expect(sim.world.messages.contains { $0.kind == .leftBehind })
    // Nothing of it starts beside what is left; after that it rests as after any failure.
    #expect(sim.starts(0) == 1)
    try sim.run(for: .seconds(60))
    #expect(sim.starts(0) > 1)
  }

  @Test("a command before the start that no KILL ends is a failed start")
  func pre() throws {
    let sim = try simulate(
      services: #"""
        "a": {"exec": ["/a"], "pre": [{"exec": ["/p"], "timeout": "2s"}], "restart": "no"}
        """#)
    hang(sim, .pre)
    try sim.run(for: .seconds(11))
    #expect(sim.state(0) == .starting)
    try sim.run(for: .seconds(2))
    #expect(sim.state(0) == .stopping)
    try sim.run(for: .seconds(60))
    #expect(sim.state(0) == .failed && sim.starts(0) == 0)
  }

  @Test("a command after readiness that no KILL ends fails the start")
  func started() throws {
    let sim = try simulate(
      services: #"""
        "a": {"exec": ["/a"], "started": [{"exec": ["/p"], "timeout": "2s"}], "restart": "no"}
        """#)
    hang(sim, .started)
    try sim.run(for: .seconds(24))
    #expect(sim.state(0) == .stopping)
    try sim.run(for: .seconds(60))
    #expect(sim.state(0) == .failed && sim.starts(0) == 1)
  }

  @Test("a stop beside a command that no KILL ends is answered, and so is the end of the board")
  func stop() throws {
    let sim = try simulate(
      services: #"""
        "a": {"exec": ["/a"], "reload": {"exec": ["/r"]}, "stop": {"timeout": "1s"}}
        """#)
    hang(sim, .reload)
    try sim.run(for: .seconds(1))
    sim.world.after(0) { _ = $0.request(.reload, 0, noWait: true) }
    sim.world.after(100_000) { _ = $0.request(.stop, 0) }
    try sim.run(for: .seconds(15))
    #expect(sim.state(0) == .stopping)
    sim.world.after(0) { $0.signalSelf(15) }
    try sim.run(for: .seconds(30))
    #expect(sim.world.power == .reboot)
  }
}
