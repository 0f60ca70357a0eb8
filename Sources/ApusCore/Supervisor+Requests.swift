internal import ApusBase
internal import ApusManifest
internal import ApusWire

// What operators ask for, and the answers when it is done.
extension Supervisor {
  mutating func request(_ client: ClientID, _ request: Request) {
    switch request.action {
    case .reboot: return end(client, .reboot, request)
    case .poweroff: return end(client, .poweroff, request)
    case .halt: return end(client, .halt, request)
    case .kexec: return end(client, .kexec, request)
    case .reexec:
      out.append(.replaceProgram(client))
      return
    case .apply: return requestApply(client, onlyWait: request.onlyWait)
    case .start, .stop, .restart, .reload, .reset, .kill: break
    }
    guard let target = request.service, units.indices.contains(Int(target)) else {
      return answer(client, .noSuchService, nil, .none)
    }
    let service = Int(target)
    guard phase.rawValue <= Phase.running.rawValue else {
      return answer(client, .failed, service, Reason(.shutdown))
    }
    if request.connection > 0 { return requestConnection(client, service, request) }
    if isInert(service) { return answer(client, .failed, service, units[service].reason) }
    if request.onlyWait { return wait(client, service, isForUp: request.action == .start) }
    switch request.action {
    case .start: order(.start, service)
    case .stop: order(.stop, service)
    case .restart: order(.restart, service)
    case .reset: reset(service)
    case .kill: kill(service)
    case .reload: return reload(client, service, request.noWait)
    case .reboot, .poweroff, .halt, .kexec, .reexec, .apply: break
    }
    let isWaited = request.action == .start || request.action == .stop || request.action == .restart
    guard isWaited, !request.noWait else { return answer(client, .done, service, .none) }
    let waiter = Waiter(
      client: client, service: UInt16(truncatingIfNeeded: service),
      isForUp: request.action != .stop)
    if isFulfilled(waiter), !units[service].cycle {
      return answer(client, .done, service, .none)
    }
    // What no KILL ended will not change its state for this request either.
    if units[service].isLeftBehind {
      return answer(client, .failed, service, Reason(.stopTimeout))
    }
    guard waiters.count < Limits.clients else { return answer(client, .done, service, .none) }
    waiters.append(waiter)
  }

  /// Answers once the service is up, or has no process, whoever sees to that.
  private mutating func wait(_ client: ClientID, _ service: Int, isForUp: Bool) {
    let waiter = Waiter(
      client: client, service: UInt16(truncatingIfNeeded: service), isForUp: isForUp,
      isPatient: true)
    if isFulfilled(waiter) { return answer(client, .done, service, .none) }
    guard waiters.count < Limits.clients else {
      return answer(client, .failed, service, Reason(.connectionLimit))
    }
    waiters.append(waiter)
  }

  /// Ends one connection of a service that takes connections.
  @inline(never)
  private mutating func requestConnection(
    _ client: ClientID, _ service: Int, _ request: Request
  ) {
    guard let index = connection(request.connection, of: service) else {
      return answer(client, .noSuchService, nil, .none)
    }
    if request.action == .kill {
      out.append(.signal(instance(connection: index), number: 9, scope: .all))
    } else if !request.onlyWait {
      stopConnection(index)
    }
    guard request.action == .stop, !request.noWait, waiters.count < Limits.clients else {
      return answer(client, .done, service, .none)
    }
    waiters.append(
      Waiter(
        client: client, service: UInt16(truncatingIfNeeded: service), isForUp: false,
        isPatient: true, connection: request.connection))
  }

  private mutating func end(_ client: ClientID, _ action: PowerAction, _ request: Request) {
    // What the firmware is told is part of an order: another argument is another order.
    let counts = request.now || (isFirst(action) && !(isGoingDown && request.hasArgument))
    if counts, request.hasArgument { out.append(.keepArgument(client)) }
    answer(client, counts ? .done : .failed, nil, counts ? .none : refusal(of: action))
    if request.now { powerNow(action) } else { shutDown(action) }
  }

  /// Who asks for a start.
  enum Cause: Sendable {
    /// An operator, or a key that one has pressed: at once, and failures are forgotten.
    case operation
    /// The manifest, as another service has failed: when the service has rested.
    case failure
    /// A timer, whose period is a pause of its own: after the first delay.
    case timer
  }

