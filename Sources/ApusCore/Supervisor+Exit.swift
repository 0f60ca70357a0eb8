internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Ends of processes: the restart table, back-off, giving up.
extension Supervisor {
  mutating func exited(_ id: InstanceID, _ report: ExitReport) {
    if let connection = connection(id) { return connectionExited(connection, id) }
    if let service = helper(id) {
      out.append(.release(id))
      return helperEnded(service, report, .none)
    }
    guard let service = living(id) else { return }
    if manifest.services[service].type == .forking, !report.isSignal, report.number == 0,
      units[service].stopStage == .none, units[service].forcedEnd == nil
    {
      // It has left another behind, or nothing.
      if units[service].isInFlight { executed(id) }
      out.append(.adopt(id, pid: Effect.leftOver))
      return
    }
    runEnded(service, id, report)
  }

  /// There is another main process, or none.
  @inline(never)
  mutating func adopted(_ id: InstanceID, _ pid: Int32) {
    guard let service = living(id) else { return }
    if pid == 0 { return runEnded(service, id, ExitReport(isSignal: false, number: 0)) }
    if pid < 0 {
      units[service].isMainNamed = false
      units[service].stranger = 0 &- pid
      return
    }
    units[service].generation &+= 1
    units[service].pid = pid
    out.append(log(.started, service, Reason(.none, value: pid)))
    // What the one before was sent is meant for this one.
    switch units[service].stopStage {
    case .signalled: signalStop(service)
    case .killed, .abandoned: out.append(.signal(instance(service), number: 9, scope: .all))
    case .none, .ordered: break
    }
    if units[service].state == .starting, manifest.services[service].type == .forking,
      units[service].forcedEnd == nil, units[service].helper == .none
    {
      awaitReadiness(service)
    }
  }

  /// The main process has ended and no other takes its place.
  @inline(never)
  private mutating func runEnded(_ service: Int, _ id: InstanceID, _ report: ExitReport) {
    if manifest.stop(of: manifest.services[service]).scope != .main {
      out.append(.signal(id, number: 9, scope: .all))
    }
    thaw(service)
    out.append(.release(id))
    landed(service)
    if units[service].stopStage != .abandoned { lives -= 1 }
    if manifest.services[service].listeners.count > 0 {
      out.append(.settle(service: UInt16(truncatingIfNeeded: service)))
    }
    clearAlarm(service)
    units[service].isAlive = false
    units[service].pid = 0
    if units[service].reason.kind != .condition {
      units[service].endedAt = now
      units[service].lastExit = report
    }
    deadlines.clear(deadlineKey(run: service))
    units[service].clearRunTimes()
    mainEnded(service)
  }

  /// The main process is gone: first its helper goes too, then the commands after it are run.
  mutating func mainEnded(_ service: Int) {
    if units[service].helper != .none {
      out.append(.signal(helperInstance(service), number: 9, scope: .all))
      return
    }
    let kind = units[service].reason.kind
    if kind != .spawnFailed, kind != .condition, startHelper(.post, of: service) { return }
    judgeEnd(service)
  }

  /// What becomes of a service whose process, and the commands after it, have ended.
  mutating func judgeEnd(_ service: Int) {
    let declared = manifest.services[service]
    guard units[service].stopStage == .none else { return stopFinished(service) }
    let report = units[service].lastExit
    if let forced = units[service].forcedEnd {
      let isStartFailure = units[service].reason.kind == .spawnFailed
      return ended(
        service, forced, report: isStartFailure ? nil : report, units[service].reason)
    }
    guard let report else { return }
    let reason = Reason(
      report.isSignal ? .killed : .exited, step: report.ranOutOfMemory ? 1 : 0,
      value: Int32(report.deniedCall) << 8 | Int32(report.number))
    ended(service, manifest.classify(report, of: declared), report: report, reason)
  }

