internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Stopping one service: order, signal, KILL, giving the process up.
extension Supervisor {
  /// Asks for a stop, and for the stop of everything that needs the service.
  mutating func requestStop(_ service: Int, thenStart: Bool) {
    if thenStart {
      units[service].cycle = isUp(service)
    } else {
      units[service].goal = .down
      units[service].cycle = false
    }
    if units[service].state == .failed && !thenStart { units[service].reason = Reason(.requested) }
    work.push(service)
    spreadStop(service, thenStart: thenStart)
  }

  /// Stops what is part of another, running or on the way to it; one that traffic starts goes back to
  /// listening.
  private mutating func retire(_ service: Int) {
    let isAccepting = units[service].goal == .listen && manifest.services[service].accepts
    guard units[service].goal == .up || isAccepting else { return }
    let listens = returns(service)
    requestStop(service, thenStart: listens)
    if listens { units[service].goal = .listen }
  }

  /// One level of the walk over dependents; the rest follows when each is evaluated.
  private mutating func requestStopOfDependent(_ service: Int, thenStart: Bool) {
    if thenStart { units[service].cycle = true } else { units[service].goal = .down }
    work.push(service)
  }

  /// A living service that is to end: the next thing to do about it.
  mutating func proceedStop(_ service: Int) {
    switch units[service].stopStage {
    case .signalled:
      guard isSignalDue(service), !isStoppedIdle(service) else { return }
      signalStop(service)
      thaw(service)
      return setStopAlarm(service)
    case .killed, .abandoned: return
    case .none, .ordered: break
    }
    guard leaves(service) else { return }
    beginStop(service)
  }

  /// Says that a service is to end, and has those go first that depend on it; false while they are
  /// there.
  private mutating func leaves(_ service: Int) -> Bool {
    setState(service, .stopping, Reason(phase == .stopping ? .shutdown : .requested))
    // What has not changed keeps its process.
    if !units[service].isLeaving {
      spreadStop(service, thenStart: units[service].goal != .down)
    }
    guard hasLivingDependents(service) else { return true }
    units[service].stopStage = .ordered
    return false
  }

  /// Asks a service to end, whatever depends on it.
  mutating func beginStop(_ service: Int) {
    units[service].stopStage = .signalled
    let reason = units[service].reason
    out.append(log(.stopping, service, reason.isIdle ? reason : .none))
    if units[service].helper == .none {
      askToStop(service)
    } else {
      // One helper at a time: the end of this one goes on with the stop.
      out.append(.signal(helperInstance(service), number: 9, scope: .all))
    }
    thaw(service)
    setStopAlarm(service)
  }

  /// From now on it has the time of a stop to end in.
  @inline(never)
  mutating func setStopAlarm(_ service: Int) {
    setAlarm(service, .stop, in: manifest.stop(of: manifest.services[service]).timeout)
  }

  /// Runs the command that asks the service to end, or sends the stop signal.
  mutating func askToStop(_ service: Int) {
    if !startHelper(.stop, of: service) { signalStop(service) }
  }

  /// The command of a stop for being idle has ended: the signal follows a look that finds nobody.
  mutating func signalIdle(_ service: Int) {
    units[service].helperIndex = 1
    freeze(service)
  }

  /// True after that, until the signal is sent.
  func isSignalDue(_ service: Int) -> Bool {
    units[service].helper == .none && units[service].helperIndex > 0
  }

  /// Sends the stop signal.
  mutating func signalStop(_ service: Int) {
    units[service].helperIndex = 0
    sendStop(service)
    // The first process of a pid namespace does not get a signal that it has no handler for yet.
    guard manifest.sandbox(of: manifest.services[service]).contains(.privatePids) else { return }
    units[service].resendPause = .milliseconds(500)
    units[service].resendAt = now + units[service].resendPause
    setRunDeadline(service)
  }

  /// Sends the stop signal once more, later each time, until the timeout.
  @inline(never)
  mutating func resendStop(_ service: Int) {
    units[service].resendAt = .never
    guard units[service].stopStage == .signalled else { return }
    sendStop(service)
    units[service].resendPause = units[service].resendPause + units[service].resendPause
    units[service].resendAt = now + units[service].resendPause
    setRunDeadline(service)
  }

