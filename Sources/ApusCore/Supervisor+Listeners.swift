internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Listeners: binding, watching, pausing; rule 4 of the supervisor.
extension Supervisor {
  static let firstBindDelay = Interval.seconds(1)
  /// How long a node that has been removed stays away.
  static let settleDelay = Interval.milliseconds(50)
  static let longestBindDelay = Interval.seconds(30)
  /// A daemon that ends well within this time ...
  static let shortRun = Interval.seconds(1)
  /// ... and whose listener is readable again this soon has not taken what woke it.
  private static let promptTrigger = Interval.milliseconds(20)

  mutating func bound(_ listener: Int) {
    guard listeners.at(listener)?.isBound == false else { return }
    settleBind()
    listeners[listener].begin()
    deadlines.clear(deadlineKey(listener: listener))
    if listeners[listener].reason != .none { tellLost(listener) }
    out.append(
      .log(
        Message(
          .bound, service: manifest.listeners[listener].service,
          listener: UInt16(truncatingIfNeeded: listener))))
    wakeOwner(of: listener)
  }

  mutating func bindFailed(_ listener: Int, _ reason: Reason) {
    guard listeners.indices.contains(listener) else { return }
    settleBind()
    let delay = grownDelay(of: listener)
    retry(listener, reason, in: delay)
    out.append(
      .log(
        Message(
          .bindFailed, service: manifest.listeners[listener].service,
          listener: UInt16(truncatingIfNeeded: listener), reason: reason,
          nextUs: delay.microseconds)))
    wakeOwner(of: listener)
  }

  private mutating func settleBind() {
    if phase == .binding { bindsOutstanding -= 1 }
  }

  /// Evaluates the owner, and those for whom "bound is enough".
  private mutating func wakeOwner(of listener: Int) {
    guard phase != .binding else { return }
    let service = Int(manifest.listeners[listener].service)
    work.push(service)
    wakeDependents(of: service)
  }

  func grownDelay(of listener: Int) -> Interval {
    let last = listeners[listener].delay
    return min(Self.longestBindDelay, max(Self.firstBindDelay, last + last))
  }

  mutating func retry(_ listener: Int, _ reason: Reason, in delay: Interval) {
    listeners[listener].delay = delay
    listeners[listener].reason = reason
    deadlines.set(deadlineKey(listener: listener), to: now + delay)
  }

  mutating func watchFailed(_ listener: Int, _ reason: Reason) {
    guard listeners.at(listener)?.isBound == true else { return }
    listeners[listener].isWatched = false
    pause(listener, reason, for: grownDelay(of: listener))
  }

  /// Error or hang-up with nothing to read: the socket is of no use any more and is made anew.
  mutating func broken(_ listener: Int) {
    guard listeners.at(listener)?.isBound == true, phase.rawValue <= Phase.running.rawValue else {
      return
    }
    unwatch(listener)
    out.append(.unbind(listener: UInt16(truncatingIfNeeded: listener)))
    listeners[listener].isBound = false
    retry(listener, Reason(.brokenListener), in: grownDelay(of: listener))
  }

  /// What lacked an interface, an address or an answer is tried again at once.
  mutating func networkChanged() {
    for index in listeners.indices
    where !listeners[index].isBound && listeners[index].reason.kind == .bindFailed
      && phase.rawValue <= Phase.running.rawValue
    {
      let errno = Errno(listeners[index].reason.value & 0xffff)
      guard errno.isOfNetwork || errno == .timedOut else { continue }
      deadlines.set(deadlineKey(listener: index), to: now)
    }
  }

  /// Keeps a listener unwatched for a while, and says why.
  mutating func pause(_ listener: Int, _ reason: Reason, for delay: Interval) {
    unwatch(listener)
    listeners[listener].isPaused = true
    listeners[listener].delay = delay
    retry(listener, reason, in: delay)
    out.append(
      .log(
        Message(
          .paused, service: manifest.listeners[listener].service,
          listener: UInt16(truncatingIfNeeded: listener), reason: reason,
          nextUs: delay.microseconds)))
  }

  /// A listener's deadline has come.
  mutating func listenerDue(_ listener: Int) {
    guard phase.rawValue <= Phase.running.rawValue else { return }
    if !listeners[listener].isBound {
      out.append(.bind(listener: UInt16(truncatingIfNeeded: listener)))
      return
    }
    let isLost = listeners[listener].lost != nil || listeners[listener].reason.kind == .lostNode
    listeners[listener].isPaused = false
    listeners[listener].reason = .none
    if isLost {
      listeners[listener].lost = nil
      listeners[listener].isLookDue = true
      lookAtNodes(from: listener)
    }
    watchIfIdle(listener)
  }

  mutating func watchAll(_ service: Int) {
    for index in manifest.services[service].listeners.indices { watchIfIdle(index) }
  }

  mutating func unwatchAll(_ service: Int) {
    for index in manifest.services[service].listeners.indices { unwatch(index) }
  }

