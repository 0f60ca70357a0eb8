public import ApusBase
public import ApusManifest
public import ApusWire

/// Whether apus owns the board or is one process of it.
public enum SupervisorMode: UInt8, Sendable {
  /// PID 1 of a board: ends by reboot(2).
  case system
  /// `apus run`: ends by exiting, and signals nothing but its own services.
  case user
}

/// The pure state machine of apus: events in, effects out.
///
/// The rules, in full:
///
/// 1. Every service has a *goal*: `down`, `listen` or `up`. Requests, traffic and the manifest
///    change goals; `evaluate` is the only place that moves a service towards its goal.
/// 2. At boot every listener is bound before anything is started. A bind that fails is retried
///    after 1 s, doubling to 30 s, for ever.
/// 3. A service with goal `up` starts when what it `needs` is satisfied, what it `wants` or stands
///    `after` is settled, and its own listeners are bound. A service with pre-bound listeners
///    satisfies others once they are bound; it is not started for them.
/// 4. A listener is watched if and only if it is bound, not paused, and its service is `listening`
///    (for `accept`: has room for one more connection). It is unwatched before its service starts.
/// 5. A slot has one life at a time: from the `spawn` effect to the `release` effect. At most
///    `spawnPlaces` lives are between clone3(2) and execve(2); others queue.
/// 6. An end that was not asked for is judged by the restart table; a well one before readiness is a
///    failed start. Then the service rests in `backoff`, longer each time until it runs healthily:
///    only an operator starts it sooner, whatever else asks. One that listens and is not to be
///    started again goes back to `listening` after that, so that its sockets come back alone.
/// 7. A stop sends the stop signal after those that depend on the service are gone, KILL after the
///    timeout, and gives the process up ten seconds later; only its exit ends the life.
/// 8. Shutdown sets every goal to `down`; from then on nothing starts, whatever happens.
/// 9. A service may have one helper at a time, a process that runs one of its commands in a slot of
///    its own: `pre` before the start, `post` after the end, both with the service down; looks at
///    whether it is ready, `started` before it counts as that, `reload.exec` and `stop.exec` beside
///    its main process.
/// 10. A `forking` service is up when its first process has exited 0 and left another, which is the
///    main process from then on; its life goes on under the next generation, so that a late word of
///    the process before is not taken for one of this.
/// 11. A demand service that nobody is connected to is frozen, looked at once more, and stopped if
///    there is still nobody; see `Supervisor+Idle.swift`.
/// 12. Every not-running service has a deadline, a watched listener, something it waits for, or a
///    stated reason to be down.
public struct Supervisor: ~Copyable, Sendable {
  /// What the board is doing.
  enum Phase: UInt8, Sendable {
    case idle
    case binding
    case starting
    case running
    /// Services are being stopped.
    case stopping
    /// Everything else was sent TERM.
    case terminating
    /// Everything was sent KILL.
    case killing
    case ended
  }

  /// What the services are.
  public let manifest: Manifest
  /// Whether apus owns the board.
  public let mode: SupervisorMode
  /// Whether apus ends when a service marked `main` ends for good: never on a board.
  public var endsWithMain = false
  /// Events of an earlier life, counted and dropped.
  public internal(set) var staleEvents: UInt64 = 0

