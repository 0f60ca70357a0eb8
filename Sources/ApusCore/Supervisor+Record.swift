internal import ApusBase
internal import ApusManifest
internal import ApusWire

/// What the kernel layer still holds for a slot of the record after apus was executed anew.
public struct HeldResources: Sendable {
  /// A child of ours, 0 for none.
  public var pid: Int32
  /// The life it belongs to.
  public var generation: UInt32
  /// True when there is a descriptor: a bound listener, an accepted connection.
  public var isOpen: Bool
  /// How the child ended that was reaped while nobody supervised.
  public var end: ExitReport?
  /// The same of a service's helper.
  public var helperPid: Int32 = 0
  public var helperGeneration: UInt32 = 0
  public var helperEnd: ExitReport?

  /// What is held.
  public init(
    pid: Int32 = 0, generation: UInt32 = 0, isOpen: Bool = false, end: ExitReport? = nil
  ) {
    self.pid = pid
    self.generation = generation
    self.isOpen = isOpen
    self.end = end
  }
}

// What lasts when apus is executed anew, after a crash or for an upgrade. A slot has the number of
// its deadline: services, listeners, connections, the board.
//
// The record is written between a step and its effects. So the state is never behind what has been
// done, and what was still to be done is found by comparing it with what the kernel holds.
extension Supervisor {
  /// Bytes of the largest slot.
  public static let slotBytes = 181

  /// What is said of a process that ended without anybody seeing how.
  private static var unseenEnd: ExitReport { ExitReport(isSignal: true, number: 9) }

  /// Since when a state lasts of which the record says nothing.
  private static var sinceUnknown: Instant { Instant(microseconds: 1) }

  /// How many slots there are.
  public var slotCount: Int { boardKey + 1 }

  /// Writes one slot that may have changed since it was written last, and says which; nil when all
  /// are up to date. The board's counts as changed by every step.
  @inline(never)
  public mutating func writeChanged(into codec: inout FieldCodec) -> Int? {
    codec.write()
    var slot = boardKey
    if let service = units.changedIndex {
      slot = service
      exchange(slot, &codec)
      units.unmark()
    } else if let listener = listeners.changedIndex {
      slot = deadlineKey(listener: listener)
      exchange(slot, &codec)
      listeners.unmark()
    } else if let connection = connections.changedIndex {
      slot = deadlineKey(connection: connection)
      exchange(slot, &codec)
      connections.unmark()
    } else if isBoardWritten {
      return nil
    } else {
      isBoardWritten = true
      exchange(slot, &codec)
    }
    return slot
  }

  /// Writes or reads a slot.
  @inline(never)
  private mutating func exchange(_ slot: Int, _ codec: inout FieldCodec) {
    if slot < units.count {
      units[slot].exchange(&codec)
    } else if slot < deadlineKey(connection: 0) {
      listeners[slot - units.count].exchange(&codec)
    } else if slot < boardKey {
      connections[slot - deadlineKey(connection: 0)].exchange(&codec)
    } else {
      exchangeBoard(&codec)
    }
    var moment = deadlines.moment(of: slot) ?? .never
    codec.field(&moment)
    if codec.isReading { deadlines.set(slot, to: moment) }
    if slot == boardKey {
      codec.field(&isBootGood)
      codec.field(&failedBoots)
    }
  }

  private mutating func exchangeBoard(_ codec: inout FieldCodec) {
    codec.field(&phase)
    codec.field(&power)
    codec.field(&hasFinishedBoot)
    var place = UInt16(truncatingIfNeeded: cursor)
    codec.field(&place)
    cursor = Int(place)
    codec.field(&seed)
    // An order that comes while services end is for the program after the next.
    var again = wantsApply && manifest.isLeaving
    codec.field(&again)
    if codec.isReading { wantsApply = again }
  }

  /// Takes a slot back, in a supervisor that has not begun; true when what is held belongs to it.
  ///
  /// `codec` is ready to be read, with no bytes when the record's were torn. Slots are restored in
  /// their order; then `Event.begin` sets everything going again.
  @inline(never)
  public mutating func restore(
    slot: Int, from codec: inout FieldCodec, held: HeldResources
  ) -> Bool {
    isResumed = true
    exchange(slot, &codec)
    if slot < units.count { return restore(service: slot, isTorn: codec.count == 0, held) }
    if slot < deadlineKey(connection: 0) {
      listeners[slot - units.count].isBound = held.isOpen
    } else if slot < boardKey {
      return restore(connection: slot - deadlineKey(connection: 0), held)
    } else if codec.count == 0 {
      phase = .running
      hasFinishedBoot = true
    }
    return true
  }

  private mutating func restore(service: Int, isTorn: Bool, _ held: HeldResources) -> Bool {
    if units[service].isLeaving, !manifest.isLeaving { return renew(service) }
    if isTorn {
      // Torn. A child that is there is what the service is meant to be.
      units[service].generation = held.generation
      units[service].since = Self.sinceUnknown
      units[service].isAlive = held.pid > 0
      units[service].state = held.pid > 0 ? .ready : .stopped
      units[service].goal = held.pid > 0 ? .up : initialGoal(service)
      units[service].hasSucceeded = held.pid > 0
    }
    if units[service].isBootPending { bootPending += 1 }
    restoreHelper(service, held)
    guard units[service].isAlive else { return false }
    if units[service].stopStage != .abandoned { lives += 1 }
    if units[service].isInFlight { inFlight += 1 }
    // Another main process that the supervisor has not been told of.
    if held.generation == units[service].generation &+ 1 { units[service].generation &+= 1 }
    guard units[service].generation == held.generation else { return false }
    units[service].pid = held.pid
    units[service].missedEnd = held.end
    return true
  }

