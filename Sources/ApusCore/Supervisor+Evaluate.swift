internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Moving a service towards its goal, and the states on the way.
extension Supervisor {
  /// The only place that decides what a service does next.
  mutating func evaluate(_ service: Int) {
    guard !isInert(service) else { return }
    if manifest.services[service].accepts { return evaluateAccepting(service) }
    if units[service].isAlive {
      if units[service].goal == .down || units[service].cycle { proceedStop(service) }
      return
    }
    let starts = units[service].goal == .up && !units[service].isLeaving
    if units[service].helper == .preDone, !starts { units[service].helper = .none }
    if units[service].helper != .none {
      let isStarted = units[service].helper == .started
      if units[service].helper == .pre && !starts || isStarted && (!starts || units[service].cycle)
      {
        setState(service, .stopping, Reason(.requested))
        endHelper(service)
      }
      return
    }
    if isRemaining(service), units[service].goal == .down || units[service].cycle {
      return stopRemaining(service)
    }
    if makesRoom(service) { return }
    units[service].cycle = false
    switch units[service].goal {
    case .down: rest(service)
    case .listen:
      guard units[service].alarm == .none else { return }
      let reason = units[service].reason
      setState(service, .listening, reason.isIdle ? reason : .none)
      watchAll(service)
    case .up:
      let isDone = units[service].state == .ready
      guard units[service].alarm == .none, !isDone, phase.rawValue <= Phase.running.rawValue
      else { return }
      tryStart(service)
    }
  }

  /// Goal `down` without a process.
  private mutating func rest(_ service: Int) {
    clearAlarm(service)
    if units[service].state != .failed, units[service].state != .skipped {
      setState(
        service, .stopped,
        units[service].state == .stopped ? units[service].reason : .init(.requested))
    }
    // On the way to a start it was down already, and nobody was told.
    answerWaiters(of: service)
    unwatchAll(service)
  }

  private mutating func evaluateAccepting(_ service: Int) {
    if units[service].cycle, units[service].connections == 0 { units[service].cycle = false }
    guard units[service].goal != .down, !units[service].cycle else {
      unwatchAll(service)
      if units[service].connections > 0 {
        setState(service, .stopping, Reason(.requested))
        stopConnections(of: service)
      } else {
        rest(service)
      }
      return
    }
    if makesRoom(service) { return }
    guard units[service].alarm == .none else { return }
    if let reason = unsatisfied(service, ownListeners: false) {
      setState(service, .waiting, reason)
      raiseDependencies(of: service, evenFailed: false)
      return
    }
    setState(service, .listening, .none)
    watchAll(service)
  }

  /// Changes the state, tells those who wait for it and those who depend on it.
  mutating func setState(_ service: Int, _ state: ServiceState, _ reason: Reason) {
    let old = units[service].state
    units[service].reason = reason
    guard old != state else { return }
    units[service].state = state
    units[service].since = now
    if state == .stopped || state == .failed,
      manifest.extras(of: manifest.services[service]).fdStore > 0
    {
      out.append(.emptyStore(service: UInt16(truncatingIfNeeded: service)))
    }
    if old == .listening { unwatchAll(service) }
    if units[service].isBootPending, hasSettled(service) {
      units[service].isBootPending = false
      bootPending -= 1
    }
    wakeDependents(of: service)
    answerWaiters(of: service)
  }

  private func hasSettled(_ service: Int) -> Bool {
    switch units[service].state {
    case .starting: false
    case .waiting:
      // Waiting for something that will not come by itself does not hold up the boot line.
      units[service].reason.kind == .bindFailed
    case .invalid, .skipped, .listening, .ready, .stopping, .backoff, .stopped, .failed: true
    }
  }

  /// Evaluates those that wait for this service to come up, or to be gone.
  mutating func wakeDependents(of service: Int) {
    for index in dependents.range(of: service) {
      let other = Int(dependents[index].service)
      // A connection's process is a start of its own: no more of them without what they need.
      let mayStart = units[other].state == .listening && manifest.services[other].accepts
      if units[other].state == .waiting || mayStart { work.push(other) }
    }
    guard !units[service].isAlive else { return }
    let declared = manifest.services[service]
    forEachLink(declared) { supervisor, other in
      if supervisor.units[other].stopStage == .ordered { supervisor.work.push(other) }
    }
  }