  var units: TrackedTable<Unit>
  var listeners: TrackedTable<ListenerUnit>
  var connections: TrackedTable<Connection>
  var waiters: Rows<Waiter> = Rows()
  var dependents: Dependents
  /// The first slot of helpers, one for each service.
  let helperBase: Int
  /// Keys: services, then listeners, then connections, then the board.
  var deadlines: DeadlineHeap
  /// Services to evaluate.
  var work: SlotQueue
  /// Slots that wait to be spawned.
  var starts: SlotQueue
  var out: EffectBuffer
  var now = Instant.zero
  var phase = Phase.idle
  /// Where a phase that goes through all services or listeners stands.
  var cursor = 0
  var bindsOutstanding = 0
  var inFlight = 0
  /// Those of them of which the kernel has not said whether there is one.
  var unanswered = 0
  /// How many children may be before their execve(2).
  public let spawnPlaces: Int
  /// Lives that have not been released nor given up.
  var lives = 0
  var bootPending = 0
  var hasFinishedBoot = false
  /// True once the boot was good; see `system.bootAttempts`.
  public internal(set) var isBootGood = false
  /// How many boots before this one were not.
  var failedBoots: UInt16
  var power = PowerAction.exit
  var ctrlAltDelTimes = CtrlAltDel()
  /// True when slots were restored: the first event resumes instead of booting.
  var isResumed = false
  /// False from each step until the board's slot of the record has been written.
  var isBoardWritten = false
  /// True when the wall clock is to be read at the end of the step.
  var wantsClock = false
  /// Until when reclaimable services are looked at: memory was short.
  var pressureUntil = Instant.zero
  /// How long the hardware watchdog waits, and when it is put off if anything happens; never without
  /// one.
  var watchdogTimeout = Interval.never
  var watchdogDue = Instant.never
  private var random: UInt64
  /// Where the jitter of calendar timers comes from.
  var seed: UInt64
  /// True from the order to apply the manifest on the disk until another program looks at it.
  var wantsApply = false
  /// Where the listeners of the program before this one are now, in their order there; the largest
  /// number for nowhere.
  var listenerPlaces: Rows<UInt16> = Rows()

  /// Prepares the state of every service; nothing happens before `Event.begin`.
  ///
  /// All memory is made here. `seed` is for jitter: the same seed gives the same delays.
  public init(manifest: Manifest, mode: SupervisorMode, seed: UInt64) {
    self.manifest = manifest
    self.mode = mode
    failedBoots = manifest.failedBoots
    random = seed | 1
    self.seed = seed
    units = TrackedTable(repeating: Unit(), count: manifest.services.count)
    listeners = TrackedTable(repeating: ListenerUnit(), count: manifest.listeners.count)
    var places = 0
    for service in manifest.services where service.accepts {
      places += Int(service.maxConnections)
    }
    connections = TrackedTable(repeating: Connection(), count: min(places, Limits.connections))
    dependents = Dependents(manifest: manifest)
    helperBase = units.count + connections.count
    let helpers = Self.usesHelpers(manifest) ? units.count : 0
    spawnPlaces = Self.spawnPlaces(of: manifest)
    let slots = helperBase + helpers
    deadlines = DeadlineHeap(keys: helperBase + listeners.count + 4 + 2 * units.count)
    work = SlotQueue(slots: units.count)
    starts = SlotQueue(slots: slots)
    out = EffectBuffer(capacity: Self.effectsPerStep)
    waiters.reserveCapacity(Limits.clients)
    declareWatchdog()
  }

  /// The most effects one step produces.
  public static let effectsPerStep = 192
  /// Work stops for this step when fewer effects than the largest single deed fit.
  static let effectReserve = 96

  /// When `step(.tick)` is due; nil when nothing will happen by itself.
  public var nextDeadline: Instant? { hasWork ? .zero : deadlines.earliest }

  /// True when `step(.tick)` should be called without waiting for anything.
  public var hasWork: Bool {
    !work.isEmpty || phase == .binding && cursor < listeners.count || phase == .starting
      || phase == .stopping && cursor < units.count
      || !starts.isEmpty && inFlight < spawnPlaces && unanswered < Limits.spawnsAtOnce
  }

  /// True once the end of the board has been ordered.
  public var isGoingDown: Bool { phase.rawValue >= Phase.stopping.rawValue }

  /// True after the `power` effect: nothing more will come.
  public var isFinished: Bool { phase == .ended }

