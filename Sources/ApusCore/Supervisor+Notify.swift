internal import ApusBase
internal import ApusManifest
internal import ApusWire

// What a running service says, and what it has to keep: readiness, watchdog, run time, reloading.
extension Supervisor {
  mutating func notified(_ id: InstanceID, _ notice: Notice) {
    guard connection(id) == nil, let service = living(id) else { return }
    units[service].noticesHeard = min(units[service].noticesHeard, Self.mostNotices - 1) + 1
    // Only the program speaks: it has been reached, whether or not that was reported yet.
    if units[service].isInFlight { executed(id) }
    if notice.flags.contains(.restartReset) {
      units[service].delay = .zero
      units[service].windowCount = 0
    }
    if notice.watchdogUs >= 0 {
      units[service].watchdog =
        notice.watchdogUs == 0 ? .never : Interval(microseconds: notice.watchdogUs)
      keepRun(service)
    }
    if notice.extendUs >= 0 { extend(service, Interval(microseconds: notice.extendUs)) }
    if notice.flags.contains(.alive) { keepRun(service) }
    if notice.flags.contains(.reloading), units[service].state == .ready {
      let extras = manifest.extras(of: manifest.services[service])
      awaitReload(service, .reload, in: manifest.interval(extras.ready, 5) ?? .seconds(30))
    }
    if notice.flags.contains(.ready), units[service].isReloading { reloaded(service) }
    let isReady = manifest.services[service].type == .notify && notice.flags.contains(.ready)
    if isReady || notice.flags.contains(.announced), units[service].state == .starting,
      !units[service].isInFlight, units[service].forcedEnd == nil
    {
      becomeReady(service)
    }
    if notice.mainPid != 0, notice.mainPid != units[service].pid {
      out.append(.adopt(id, pid: notice.mainPid))
    }
    if notice.flags.contains(.trigger) {
      abort(service, .watchdog, Reason(.watchdog), signal: 6)
    }
  }

  /// As many messages as are counted for `Reason`.
  private static let mostNotices: UInt16 = 1000

  /// Messages that were not believed; they tell why a service is not ready.
  mutating func refused(_ id: InstanceID, _ strangers: UInt16, _ malformed: UInt16) {
    guard connection(id) == nil, let service = living(id) else { return }
    units[service].noticesOfStrangers = min(
      Self.mostNotices, units[service].noticesOfStrangers &+ min(strangers, Self.mostNotices))
    units[service].noticesMalformed = min(
      Self.mostNotices, units[service].noticesMalformed &+ min(malformed, Self.mostNotices))
  }

  /// Why a service that has to say READY=1 is not ready: how many messages came, and how many of them
  /// were refused.
  func notReady(_ service: Int) -> Reason {
    guard manifest.services[service].type == .notify else {
      return Reason(.notReady, value: units[service].stranger)
    }
    return Reason(
      .notReady, step: 1,
      value: Int32(units[service].noticesHeard) | Int32(units[service].noticesOfStrangers) << 10
        | Int32(units[service].noticesMalformed) << 20)
  }

  /// EXTEND_TIMEOUT_USEC: what is waited for may take that long from now on, never less than it may
  /// anyway.
  private mutating func extend(_ service: Int, _ time: Interval) {
    guard units[service].alarm == .start || units[service].alarm == .stop,
      let due = deadlines.moment(of: service), due < now + time
    else { return }
    setAlarm(service, units[service].alarm, in: time)
  }

  /// The watchdog's interval begins anew.
  mutating func keepRun(_ service: Int) {
    units[service].watchdogAt =
      units[service].watchdog == .never || units[service].stopStage != .none
      ? .never : now + units[service].watchdog
    setRunDeadline(service)
  }

  /// The run, which begins now, may take that long.
  mutating func setRuntime(_ service: Int, _ limit: Interval) {
    units[service].runtimeAt = limit == .never ? .never : now + limit
    keepRun(service)
  }

  mutating func setRunDeadline(_ service: Int) {
    let due = min(units[service].watchdogAt, units[service].runtimeAt)
    let look = min(units[service].lookAt, units[service].idleAt)
    deadlines.set(
      deadlineKey(run: service), to: min(min(due, look), units[service].resendAt))
  }

