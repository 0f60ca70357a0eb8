internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Ends of processes: the restart table, back-off, giving up.
extension Supervisor {
  mutating func exited(_ id: InstanceID, _ report: ExitReport) {
    if let connection = connection(id) { return connectionExited(connection, id) }
    if let service = helper(id) {
      if units[service].helper == .stop, !units[service].isAlive,
        manifest.stop(of: manifest.services[service]).scope != .main
      {
        // What the main process has left was spared for this command.
        out.append(.signal(id, number: 9, scope: .all))
      }
      out.append(.release(id))
      return helperEnded(service, report, .none)
    }
    guard let service = living(id) else { return }
    // What exits with 0 is past execve(2), whatever was reported.
    if !report.isSignal, report.number == 0, units[service].forcedEnd == nil {
      executed(id, isGone: true)
    }
    if manifest.services[service].type == .forking, !report.isSignal, report.number == 0,
      units[service].stopStage == .none, units[service].forcedEnd == nil
    {
      // It has left another behind, or nothing.
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
      lookAgain(service)
    }
    if units[service].helper != .stop || units[service].alarm != .stop { clearAlarm(service) }
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

  /// The main process is gone: first its helper goes too, then the commands after it are run. Only the
  /// command of its stop goes on, for as long as the stop may take.
  mutating func mainEnded(_ service: Int) {
    if units[service].helper != .none {
      if units[service].helper == .stop, units[service].alarm == .stop { return }
      if units[service].state == .ready { setState(service, .stopping, units[service].reason) }
      return endHelper(service)
    }
    if isDone(service), startHelper(.started, of: service) { return }
    finishEnd(service)
  }

  /// Runs the commands after an end, if any, and judges it. What follows the stop of a oneshot that
  /// has done its work, and counts as up from now on, waits for that.
  mutating func finishEnd(_ service: Int) {
    let reason = units[service].reason
    let remains = isDone(service) && manifest.services[service].flags.contains(.remain)
    if !reason.isStartFailure, !remains, startHelper(.post, of: service) {
      return
    }
    judgeEnd(service)
  }

  /// True for a oneshot that has just done its work.
  private func isDone(_ service: Int) -> Bool {
    let declared = manifest.services[service]
    guard declared.type == .oneshot, !units[service].isLeaving,
      units[service].goal == .up, units[service].stopStage == .none,
      units[service].forcedEnd == nil, units[service].reason.kind == .none,
      let report = units[service].lastExit
    else { return false }
    return manifest.classify(report, of: declared) == .clean
  }

  /// What becomes of a service whose process, and the commands after it, have ended.
  mutating func judgeEnd(_ service: Int) {
    let declared = manifest.services[service]
    if units[service].stopStage == .abandoned, units[service].forcedEnd != nil,
      units[service].goal != .down, !units[service].cycle
    {
      // No KILL has ended it for a long time, but nobody has asked for its stop: it has failed.
      units[service].stopStage = .none
    }
    guard units[service].stopStage == .none else { return stopFinished(service) }
    let report = units[service].lastExit
    if let forced = units[service].forcedEnd {
      let isStartFailure = units[service].reason.kind == .spawnFailed
      return ended(
        service, forced, report: isStartFailure ? nil : report, units[service].reason)
    }
    guard let report else { return }
    var reason = Reason(
      report.isSignal ? .killed : .exited, step: report.ranOutOfMemory ? 1 : 0,
      value: Int32(report.deniedCall) << 8 | Int32(report.number))
    var end = manifest.classify(report, of: declared)
    if end == .clean, declared.type != .oneshot, !units[service].hasSucceeded {
      // Whoever waits for it to be ready would wait for ever: the start has failed.
      end = .timeout
      reason = Reason(.endedEarly, step: report.isSignal ? 1 : 0, value: Int32(report.number))
    }
    ended(service, end, report: report, reason)
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
    let wait = rest(service, after: end, report, isSkipped: isSkipped)
    if units[service].goal == .down || phase.rawValue > Phase.running.rawValue {
      units[service].goal = .down
      work.push(service)
      return wakeDependents(of: service)
    }
    if isSkipped {
      if declared.start == .demand {
        // The client waits; one day the condition may be met.
        units[service].goal = .listen
        return backOff(service, reason, .skipped, in: wait)
      }
      units[service].goal = .down
      return setState(service, .skipped, reason)
    }
    if manifest.wantsRestart(of: declared, after: end, report: report) {
      guard exceedsLimit(service, restart) else { return backOff(service, reason, in: wait) }
      let reason = Reason(.restartLimit)
      guard isWoken(service), !endsBoard(service, reason) else { return giveUp(service, reason) }
      // Its listeners come back by themselves, with the next window at the earliest.
      units[service].goal = .listen
      limitReached(service, reason)
      let window = units[service].windowStart + restart.limit.window
      return backOff(service, reason, in: max(wait, window - now))
    }
    if isWoken(service), end == .clean || !endsBoard(service, reason) {
      units[service].goal = .listen
      if end != .clean { return backOff(service, reason, in: wait) }
      work.push(service)
      return wakeDependents(of: service)
    }
    guard end == .clean else { return giveUp(service, reason) }
    units[service].goal = .down
    setState(service, .stopped, reason)
    finishMain(service)
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

  /// True for a service that traffic starts, if it is not to be started by itself.
  private func isWoken(_ service: Int) -> Bool {
    let declared = manifest.services[service]
    guard declared.listeners.count > 0, !declared.flags.contains(.main) || !endsWithMain else {
      return declared.start == .demand
    }
    return declared.start == .demand || declared.start == .boot
  }

  /// How long a service rests after the end of a run: ever longer while it fails or is started again
  /// by itself. Until then nothing but an operator starts it, whatever asks for it.
  private mutating func rest(
    _ service: Int, after end: RunEnd, _ report: ExitReport?, isSkipped: Bool
  ) -> Interval {
    let declared = manifest.services[service]
    let restart = manifest.restart(of: declared)
    var delay = restart.delay
    let isRestarted = manifest.wantsRestart(of: declared, after: end, report: report)
    if end != .clean || isSkipped || isRestarted {
      let last = units[service].delay
      delay = max(.milliseconds(1), last == .zero ? delay : restart.delay(after: last))
      units[service].delay = delay
    }
    // Jitter only shortens, so that the longest delay is kept.
    let (spread, overflow) = delay.microseconds.multipliedReportingOverflow(
      by: Int64(restart.jitterPermille))
    let wait = Interval(
      microseconds: delay.microseconds - (overflow ? 0 : random(below: spread / 1000 + 1)))
    units[service].restUntil = now + wait
    return wait
  }

  /// Waits before the next try.
  mutating func backOff(
    _ service: Int, _ reason: Reason, _ state: ServiceState = .backoff, in wait: Interval,
    isTold: Bool = true
  ) {
    units[service].restUntil = now + wait
    setAlarm(service, .retry, in: wait)
    setState(service, state, reason)
    unwatchAll(service)
    if isTold { out.append(log(.backoff, service, reason, next: wait)) }
  }

  /// What ended well and has taken nothing from the queue that woke it is started ever more slowly.
  mutating func backOff(_ service: Int, _ reason: Reason) {
    backOff(service, reason, in: rest(service, after: .timeout, nil, isSkipped: false))
  }

  /// True when a service is to start and rests still, whoever has asked for it.
  mutating func rests(_ service: Int) -> Bool {
    guard now < units[service].restUntil else { return false }
    let reason = units[service].reason
    // A timer may well be due sooner than that: nothing is wrong with a service that ended well.
    backOff(
      service, reason.kind == .dependency || reason.kind == .requested ? .none : reason,
      in: units[service].restUntil - now, isTold: reason != Reason(.exited))
    return true
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
    units[service].goal = .down
    units[service].windowCount = 0
    setState(service, .failed, reason)
    unwatchAll(service)
    limitReached(service, reason)
    finishMain(service)
    endBoard(after: service)
  }

  /// Says that a service is not started again by itself, and does what is declared for that.
  private mutating func limitReached(_ service: Int, _ reason: Reason) {
    let declared = manifest.services[service]
    out.append(log(.gaveUp, service, reason))
    let others = manifest.extras(of: declared).onFailure
    for link in others.indices {
      if let other = manifest.links.at(link) { order(.start, Int(other), by: .failure) }
    }
    if reason.kind == .restartLimit, manifest.restart(of: declared).onLimit == .rescue,
      !declared.flags.contains(.critical)
    {
      out.append(.rescue)
    }
  }

  /// `apus run` and a container end with their `main` service, once that is not started again.
  private mutating func finishMain(_ service: Int) {
    guard endsWithMain, manifest.services[service].flags.contains(.main), !isGoingDown
    else { return }
    shutDown(.exit)
  }

  /// True when giving up a service for that reason ends the board.
  private func endsBoard(_ service: Int, _ reason: Reason) -> Bool {
    let declared = manifest.services[service]
    if declared.flags.contains(.critical) { return true }
    guard reason.kind == .restartLimit else { return false }
    switch manifest.restart(of: declared).onLimit {
    case .stop, .rescue: return false
    case .reboot, .poweroff: return true
    }
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
