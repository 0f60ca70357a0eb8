internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

// Rule 16: no path starts a service twice without its pause, whatever has caused it.
//
// What the supervisor was told decides, in the order in which it was told: an end asks for a pause,
// and a start is free of it once an operator has asked for it, once a stop that somebody has asked
// for is over, or once traffic has come for what has ended well and has taken what came before.
extension World {
  func checkPause(_ service: ServiceIndex) {
    let facts = services[service]
    let declared = manifest.services[service]
    services[service].mayStart = false
    services[service].isStopAsked = leaders(of: service).contains {
      services[$0].isStopAsked && services[$0].alive > 0
    }
    guard let last = facts.attempts.last, !declared.accepts, !facts.mayStart else { return }
    let restart = manifest.restart(of: declared)
    let shortest = restart.delay.microseconds * Int64(1000 - restart.jitterPermille) / 1000
    let since = max(last, facts.ends.last ?? .zero)
    if time - since < Interval(microseconds: shortest) {
      violate(16, "service \(service) is started again without its pause")
    }
  }

  /// An operator asks for something.
  func noteOrder(_ action: Request.Action, _ service: ServiceIndex) {
    guard services.indices.contains(service) else { return }
    orders += 1
    switch action {
    case .stop: askToStop(service)
    case .restart:
      askToStop(service)
      letStart(service)
    case .start: letStart(service)
    case .reset: services[service].mayStart = true
    case .reload, .kill, .reboot, .poweroff, .halt, .kexec, .reexec, .apply: break
    }
  }

  /// What is asked for brings along what it needs and wants.
  private func letStart(_ service: ServiceIndex) {
    services[service].mayStart = true
    let declared = manifest.services[service]
    for list in [declared.needs, declared.wants] {
      for link in list.indices {
        guard let other = manifest.links.at(link) else { continue }
        services[Int(other)].mayStart = true
      }
    }
  }

  /// What needs it is stopped before it, and what is part of it with it.
  private func askToStop(_ service: ServiceIndex) {
    var asked = [service]
    var next = 0
    while next < asked.count {
      services[asked[next]].isStopAsked = true
      // The stop is over with a command that runs alone; nothing else says so.
      if services[asked[next]].alive == 0, hasHelper(asked[next]) {
        services[asked[next]].mayStart = true
      }
      for other in manifest.services.indices
      where leaders(of: other).contains(asked[next]) && !asked.contains(other) {
        asked.append(other)
      }
      next += 1
    }
  }

  /// The services whose stop is a stop of this one.
  private func leaders(of service: ServiceIndex) -> [ServiceIndex] {
    let declared = manifest.services[service]
    return [declared.needs, declared.partOf].flatMap { list in
      list.indices.compactMap { manifest.links.at($0).map { Int($0) } }
    }
  }

  /// The supervisor says that it stops a service, or that it has.
  func checkStop(_ message: Message) {
    guard let service = message.service.map({ Int($0) }) else { return }
    switch message.kind {
    case .stopping:
      orders += 1
      let isMeant =
        shutdownOrdered != nil || message.reason.isOfNobody
        || manifest.services[service].flags.contains(.leaving)
      if isMeant { services[service].isStopAsked = true }
      if !services[service].isStopAsked, !manifest.services[service].accepts {
        violate(16, "service \(service) is stopped, and nobody has asked for that")
      }
    case .stopped:
      if !manifest.services[service].accepts { services[service].isUp = false }
      services[service].stoppedAt = time
      if services[service].isStopAsked { services[service].mayStart = true }
      services[service].isStopAsked = false
    default: break
    }
  }

  /// Traffic may start at once what has ended well, if it has taken something meanwhile, has run for
  /// some time or ended some time ago.
  func noteTraffic(_ listener: ListenerIndex) {
    guard listeners.at(listener)?.isWatched == true else { return }
    let service = listeners[listener].service
    let facts = services[service]
    guard facts.hasEndedWell, facts.alive == 0, let start = facts.attempts.last else { return }
    let end = facts.endHeardAt
    let hasTaken = manifest.services[service].listeners.indices.contains {
      listeners[$0].takenAt >= start
    }
    if hasTaken || end - start >= .seconds(1) || time - end > .milliseconds(20) {
      services[service].mayStart = true
    }
  }
}

extension Reason {
  /// True when nobody had use for the service.
  var isOfNobody: Bool { kind == .idle || kind == .reclaimed }
}
