import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct PowerTests {
  @Test(
    "POW-05: SIGPWR does what powerFail says, by default a power-off",
    arguments: [
      (nil, PowerAction.poweroff), (.reboot, .reboot), (.poweroff, .poweroff), (.ignore, nil),
      (.service(1), nil),
    ] as [(CtrlAltDelAction?, PowerAction?)])
  func powerFail(_ declared: CtrlAltDelAction?, _ expected: PowerAction?) throws {
    let sim = simulate { builder in
      builder.service("it")
      builder.service("saver") { $0.service.start = .manual }
      if let declared { builder.change { $0.system.powerFail = declared } }
    }
    try sim.run(for: .seconds(5))
    sim.world.signalSelf(30)
    let ordered = sim.world.time
    try sim.run(for: .minutes(1))
    #expect(sim.world.power == expected)
    #expect(sim.starts(1) == (declared == .service(1) ? 1 : 0))
    if let end = sim.world.powerTime { #expect(end - ordered < .seconds(30)) }
  }

  /// A board with a minimum uptime of two minutes whose service gives up in its first second.
  private func failing(
    _ mode: SupervisorMode = .system, critical: Bool = true, onLimit: LimitAction = .stop
  ) -> Simulation {
    let sim = simulate(mode: mode) { builder in
      builder.service("it") {
        if critical {
          $0.service.flags.insert(.critical)
          $0.restart.policy = .no
        } else {
          $0.restart.limit = Rate(count: 1, window: .minutes(1))
          $0.restart.onLimit = onLimit
        }
      }
      builder.service("other")
      builder.change { $0.system.minimumUptime = .minutes(2) }
    }
    sim.world.behaviour = { service, _, _ in
      service == 0 ? .ending(after: 1000, code: 1) : Script()
    }
    return sim
  }

  @Test("a critical service that gives up ends the board at its minimum uptime")
  func critical() throws {
    let sim = failing()
    try sim.run(for: .seconds(100))
    #expect(sim.state(0) == .failed)
    #expect(sim.state(1) == .ready)
    #expect(sim.world.messages.contains { $0.kind == .shutdown && $0.nextUs > 100_000_000 })
    try sim.run(for: .minutes(5))
    #expect(sim.world.power == .reboot)
    let ordered = try #require(sim.world.shutdownOrdered)
    #expect(ordered - .zero == .minutes(2))
  }

  @Test(
    "so does the limit of restarts",
    arguments: [(LimitAction.reboot, PowerAction.reboot), (.poweroff, .poweroff)])
  func limit(_ declared: LimitAction, _ expected: PowerAction) throws {
    let sim = failing(critical: false, onLimit: declared)
    try sim.run(for: .minutes(10))
    #expect(sim.world.power == expected)
    #expect(try #require(sim.world.shutdownOrdered) - .zero == .minutes(2))
    let rescue = failing(critical: false, onLimit: .rescue)
    try rescue.run(for: .minutes(10))
    #expect(rescue.world.power == nil)
    #expect(rescue.world.rescues == 1)
  }

  @Test("after that uptime, and in apus run, there is no delay")
  func later() throws {
    let sim = failing()
    sim.world.behaviour = { service, _, _ in
      service == 0 ? .ending(after: 200_000_000, code: 1) : Script()
    }
    try sim.run(for: .minutes(10))
    #expect(try #require(sim.world.shutdownOrdered) - .zero < .seconds(202))
    let run = failing(.user)
    try run.run(for: .minutes(10))
    #expect(run.world.power == .exit)
    #expect(try #require(run.world.shutdownOrdered) - .zero < .seconds(10))
  }

  @Test("who was started again in between is forgiven, and an operator does not wait")
  func forgiven() throws {
    let sim = failing()
    try sim.run(for: .seconds(10))
    sim.always(Script())
    sim.world.request(.start, 0)
    try sim.run(for: .minutes(10))
    #expect(sim.world.power == nil)
    let ordered = failing()
    try ordered.run(for: .seconds(10))
    ordered.world.request(.reboot)
    try ordered.run(for: .seconds(10))
    #expect(ordered.world.power == .reboot)
  }

  @Test("of several arguments for reboot(2) that of the order counts which counts itself")
  func argument() throws {
    let sim = simulate { $0.service("it") }
    sim.world.behaviour = { _, _, _ in
      {
        var script = Script(); script.manners = .dies(after: 20_000_000); return script
      }()
    }
    try sim.run(for: .seconds(1))
    let first = sim.world.request(.reboot, argument: true)
    try sim.run(for: .seconds(1))
    let others = [
      sim.world.request(.reboot, argument: true), sim.world.request(.poweroff),
      sim.world.request(.reboot),
    ]
    try sim.run(for: .seconds(1))
    #expect(others.map { sim.world.requests[$0].answer?.code } == [.failed, .failed, .done])
    #expect(sim.world.requests[others[0]].answer?.reason.kind == .powerOrdered)
    #expect(sim.world.argument == sim.world.requests[first].client)
    let last = sim.world.request(.reboot, now: true, argument: true)
    try sim.run(for: .seconds(1))
    #expect(sim.world.power == .reboot)
    #expect(sim.world.argument == sim.world.requests[last].client)
  }

  @Test("another program knows of the end that waits")
  func replaced() throws {
    let sim = failing()
    var turns = 0
    sim.replaces = {
      turns += 1
      return turns % 3 == 0
    }
    try sim.run(for: .minutes(10))
    #expect(sim.world.power == .reboot)
    #expect(try #require(sim.world.shutdownOrdered) - .zero == .minutes(2))
  }

  /// A board whose service takes three seconds to end, a second after it has started.
  private func slow(_ mode: SupervisorMode = .system) throws -> Simulation {
    let sim = simulate(mode: mode) { $0.service("slow") }
    sim.always(Script().with { $0.manners = .dies(after: 3_000_000) })
    try sim.run(for: .seconds(1))
    return sim
  }

  @Test(
    "of several orders the first counts, and a later one is refused with the reason",
    arguments: [Request.Action.reboot, .halt, .kexec])
  func first(later: Request.Action) throws {
    let sim = try slow()
    let first = sim.world.request(.poweroff)
    let again = sim.world.request(.poweroff)
    let other = sim.world.request(later)
    try sim.run(for: .seconds(1))
    // SIGTERM is an order to reboot, SIGINT as ctrlAltDel says.
    for signal in [UInt8(15), 38, 2] { sim.world.signalSelf(signal) }
    try sim.run(for: .minutes(1))
    #expect(sim.world.power == .poweroff)
    #expect(sim.world.requests[first].answer?.code == .done)
    #expect(sim.world.requests[again].answer?.code == .done)
    let answer = try #require(sim.world.requests[other].answer)
    #expect(answer.code == .failed)
    let words = said(answer.reason)
    #expect(words == "\(later) refused: poweroff was ordered first")
    let lines = sim.world.messages.filter { $0.kind == .powerRefused }.map { said($0) }
    #expect(
      lines == [
        "\(later) refused: poweroff was ordered first",
        "reboot refused: poweroff was ordered first",
        "reboot refused: poweroff was ordered first",
      ])
    #expect(
      sim.world.messages.filter { $0.kind == .shutdown }.map { said($0) }
        == ["going down: poweroff"])
  }

  @Test(
    "an order at once counts whatever was ordered before, and is said", arguments: [false, true])
  func atOnce(signal: Bool) throws {
    let sim = try slow()
    sim.world.request(.poweroff)
    try sim.run(for: .seconds(1))
    if signal { sim.world.signalSelf(49) } else { sim.world.request(.reboot, now: true) }
    let ordered = sim.world.time
    try sim.run(for: .minutes(1))
    #expect(sim.world.power == .reboot)
    #expect(try #require(sim.world.powerTime) - ordered < .milliseconds(100))
    #expect(
      sim.world.messages.filter { $0.kind == .shutdown }.map { said($0) }
        == ["going down: poweroff", "going down: reboot"])
  }

  @Test("without a board to end every order is the same one")
  func user() throws {
    let sim = try slow(.user)
    let answers = [Request.Action.poweroff, .reboot].map { sim.world.request($0) }
    for signal in [UInt8(15), 2] { sim.world.signalSelf(signal) }
    try sim.run(for: .minutes(1))
    #expect(sim.world.power == .exit)
    #expect(answers.allSatisfy { sim.world.requests[$0].answer?.code == .done })
    #expect(!sim.world.messages.contains { $0.kind == .powerRefused })
  }

  @Test("a critical service that gives up while the board is going down changes nothing")
  func criticalMeanwhile() throws {
    let sim = simulate { builder in
      builder.service("it") {
        $0.service.flags.insert(.critical)
        $0.restart.policy = .no
      }
      builder.service("slow") { $0.needs = [0] }
    }
    sim.world.behaviour = { service, _, _ in
      service == 0
        ? .ending(after: 2_000_000, code: 1)
        : Script().with { $0.manners = .dies(after: 3_000_000) }
    }
    try sim.run(for: .seconds(1))
    sim.world.request(.poweroff)
    try sim.run(for: .minutes(1))
    #expect(sim.world.power == .poweroff)
  }

  private func said(_ reason: Reason) -> String {
    var writer = ByteWriter(capacity: 200)
    reason.write(into: &writer, manifest: Manifest(), service: nil)
    return String(decoding: Array(writer.bytes), as: UTF8.self)
  }

  private func said(_ message: Message) -> String {
    var writer = ByteWriter(capacity: 200)
    message.write(into: &writer, manifest: Manifest())
    return String(decoding: Array(writer.bytes), as: UTF8.self)
  }
}
