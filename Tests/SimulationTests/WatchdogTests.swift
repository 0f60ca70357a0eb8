import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct WatchdogTests {
  /// A board of one service with a watchdog of ten seconds.
  private func board(
    _ mode: SupervisorMode = .system, timeout: Interval = .seconds(10)
  ) -> Simulation {
    simulate(mode: mode) { builder in
      builder.service("it")
      builder.watchdog(timeout)
    }
  }

  @Test("PID-12: it is put off every half of its time, and not more often while nothing happens")
  func half() throws {
    let sim = board()
    try sim.run(for: .seconds(10_000))
    #expect(2000...2010 ~= sim.world.pets)
  }

  @Test("PID-12: what happens anyway puts it off early, at most every quarter of its time")
  func awake() throws {
    let sim = board()
    for second in 0..<1000 {
      sim.world.at(.zero + .seconds(Int64(second))) { $0.signalSelf(28) }
    }
    try sim.run(for: .seconds(1000))
    #expect(300...340 ~= sim.world.pets)
  }

  @Test("PID-12: the wall clock may be set to anything")
  func clock() throws {
    let sim = board()
    try sim.run(for: .seconds(20))
    sim.world.wallOffset = -5_000_000_000_000_000
    try sim.run(for: .seconds(100))
    sim.world.wallOffset = 5_000_000_000_000_000
    try sim.run(for: .seconds(100))
    #expect(sim.world.pets > 40)
  }

  @Test("PID-12: a driver that has another timeout is put off in time", arguments: [1, 3, 7])
  func otherTimeout(_ seconds: Int64) throws {
    let sim = board(timeout: .seconds(60))
    sim.world.watchdogTimeout = .seconds(seconds)
    try sim.run(for: .seconds(1000))
    #expect(sim.world.pets >= 1000 / Int(seconds))
  }

  @Test("PID-12: a driver that comes later is found")
  func late() throws {
    let sim = board()
    sim.world.watchdogExists = .zero + .seconds(100)
    try sim.run(for: .seconds(200))
    #expect(20...24 ~= sim.world.pets)
  }

  @Test("PID-12: until the very end of a slow shutdown")
  func shutdown() throws {
    let sim = board(timeout: .seconds(2))
    sim.always(Script().with { $0.manners = .ignores })
    try sim.run(for: .seconds(5))
    let before = sim.world.pets
    sim.world.request(.poweroff)
    try sim.run(for: .minutes(5))
    #expect(sim.world.power == .poweroff)
    #expect(sim.world.pets > before + 4)
  }

  @Test("PID-12: another program puts it off at once")
  func replaced() throws {
    let sim = board()
    var random = Random(seed: 1)
    sim.replaces = { random.chance(300) }
    try sim.run(for: .seconds(1000))
    #expect(sim.world.pets > 200)
  }

  @Test("without one, and in apus run, nothing is put off")
  func none() throws {
    let sim = board(.user)
    try sim.run(for: .seconds(100))
    #expect(sim.world.pets == 0)
    let plain = simulate { $0.service("it") }
    try plain.run(for: .seconds(100))
    #expect(plain.supervisor.nextDeadline == nil)
  }

  @Test("an apus that is stuck is noticed by these tests")
  func stuck() throws {
    let sim = board()
    sim.tamper = { $0 == .petWatchdog && sim.world.pets > 10 ? [] : [$0] }
    #expect(throws: Violation.self) { try sim.run(for: .seconds(1000)) }
  }
}
