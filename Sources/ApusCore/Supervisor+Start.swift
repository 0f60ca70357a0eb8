internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Starting: dependencies, the queue of starts, and what comes back from them.
extension Supervisor {
  mutating func tryStart(_ service: Int) {
    raiseDependencies(of: service, evenFailed: false)
    let isDemand = manifest.services[service].start == .demand
    if let reason = unsatisfied(service, ownListeners: !isDemand) {
      setState(service, .waiting, reason)
      return
    }
    if rests(service) { return }
    setState(service, .starting, .none)
    units[service].isLookedAt = false
    starts.push(service)
  }

  /// What keeps a service from starting, if anything.
  func unsatisfied(_ service: Int, ownListeners: Bool, onlyNeeds: Bool = false) -> Reason? {
    let declared = manifest.services[service]
    for link in declared.needs.indices {
      if let other = manifest.links.at(link), !isSatisfied(Int(other), hard: true) {
        return Reason(.dependency, value: Int32(other))
      }
    }
    for range in 0..<(onlyNeeds ? 0 : 2) {
      for link in (range == 0 ? declared.wants : declared.after).indices {
        if let other = manifest.links.at(link), !isSatisfied(Int(other), hard: false) {
          return Reason(.dependency, value: Int32(other))
        }
      }
    }
    guard ownListeners else { return nil }
    for index in declared.listeners.indices where listeners.at(index)?.isBound == false {
      return listeners[index].reason
    }
    return nil
  }

  func isSatisfied(_ service: Int, hard: Bool) -> Bool {
    guard let unit = units.at(service), let declared = manifest.services.at(service)
    else { return !hard }
    switch unit.state {
    case .invalid: return !hard
    case .skipped, .ready: return true
    case .listening, .waiting, .starting, .stopping, .backoff, .stopped, .failed: break
    }
    // A stop takes along what needs it: to start now would be to be stopped again at once.
    if hard, unit.isAlive, unit.stopStage != .none, unit.stopStage != .abandoned { return false }
    if declared.listeners.count > 0 {
      // Bound is enough. A failed bind was at least tried, which is all that order asks for.
      if !hard { return true }
      for index in declared.listeners.indices where listeners.at(index)?.isBound == false {
        return false
      }
      return true
    }
    if unit.hasSucceeded, declared.type == .oneshot, unit.state == .stopped { return true }
    if hard { return false }
    let isOnTheWay =
      unit.state == .waiting || unit.state == .starting || unit.state == .stopped
    return !(unit.goal == .up && isOnTheWay)
  }

  /// Asks for what a service needs and wants, unless it listens for itself.
  ///
  /// What an operator asks for starts at once, down to what has failed; all else when it has rested.
  mutating func raiseDependencies(of service: Int, evenFailed: Bool, by cause: Cause = .failure) {
    let declared = manifest.services[service]
    for range in 0..<2 {
      for link in (range == 0 ? declared.needs : declared.wants).indices {
        guard let target = manifest.links.at(link), Int(target) < units.count else { continue }
        let other = Int(target)
        guard !isInert(other), units[other].goal == .down, !units[other].isAlive,
          manifest.services[other].listeners.count == 0
        else { continue }
        let isDown = units[other].state == .failed || units[other].state == .skipped
        if isDown && !evenFailed { continue }
        if units[other].hasSucceeded && manifest.services[other].type == .oneshot { continue }
        if isDown { units[other].state = .stopped }
        if cause == .operation {
          units[other].delay = .zero
          units[other].restUntil = .zero
        }
        units[other].goal = .up
        work.push(other)
      }
    }
  }

  /// A child is asked for.
  mutating func takeOff() {
    inFlight += 1
    unanswered += 1
  }

  /// Spawns from the queue while there are spawn slots.
  mutating func pump() {
    while inFlight < spawnPlaces, unanswered < Limits.spawnsAtOnce,
      out.elements.count < Self.effectReserve,
      let slot = starts.pop()
    {
      if slot < units.count { spawn(slot) } else { spawnConnection(slot - units.count) }
    }
  }