  /// Carries out a start, stop or restart.
  mutating func order(_ action: Request.Action, _ service: Int, by cause: Cause = .operation) {
    guard units.indices.contains(service), !isInert(service) else { return }
    switch action {
    case .stop: requestStop(service, thenStart: false)
    case .start, .restart:
      // A stop that is under way ends first; then the goal is looked at again.
      if units[service].isAlive, units[service].goal == .down { units[service].cycle = true }
      if action == .restart { requestStop(service, thenStart: true) }
      units[service].goal = manifest.services[service].accepts ? .listen : .up
      let isWaiting = units[service].alarm == .retry
      switch units[service].state {
      case .failed, .skipped: units[service].state = .stopped
      case .backoff: if cause == .operation { units[service].state = .stopped }
      case .ready:
        // A oneshot that has done its work and does not remain so is simply run again.
        if action == .restart, !isUp(service) { units[service].state = .stopped }
      case .invalid, .listening, .waiting, .starting, .stopping, .stopped: break
      }
      switch cause {
      case .operation:
        if isWaiting { clearAlarm(service) }
        units[service].delay = .zero
        units[service].windowCount = 0
        units[service].restUntil = .zero
      case .failure: break
      case .timer:
        guard !isWaiting else { break }
        let delay = manifest.restart(of: manifest.services[service]).delay
        units[service].delay = .zero
        let last = max(units[service].startedAt, units[service].endedAt)
        units[service].restUntil = min(units[service].restUntil, last + delay)
      }
      raiseDependencies(of: service, evenFailed: true, by: cause)
    case .reload, .reset, .kill, .reboot, .poweroff, .halt, .kexec, .reexec, .apply: break
    }
    work.push(service)
  }

  /// Forgets failures: back-off, limits, the state `failed`.
  private mutating func reset(_ service: Int) {
    units[service].forgive()
    if units[service].alarm == .retry { clearAlarm(service) }
    if units[service].state == .failed || units[service].state == .skipped {
      units[service].state = .stopped
      let initial = initialGoal(service)
      if initial == .listen { units[service].goal = .listen }
    }
    for index in manifest.services[service].listeners.indices
    where listeners.at(index)?.isPaused == true {
      deadlines.set(deadlineKey(listener: index), to: now)
    }
    work.push(service)
  }

  private mutating func kill(_ service: Int) {
    guard units[service].isAlive else { return }
    out.append(.signal(instance(service), number: 9, scope: .all))
  }

  mutating func answer(
    _ client: ClientID, _ code: Answer.Code, _ service: Int?, _ reason: Reason
  ) {
    let target = service.map { UInt16(truncatingIfNeeded: $0) }
    out.append(.answer(client, Answer(code, service: target, reason: reason)))
  }

  mutating func clientGone(_ client: ClientID) {
    for index in waiters.indices.reversed() where waiters[index].client == client {
      waiters.remove(at: index)
    }
  }

  func isFulfilled(_ waiter: Waiter) -> Bool {
    let service = Int(waiter.service)
    // Who waits for the manifest to be applied.
    guard let unit = units.at(service) else { return phase == .running }
    if waiter.connection > 0 { return connection(waiter.connection, of: service) == nil }
    if waiter.isForReload {
      return unit.state == .ready && !unit.isReloading && unit.helper != .reload
        && !reloadsNext(service)
    }
    if waiter.isPatient, !waiter.isForUp {
      return !isUp(service) && unit.helper == .none
        && (unit.state == .stopped || unit.state == .failed || unit.state == .listening
          || unit.state == .skipped)
    }
    if !waiter.isForUp {
      // The commands of a stop are part of it.
      return !isUp(service) && unit.state != .starting && unit.state != .stopping
        && unit.state != .waiting && unit.state != .backoff && unit.goal == .down
        && unit.state != .listening && unit.helper == .none
    }
    // Skipped is not failed.
    if unit.state == .ready || unit.state == .skipped && !waiter.isPatient { return true }
    if manifest.services[service].accepts { return unit.state == .listening }
    return unit.hasSucceeded && manifest.services[service].type == .oneshot
      && unit.state == .stopped && unit.goal == .down
  }

  private func hasFailed(_ waiter: Waiter) -> Bool {
    guard let unit = units.at(Int(waiter.service)) else { return true }
    if waiter.isPatient { return false }
    switch unit.state {
    case .invalid, .skipped: return true
    case .backoff, .failed, .stopped: return waiter.isForUp || unit.isLeftBehind
    case .listening:
      return waiter.isForUp && !manifest.services[Int(waiter.service)].accepts
    case .starting, .stopping: return unit.isLeftBehind
    case .waiting, .ready: return false
    }
  }

  /// Answers those for whom the service's new state is the result.
  mutating func answerWaiters(of service: Int) {
    guard !waiters.isEmpty else { return }
    var index = 0
    while index < waiters.count {
      let waiter = waiters[index]
      let isMine = Int(waiter.service) == service
      if isMine, isFulfilled(waiter) {
        answer(waiter.client, .done, service, .none)
        waiters.remove(at: index)
      } else if isMine, hasFailed(waiter) {
        let reason = service < units.count ? units[service].reason : Reason(.shutdown)
        answer(waiter.client, .failed, service, reason)
        waiters.remove(at: index)
      } else {
        index += 1
      }
    }
  }

  /// Answers those who waited for the end, at the end of a life that another follows.
  mutating func answerDown(_ service: Int) {
    var index = 0
    while index < waiters.count {
      if Int(waiters[index].service) == service, !waiters[index].isForUp {
        answer(waiters[index].client, .done, service, .none)
        waiters.remove(at: index)
      } else {
        index += 1
      }
    }
  }
}