  mutating func unwatch(_ listener: Int) {
    guard listeners.at(listener)?.isWatched == true else { return }
    listeners[listener].isWatched = false
    out.append(.unwatch(listener: UInt16(truncatingIfNeeded: listener)))
  }

  /// Watches a listener if rule 4 says so.
  mutating func watchIfIdle(_ index: Int) {
    guard let listener = listeners.at(index), listener.isBound, !listener.isWatched,
      !listener.isPaused, phase.rawValue <= Phase.running.rawValue
    else { return }
    let service = Int(manifest.listeners[index].service)
    guard units[service].state == .listening, units[service].goal == .listen else { return }
    guard !manifest.services[service].accepts || hasRoom(service) else { return }
    listeners[index].isWatched = true
    out.append(.watch(listener: UInt16(truncatingIfNeeded: index)))
  }

  /// Traffic on a watched listener.
  mutating func readable(_ index: Int) {
    guard let listener = listeners.at(index), listener.isWatched else {
      staleEvents &+= 1
      return
    }
    let service = Int(manifest.listeners[index].service)
    guard exceedsTrigger(index, service) == false else { return }
    if manifest.services[service].accepts { return acceptOne(index, service) }
    countTrigger(index)
    let restart = manifest.restart(of: manifest.services[service])
    let ended = units[service].endedAt
    // What comes after a stop for idleness is new.
    let hasRun = units[service].lastExit != nil && !units[service].reason.isIdle
    if hasRun, now - ended <= Self.promptTrigger, ended - units[service].startedAt < Self.shortRun {
      // Something still waits: whether it has taken what woke it, its queue says.
      units[service].judged = UInt16(truncatingIfNeeded: index)
      let woken = units[service].wokenBy
      guard units[service].queueMark != nil, listeners.at(Int(woken))?.isBound == true else {
        return judgeQueue(service, hasProgress: false)
      }
      out.append(.inspect(listener: woken, since: units[service].queueMark))
      return
    }
    // Idle for that long beyond the last delay, which may itself be longer.
    if !hasRun || now - (ended + units[service].delay) >= restart.resetAfter {
      units[service].delay = .zero
    }
    trigger(index, service)
  }

  /// Notes what waits where a service was woken, as it starts, to tell what it takes.
  mutating func markQueue(of service: Int) {
    units[service].queueMark = nil
    let woken = units[service].wokenBy
    guard listeners.at(Int(woken))?.isBound == true else { return }
    out.append(.inspect(listener: woken, since: nil))
  }

  /// The queue of the listener that wakes a service, or has woken it.
  @inline(never)
  mutating func inspected(_ listener: Int, _ mark: QueueMark, _ isFirstGone: Bool) {
    guard let declared = manifest.listeners.at(listener) else { return }
    let service = Int(declared.service)
    guard Int(units[service].wokenBy) == listener else { return }
    guard units[service].judged != nil, let last = units[service].queueMark else {
      units[service].queueMark = mark
      return
    }
    judgeQueue(service, hasProgress: isFirstGone || mark.count < last.count)
  }

  /// A service has ended well and is to be started again at once: when something was taken from the
  /// queue that woke it, and else ever more slowly.
  private mutating func judgeQueue(_ service: Int, hasProgress: Bool) {
    let listener = units[service].judged
    units[service].judged = nil
    guard let listener, units[service].goal == .listen, units[service].state == .listening,
      !units[service].isAlive
    else { return }
    guard hasProgress else { return backOff(service, Reason(.noAccept)) }
    units[service].delay = .zero
    trigger(Int(listener), service)
  }

  /// Traffic starts a service. Its listener is watched, so its pause is over.
  private mutating func trigger(_ index: Int, _ service: Int) {
    listeners[index].count(trigger: now)
    units[service].goal = .up
    units[service].restUntil = .zero
    units[service].wokenBy = UInt16(truncatingIfNeeded: index)
    unwatchAll(service)
    work.push(service)
  }

  /// Over the limit of its triggers the listener rests until their window is over.
  private mutating func exceedsTrigger(_ index: Int, _ service: Int) -> Bool {
    let limit = manifest.services[service].trigger
    guard limit.count > 0 else { return false }
    let age = now - listeners[index].windowStart
    if listeners[index].windowCount == 0 || age >= limit.window {
      listeners[index].windowStart = now
      listeners[index].windowCount = 0
    }
    guard listeners[index].windowCount < limit.count else {
      listeners[index].windowCount = 0
      let rest = max(.milliseconds(1), (listeners[index].windowStart + limit.window) - now)
      pause(index, Reason(.triggerLimit), for: rest)
      return true
    }
    return false
  }

  /// Counts a trigger.
  mutating func countTrigger(_ index: Int) {
    if listeners[index].windowCount == 0 { listeners[index].windowStart = now }
    listeners[index].windowCount &+= 1
  }
}
