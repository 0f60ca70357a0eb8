internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Idle services: they are stopped while nobody is connected, and no connection is lost by it. What
// arrives meanwhile waits in the queue, and starts the service again.
//
// A look every quarter of `idleStop` says whether there is a connection. Looks in a row that see
// none for that long freeze the service; a frozen one accepts nothing, so that what the next look
// says is still true when the stop signal reaches it.
extension Supervisor {
  /// From the freezing to the look: a process on another processor stops within that.
  private static let freezeTime = Interval.milliseconds(2)
  /// What is not frozen by then goes on.
  private static let longestFreeze = Interval.milliseconds(100)

  /// True for a service that traffic can start again.
  func returns(_ service: Int) -> Bool {
    manifest.services[service].start == .demand && !manifest.services[service].accepts
  }

  private func idleStop(of service: Int) -> Interval {
    manifest.extras(of: manifest.services[service]).idleStop
  }

  private func mayBeReclaimed(_ service: Int) -> Bool {
    manifest.services[service].flags.contains(.reclaim)
      && units[service].state == .ready && isUndisturbed(service) && returns(service)
  }

  /// True when nobody is ending the service.
  private func isUndisturbed(_ service: Int) -> Bool {
    units[service].stopStage == .none && units[service].forcedEnd == nil
      && units[service].goal == .up && !units[service].cycle
  }

  /// Plans the next look at a running service, if it needs one.
  mutating func watchIdle(_ service: Int) {
    guard returns(service) else { return }
    var limit = idleStop(of: service)
    if now < pressureUntil, mayBeReclaimed(service) {
      limit = min(limit, manifest.system.pressureIdle)
    }
    let pause = max(.milliseconds(1), Interval(microseconds: limit.microseconds / 4))
    lookIdle(service, in: limit == .never ? .never : pause)
  }

  private mutating func lookIdle(_ service: Int, in pause: Interval) {
    units[service].idleAt = now + pause
    setRunDeadline(service)
  }

  /// The next look is due.
  mutating func idleDue(_ service: Int) {
    lookIdle(service, in: .never)
    var look = units[service].stopStage == .none ? IdleLook.frozen : .last
    if units[service].frozenUntil == .never { look = .running }
    out.append(
      .lookIdle(instance(service), service: UInt16(truncatingIfNeeded: service), look))
  }

  /// What a look has found.
  mutating func idle(_ id: InstanceID, _ found: Idleness, _ kilobytes: UInt32) {
    guard let service = living(id) else { return }
    units[service].kilobytes = kilobytes
    if units[service].frozenUntil != .never { return idleFrozen(service, found) }
    guard units[service].state == .ready, isUndisturbed(service) else { return }
    if found == .busy {
      units[service].idleSince = .never
    } else if units[service].idleSince == .never {
      units[service].idleSince = now
    }
    if isIdle(service, for: idleStop(of: service)) { freeze(service) } else { watchIdle(service) }
  }

  private func isIdle(_ service: Int, for limit: Interval) -> Bool {
    units[service].idleSince != .never && limit != .never && units[service].helper == .none
      && now - units[service].idleSince >= limit
  }

  /// Has a service kept still for a look: it is idle, or the command of its stop has not ended it and
  /// the signal comes next, or that has not in time and KILL does; not if it has found work.
  mutating func freeze(_ service: Int) {
    units[service].frozenUntil = now + Self.longestFreeze
    out.append(.freeze(instance(service), true))
    lookIdle(service, in: Self.freezeTime)
  }

  /// Lets a frozen service go on.
  mutating func thaw(_ service: Int) {
    guard units[service].frozenUntil != .never else { return }
    units[service].frozenUntil = .never
    out.append(.freeze(instance(service), false))
  }

  /// What the look at a frozen service has found: it is stopped only when there is still nobody.
  private mutating func idleFrozen(_ service: Int, _ found: Idleness) {
    if found == .unfrozen, now < units[service].frozenUntil {
      return lookIdle(service, in: Self.freezeTime)
    }
    if units[service].stopStage == .signalled {
      if found == .idle {
        if !isSignalDue(service) { return escalate(service) }
        signalStop(service)
      }
      // It goes on serving: that is no reason to cut its connections.
      thaw(service)
      return setStopAlarm(service)
    }
    guard found == .idle, units[service].state == .ready, isUndisturbed(service),
      units[service].helper == .none
    else {
      thaw(service)
      units[service].idleSince = .never
      return watchIdle(service)
    }
    let isOver = isIdle(service, for: idleStop(of: service))
    units[service].goal = .listen
    setState(service, .stopping, Reason(isOver ? .idle : .reclaimed))
    beginStop(service)
  }

  /// True while the service is being stopped only for being idle.
  public func isStoppedIdle(_ service: Int) -> Bool {
    units[service].stopStage == .signalled && units[service].goal != .down && !units[service].cycle
      && units[service].reason.isIdle
  }

  /// Memory is short: of the services that have been idle for long enough the biggest goes, and the
  /// others are looked at from now on. The kernel says so once in a window, so no more go at a time.
  mutating func pressure() {
    let limit = manifest.system.pressureIdle
    guard phase == .running, limit != .never else { return }
    pressureUntil = now + (limit + limit)
    var biggest: Int?
    for service in units.indices
    where mayBeReclaimed(service) && units[service].frozenUntil == .never
      && out.elements.count < Self.effectReserve
    {
      if isIdle(service, for: limit) {
        if units[service].kilobytes >= biggest.map({ units[$0].kilobytes }) ?? 0 {
          biggest = service
        }
      } else if units[service].idleAt > now + Interval(microseconds: limit.microseconds / 4) {
        idleDue(service)
      }
    }
    if let biggest { freeze(biggest) }
  }
}

extension Reason {
  /// True when nobody had use for the service.
  var isIdle: Bool { kind == .idle || kind == .reclaimed }
}
