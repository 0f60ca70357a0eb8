internal import ApusBase
public import ApusManifest
internal import ApusWire

// Helpers: the commands of a service; rule 9 of the supervisor.
extension Supervisor {
  /// True when a service of the manifest has a command besides its own.
  public static func usesHelpers(_ manifest: Manifest) -> Bool {
    for service in manifest.services {
      let extras = manifest.extras(of: service)
      if extras.pre.count > 0 || extras.started.count > 0 || extras.post.count > 0
        || manifest.value(extras.reload, 1) != nil
        || manifest.value(extras.ready, 1) != nil || manifest.value(extras.ready, 2) != nil
        || manifest.value(extras.ready, 3) != nil || !extras.pidFile.isEmpty
        || manifest.stop(of: service).exec.count > 0 || extras.health.isGiven
      {
        return true
      }
    }
    return false
  }

  /// How many children may be between clone3(2) and execve(2) at a time: as many as there can be, so
  /// that those which a dead path holds up there take nobody else's place.
  public static func spawnPlaces(of manifest: Manifest) -> Int {
    // Of a service its main process and a command, or children of its connections.
    min(Limits.connectionsInFlight * manifest.services.count, Limits.spawnsInFlight)
  }

  /// The present life of a service's helper slot.
  func helperInstance(_ service: Int) -> InstanceID {
    InstanceID(
      slot: UInt16(truncatingIfNeeded: helperBase + service),
      generation: units[service].helperGeneration)
  }

  /// The service whose helper's present life this is.
  func helper(_ id: InstanceID) -> Int? {
    let service = Int(id.slot) - helperBase
    guard let unit = units.at(service), unit.helper != .none,
      unit.helper != .preDone, unit.helperGeneration == id.generation
    else { return nil }
    return service
  }

  /// The service whose helper's present life this is.
  func service(ofHelper id: InstanceID) -> Int? { helper(id) }

  /// True for the life of a helper that a start waits for.
  func runsBeforeStart(_ id: InstanceID) -> Bool {
    helper(id).map { units[$0].helper == .pre } ?? false
  }

  /// Starts the first command of a role; false when the service has none.
  @inline(never)
  mutating func startHelper(_ role: HelperRole, of service: Int) -> Bool {
    units[service].helperIndex = 0
    return runHelper(role, of: service)
  }

  /// Runs the present command of a role; false when the service has none.
  mutating func runHelper(_ role: HelperRole, of service: Int) -> Bool {
    let id = CommandID(role, units[service].helperIndex)
    guard let command = manifest.command(id, of: manifest.services[service])
    else { return false }
    units[service].helper = role
    units[service].helperGeneration &+= 1
    units[service].isHelperInFlight = true
    takeOff()
    lives += 1
    switch role {
    // Beside a process the stop's own deadline holds.
    case .stop where units[service].isAlive: break
    case .pre, .started, .post, .stop, .reload, .health:
      if role == .post { setState(service, .stopping, units[service].reason) }
      setAlarm(service, .helper, in: command.timeout)
    case .none, .preDone, .probe, .pidFile: break
    }
    out.append(
      .run(
        helperInstance(service), service: UInt16(truncatingIfNeeded: service), id,
        after: role == .post ? units[service].lastExit : nil))
    return true
  }

  /// A helper has reached execve(2).
  mutating func helperLanded(_ service: Int) {
    guard units[service].isHelperInFlight else { return }
    units[service].isHelperInFlight = false
    inFlight -= 1
  }