  private mutating func sendStop(_ service: Int) {
    let stop = manifest.stop(of: manifest.services[service])
    let scope: SignalScope = stop.scope == .all ? .all : .main
    out.append(.signal(instance(service), number: stop.signal, scope: scope))
    // A stopped process acts on its signal only when it continues.
    if stop.signal != 9 { out.append(.signal(instance(service), number: 18, scope: scope)) }
  }

  /// Stops what needs a service that is being stopped or is part of it, level by level.
  private mutating func spreadStop(_ service: Int, thenStart: Bool) {
    for index in dependents.range(of: service) where dependents[index].isStoppedAlong {
      let other = Int(dependents[index].service)
      if dependents[index].relation == .partOf {
        // Once: an operator may start a part again while the whole waits for its end.
        if units[service].stopStage == .ordered { continue }
        if !thenStart {
          // One that does not run yet, and does not need the service, would start without it.
          retire(other)
          continue
        }
      }
      guard isUp(other), units[other].goal != .down, !units[other].cycle else { continue }
      requestStopOfDependent(other, thenStart: thenStart)
    }
  }

  private func hasLivingDependents(_ service: Int) -> Bool {
    for index in dependents.range(of: service) where dependents[index].isOrdered {
      let other = units[Int(dependents[index].service)]
      let isLeaving = other.goal == .down || other.cycle
      // The commands of its stop and those around its end still count as it.
      let isThere =
        isUp(Int(dependents[index].service)) || other.helper == .post || other.helper == .stop
        || other.helper == .started
      if isThere, isLeaving, !other.isLeftBehind { return true }
    }
    return false
  }

  /// True for a oneshot that has done its work and counts as up, also while its stop waits.
  func isRemaining(_ service: Int, evenStarting: Bool = false) -> Bool {
    let unit = units[service]
    guard !unit.isAlive, manifest.services[service].flags.contains(.remain) else { return false }
    return evenStarting || unit.state == .ready || unit.stopStage == .ordered
      || unit.helper == .stop || unit.helper == .started
  }

  /// True while there is something of a service to stop.
  func isUp(_ service: Int) -> Bool {
    units[service].isAlive || units[service].connections > 0 || isRemaining(service)
  }

  /// Stops what has no process any more: only the commands of its stop are run.
  mutating func stopRemaining(_ service: Int) {
    guard leaves(service) else { return }
    units[service].stopStage = .signalled
    out.append(log(.stopping, service))
    if !startHelper(.stop, of: service) { mainEnded(service) }
  }

  /// The stop signal did not help in time.
  mutating func escalate(_ service: Int) {
    guard units[service].isAlive else { return }
    let stop = manifest.stop(of: manifest.services[service])
    units[service].stopStage = .killed
    units[service].reason = Reason(.stopTimeout)
    out.append(log(.stopEscalated, service))
    out.append(
      .signal(instance(service), number: 9, scope: stop.scope == .main ? .main : .all))
    thaw(service)
    setAlarm(service, .kill, in: Self.killTime)
  }

  /// Not even KILL ended it: a process in uninterruptible sleep. Others go on without it.
  mutating func abandon(_ service: Int) {
    guard units[service].isAlive else { return }
    out.append(log(.leftBehind, service, Reason(.none, value: units[service].pid)))
    if units[service].stopStage != .abandoned { lives -= 1 }
    units[service].stopStage = .abandoned
    if units[service].state == .starting { setState(service, .stopping, units[service].reason) }
    goOn(without: service)
  }

  /// Tells those who wait for a service that they would wait for ever.
  mutating func goOn(without service: Int) {
    answerWaiters(of: service)
    wakeDependents(of: service)
    forEachLink(manifest.services[service]) { supervisor, other in
      if supervisor.units[other].stopStage == .ordered { supervisor.work.push(other) }
    }
  }

  /// A stop that was asked for has ended the process.
  mutating func stopFinished(_ service: Int) {
    units[service].finishStop()
    out.append(log(.stopped, service))
    if units[service].goal != .down {
      // On the way to the next start this is the moment at which it was down.
      answerDown(service)
      if units[service].goal == .up, phase.rawValue <= Phase.running.rawValue {
        units[service].state = .stopped
      }
    }
    work.push(service)
    wakeDependents(of: service)
  }
}