  private mutating func spawn(_ service: Int) {
    guard units[service].state == .starting, units[service].goal == .up,
      !units[service].isAlive, phase.rawValue <= Phase.running.rawValue
    else { return }
    // What it needs may have gone while it waited for its turn, or for its commands.
    let isDemand = manifest.services[service].start == .demand
    if units[service].helper == .none || units[service].helper == .preDone,
      unsatisfied(service, ownListeners: !isDemand, onlyNeeds: true) != nil
    {
      units[service].helper = .none
      return work.push(service)
    }
    unwatchAll(service)
    if !units[service].isLookedAt, manifest.services[service].listeners.count > 0 {
      units[service].isLookedAt = true
      return lookAtNodes(from: manifest.services[service].listeners.indices.lowerBound)
    }
    if units[service].helper == .none, startHelper(.pre, of: service) { return }
    guard units[service].helper == .none || units[service].helper == .preDone else { return }
    takeOff()
    lives += 1
    markQueue(of: service)
    let extras = manifest.extras(of: manifest.services[service])
    units[service].begin(at: now, watchdog: extras.watchdog)
    let limit = manifest.interval(extras.ready, 5) ?? .seconds(30)
    // Without a limit for its readiness the child still has one for its execve(2).
    setAlarm(service, .start, in: limit == .never ? .seconds(30) : limit)
    out.append(
      .spawn(instance(service), service: UInt16(truncatingIfNeeded: service)))
  }

  mutating func spawned(_ id: InstanceID, _ pid: Int32) {
    unanswered -= 1
    if helper(id) != nil { return }
    if let connection = connection(id) {
      connections[connection].pid = pid
      return
    }
    guard let service = living(id) else { return }
    units[service].pid = pid
    out.append(log(.started, service, Reason(.none, value: pid)))
  }

  mutating func spawnRefused(_ id: InstanceID, _ reason: Reason, _ errno: Errno) {
    unanswered -= 1
    if let service = helper(id) { return helperEnded(service, nil, reason) }
    if let connection = connection(id) { return connectionRefused(connection, reason, errno) }
    guard let service = living(id) else { return }
    landed(service)
    lives -= 1
    units[service].isAlive = false
    clearAlarm(service)
    ended(service, .uncleanExit, report: nil, reason)
  }

  /// The life is past execve(2), and may have ended since.
  mutating func executed(_ id: InstanceID, isGone: Bool = false) {
    if let service = helper(id) { return helperLanded(service) }
    if let connection = connection(id) { return connectionExecuted(connection) }
    // A word of the program itself may have come before this one.
    guard let service = living(id), units[service].isInFlight else { return }
    landed(service)
    // Too late counts as not at all: it has been killed for that.
    guard units[service].state == .starting, units[service].forcedEnd == nil else { return }
    let extras = manifest.extras(of: manifest.services[service])
    let limit = manifest.interval(extras.ready, 5)
    if limit == .never, units[service].alarm == .start { clearAlarm(service) }
    switch manifest.services[service].type {
    case .notify, .simple: awaitReadiness(service, isGone)
    case .forking: keepRun(service)
    case .oneshot:
      // Its work may take any time, unless a limit is given.
      if limit == nil { clearAlarm(service) }
      setRuntime(service, extras.runtimeMax)
    }
  }

  /// The exit that follows ends the life; here only the reason is kept.
  mutating func executionFailed(_ id: InstanceID, _ reason: Reason) {
    if let service = helper(id) {
      // A start that fails says so at its end.
      if reason.kind == .condition || units[service].helper == .pre
        || units[service].helper == .started
      {
        units[service].reason = reason
      } else {
        out.append(log(.startFailed, service, reason))
      }
      return
    }
    if connection(id) != nil { return connectionExecutionFailed(reason, id) }
    guard let service = living(id) else { return }
    units[service].reason = reason
    units[service].forcedEnd = units[service].forcedEnd ?? .uncleanExit
  }

  /// The life is past execve(2), or over.
  mutating func landed(_ service: Int) {
    guard units[service].isInFlight else { return }
    units[service].isInFlight = false
    inFlight -= 1
  }

  /// The service whose present life this is; counts a stale event otherwise.
  mutating func living(_ id: InstanceID) -> Int? {
    let service = Int(id.slot)
    guard let unit = units.at(service), unit.isAlive, unit.generation == id.generation else {
      staleEvents &+= 1
      return nil
    }
    return service
  }
}
