public import ApusBase
internal import ApusManifest
internal import ApusWire

/// The loop around the supervisor: kernel readiness in, effects out, listings served.
///
/// One turn waits once, hands every event to the supervisor and performs what it asks for. All
/// memory is made in `init`.
public struct Driver<K: Kernel & ~Copyable>: ~Copyable {
  /// The operating system.
  public var kernel: K
  /// The state machine.
  public private(set) var supervisor: Supervisor
  var timeline: Timeline
  var cursors: InlineArray<16, ListingCursor>
  var frame: ByteWriter
  var history: StateHistory
  /// For one service's status.
  var status = ByteWriter(capacity: Frame.statusLimit)
  private var events: EventBuffer
  private var effects: EffectBuffer
  /// Outcomes that are being stepped, and those that come of them. Supervisor bounds binds and
  /// spawns in flight, so that few do.
  private var outcomes: EventBuffer
  private var following: EventBuffer
  private var record = FieldCodec(capacity: Supervisor.slotBytes)
  /// Who asked for another program, which comes after the turn: nobody, where a manifest is applied.
  private var replacing: ClientID??
  private var hasBegun = false
  /// Turns in which work was left over; bounded so that no source starves.
  private static var stepsPerTurn: Int { 256 }

  /// Joins the two. `start` is when apus itself started; `timeline` what it did since.
  public init(
    kernel: consuming K, supervisor: consuming Supervisor, start: Instant,
    timeline: Timeline? = nil
  ) {
    self.timeline =
      timeline
      ?? Timeline(
        setup: Rows(), start: start, services: supervisor.serviceCount(),
        capacity: Supervisor.timelineCapacity(of: supervisor.manifest))
    history = StateHistory(of: supervisor)
    self.kernel = kernel
    self.supervisor = supervisor
    cursors = InlineArray(repeating: ListingCursor())
    frame = ByteWriter(capacity: Limits.frame)
    events = EventBuffer(capacity: 2 * Limits.eventsPerTurn)
    effects = EffectBuffer(capacity: Supervisor.effectsPerStep)
    outcomes = EventBuffer(capacity: Supervisor.effectsPerStep)
    following = EventBuffer(capacity: Supervisor.effectsPerStep)
  }

  /// What is known of a service.
  public func report(service: Int) -> ServiceReport? { supervisor.report(service: service) }

  /// One turn; false once the supervisor is finished.
  public mutating func turn() throws(Errno) -> Bool {
    if hasBegun {
      events.removeAll()
      try kernel.wait(until: supervisor.nextDeadline, into: &events)
      for index in events.elements.indices { take(events.elements[index]) }
    }
    deliver(hasBegun ? .tick : .begin)
    hasBegun = true
    settle()
    sendEvents()
    if let client = replacing {
      replacing = nil
      replaceProgram(for: client)
    }
    return !supervisor.isFinished
  }

  /// Turns until the end.
  public mutating func run() throws(Errno) { while try turn() {} }

  /// Goes on while the supervisor has work of its own, within bounds.
  private mutating func settle() {
    for _ in 0..<Self.stepsPerTurn {
      guard supervisor.hasWork else { return }
      deliver(.tick)
    }
  }

  private mutating func take(_ event: Event) {
    switch event {
    case .listing(let client, let listing, let service): list(client, listing, service)
    case .clientWritable(let client): continueListing(client)
    case .refused(let client, let code): refuse(client, code)
    case .clientGone(let client):
      cursors[Int(client.slot) % Limits.clients].isActive = false
      deliver(event)
    default: deliver(event)
    }
  }

  /// Steps, and performs what that asks for; an outcome is stepped before the next event.
  @inline(never)
  private mutating func deliver(_ event: Event) {
    following.append(event)
    while !following.elements.isEmpty {
      // One outcome may lead to the next for long, as when thousands of listeners are bound, so
      // those that are stepped make room for what comes of them.
      swap(&outcomes, &following)
      following.removeAll()
      for index in outcomes.elements.indices { step(outcomes.elements[index]) }
    }
  }

  private mutating func step(_ event: Event) {
    noteMoment(event)
    effects.removeAll()
    supervisor.step(event, now: kernel.now, into: &effects)
    // Before the effects, so that what is written is never behind what is done.
    while let slot = supervisor.writeChanged(into: &record) {
      kernel.keep(slot: slot, record)
      noteState(slot)
    }
    for index in effects.elements.indices { perform(effects.elements[index]) }
  }

  /// Goes on as the program that is now at apus's path; the answer comes before that.
  @inline(never)
  private mutating func replaceProgram(for client: ClientID?) {
    if let client {
      if let errno = kernel.replaceProgram(.look) {
        return send(
          Answer(.failed, service: nil, reason: Reason(.notReplaced, value: errno.code)), to: client
        )
      }
      send(Answer(.done, service: nil, reason: .none), to: client)
    }
    if let errno = kernel.replaceProgram(client == nil ? .apply : .replace) {
      let reason = Reason(.notReplaced, value: errno.code)
      take(kernel.perform(.log(Message(.waiting, reason: reason))))
    }
  }

  private mutating func perform(_ effect: Effect) {
    switch effect {
    case .replaceProgram(let client): replacing = .some(client)
    case .answer(let client, let answer): return send(answer, to: client)
    case .bootFinished: finishTimeline()
    case .bind(let listener) where isBooting:
      let start = kernel.readClock()
      let outcome = kernel.perform(effect)
      keep(timeline.add(.bind, listener, at: start, until: kernel.readClock()))
      return take(outcome)
    case .spawn(let id, let service)
    where isBooting && Int(id.slot) < supervisor.manifest.services.count:
      begin(.start, Int(service), at: kernel.readClock())
    case .run(let id, let service, _, _) where isBooting && supervisor.runsBeforeStart(id):
      begin(.pre, Int(service), at: kernel.readClock())
    default: break
    }
    take(kernel.perform(effect))
  }

  private mutating func take(_ outcome: Outcome) {
    if case .event(let event) = outcome { following.append(event) }
  }
}