  /// The watchdog, the run time or the pause before the next probe is over.
  mutating func overdue(_ service: Int) {
    guard units[service].isAlive else { return }
    if now >= units[service].lookAt {
      units[service].lookAt = .never
      if units[service].state == .ready {
        lookAtHealth(service)
      } else if units[service].state == .starting, units[service].helper == .none {
        _ = look(at: service)
      }
    }
    if now >= units[service].resendAt { return resendStop(service) }
    if now >= units[service].idleAt { idleDue(service) }
    if now >= units[service].runtimeAt {
      return abort(service, .timeout, Reason(.runtimeLimit), signal: nil)
    }
    if now >= units[service].watchdogAt {
      return abort(service, .watchdog, Reason(.watchdog), signal: 6)
    }
    setRunDeadline(service)
  }

  /// Ends a process that has not kept what it had to: a signal, KILL after the stop's timeout. At the
  /// end of the board it is stopped in its turn.
  mutating func abort(_ service: Int, _ end: RunEnd, _ reason: Reason, signal: UInt8?) {
    guard units[service].isAlive, units[service].stopStage == .none,
      units[service].forcedEnd == nil, !isGoingDown
    else { return }
    let stop = manifest.stop(of: manifest.services[service])
    units[service].forcedEnd = end
    units[service].reason = reason
    deadlines.clear(deadlineKey(run: service))
    out.append(.signal(instance(service), number: signal ?? stop.signal, scope: .all))
    out.append(.signal(instance(service), number: 18, scope: .all))
    thaw(service)
    setAlarm(service, .abort, in: stop.timeout)
  }

  /// Asks a service to read its configuration again.
  mutating func reload(_ client: ClientID, _ service: Int, _ noWait: Bool) {
    let extras = manifest.extras(of: manifest.services[service])
    guard extras.reload.isGiven else { return answer(client, .failed, service, Reason(.noReload)) }
    guard units[service].isAlive, units[service].state == .ready else {
      let state = units[service].state
      return answer(
        client, .failed, service, Reason(.reload, step: 1, value: Int32(state.rawValue)))
    }
    if let signal = manifest.value(extras.reload, 0) {
      out.append(
        .signal(instance(service), number: UInt8(truncatingIfNeeded: signal), scope: .main))
      if manifest.services[service].type == .notify {
        awaitReload(service, .reloadSignal, in: .milliseconds(500))
      }
    } else if units[service].helper == .health {
      breakOffLook(service, thenReload: true)
    } else if units[service].helper != .none || !startHelper(.reload, of: service) {
      return answer(client, .failed, service, Reason(.busy))
    }
    let waiter = Waiter(
      client: client, service: UInt16(truncatingIfNeeded: service), isForUp: true,
      isForReload: true)
    if noWait || isFulfilled(waiter) || waiters.count >= Limits.clients {
      return answer(client, .done, service, .none)
    }
    waiters.append(waiter)
  }

  /// A service reloads, or says within a moment that it does; unless it is being ended.
  private mutating func awaitReload(_ service: Int, _ alarm: Alarm, in time: Interval) {
    switch units[service].alarm {
    case .reload where alarm == .reloadSignal: return
    case .none, .reloadSignal, .reload: break
    case .helper where units[service].helper == .health,
      .helperKilled where units[service].helper == .health:
      breakOffLook(service)
    case .retry, .start, .stop, .kill, .abort, .helper, .helperKilled, .helperLeft:
      return
    }
    units[service].isReloading = true
    setAlarm(service, alarm, in: time)
  }

  /// A reload has ended.
  mutating func reloaded(_ service: Int, _ failure: Reason = .none) {
    units[service].isReloading = false
    if units[service].alarm == .reloadSignal || units[service].alarm == .reload {
      clearAlarm(service)
    }
    guard failure.kind != .none else { return answerWaiters(of: service) }
    var index = 0
    while index < waiters.count {
      if Int(waiters[index].service) == service, waiters[index].isForReload {
        answer(waiters[index].client, .failed, service, failure)
        waiters.remove(at: index)
      } else {
        index += 1
      }
    }
  }
}