  private mutating func restore(connection index: Int, _ held: HeldResources) -> Bool {
    let place = Int(listenerPlaces.at(Int(connections[index].listener)) ?? .max)
    let service = place < listeners.count ? Int(manifest.listeners[place].service) : -1
    guard connections[index].stage != .free, service >= 0, manifest.services[service].accepts else {
      connections[index].stage = .free
      return false
    }
    connections[index].listener = UInt16(truncatingIfNeeded: place)
    connections[index].service = UInt16(truncatingIfNeeded: service)
    let connection = connections[index]
    units[service].connections &+= 1
    lives += 1
    if connection.stage == .inFlight {
      inFlight += 1
      units[service].connectionsInFlight &+= 1
    }
    guard connection.generation == held.generation else { return false }
    connections[index].pid = held.pid
    // Accepted, and its process not made yet: without the descriptor there is nothing to serve.
    if connection.stage == .held {
      if !held.isOpen { connections[index].stage = .queued }
    } else if held.pid == 0, held.isOpen {
      if connection.stage == .inFlight {
        inFlight -= 1
        units[service].connectionsInFlight &-= 1
      }
      connections[index].stage = .queued
      starts.push(units.count + index)
    }
    return true
  }

  /// Brings the state together with what the kernel has kept, in the first step of the new program.
  ///
  /// A start that was under way counts as made when the child exists, and is made again otherwise.
  @inline(never)
  mutating func resume() {
    switch phase {
    case .idle, .binding:
      // Once more from the start: what is bound says so at once.
      for index in listeners.indices { listeners[index].isBound = false }
      cursor = 0
      phase = .binding
    case .stopping: cursor = 0
    case .ended:
      phase = .killing
      deadlines.set(boardKey, to: now)
    case .starting, .running, .terminating, .killing: break
    }
    // Nobody may be waiting for it.
    if manifest.system.minimumUptime > .zero {
      deadlines.set(uptimeKey, to: .zero + manifest.system.minimumUptime)
    }
    for index in connections.indices where connections[index].stage != .free {
      let id = instance(connection: index)
      if connections[index].pid > 0 {
        if connections[index].stage != .running { handle(.executed(id)) }
      } else if connections[index].stage == .held {
        if deadlines.moment(of: deadlineKey(connection: index)) == nil { connectionDue(index) }
      } else if connections[index].stage != .queued || !starts.contains(units.count + index) {
        handle(.exited(id, Self.unseenEnd))
      }
    }
    for index in listeners.indices
    where phase != .binding && !listeners[index].isBound
      && deadlines.moment(of: deadlineKey(listener: index)) == nil
      && !isInert(Int(manifest.listeners[index].service))
    {
      deadlines.set(deadlineKey(listener: index), to: now)
    }
    for service in units.indices {
      if units[service].since == .zero {
        // New in the manifest.
        units[service].since = now
        if !isInert(service) { announce(service) }
      }
      if manifest.services[service].flags.contains(.leaving) { leave(service) }
      let lost = lostHelper(service)
      if units[service].isAlive { resume(service) } else { restTorn(service) }
      resumeIdle(service)
      resumeHelper(service, lost: lost)
      setRunDeadline(service)
      armTimer(service)
      work.push(service)
    }
    if phase == .running, bootPending > 0 {
      deadlines.set(boardKey, to: now + .seconds(15))
    }
  }

  /// When it has ended, and how often, is lost with a torn slot: one pause for that.
  private mutating func restTorn(_ service: Int) {
    guard units[service].since == Self.sinceUnknown, units[service].goal != .down,
      !manifest.services[service].accepts, !isInert(service),
      phase == .starting || phase == .running
    else { return }
    backOff(service, .none, in: manifest.restart(of: manifest.services[service]).delay)
  }

  /// Looks begin anew; what was frozen goes on, unless it is to end if nobody is there.
  private mutating func resumeIdle(_ service: Int) {
    guard units[service].isAlive else {
      units[service].frozenUntil = .never
      return
    }
    if units[service].frozenUntil != .never, units[service].stopStage == .signalled {
      return freeze(service)
    }
    thaw(service)
    if units[service].state == .ready { watchIdle(service) }
  }

  @inline(never)
  private mutating func resume(_ service: Int) {
    let end = units[service].missedEnd
    units[service].missedEnd = nil
    if units[service].pid > 0 {
      if units[service].isInFlight { handle(.executed(instance(service))) }
    } else if units[service].isInFlight, end == nil {
      landed(service)
      lives -= 1
      units[service].isAlive = false
      units[service].stopStage = .none
      clearAlarm(service)
    } else {
      // Its end was seen by nobody who understands it, or by nobody at all.
      handle(.exited(instance(service), end ?? Self.unseenEnd))
    }
  }
}