  /// A run has ended without having been asked to.
  mutating func ended(_ service: Int, _ end: RunEnd, report: ExitReport?, _ reason: Reason) {
    let declared = manifest.services[service]
    let restart = manifest.restart(of: declared)
    if now - units[service].startedAt >= restart.resetAfter { units[service].delay = .zero }
    let isStartFailure = reason.kind == .spawnFailed
    let isSkipped = reason.kind == .condition
    if !isStartFailure, !isSkipped { countCrash(service, isCrash: end != .clean) }
    if isSkipped {
      out.append(log(.skipped, service, reason))
    } else if end != .clean {
      out.append(log(isStartFailure ? .startFailed : .exited, service, reason))
    }
    if declared.type == .oneshot, end == .clean, !isSkipped {
      units[service].hasSucceeded = true
      if declared.flags.contains(.remain), units[service].goal == .up {
        return setState(service, .ready, reason)
      }
    }
    if units[service].goal == .down || phase.rawValue > Phase.running.rawValue {
      units[service].goal = .down
      work.push(service)
      return wakeDependents(of: service)
    }
    if isSkipped {
      if declared.start == .demand {
        // The client waits; one day the condition may be met.
        units[service].goal = .listen
        return backOff(service, reason, .skipped)
      }
      units[service].goal = .down
      return setState(service, .skipped, reason)
    }
    if manifest.wantsRestart(of: declared, after: end, report: report) {
      return exceedsLimit(service, restart)
        ? giveUp(service, Reason(.restartLimit)) : backOff(service, reason)
    }
    if declared.start == .demand {
      units[service].goal = .listen
      if end != .clean { return backOff(service, reason) }
      work.push(service)
      return wakeDependents(of: service)
    }
    guard end == .clean else { return giveUp(service, reason) }
    units[service].goal = .down
    setState(service, .stopped, reason)
  }

  /// What a service cannot digest would end it for ever, and keep everybody else waiting: after five
  /// failures in a row, each soon after the start, the first that waits in its queues is dropped,
  /// and from then on after every second one.
  private mutating func countCrash(_ service: Int, isCrash: Bool) {
    let declared = manifest.services[service]
    guard isCrash, declared.listeners.count > 0, !declared.accepts,
      now - units[service].startedAt < Self.shortRun
    else {
      units[service].crashes = 0
      return
    }
    units[service].crashes += 1
    guard units[service].crashes >= 5 else { return }
    units[service].crashes = 3
    out.append(.dropFirst(service: UInt16(truncatingIfNeeded: service)))
  }

  /// Waits before the next try, longer each time, up to the longest delay.
  mutating func backOff(_ service: Int, _ reason: Reason, _ state: ServiceState = .backoff) {
    let restart = manifest.restart(of: manifest.services[service])
    let delay =
      units[service].delay == .zero ? restart.delay : restart.delay(after: units[service].delay)
    units[service].delay = max(delay, .milliseconds(1))
    // Jitter only shortens, so that the longest delay is kept.
    let (spread, overflow) = delay.microseconds.multipliedReportingOverflow(
      by: Int64(restart.jitterPermille))
    let wait = Interval(
      microseconds: delay.microseconds - (overflow ? 0 : random(below: spread / 1000 + 1)))
    setAlarm(service, .retry, in: wait)
    setState(service, state, reason)
    unwatchAll(service)
    out.append(log(.backoff, service, reason, next: wait))
  }

  private mutating func exceedsLimit(_ service: Int, _ restart: Restart) -> Bool {
    guard restart.limit.count > 0 else { return false }
    if now - units[service].windowStart >= restart.limit.window || units[service].windowCount == 0 {
      units[service].windowStart = now
      units[service].windowCount = 0
    }
    units[service].windowCount &+= 1
    return units[service].windowCount > restart.limit.count
  }

  /// No further try: what the manifest declares for that happens once.
  mutating func giveUp(_ service: Int, _ reason: Reason) {
    let declared = manifest.services[service]
    units[service].goal = .down
    units[service].windowCount = 0
    setState(service, .failed, reason)
    unwatchAll(service)
    out.append(log(.gaveUp, service, reason))
    let others = manifest.extras(of: declared).onFailure
    for link in others.indices {
      if let other = manifest.links.at(link) { order(.start, Int(other)) }
    }
    if reason.kind == .restartLimit, manifest.restart(of: declared).onLimit == .rescue,
      !declared.flags.contains(.critical)
    {
      out.append(.rescue)
    }
    endBoard(after: service)
  }

  /// What a service that has given up means for the board; not before `minimumUptime`, so that one
  /// that fails at every boot leaves time to reach the board.
  @inline(never)
  private mutating func endBoard(after service: Int) {
    let declared = manifest.services[service]
    var action = PowerAction.reboot
    if !declared.flags.contains(.critical) {
      guard units[service].reason.kind == .restartLimit else { return }
      switch manifest.restart(of: declared).onLimit {
      case .stop, .rescue: return
      case .reboot: break
      case .poweroff: action = .poweroff
      }
    }
    let earliest = Instant.zero + manifest.system.minimumUptime
    guard mode == .system, now < earliest, !isGoingDown else { return shutDown(action) }
    out.append(
      log(
        .shutdown, service, Reason(.shutdown, value: Int32(action.rawValue)), next: earliest - now))
    deadlines.set(uptimeKey, to: earliest)
  }

  /// The board has been up for long enough; whoever was started again meanwhile is forgiven.
  mutating func longEnoughUp() {
    for service in units.indices where units[service].state == .failed {
      endBoard(after: service)
    }
  }
}