  /// Takes one event and says what is to be done about it.
  ///
  /// `effects` must be empty and made with `effectsPerStep`; they are performed in order.
  public mutating func step(_ event: Event, now: Instant, into effects: inout EffectBuffer) {
    self.now = now
    isBoardWritten = false
    swap(&out, &effects)
    handle(event)
    if now >= watchdogDue { petWatchdog() }
    for _ in 0..<Limits.eventsPerTurn where out.elements.count < Self.effectReserve {
      guard phase != .ended, let key = deadlines.pop(until: now) else { break }
      expire(key)
    }
    advance()
    swap(&out, &effects)
  }

  mutating func handle(_ event: Event) {
    guard phase != .ended else { return }
    switch event {
    case .begin: begin()
    case .tick: break
    case .readable(let listener): readable(Int(listener))
    case .brokenListener(let listener):
      guard listeners.at(Int(listener))?.isWatched == true else {
        staleEvents &+= 1
        return
      }
      broken(Int(listener))
    case .shutDownListener(let listener): broken(Int(listener))
    case .nodesChanged(let listener):
      if listeners.indices.contains(Int(listener)) { lookAtNodes(from: Int(listener)) }
    case .nodeLost(let listener, let what): nodeLost(Int(listener), what)
    case .nodesSeen(let service): nodesSeen(Int(service))
    case .inspected(let listener, let mark, let isGone): inspected(Int(listener), mark, isGone)
    case .networkChanged: networkChanged()
    case .bound(let listener): bound(Int(listener))
    case .bindFailed(let listener, let step, let errno, let place):
      let value = Int32(min(place, 0x7fff)) << 16 | errno.code
      bindFailed(Int(listener), Reason(.bindFailed, step: step.rawValue, value: value))
    case .watchFailed(let listener, let errno):
      watchFailed(Int(listener), Reason(.watchFailed, value: errno.code))
    case .accepted(let id, let listener, let source): accepted(id, Int(listener), source)
    case .acceptFailed(let id, let listener, let errno): acceptFailed(id, Int(listener), errno)
    case .spawned(let id, let pid): spawned(id, pid)
    case .spawnRefused(let id, let step, let errno):
      spawnRefused(id, startFailure(id, step, errno), errno)
    case .executed(let id): executed(id)
    case .notified(let id, let notice): notified(id, notice)
    case .noticesRefused(let id, let foreign, let malformed): refused(id, foreign, malformed)
    case .executionFailed(let id, let step, let errno):
      executionFailed(id, startFailure(id, step, errno))
    case .exited(let id, let report): exited(id, report)
    case .adopted(let id, let pid): adopted(id, pid)
    case .orphanReaped: break
    case .childless: childless()
    case .signal(let number): signal(number)
    case .request(let client, let request): self.request(client, request)
    case .listing, .clientWritable, .refused: break
    case .clientGone(let client): clientGone(client)
    case .clock(let offset): clock(offset)
    case .idle(let id, let found, let kilobytes): idle(id, found, kilobytes)
    case .pressure: pressure()
    case .watchdogTimeout(let timeout): watchdogOpened(timeout)
    }
  }

  /// Bounded work that no single event owns: boot, shutdown, evaluations, queued starts.
  private mutating func advance() {
    guard phase != .ended else { return }
    advancePhase()
    // Goals are set for all before any is acted on, so that order holds at both ends.
    let isSettingGoals =
      phase == .binding || phase == .starting || phase == .stopping && cursor < units.count
    for _ in 0..<units.count where out.elements.count < Self.effectReserve {
      guard !isSettingGoals, let service = work.pop() else { break }
      evaluate(service)
    }
    pump()
    settlePhase()
    judgeBoot()
    if wantsClock {
      wantsClock = false
      out.append(.readClock)
    }
  }

  private mutating func expire(_ key: Int) {
    if key < units.count { return alarm(key) }
    if key < units.count + listeners.count { return listenerDue(key - units.count) }
    if key < units.count + listeners.count + connections.count {
      return connectionDue(key - units.count - listeners.count)
    }
    if key == boardKey { return boardDue() }
    if key == watchdogKey { return petWatchdog() }
    if key == uptimeKey { return longEnoughUp() }
    if key == goodKey { return }
    let rest = key - boardKey - 1
    if rest < units.count { overdue(rest) } else { timerDue(rest - units.count) }
  }