  /// A helper has ended, or could not be started at all.
  mutating func helperEnded(_ service: Int, _ report: ExitReport?, _ reason: Reason) {
    // Why it did not reach its program has been said.
    let isSaid = units[service].isHelperInFlight && reason.kind == .none
    helperLanded(service)
    let role = units[service].helper
    if units[service].alarm == .helperLeft {
      // It is judged now as if it had ended in time.
      if units[service].state == .stopping, units[service].goal == .up,
        role == .pre || role == .started
      {
        units[service].state = .starting
      }
    } else {
      lives -= 1
    }
    let isGood = report.map { !$0.isSignal && $0.number == 0 } ?? false
    let alarm = units[service].alarm
    let isLate = alarm == .helperKilled || alarm == .helperLeft
    var failure = reason
    if !isGood, reason.kind == .none { failure = helperFailed(role, of: service, report, isLate) }
    units[service].helper = .none
    let isAlive = units[service].isAlive
    if isLate || alarm == .helper || alarm == .kill && !isAlive { clearAlarm(service) }
    let isEnding = units[service].stopStage != .none || units[service].forcedEnd != nil
    switch role {
    case .none, .preDone: break
    case .pre: preEnded(service, failure, report)
    case .started: startedEnded(service, failure)
    case .post:
      if !isSaid || isLate { sayFailed(service, failure) }
      units[service].helperIndex &+= 1
      if !runHelper(.post, of: service) { judgeEnd(service) }
    case .stop, .reload, .probe, .pidFile, .health:
      // One that was killed along with what it is for has not failed.
      let isOwn = role == .stop ? units[service].stopStage == .signalled : isAlive && !isEnding
      if role == .stop || role == .reload, isLate || isOwn && !isSaid {
        sayFailed(service, failure)
      }
      guard isAlive else {
        if role == .stop { clearAlarm(service) }
        return mainEnded(service)
      }
      if role == .stop {
        if isStoppedIdle(service) { signalIdle(service) } else { signalStop(service) }
      } else if units[service].stopStage == .signalled {
        askToStop(service)
      }
      if role == .reload { reloaded(service, failure) }
      if role == .health { return healthSeen(service, isGood ? .none : failure) }
      guard role == .probe || role == .pidFile, units[service].state == .starting else { break }
      if units[service].hasSucceeded || isGood && role == .probe {
        becomeReady(service)
        guard role == .pidFile else { break }
      }
      lookLater(service)
      guard isGood else { break }
      units[service].isMainNamed = true
      out.append(.adopt(instance(service), pid: Effect.named))
    }
    work.push(service)
  }

  /// Logs that a command has failed whose failure changes nothing.
  private mutating func sayFailed(_ service: Int, _ failure: Reason) {
    guard failure.kind != .none else { return }
    let id = CommandID(SpawnObject(failure.value).role, units[service].helperIndex)
    let mayFail = manifest.command(id, of: manifest.services[service])?.mayFail ?? false
    out.append(log(mayFail ? .tolerated : .exited, service, failure))
  }

  /// Why a service is where it is: one of its commands has ended otherwise than well.
  private func helperFailed(
    _ role: HelperRole, of service: Int, _ report: ExitReport?, _ isLate: Bool
  ) -> Reason {
    let object = SpawnObject(role: role, command: Int(units[service].helperIndex))
    return Reason(
      .helperFailed, step: isLate ? 2 : report?.isSignal == true ? 1 : 0,
      value: Int32(report?.number ?? 127) | object.bits)
  }

  /// Why a process did not reach its program, and which command it was when it was not the main one.
  func startFailure(_ id: InstanceID, _ step: SpawnStepKind, _ errno: Errno) -> Reason {
    var value = errno.code
    if step != .environment, step != .condition, let service = helper(id) {
      let index = Int(units[service].helperIndex)
      value |= SpawnObject(role: units[service].helper, command: index).bits
    }
    let isUnmet = step == .condition && errno.code & 0xff != Errno.timedOut.code
    return Reason(isUnmet ? .condition : .spawnFailed, step: step.rawValue, value: value)
  }

  /// Looks once more whether the service is ready, after the interval of `ready`.
  @inline(never)
  mutating func lookLater(_ service: Int) {
    let extras = manifest.extras(of: manifest.services[service])
    units[service].lookAt = now + (manifest.interval(extras.ready, 4) ?? .milliseconds(500))
    setRunDeadline(service)
  }

