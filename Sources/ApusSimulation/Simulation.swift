public import ApusBase
public import ApusCore
public import ApusManifest
public import ApusWire

/// A supervisor and the world it lives in, with the invariants checked after every step.
///
/// The loop is that of `Driver`; it is written out here because the checkers must look between two
/// steps, and because `tamper` must be able to stand between the two sides.
public final class Simulation {
  /// The fake operating system.
  public let world: World
  /// The one under test.
  public internal(set) var supervisor: Supervisor
  /// Stands between the supervisor and the world and may drop, change or add effects: a bug on
  /// purpose, which the checkers must find.
  public var tamper: ((Effect) -> [Effect])?
  /// Changes what the supervisor says of its next deadline: another bug on purpose.
  public var tamperDeadline: ((Instant?) -> Instant?)?
  /// Steps taken so far.
  public private(set) var steps = 0

  /// Asked after every turn whether another supervisor takes over; with it a record is kept.
  public var replaces: (() -> Bool)?
  /// Whether a record is kept for manifests that are applied.
  public var appliesManifests = false
  /// Asked each time a program is to be executed to apply a manifest; true when that fails.
  public var failsToApply: () -> Bool = { false }
  /// Slots whose bytes are lost at a take-over.
  public var isTorn: (Int) -> Bool = { _ in false }
  /// Changes what is written down of a slot: a record that says something else than what is.
  public var tamperRecord: ((Int, [UInt8]) -> [UInt8])?
  var record = Pairs<Int, [UInt8]>()
  var codec = FieldCodec(capacity: Supervisor.slotBytes)

  private var effects = EffectBuffer(capacity: Supervisor.effectsPerStep)
  private var events = EventBuffer(capacity: 2 * Limits.eventsPerTurn)
  var checker: Checker
  private var hasBegun = false

  /// A world with that manifest, before its first event.
  public init(
    _ manifest: Manifest, seed: UInt64 = 1, mode: SupervisorMode = .system,
    traceLimit: Int = 1 << 16, supervisor: consuming Supervisor? = nil
  ) {
    world = World(manifest: manifest, seed: seed, traceLimit: traceLimit)
    if let supervisor {
      self.supervisor = supervisor
    } else {
      self.supervisor = Supervisor(manifest: manifest, mode: mode, seed: seed)
    }
    self.supervisor.endsWithMain = mode == .user
    checker = Checker(manifest: manifest, mode: mode)
  }

  /// What the supervisor knows of a service.
  public func report(service: ServiceIndex) -> ServiceReport? {
    supervisor.report(service: service)
  }

  /// What the supervisor knows of a listener.
  public func report(listener: ListenerIndex) -> ListenerReport? {
    supervisor.report(listener: listener)
  }

  /// What the supervisor knows of a connection.
  public func report(connection: Int) -> ConnectionReport? {
    supervisor.report(connection: connection)
  }

  /// The state of a service.
  public func state(of service: ServiceIndex) -> ServiceState { supervisor.state(of: service) }

  /// A supervisor like this one before its first event, for the real driver over the same world.
  public func anotherSupervisor() -> Supervisor {
    var other = Supervisor(manifest: world.manifest, mode: supervisor.mode, seed: world.seed)
    other.endsWithMain = supervisor.endsWithMain
    return other
  }

  private var nextDeadline: Instant? {
    tamperDeadline.map { $0(supervisor.nextDeadline) } ?? supervisor.nextDeadline
  }

  /// True after the power effect.
  public var isFinished: Bool { world.power != nil }

  /// Runs until that moment, until the end of the board, or until nothing can happen any more.
  public func run(until moment: Instant) throws(Violation) {
    world.horizon = moment
    defer { world.horizon = .never }
    if !hasBegun {
      hasBegun = true
      world.recordDelivery(.begin)
      try deliver(.begin)
      try settle()
    }
    while !isFinished, world.time < moment {
      guard !world.isQuiet(until: nextDeadline) else {
        if moment < .never { world.skip(to: moment) }
        return
      }
      try turn()
    }
  }

  /// Runs for that long.
  public func run(for interval: Interval) throws(Violation) {
    try run(until: world.time + interval)
  }

  /// Runs until the condition holds; a violation when it does not within that time.
  public func run(
    within interval: Interval, until condition: (Simulation) -> Bool
  ) throws(Violation) {
    let limit = world.time + interval
    world.horizon = limit
    if !hasBegun { try run(until: world.time) }
    while !condition(self) {
      world.horizon = limit
      guard !isFinished, world.time < limit,
        !world.isQuiet(until: nextDeadline)
      else { throw failure(Violation(6, "what was waited for did not happen")) }
      try turn()
    }
  }

  private func turn() throws(Violation) {
    events.removeAll()
    do {
      try world.wait(until: nextDeadline, into: &events)
    } catch {
      throw failure(Violation(6, "nothing will ever happen again"))
    }
    for event in events.elements {
      try deliver(event)
      if isFinished { break }
    }
    if !isFinished { try deliver(.tick) }
    try settle()
    try stopAtViolation()
    if let violation = checker.afterTurn(world, supervisor) { throw failure(violation) }
    while !isFinished, world.isApplying { try applyManifest() }
    if !isFinished, replaces?() == true { try replaceSupervisor(isTorn: isTorn) }
  }

  func settle() throws(Violation) {
    for _ in 0..<256 {
      guard !isFinished, supervisor.hasWork else { return }
      try deliver(.tick)
    }
  }

  func deliver(_ event: Event) throws(Violation) {
    var queue = [event]
    var next = 0
    while next < queue.count {
      let event = queue[next]
      next += 1
      world.note(event)
      effects.removeAll()
      supervisor.step(event, now: world.now, into: &effects)
      steps += 1
      if replaces != nil || appliesManifests { keepRecord() }
      if effects.dropped > 0 {
        throw failure(Violation(7, "effects did not fit: \(describe(event))"))
      }
      for effect in effects.elements {
        for real in tamper?(effect) ?? [effect] {
          if case .event(let answer) = world.perform(real) { queue.append(answer) }
        }
      }
      if next > 4096 { throw failure(Violation(7, "one event caused 4096 others")) }
      try stopAtViolation()
    }
    if !isFinished, let violation = checker.afterStep(world, supervisor) {
      throw failure(violation)
    }
  }

  private func stopAtViolation() throws(Violation) {
    if let violation = world.violations.first { throw failure(violation) }
  }

  func failure(_ violation: Violation) -> Violation {
    var violation = violation
    violation.context =
      "seed \(world.seed), step \(steps), the last lines:\n\(world.trace.tail(40))"
    return violation
  }
}
