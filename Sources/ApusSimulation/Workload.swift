internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

/// What is left out of a life, by number: that way one in which a rule is broken gets shorter.
public struct Reduction: Sendable {
  /// Of what happens from outside.
  public var events: [Int] = []
  /// Of the faults.
  public var faults: [Int] = []
  /// Services that are masked.
  public var services: [Int] = []
  /// Whether the world behaves well otherwise.
  public var isCalm = false

  /// Nothing.
  public init() {}
}

/// A random board and a random life of it, drawn from one seed.
///
/// A minute of anything: connections, operators, kills, hang-ups, suspends, errors from every call.
/// Then the world behaves again, and within ten minutes everything must have come back by itself.
/// Then the board is shut down.
public final class Workload {
  /// The board and the world.
  public let simulation: Simulation
  private let seed: UInt64
  /// The manifest on the disk in the end.
  private var last: Manifest?
  private var random: Random
  private let applies: Bool
  private let reduction: Reduction
  /// How many events and faults were drawn, those that are left out among them.
  public private(set) var eventCount = 0
  public private(set) var faultCount = 0

  /// Draws everything up; nothing runs yet. With `applies` the manifest on the disk is edited now and
  /// then, and is to be applied. What `without` names is drawn all the same, and left out.
  public init(
    seed: UInt64, traceLimit: Int = 1 << 14, applies: Bool = false,
    without reduction: Reduction = Reduction()
  ) {
    self.applies = applies
    self.seed = seed
    self.reduction = reduction
    var random = Random(seed: seed ^ 0xA9A5)
    let builder = Self.manifest(&random, reduction)
    let mode: SupervisorMode = random.chance(800) ? .system : .user
    simulation = Simulation(builder.manifest, seed: seed, mode: mode, traceLimit: traceLimit)
    self.random = random
    drawUp()
    drawLosses()
    if applies { drawEdits(Variants(builder)) }
  }

  private static let active = Interval.seconds(60)
  private static let calm = Interval.seconds(600)

  private static let calmScript = Script().with { $0.saysReady = true }

  private static func addIdleness(_ script: inout Script, seed: Random) {
    var random = seed
    if random.chance(500) { script.connectionLife = random.time(0, 300_000) }
    script.freezeDelay = random.chance(100) ? random.time(0, 200_000) : random.time(0, 2_000)
    script.kilobytes = UInt32(random.below(100_000))
    if random.chance(100) { script.manners = .drains }
    script.saysReady = random.chance(700)
    if random.chance(100) { script.manners = .lingers(after: random.time(0, 2_000_000)) }
  }

  private static func script(_ random: inout Random) -> Script {
    var script = Script()
    script.execDelay = random.time(0, 2_000)
    if random.chance(500) {
      script.life = random.chance(500) ? random.time(0, 5_000) : random.time(0, 20_000_000)
      script.end = random.pick([
        ExitReport(isSignal: false, number: 0), ExitReport(isSignal: false, number: 1),
        ExitReport(isSignal: true, number: 15), ExitReport(isSignal: true, number: 9),
        ExitReport(isSignal: true, number: 11, dumpedCore: true),
      ])
    }
    if random.chance(60) {
      script.failure = Script.Failure(
        random.pick([.condition, .descriptors, .uid, .verify, .execute]),
        random.pick([.noEntry, .accessDenied, .textBusy]))
    }
    script.isStuckBeforeExec = random.chance(15)
    script.endsBeforeSpawnReturns = random.chance(40)
    script.reportComesAfterExit = random.chance(40)
    if random.chance(200) { script.accepts = random.below(3) }
    switch random.below(6) {
    case 0: script.manners = .ignores
    case 1: script.manners = .exits(code: UInt8(random.below(3)), after: random.time(0, 3_000_000))
    default: script.manners = .dies(after: random.time(0, 500_000))
    }
    if random.chance(20) { script.killDelay = random.time(1_000_000, 40_000_000) }
    if random.chance(150) {
      script.stragglers = 1 + random.below(3)
      script.stragglersIgnore = random.chance(500)
      script.stragglerLife = random.chance(700) ? random.time(0, 20_000_000) : nil
    }
    addIdleness(&script, seed: random)
    return script
  }