  /// The program has been reached: becomes ready, unless it is to say so or to be asked.
  mutating func awaitReadiness(_ service: Int, _ isGone: Bool = false) {
    let extras = manifest.extras(of: manifest.services[service])
    if manifest.services[service].type == .notify || manifest.value(extras.ready, 0) != nil {
      return keepRun(service)
    }
    // Nothing is begun beside what has ended.
    let probe = manifest.command(CommandID(.probe), of: manifest.services[service])
    if isGone, probe != nil || extras.started.count > 0 {
      units[service].hasSucceeded = probe == nil
    } else if !look(at: service) {
      becomeReady(service)
    }
  }

  /// Looks into the pid file, or whether the service is ready; false when there is nothing to look
  /// at.
  @inline(never)
  mutating func look(at service: Int) -> Bool {
    let isNamed = units[service].isMainNamed || manifest.services[service].type != .forking
    return !isNamed && startHelper(.pidFile, of: service) || startHelper(.probe, of: service)
  }

  private mutating func preEnded(_ service: Int, _ failure: Reason, _ report: ExitReport?) {
    guard units[service].goal == .up, units[service].state == .starting else { return }
    guard let why = counts(failure, .pre, of: service) else {
      units[service].helperIndex &+= 1
      if runHelper(.pre, of: service) { return }
      units[service].helper = .preDone
      return starts.push(service)
    }
    units[service].startedAt = now
    ended(service, .uncleanExit, report: report, why)
  }

  /// A command after readiness has ended: the next one, or the service is up. Of a oneshot they run
  /// after its main process, of all others beside it.
  private mutating func startedEnded(_ service: Int, _ failure: Reason) {
    let isOneshot = manifest.services[service].type == .oneshot
    guard units[service].isAlive || isOneshot else { return mainEnded(service) }
    if isOneshot, units[service].goal != .up || units[service].isLeaving || units[service].cycle {
      if isRemaining(service, evenStarting: true) { return stopRemaining(service) }
      // A stop has broken it off: it has not done its work.
      units[service].stopStage = .signalled
      return finishEnd(service)
    }
    if units[service].stopStage == .signalled { return askToStop(service) }
    guard units[service].state == .starting, units[service].stopStage == .none,
      units[service].forcedEnd == nil
    else { return }
    guard let why = counts(failure, .started, of: service) else {
      units[service].helperIndex &+= 1
      if runHelper(.started, of: service) { return }
      return isOneshot ? finishEnd(service) : finishReady(service)
    }
    guard isOneshot else { return abort(service, .uncleanExit, why, signal: nil) }
    units[service].forcedEnd = .uncleanExit
    units[service].reason = why
    finishEnd(service)
  }

  /// The failure of a command that a start waits for; nil for none, and for one that is tolerated,
  /// which is logged.
  private mutating func counts(_ failure: Reason, _ role: HelperRole, of service: Int) -> Reason? {
    guard failure.kind != .none else { return nil }
    let id = CommandID(role, units[service].helperIndex)
    // Why it did not reach its program was kept.
    let kept = units[service].reason
    let why = kept.kind == .none ? failure : kept
    guard why.kind != .condition,
      manifest.command(id, of: manifest.services[service])?.mayFail == true
    else { return why }
    out.append(log(.tolerated, service, why))
    units[service].reason = .none
    return nil
  }

  /// A service that is ready runs the commands that follow; without any it is up.
  mutating func becomeReady(_ service: Int) {
    // READY=1 once more, while those run.
    guard units[service].helper != .started else { return }
    if units[service].alarm == .start { clearAlarm(service) }
    units[service].hasSucceeded = true
    units[service].lookAt = .never
    setRuntime(service, manifest.extras(of: manifest.services[service]).runtimeMax)
    guard manifest.extras(of: manifest.services[service]).started.count > 0
    else { return finishReady(service) }
    // The end of another command comes back here.
    if units[service].helper == .none { _ = startHelper(.started, of: service) }
  }

  private mutating func finishReady(_ service: Int) {
    setState(service, .ready, .none)
    out.append(log(.ready, service))
    units[service].failedLooks = 0
    lookAtHealthLater(service)
    watchIdle(service)
  }
}
