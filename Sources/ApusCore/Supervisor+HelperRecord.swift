internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Commands that run while apus is executed anew: they go on, and each runs once.
extension Supervisor {
  /// True when the helper that the program before this one has left belongs to the service.
  public func keepsHelper(_ service: Int) -> Bool { units.at(service)?.isHelperKept ?? false }

  /// Takes the helper back with its service.
  mutating func restoreHelper(_ service: Int, _ held: HeldResources) {
    guard units[service].helper.isProcess else { return }
    if units[service].alarm != .helperLeft { lives += 1 }
    if units[service].isHelperInFlight { inFlight += 1 }
    let isThere = held.helperPid > 0 || held.helperEnd != nil
    guard isThere, held.helperGeneration == units[service].helperGeneration else { return }
    units[service].isHelperKept = true
    units[service].missedHelperEnd = held.helperEnd
  }

  /// The role of a helper that the record tells of and that was never made; that is forgotten, and
  /// `none` when there is no such helper.
  mutating func lostHelper(_ service: Int) -> HelperRole {
    let role = units[service].helper
    guard role.isProcess, !units[service].isHelperKept else { return .none }
    helperLanded(service)
    units[service].helper = .none
    switch units[service].alarm {
    case .helper, .helperKilled:
      clearAlarm(service)
      lives -= 1
    case .helperLeft: clearAlarm(service)
    default: lives -= 1
    }
    return role
  }

  /// Goes on with a helper. One that was never made is made now, and how one ended that was reaped
  /// while nobody supervised is heard.
  mutating func resumeHelper(_ service: Int, lost: HelperRole) {
    units[service].isHelperKept = false
    let end = units[service].missedHelperEnd
    units[service].missedHelperEnd = nil
    switch lost {
    case .none, .preDone: break
    case .pre, .post:
      guard !units[service].isAlive, units[service].helper == .none else { return }
      if runHelper(lost, of: service) { return }
      if lost == .post { judgeEnd(service) }
    case .started:
      guard units[service].state == .starting, units[service].helper == .none,
        units[service].isAlive || manifest.services[service].type == .oneshot
      else { return }
      _ = runHelper(lost, of: service)
    case .stop where !units[service].isAlive && units[service].stopStage == .signalled:
      if !runHelper(.stop, of: service) { mainEnded(service) }
    case .stop, .reload, .probe, .pidFile, .health:
      guard units[service].isAlive, units[service].helper == .none else { return }
      if !runHelper(lost, of: service), lost == .stop { signalStop(service) }
    }
    switch units[service].helper {
    case .none: break
    case .preDone:
      // Its turn in the queue of starts has gone with the program before this one.
      starts.push(service)
    case .pre, .started, .post, .stop, .reload, .probe, .pidFile, .health:
      helperLanded(service)
      if let end { helperEnded(service, end, .none) }
    }
  }
}

extension HelperRole {
  /// True for what a process does.
  var isProcess: Bool {
    switch self {
    case .none, .preDone: false
    case .pre, .started, .post, .stop, .reload, .probe, .pidFile, .health: true
    }
  }
}
