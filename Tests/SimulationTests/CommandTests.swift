import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// `pre`, `started` and `post`: their turn, their time, and what their failure means.
@Suite struct CommandTests {
  /// What the reason of a message or service says.
  private func words(_ reason: Reason, _ sim: Simulation) -> String {
    var writer = ByteWriter(capacity: 256)
    reason.write(into: &writer, manifest: sim.world.manifest, service: 0)
    return String(decoding: Array(writer.bytes), as: UTF8.self)
  }

  private func said(_ kind: Message.Kind, _ sim: Simulation) -> [String] {
    sim.world.messages.filter { $0.kind == kind }.map { words($0.reason, sim) }
  }

  @Test("a command that takes too long is killed and named, and fails what it fails")
  func late() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "restart": "no", "pre": [{"exec": ["/x"], "timeout": "5s"}]}"#)
    sim.world.helperLives[0] = .max / 2
    try sim.run(for: .milliseconds(4900))
    #expect(sim.state(0) == .starting && sim.world.helperCount == 1)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .failed && sim.world.helperCount == 0 && sim.starts(0) == 0)
    #expect(words(sim.reason(0), sim) == "pre /x: timed out after 5 s")
    let after = try simulate(
      services: #""a": {"exec": ["/a"], "restart": "no", "post": [["/y"], ["/z"]]}"#)
    after.always(.ending(after: 1_000))
    after.world.helperLives[0] = .max / 2
    try after.run(for: .seconds(65))
    #expect(after.state(0) == .stopped && after.world.helperStarts == 2)
    #expect(
      said(.exited, after) == [
        "post /y: timed out after 30 s", "post /z: timed out after 30 s",
      ])
  }

  @Test("what may fail is logged and changes nothing, however it fails; a condition does")
  func mayFail() throws {
    let service =
      #""a": {"exec": ["/a"], "pre": [{"exec": ["/x"], "mayFail": true, "timeout": "1500ms"}, ["/y"]], "#
      + #""started": [{"exec": ["/z"], "mayFail": true}]}"#
    let ways: [(UInt8?, Int64?, Script.Failure?, String)] = [
      (3, nil, nil, "pre /x: exit code 3"), (nil, .max / 2, nil, "pre /x: timed out after 1500 ms"),
      (nil, nil, Script.Failure(.execute, .noEntry), "pre: exec /x: No such file"),
    ]
    for (code, life, failure, reason) in ways {
      let sim = try simulate(services: service)
      sim.always(Script())
      sim.world.commandBehaviour = { _, id, _ in
        var script = CommandScript()
        if id == CommandID(.pre, 1) { return script }
        script.code = code ?? 0
        script.life = id.role == .pre ? life ?? 1000 : 1000
        script.failure = failure
        return script
      }
      try sim.run(for: .seconds(5))
      #expect(sim.state(0) == .ready && sim.world.helperStarts == 3, "\(reason)")
      #expect(sim.reason(0).kind == .none)
      #expect(said(.tolerated, sim).first?.hasPrefix(reason) == true, "\(said(.tolerated, sim))")
      #expect(said(.tolerated, sim).count == (life == nil ? 2 : 1))
    }
    let skipped = try simulate(services: service)
    skipped.world.helperFailures[0] = Script.Failure(.condition, Errno(1))
    try skipped.run(for: .seconds(5))
    #expect(skipped.state(0) == .skipped && skipped.starts(0) == 0)
  }

  @Test("commands after readiness run once, and who needs the service waits for them")
  func started() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "type": "notify", "started": [["/x"], ["/y"]]}, "#
        + #""b": {"exec": ["/b"], "needs": ["a"]}"#)
    sim.always(Script())
    sim.world.helperLives[0] = 1_000_000
    try sim.run(for: .seconds(1))
    #expect(sim.world.helperStarts == 0)
    sim.world.notify(0, .ready)
    sim.world.after(500_000) { $0.notify(0, .ready) }
    sim.world.after(1_500_000) { $0.notify(0, .ready) }
    try sim.run(for: .milliseconds(1900))
    #expect(sim.state(0) == .starting && sim.starts(1) == 0 && sim.world.helperStarts == 2)
    let request = sim.world.request(.start, 0)
    try sim.run(for: .milliseconds(1500))
    #expect(sim.state(0) == .ready && sim.state(1) == .ready && sim.world.helperStarts == 2)
    #expect(sim.world.requests[request].answer?.code == .done)
  }

  @Test("one that fails ends the service as a failed start, with its reason")
  func startedFails() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "started": [["/x"], ["/y"]], "post": [["/z"]], "restart": "no"}, "#
        + #""b": {"exec": ["/b"], "needs": ["a"]}"#)
    sim.always(Script())
    sim.world.commandBehaviour = { _, id, _ in
      var script = CommandScript()
      script.code = id.role == .started ? 7 : 0
      return script
    }
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .failed && sim.starts(0) == 1 && sim.starts(1) == 0)
    #expect(words(sim.reason(0), sim) == "started /x: exit code 7")
    #expect(sim.world.helperStarts == 2)
    #expect(sim.world.services[0].signals.first?.number == 15)
  }

  @Test("a stop does not wait for them, and they go with the main process")
  func startedStopped() throws {
    for isAsked in [true, false] {
      let sim = try simulate(
        services:
          #""a": {"exec": ["/a"], "started": [["/x"]], "stop": {"exec": ["/s"]}, "restart": "no"}"#)
      sim.always(Script())
      sim.world.commandBehaviour = { _, id, _ in
        var script = CommandScript()
        if id.role == .started { script.life = .max / 2 }
        return script
      }
      try sim.run(for: .seconds(1))
      #expect(sim.state(0) == .starting && sim.world.helperCount == 1)
      if isAsked { sim.world.request(.stop, 0) } else { sim.world.kill(0, signal: 11) }
      try sim.run(for: .seconds(1))
      #expect(sim.state(0) == (isAsked ? .stopped : .failed))
      #expect(sim.world.helperStarts == (isAsked ? 2 : 1) && sim.world.helperCount == 0)
      #expect(said(.exited, sim).count == (isAsked ? 0 : 1))
    }
  }

  @Test("of a oneshot they follow its end, and what has done its work is stopped as such")
  func oneshot() throws {
    let oneshot = #""type": "oneshot", "started": [["/x"], ["/y"]], "post": [["/z"]]"#
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], \#(oneshot)}, "b": {"exec": ["/b"], "needs": ["a"]}"#)
    sim.world.behaviour = { service, _, _ in service == 0 ? .ending(after: 1_000) : Script() }
    sim.world.helperLives[0] = 1_000_000
    try sim.run(for: .milliseconds(2500))
    #expect(sim.state(0) == .stopping && sim.world.helperStarts == 3 && sim.starts(1) == 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .stopped && sim.state(1) == .ready && sim.world.helperStarts == 3)
    for isEarly in [false, true] {
      let net = try simulate(
        services:
          #""a": {"exec": ["/a"], \#(oneshot), "remain": true, "stop": {"exec": ["/s"]}}"#)
      net.always(.ending(after: 1_000))
      net.world.helperLives[0] = 1_000_000
      try net.run(for: .milliseconds(isEarly ? 1500 : 2500))
      #expect(net.state(0) == (isEarly ? .starting : .ready) && net.world.helperStarts == 2)
      let stop = net.world.request(.stop, 0)
      try net.run(for: .seconds(3))
      #expect(net.state(0) == .stopped && net.world.helperStarts == 4)
      #expect(net.world.requests[stop].answer?.code == .done)
    }
    let bad = try simulate(
      services: #""a": {"exec": ["/a"], \#(oneshot), "remain": true, "restart": "no"}"#)
    bad.always(.ending(after: 1_000))
    bad.world.helperCodes[0] = 1
    try bad.run(for: .seconds(1))
    #expect(bad.state(0) == .failed && bad.world.helperStarts == 2)
    #expect(words(bad.reason(0), bad) == "started /x: exit code 1")
  }

  @Test("a start waits when what it needs has gone while its commands ran")
  func needGone() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "restart": {"delay": "5s"}}, "#
        + #""b": {"exec": ["/b"], "needs": ["a"], "pre": [["/x"]]}"#)
    sim.always(Script())
    sim.world.helperLives[1] = 1_000_000
    sim.world.after(500_000) { $0.kill(0, signal: 11) }
    try sim.run(for: .seconds(3))
    #expect(sim.state(1) == .waiting && sim.starts(1) == 0 && sim.world.helperStarts == 1)
    try sim.run(for: .seconds(5))
    #expect(sim.state(1) == .ready && sim.starts(1) == 1 && sim.world.helperStarts == 2)
  }

  @Test("who waits for a start is answered when no KILL ends what is not ready")
  func abandoned() throws {
    let sim = try simulate(
      services: #""a": {"exec": ["/a"], "type": "notify", "ready": {"timeout": "5s"}}"#)
    sim.always(
      Script().with {
        $0.manners = .ignores
        $0.killDelay = .max / 2
      })
    let request = sim.world.request(.start, 0)
    try sim.run(for: .seconds(30))
    #expect(sim.world.requests[request].answer?.code == .failed)
    #expect(sim.world.requests[request].answer?.reason.kind == .notReady)
  }
}
