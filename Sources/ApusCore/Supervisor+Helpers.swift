internal import ApusBase
public import ApusManifest
internal import ApusWire

// Helpers: the commands of a service; rule 9 of the supervisor.
extension Supervisor {
  /// True when a service of the manifest has a command besides its own.
  public static func usesHelpers(_ manifest: Manifest) -> Bool {
    for service in manifest.services {
      let extras = manifest.extras(of: service)
      if extras.pre.count > 0 || extras.post.count > 0 || manifest.value(extras.reload, 1) != nil
        || manifest.value(extras.ready, 1) != nil || manifest.value(extras.ready, 2) != nil
        || manifest.value(extras.ready, 3) != nil || !extras.pidFile.isEmpty
        || manifest.stop(of: service).exec.count > 0
      {
        return true
      }
    }
    return false
  }

  /// How long `reload.exec` may take.
  static let longestReload = Interval.seconds(30)

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

  /// What stands for a command where apus's own child looks by itself.
  static var looksForPid: TableRange { TableRange(start: 0, count: 0) }
  static var connects: TableRange { TableRange(start: 1, count: 0) }

  /// Runs the present command of a role; false when the service has none.
  mutating func runHelper(_ role: HelperRole, of service: Int) -> Bool {
    guard
      let command = manifest.command(
        role, Int(units[service].helperIndex), of: manifest.services[service])
    else { return false }
    units[service].helper = role
    units[service].helperGeneration &+= 1
    units[service].isHelperInFlight = true
    inFlight += 1
    lives += 1
    switch role {
    case .pre: setAlarm(service, .helper, in: .seconds(30))
    case .post:
      setState(service, .stopping, units[service].reason)
      setAlarm(service, .helper, in: .seconds(10))
    case .stop:
      // Beside a process the stop's own deadline holds.
      if !units[service].isAlive {
        setAlarm(service, .helper, in: manifest.stop(of: manifest.services[service]).timeout)
      }
    case .reload: setAlarm(service, .helper, in: Self.longestReload)
    case .none, .preDone, .probe, .pidFile: break
    }
    out.append(
      .run(
        helperInstance(service), service: UInt16(truncatingIfNeeded: service), command: command,
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
    helperLanded(service)
    lives -= 1
    let role = units[service].helper
    let isGood = report.map { !$0.isSignal && $0.number == 0 } ?? false
    units[service].helper = .none
    if units[service].alarm == .helper { clearAlarm(service) }
    switch role {
    case .none, .preDone: break
    case .pre: preEnded(service, isGood, report, reason)
    case .post:
      units[service].helperIndex &+= 1
      if !runHelper(.post, of: service) { judgeEnd(service) }
    case .stop, .reload, .probe, .pidFile:
      guard units[service].isAlive else {
        if role == .stop { clearAlarm(service) }
        return mainEnded(service)
      }
      if role == .stop {
        signalStop(service)
      } else if units[service].stopStage == .signalled {
        askToStop(service)
      }
      if role == .reload {
        let failure = reason.kind == .none ? helperFailed(.reload, of: service, report) : reason
        reloaded(service, isGood ? .none : failure)
      }
      guard role == .probe || role == .pidFile, units[service].state == .starting else { break }
      if isGood, role == .probe { return becomeReady(service) }
      lookLater(service)
      guard isGood else { break }
      units[service].isMainNamed = true
      out.append(.adopt(instance(service), pid: Effect.named))
    }
    work.push(service)
  }

  /// Why a service is where it is: one of its commands has ended otherwise than well.
  func helperFailed(_ role: HelperRole, of service: Int, _ report: ExitReport?) -> Reason {
    let object = SpawnObject(role: role, command: Int(units[service].helperIndex))
    return Reason(
      .helperFailed, step: report?.isSignal == true ? 1 : 0,
      value: Int32(report?.number ?? 127) | object.bits)
  }

  /// Why a process did not reach its program, and which command it was when it was not the main one.
  func startFailure(_ id: InstanceID, _ step: SpawnStepKind, _ errno: Errno) -> Reason {
    var value = errno.code
    if step != .environment, step != .condition, let service = helper(id) {
      let index = Int(units[service].helperIndex)
      value |= SpawnObject(role: units[service].helper, command: index).bits
    }
    return Reason(
      step == .condition ? .condition : .spawnFailed, step: step.rawValue, value: value)
  }

  /// Looks once more whether the service is ready, after the interval of `ready`.
  @inline(never)
  mutating func lookLater(_ service: Int) {
    let extras = manifest.extras(of: manifest.services[service])
    units[service].lookAt = now + (manifest.interval(extras.ready, 4) ?? .milliseconds(500))
    setRunDeadline(service)
  }

  /// The program has been reached: becomes ready, unless it is to say so or to be asked.
  mutating func awaitReadiness(_ service: Int) {
    let extras = manifest.extras(of: manifest.services[service])
    if manifest.services[service].type == .notify || manifest.value(extras.ready, 0) != nil {
      return keepRun(service)
    }
    if !look(at: service) { becomeReady(service) }
  }

  /// Looks into the pid file, or whether the service is ready; false when there is nothing to look
  /// at.
  @inline(never)
  mutating func look(at service: Int) -> Bool {
    let isNamed = units[service].isMainNamed || manifest.services[service].type != .forking
    return !isNamed && startHelper(.pidFile, of: service) || startHelper(.probe, of: service)
  }

  private mutating func preEnded(
    _ service: Int, _ isGood: Bool, _ report: ExitReport?, _ reason: Reason
  ) {
    guard units[service].goal == .up, units[service].state == .starting else { return }
    guard isGood else {
      units[service].startedAt = now
      var why = reason.kind == .none ? units[service].reason : reason
      if why.kind == .none { why = helperFailed(.pre, of: service, report) }
      return ended(service, .uncleanExit, report: report, why)
    }
    units[service].helperIndex &+= 1
    if runHelper(.pre, of: service) { return }
    units[service].helper = .preDone
    starts.push(service)
  }
}
