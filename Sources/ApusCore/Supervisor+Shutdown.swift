internal import ApusBase
internal import ApusManifest
internal import ApusWire

/// Seven presses in two seconds mean that somebody is in despair.
struct CtrlAltDel: Sendable {
  private var first = Instant.zero
  private var count = 0

  /// Counts a press; true on the seventh within two seconds of the first.
  mutating func press(_ now: Instant) -> Bool {
    if count == 0 || now - first > .seconds(2) {
      first = now
      count = 0
    }
    count += 1
    return count >= 7
  }
}

// The end of the board; rule 8 of the supervisor.
extension Supervisor {
  /// Time kept of `shutdownTimeout` for TERM to everything that is not a service.
  private var terminateTime: Interval { share(of: 4, atMost: .seconds(2)) }
  /// The same for KILL.
  private var killTime: Interval { share(of: 8, atMost: .seconds(1)) }

  private func share(of part: Int64, atMost most: Interval) -> Interval {
    min(most, Interval(microseconds: manifest.system.shutdownTimeout.microseconds / part))
  }

  /// Stops everything and then ends the board. Of several orders the first counts; another one is
  /// refused and said.
  mutating func shutDown(_ action: PowerAction) {
    guard phase != .ended else { return }
    guard isFirst(action) else {
      out.append(.log(Message(.powerRefused, reason: refusal(of: action))))
      return
    }
    guard !isGoingDown else { return }
    power = own(action)
    phase = .stopping
    cursor = 0
    answerWaiters(of: Int(UInt16.max))
    out.append(.log(Message(.shutdown, reason: Reason(.shutdown, value: Int32(power.rawValue)))))
    let total = manifest.system.shutdownTimeout
    // Nothing else is to be ended where the board is not apus's.
    let rest = mode == .user ? .zero : terminateTime + killTime
    deadlines.set(boardKey, to: now + (total - rest))
  }

  /// Ends the board without stopping anything, whatever was ordered before.
  mutating func powerNow(_ action: PowerAction) {
    guard phase != .ended else { return }
    if !isGoingDown || power != own(action) {
      power = own(action)
      out.append(.log(Message(.shutdown, reason: Reason(.shutdown, value: Int32(power.rawValue)))))
    }
    finish()
  }

  /// How apus itself ends for that order: where it has no board, in one way only.
  private func own(_ action: PowerAction) -> PowerAction { mode == .user ? .exit : action }

  /// True for an order that no other one has come before.
  func isFirst(_ action: PowerAction) -> Bool { !isGoingDown || power == own(action) }

  /// Why an order that is not the first is refused.
  func refusal(of action: PowerAction) -> Reason {
    Reason(.powerOrdered, step: action.rawValue, value: Int32(power.rawValue))
  }

  /// Looks whether a phase of the end is over.
  mutating func settlePhase() {
    finishBootIfSettled()
    settleApply()
    guard phase == .stopping, cursor >= units.count, lives <= 0, work.isEmpty else { return }
    terminateOthers()
  }

  private mutating func terminateOthers() {
    guard mode == .system else { return finish() }
    phase = .terminating
    out.append(.signalEveryone(number: 15))
    deadlines.set(boardKey, to: now + terminateTime)
  }

  private mutating func killOthers() {
    phase = .killing
    out.append(.signalEveryone(number: 9))
    deadlines.set(boardKey, to: now + killTime)
  }

  /// No child is left.
  mutating func childless() {
    if phase == .terminating || phase == .killing { finish() }
  }

  /// The board's own deadline.
  mutating func boardDue() {
    switch phase {
    case .idle, .binding, .ended: break
    case .starting, .running: bootPending = 0
    case .stopping:
      sayWhatIsLeft()
      if mode == .system { terminateOthers() } else { killAndFinish() }
    case .terminating: killOthers()
    case .killing: finish()
    }
  }

  private mutating func sayWhatIsLeft() {
    for service in units.indices
    where units[service].isAlive && out.elements.count < Self.effectReserve {
      out.append(log(.leftBehind, service, Reason(.none, value: units[service].pid)))
    }
    // Whoever waits for one of them would wait until the end.
    for waiter in waiters { answer(waiter.client, .failed, Int(waiter.service), Reason(.shutdown)) }
    waiters.removeAll(keepingCapacity: true)
  }

  /// Without the board to itself apus ends its own processes and goes.
  private mutating func killAndFinish() {
    for service in units.indices
    where units[service].isAlive && out.elements.count < Self.effectReserve {
      out.append(.signal(instance(service), number: 9, scope: .all))
    }
    finish()
  }

  private mutating func finish() {
    guard phase != .ended else { return }
    phase = .ended
    out.append(.power(power))
  }

  /// A signal to apus itself.
  mutating func signal(_ number: UInt8) {
    if number == 1 { wantsApply = true }
    guard mode == .system else {
      if number == 15 || number == 2 { shutDown(.exit) }
      return
    }
    switch number {
    case 15, 39: shutDown(.reboot)
    case 10, 37: shutDown(.halt)
    case 12, 38: shutDown(.poweroff)
    case 30: obey(manifest.system.powerFail)
    case 40: shutDown(.kexec)
    case 47: powerNow(.halt)
    case 48: powerNow(.poweroff)
    case 49: powerNow(.reboot)
    case 50: powerNow(.kexec)
    case 2: ctrlAltDel()
    default: break
    }
  }

  private mutating func ctrlAltDel() {
    if ctrlAltDelTimes.press(now) { return powerNow(.reboot) }
    obey(manifest.system.ctrlAltDel)
  }

  private mutating func obey(_ action: CtrlAltDelAction) {
    switch action {
    case .reboot: shutDown(.reboot)
    case .poweroff: shutDown(.poweroff)
    case .ignore: break
    case .service(let service): order(.start, Int(service))
    }
  }
}