  private func drawUp() {
    let world = simulation.world
    for moment in 0..<10 { world.after(Int64(moment) * 5_000_000) { $0.press() } }
    var kinds = Random(seed: seed ^ 0x7C9)
    world.holdsOff = kinds.chance(700)
    world.behaviour = { _, _, random in Self.script(&random) }
    world.commandBehaviour = { _, _, random in
      var script = CommandScript()
      if random.chance(500) { script.life = random.time(0, 2_000_000) }
      if random.chance(40) { script.life = .max / 2 }
      if random.chance(150) { script.code = 1 }
      if random.chance(30) { script.failure = Script.Failure(.execute, .noEntry) }
      if random.chance(20) { script.killDelay = random.time(1_000_000, 40_000_000) }
      return script
    }
    if random.chance(600), !reduction.isCalm { world.chaos = .wild }
    drawFaults(world)
    let services = world.manifest.services.count
    let listeners = world.manifest.listeners.count
    for _ in 0..<(20 + random.below(100)) {
      let moment = Instant(microseconds: 1_000_000 + random.time(0, Self.active.microseconds))
      let service = random.below(services)
      let many = random.chance(100) ? 1 + random.below(100) : 1
      let action = random.pick([
        Request.Action.start, .stop, .restart, .restart, .reset, .kill, .reload,
      ])
      let noWait = random.chance(300)
      let signal = random.pick([UInt8(9), 11, 15])
      let length = random.time(0, 3_600_000_000)
      switch random.below(20) {
      case 0..<10:
        if listeners > 0 {
          let listener = random.below(listeners)
          plan(moment) { $0.connect(listener, count: many) }
        }
      case 10..<14:
        plan(moment) { world in
          let request = world.request(action, service, noWait: noWait)
          if length % 10 == 0 { world.after(length % 1_000_000) { $0.hangUpClient(request) } }
        }
      case 14..<17: plan(moment) { $0.kill(service, signal: signal) }
      case 17:
        if listeners > 0 {
          let listener = random.below(listeners)
          plan(moment) { $0.hangUp(listener) }
          if length % 3 == 0 { plan(moment) { $0.bringNetworkUp() } }
        }
      case 18: plan(moment) { $0.wallOffset += length * 1_000 - 1_000_000_000_000 }
      default: if random.chance(200) { plan(moment) { $0.suspend(for: .seconds(60)) } }
      }
    }
    if random.chance(200) {
      // The end comes in the middle of it all.
      let action = random.pick([Request.Action.reboot, .poweroff, .halt])
      let moment = Instant(microseconds: 1_000_000 + random.time(0, Self.active.microseconds))
      plan(moment) { $0.request(action) }
      // And is ordered otherwise by somebody else.
      let other = random.pick([Request.Action.reboot, .poweroff, .halt])
      plan(moment + Interval(microseconds: random.time(0, 5_000_000))) { $0.request(other) }
    }
  }

  /// Somebody removes nodes, once or again and again, and the kernel may not tell.
  private func drawLosses() {
    let world = simulation.world
    let listeners = world.manifest.listeners.count
    var random = Random(seed: seed ^ 0x10DE)
    guard listeners > 0, random.chance(400) else { return }
    if random.chance(200) { world.watchesDirectories = false }
    for _ in 0..<(1 + random.below(12)) {
      let moment = Instant(microseconds: 1_000_000 + random.time(0, Self.active.microseconds))
      let listener = random.below(listeners)
      let what = random.pick([LostNode.node, .folder, .link])
      let times = random.chance(100) ? 100 : 1
      for number in 0..<times {
        plan(moment + Interval(microseconds: Int64(number) * 20_000)) { $0.lose(listener, what) }
      }
    }
  }

  /// Has something happen at that moment, unless it is left out.
  private func plan(_ moment: Instant, _ body: @escaping (World) -> Void) {
    defer { eventCount += 1 }
    if !reduction.events.contains(eventCount) { simulation.world.at(moment, body) }
  }

  /// Edits, mistakes among them, and orders to apply them, at any moment.
  private func drawEdits(_ start: Variants) {
    simulation.appliesManifests = true
    var random = Random(seed: seed ^ 0xED17)
    var failures = random
    if random.chance(300) { simulation.failsToApply = { failures.chance(500) } }
    var variants = start
    var moment: Int64 = 1_000_000
    for _ in 0..<(1 + random.below(5)) {
      moment += random.chance(300) ? random.time(0, 200_000) : random.time(0, 15_000_000)
      variants.edit(&random)
      let disk = random.chance(200) ? nil : variants.manifest()
      let isSignal = random.chance(300)
      let leaves = random.chance(200) ? random.time(0, 1_000_000) : nil
      plan(Instant(microseconds: moment)) { world in
        world.disk = disk
        if isSignal { return world.signalSelf(1) }
        let request = world.request(.apply)
        if let leaves { world.after(leaves) { $0.hangUpClient(request) } }
      }
    }
    last = variants.manifest()
  }