  /// Calls the body for every service named in `needs`, `wants` and `after`.
  mutating func forEachLink(_ service: Service, _ body: (inout Supervisor, Int) -> Void) {
    for list in 0..<3 {
      let range = list == 0 ? service.needs : list == 1 ? service.wants : service.after
      for link in range.indices {
        guard let other = manifest.links.at(link), Int(other) < units.count else { continue }
        body(&self, Int(other))
      }
    }
  }

  mutating func setAlarm(_ service: Int, _ alarm: Alarm, in delay: Interval) {
    units[service].alarm = alarm
    deadlines.set(service, to: now + delay)
  }

  mutating func clearAlarm(_ service: Int) {
    units[service].alarm = .none
    deadlines.clear(service)
  }

  /// A service's deadline has come.
  mutating func alarm(_ service: Int) {
    let alarm = units[service].alarm
    units[service].alarm = .none
    switch alarm {
    case .none, .helperLeft: break
    case .helperKilled: leaveHelper(service)
    case .retry:
      if units[service].goal == .up { units[service].restarts &+= 1 }
      work.push(service)
    case .start:
      guard units[service].isInFlight else {
        return abort(service, .timeout, notReady(service), signal: nil)
      }
      units[service].forcedEnd = .timeout
      units[service].reason = Reason(.startTimeout)
      out.append(.tellStep(instance(service)))
      out.append(.signal(instance(service), number: 9, scope: .main))
      setAlarm(service, .kill, in: Self.killTime)
    case .abort:
      out.append(.signal(instance(service), number: 9, scope: .all))
      setAlarm(service, .kill, in: Self.killTime)
    case .helper:
      killHelper(service)
    case .stop:
      if !units[service].isAlive {
        // Only the command of the stop is left.
        killHelper(service)
      } else if isStoppedIdle(service) {
        freeze(service)
      } else {
        escalate(service)
      }
    case .kill:
      if units[service].isAlive { abandon(service) } else { leaveHelper(service) }
    case .reloadSignal: reloaded(service)
    case .reload: reloaded(service, Reason(.reload))
    }
  }

  /// Ends a command that is of no use any more, beside no main process.
  mutating func endHelper(_ service: Int) {
    out.append(.signal(helperInstance(service), number: 9, scope: .all))
    switch units[service].alarm {
    case .kill, .helperKilled, .helperLeft: break
    default: setAlarm(service, .kill, in: Self.killTime)
    }
  }

  /// A command of a service has taken too long.
  private mutating func killHelper(_ service: Int) {
    setAlarm(service, .helperKilled, in: Self.killTime)
    out.append(.tellStep(helperInstance(service)))
    out.append(.signal(helperInstance(service), number: 9, scope: .all))
  }

  /// How long a process may take to end after KILL.
  static let killTime = Interval.seconds(10)

  /// Not even KILL ended a command: a process in uninterruptible sleep. Others go on without it.
  private mutating func leaveHelper(_ service: Int) {
    guard units[service].helper.isProcess else { return }
    out.append(log(.leftBehind, service))
    let reason = units[service].reason
    if units[service].isAlive {
      if units[service].helper == .reload { return reloaded(service, Reason(.reload)) }
      if units[service].helper == .health { return endUnhealthy(service, Reason(.stopTimeout)) }
      guard units[service].state == .starting else { return }
      return abort(
        service, .timeout, reason.kind == .none ? Reason(.startTimeout) : reason, signal: nil)
    }
    units[service].alarm = .helperLeft
    lives -= 1
    if units[service].state == .starting { setState(service, .stopping, reason) }
    goOn(without: service)
  }

  /// The present life of a service's slot.
  func instance(_ service: Int) -> InstanceID {
    InstanceID(slot: UInt16(truncatingIfNeeded: service), generation: units[service].generation)
  }

  func log(
    _ kind: Message.Kind, _ service: Int, _ reason: Reason = .none, next: Interval? = nil
  ) -> Effect {
    .log(
      Message(
        kind, service: UInt16(truncatingIfNeeded: service), reason: reason,
        nextUs: next?.microseconds ?? -1))
  }
}