  /// A pseudo-random number below `bound` (xorshift64*); for jitter only.
  mutating func random(below bound: Int64) -> Int64 {
    random ^= random >> 12
    random ^= random << 25
    random ^= random >> 27
    guard bound > 0 else { return 0 }
    return Int64((random &* 0x2545_F491_4F6C_DD1D) >> 33) % bound
  }
}

extension Supervisor {
  /// The state of a service; `invalid` outside the table.
  public func state(of service: ServiceIndex) -> ServiceState {
    units.at(service)?.state ?? .invalid
  }

  /// How many lines the time line of a boot of this manifest has at most: binds, starts, moments of
  /// readiness and some more, as starts may have to be tried again.
  @inline(never) public static func timelineCapacity(of manifest: Manifest) -> Int {
    min(2048, 4 * manifest.services.count + manifest.listeners.count)
  }

  /// How many services there are; a method, because the driver owns the supervisor and must not copy
  /// it to count.
  @inline(never) func serviceCount() -> Int { units.count }

  /// What `status` tells of a service.
  public func report(service: ServiceIndex) -> ServiceReport? {
    guard let unit = units.at(service) else { return nil }
    return ServiceReport(
      state: unit.state, since: unit.since, reason: unit.reason, pid: unit.pid,
      instance: InstanceID(
        slot: UInt16(truncatingIfNeeded: service), generation: unit.generation),
      restarts: unit.restarts, lastExit: unit.lastExit, endedAt: unit.endedAt,
      nextStart: unit.alarm == .retry
        ? deadlines.moment(of: service)
        : unit.isAlive ? nil : deadlines.moment(of: deadlineKey(timer: service)),
      connections: unit.connections)
  }

  /// What `status` tells of a connection; nil for a free place.
  @inline(never)
  public func report(connection index: Int) -> ConnectionReport? {
    guard let connection = connections.at(index), connection.stage != .free else { return nil }
    let isHeld = connection.stage == .held
    return ConnectionReport(
      service: connection.service, number: connection.number,
      state: connection.isStopping
        ? .stopping : connection.stage == .running ? .ready : isHeld ? .backoff : .starting,
      since: connection.since,
      nextStart: isHeld ? deadlines.moment(of: deadlineKey(connection: index)) : nil,
      pid: connection.pid, instance: instance(connection: index), source: connection.source)
  }

  /// How many places for connections there are.
  public var connectionCount: Int { connections.count }

  /// What `list-sockets` tells of a listener.
  public func report(listener index: ListenerIndex) -> ListenerReport? {
    guard let listener = listeners.at(index), let declared = manifest.listeners.at(index),
      let unit = units.at(Int(declared.service))
    else { return nil }
    var state = ListenerState.paused
    var reason = listener.reason
    var until = deadlines.moment(of: deadlineKey(listener: index))
    if !listener.isBound || listener.lost.map({ $0 != .link }) ?? false {
      state = .error
    } else if listener.reason.kind == .lostNode, listener.isWatched || unit.isAlive {
      state = listener.isWatched ? .listening : .active
    } else if listener.isWatched {
      state = .listening
      reason = .none
    } else if unit.isAlive {
      state = .active
      reason = .none
    } else if !listener.isPaused {
      reason = unit.reason
      if unit.alarm == .retry { until = deadlines.moment(of: Int(declared.service)) }
    }
    return ListenerReport(
      state: state, reason: reason, accepted: listener.accepted, triggers: listener.triggers,
      pausedUntil: until,
      lastTrigger: listener.lastTrigger == .never ? nil : listener.lastTrigger,
      lastPeer: listener.lastPeer)
  }
}