  private func drawFaults(_ world: World) {
    let errnos: [Errno] = [
      .again, .noMemory, .fileLimit, .systemFileLimit, .noSpace, .noBuffers, .accessDenied,
      .addressInUse, .notImplemented, .connectionAborted, .interrupted,
    ]
    for _ in 0..<random.below(6) {
      let place: FaultPlace
      switch random.below(4) {
      case 0: place = .bind(nil, random.pick([.socket, .bind, .listen, .link]))
      case 1: place = .watch(nil)
      case 2: place = .accept(nil)
      default: place = .spawn(nil, random.pick([.reportPipe, .clone, .streams, .group]))
      }
      let count: FaultCount
      switch random.below(4) {
      case 0: count = .times(1 + random.below(10))
      case 1: count = .after(random.below(20))
      case 2: count = .always
      default: count = .permille(random.below(500))
      }
      var fault = Fault(place, random.pick(errnos), count)
      fault.from = Instant(microseconds: random.time(0, 40_000_000))
      fault.until = fault.from + Interval(microseconds: random.time(0, 30_000_000))
      if !reduction.faults.contains(faultCount) { world.faults.append(fault) }
      faultCount += 1
    }
  }

  /// Lives the life.
  @discardableResult
  public func run() throws(Violation) -> Simulation {
    let world = simulation.world
    let start = world.time
    try simulation.run(until: start + Self.active)
    guard !simulation.isFinished, world.shutdownOrdered == nil else { return try finish() }
    world.faults = []
    world.chaos = Chaos()
    world.behaviour = { _, _, _ in Self.calmScript }
    world.commandBehaviour = nil
    if let last {
      simulation.failsToApply = { false }
      world.disk = last
      world.request(.apply)
    }
    try simulation.run(for: Self.calm)
    try simulation.checkRecovery()
    try checkManifest()
    world.request(.reboot)
    return try finish()
  }

  private func finish() throws(Violation) -> Simulation {
    try simulation.run(for: .seconds(120))
    guard simulation.world.power != nil else {
      throw simulation.failure(Violation(9, "the board did not end"))
    }
    for (index, request) in simulation.world.requests.enumerated()
    where request.answer == nil && !request.isGone && request.isHeard {
      let request = request.request
      let state = request.service.map { simulation.supervisor.state(of: Int($0)) }
      let what = "\(request.action) of service \(request.service ?? .max), \(state ?? .invalid) now"
      throw simulation.failure(
        Violation(5, "request \(index) was never answered: \(what)"))
    }
    return simulation
  }

  // The last order has been carried out.
  private func checkManifest() throws(Violation) {
    guard let last else { return }
    let manifest = simulation.world.manifest
    var isSame = !manifest.isLeaving && manifest.services.count == last.services.count
    for index in last.services.indices where isSame {
      isSame = manifest.services[index].digest == last.services[index].digest
    }
    if !isSame { throw simulation.failure(Violation(15, "the manifest is not in force")) }
    for request in simulation.world.requests
    where request.request.action == .apply && !request.isGone && request.answer?.code != .done {
      throw simulation.failure(
        Violation(
          15, "\(request.client) is not told that the manifest is applied"))
    }
  }

  /// The same life under the real driver, without the checkers that need to stand inside the loop.
  public func runWithDriver() -> World {
    let world = simulation.world
    var driver = Driver(
      kernel: world, supervisor: simulation.anotherSupervisor(), start: world.time)
    let start = world.time
    var phase = 0
    world.horizon = start + Self.active
    while world.power == nil {
      if world.time >= world.horizon || isStuck(world, driver.supervisor.nextDeadline) {
        if world.time < world.horizon { world.skip(to: world.horizon) }
        phase += 1
        switch phase {
        case 1 where world.shutdownOrdered == nil:
          world.faults = []
          world.chaos = Chaos()
          world.behaviour = { _, _, _ in Self.calmScript }
          world.commandBehaviour = nil
          world.horizon = world.time + Self.calm
        case 2 where world.shutdownOrdered == nil:
          world.request(.reboot)
          world.horizon = world.time + .seconds(120)
        case 1:
          phase = 2
          world.horizon = world.time + .seconds(120)
        default: return world
        }
        continue
      }
      do {
        guard try driver.turn() else { break }
      } catch { break }
    }
    return world
  }

  private func isStuck(_ world: World, _ deadline: Instant?) -> Bool {
    world.hasStarted && world.isQuiet(until: deadline)
  }
}
