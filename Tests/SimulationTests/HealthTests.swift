import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Services that are up and are looked at.
@Suite struct HealthTests {
  private func board(_ more: String = "", reload: String = "") throws -> Simulation {
    let sim = try simulate(
      services: #""a": {"exec": ["/a"], "health": {"exec": ["/look"], "interval": "10s", "#
        + #""timeout": "2s", "failures": 2}\#(reload)}\#(more)"#)
    sim.always(Script())
    return sim
  }

  private func roles(_ sim: Simulation, _ looks: @escaping (Int) -> CommandScript) {
    let count = Count()
    sim.world.commandBehaviour = { _, id, _ in
      guard id.role == .health else { return CommandScript() }
      count.value += 1
      return looks(count.value)
    }
  }

  private final class Count: @unchecked Sendable { var value = 0 }

  @Test("looks come one interval after another, for as long as it is up")
  func interval() throws {
    let sim = try board()
    try sim.run(for: .seconds(95))
    #expect(sim.world.helperStarts == 9 && sim.starts(0) == 1 && sim.state(0) == .ready)
    sim.world.request(.stop, 0)
    try sim.run(for: .minutes(10))
    #expect(sim.world.helperStarts == 9 && sim.state(0) == .stopped)
  }

  @Test("so many failures in a row end it, and its restart policy goes on from there")
  func failures() throws {
    let sim = try board()
    // One that fails between two that do not is told and changes nothing.
    roles(sim) { number in
      var script = CommandScript()
      script.code = [2, 4, 5].contains(number) ? 7 : 0
      return script
    }
    try sim.run(for: .seconds(45))
    #expect(sim.starts(0) == 1 && sim.state(0) == .ready)
    try sim.run(for: .seconds(10))
    #expect(sim.starts(0) == 2 && sim.state(0) == .ready)
    let told = sim.world.messages.filter { $0.reason.kind == .helperFailed }
    #expect(told.map { $0.kind } == [.tolerated, .tolerated, .exited, .backoff])
    try sim.run(for: .minutes(1))
    #expect(sim.starts(0) == 2)
  }

  @Test("a look that takes too long is killed and has failed, even when no KILL ends it")
  func hangs() throws {
    for delay in [50, .max / 2] as [Int64] {
      let sim = try board()
      roles(sim) { number in
        var script = CommandScript()
        if number <= 2 { script.life = .max / 2 }
        script.killDelay = delay
        return script
      }
      try sim.run(for: .seconds(60))
      let last: Message.Kind = delay > 50 ? .leftBehind : .exited
      #expect(sim.world.messages.contains { $0.kind == last && $0.service == 0 })
      #expect(sim.starts(0) == (delay > 50 ? 1 : 2))
      #expect(sim.state(0) == (delay > 50 ? .stopping : .ready))
    }
  }

  @Test("a reload breaks a look off, runs, and the looks go on")
  func reload() throws {
    let sim = try board(reload: #", "reload": {"exec": ["/r"]}"#)
    roles(sim) { number in
      var script = CommandScript()
      if number == 1 { script.life = 1_900_000 }
      return script
    }
    try sim.run(for: .milliseconds(10_500))
    let reload = sim.world.request(.reload, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.requests[reload].answer?.code == .done)
    #expect(sim.world.helperStarts == 2)
    try sim.run(for: .seconds(30))
    #expect(sim.world.helperStarts == 5 && sim.starts(0) == 1)
    #expect(!sim.world.messages.contains { $0.reason.kind == .helperFailed })
  }

  @Test("a program that dies during a look is started anew, and looked at then")
  func dies() throws {
    let sim = try board()
    sim.world.behaviour = { _, number, _ in
      number == 0 ? .ending(after: 10_500_000, code: 1) : Script()
    }
    roles(sim) { number in
      var script = CommandScript()
      if number == 1 { script.life = .max / 2 }
      return script
    }
    try sim.run(for: .seconds(25))
    #expect(sim.starts(0) == 2 && sim.state(0) == .ready && sim.world.helperStarts == 2)
  }

  @Test("another supervisor goes on looking, and does not forget one that runs")
  func replaced() throws {
    let sim = try board()
    sim.replaces = { false }
    roles(sim) { _ in
      var script = CommandScript()
      script.life = 1_000_000
      return script
    }
    try sim.run(for: .milliseconds(10_500))
    try sim.replaceSupervisor()
    try sim.run(for: .seconds(30))
    #expect(sim.world.helperStarts == 3 && sim.starts(0) == 1)
    try sim.replaceSupervisor()
    try sim.run(for: .seconds(30))
    #expect(sim.world.helperStarts == 6 && sim.starts(0) == 1)
  }
}
