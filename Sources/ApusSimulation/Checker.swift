internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

/// The invariants of the scenarios that need both sides: what the supervisor says and what is true.
///
/// Those that a single effect can break (1, 3, 4, 5, 8, 9 in part) stand in `World`, where the
/// effect is performed.
struct Checker {
  /// The most turns in a row in which time stands still: more is a busy loop.
  static let turnsWithoutTime = 600
  /// The longest a bound listener of an idle service may go unwatched, whatever happens.
  static let longestPause = Interval.seconds(90)

  private(set) var manifest: Manifest
  let mode: SupervisorMode
  /// Attempts of each service looked at so far.
  private var seen: [Int]

  init(manifest: Manifest, mode: SupervisorMode) {
    self.manifest = manifest
    self.mode = mode
    seen = manifest.services.map { _ in 0 }
  }

  /// Goes on with another manifest, which the world has taken already.
  mutating func follow(_ world: World) {
    manifest = world.manifest
    seen = world.services.map { $0.attempts.count }
  }

  mutating func afterStep(_ world: World, _ supervisor: borrowing Supervisor) -> Violation? {
    if let broken = checkInstances(world, supervisor) { return broken }
    for service in manifest.services.indices {
      if let broken = checkState(service, world, supervisor) { return broken }
      if let broken = checkPace(service, world) { return broken }
    }
    for listener in manifest.listeners.indices {
      if let broken = checkListener(listener, world, supervisor) { return broken }
    }
    return nil
  }

  func afterTurn(_ world: World, _ supervisor: borrowing Supervisor) -> Violation? {
    if world.turnsWithoutTime > Self.turnsWithoutTime {
      return Violation(7, "\(world.turnsWithoutTime) turns and time stands still: a busy loop")
    }
    for case let process? in world.processes where process.stage == .running {
      if let since = process.freezesSince, world.time.microseconds - since > 500_000 {
        return Violation(14, "service \(process.service) is kept frozen")
      }
    }
    if world.shutdownOrdered == nil, let broken = checkNodes(world) { return broken }
    if world.isReset { return Violation(15, "the watchdog has reset the machine") }
    if let ordered = world.shutdownOrdered, world.power == nil {
      let total = manifest.system.shutdownTimeout + world.suspendedDuringEnd
      if total < .never, world.time - ordered > total {
        return Violation(9, "shutdown takes longer than declared")
      }
    }
    return nil
  }

  // 1 and 3: no zombie outlives the step that was told of it, no connection is forgotten.
  private func checkInstances(_ world: World, _ supervisor: borrowing Supervisor) -> Violation? {
    for case let instance? in world.instances where instance.exitTurn != nil {
      return Violation(1, "\(instance.id) has ended and is not released")
    }
    guard !supervisor.hasWork else { return nil }
    guard world.inFlight < supervisor.spawnPlaces else { return nil }
    for (slot, connection) in world.held.enumerated() where connection != nil {
      let report = supervisor.report(connection: slot - manifest.services.count)
      let service = report?.service
      if report?.state == .backoff {
        if let broken = due(report?.nextStart, world, "the connection held for slot \(slot)") {
          return broken
        }
        continue
      }
      // One whose step has failed keeps its place until it has ended, one that runs until that is told.
      let others = world.instances.reduce(0) { sum, other in
        guard let other, other.service == service.map({ Int($0) }) else { return sum }
        let runs = world.processes[other.process]?.stage == .running
        return sum + (runs && other.hasLanded ? 0 : 1)
      }
      if world.instances[slot] == nil, others < Limits.connectionsInFlight {
        return Violation(3, "the connection accepted for slot \(slot) is forgotten")
      }
    }
    return nil
  }

  // 2: watched if and only if idle, not paused, and with room.
  private func checkListener(
    _ index: Int, _ world: World, _ supervisor: borrowing Supervisor
  ) -> Violation? {
    let listener = world.listeners[index]
    let service = listener.service
    let declared = manifest.services[service]
    let state = supervisor.state(of: service)
    guard let report = supervisor.report(listener: index) else {
      return Violation(2, "listener \(index) has no report")
    }
    if listener.isWatched {
      // In the step that watches it, before anything can come.
      if listener.isUnseen {
        return Violation(19, "listener \(index) is watched, and nobody has looked for its node")
      }
      if state != .listening {
        return Violation(2, "listener \(index) is watched, its service \(state)")
      }
      if !declared.accepts, world.services[service].alive > 0 {
        return Violation(2, "listener \(index) is watched and its service runs")
      }
      if report.state != .listening, !listener.isNodeLost {
        return Violation(2, "listener \(index) is watched but shown as \(report.state)")
      }
      return nil
    }
    guard !supervisor.hasWork, world.shutdownOrdered == nil else { return nil }
    if !listener.isBound {
      if state == .invalid || state == .skipped { return nil }
      return due(report.pausedUntil, world, "unbound listener \(index)")
    }
    guard state == .listening else { return nil }
    if world.isFull(service) { return nil }
    if report.state == .listening {
      return Violation(2, "listener \(index) is shown as listening and not watched")
    }
    return due(report.pausedUntil, world, "unwatched listener \(index) of an idle service")
  }

  /// 19: what nobody finds any more is bound anew, without any start.
  func checkNodes(_ world: World) -> Violation? {
    for (index, listener) in world.listeners.enumerated()
    where listener.isBound && listener.lost != nil && world.watchesDirectories {
      let isUp = world.services[listener.service].alive > 0
      if isUp, listener.isNodeLost, !manifest.services[listener.service].accepts { continue }
      // Those that wait in its queue are served first.
      if listener.isNodeLost, !listener.queue.isEmpty { continue }
      let since = max(listener.lostSince, listener.takenAt, world.resumedAt)
      let ended = world.services[listener.service].endHeardAt
      if world.time - max(since, ended) > Self.longestPause {
        return Violation(19, "listener \(index) is lost and is not bound anew")
      }
    }
    return nil
  }

  private func due(_ moment: Instant?, _ world: World, _ what: String) -> Violation? {
    guard let moment else { return Violation(6, "\(what): nothing is planned") }
    if moment - world.now > Self.longestPause { return Violation(6, "\(what): too far away") }
    return nil
  }

  // 6: everything that does not run has a future or a reason.
  private func checkState(
    _ service: Int, _ world: World, _ supervisor: borrowing Supervisor
  ) -> Violation? {
    guard let report = supervisor.report(service: service) else {
      return Violation(6, "service \(service) has no report")
    }
    let facts = world.services[service]
    let declared = manifest.services[service]
    // A command of the service stands for its process while there is none.
    let isHelped = world.hasHelper(service)
    let isAlive = facts.alive > 0
    func broken(_ what: String) -> Violation {
      Violation(6, "service \(service) is \(report.state): \(what)")
    }
    switch report.state {
    case .invalid, .skipped, .stopped, .failed:
      if isAlive { return broken("a process is alive") }
      if report.state == .failed, report.reason.kind == .none { return broken("no reason") }
    case .listening:
      if isAlive, !declared.accepts { return broken("a process is alive") }
      if declared.listeners.count == 0 { return broken("it has no listeners") }
    case .waiting:
      if isAlive, !declared.accepts { return broken("a process is alive") }
      if supervisor.hasWork { return nil }
      return checkWaiting(service, report, world, supervisor)
    case .starting:
      if !isAlive, !isHelped, !supervisor.hasWork, world.inFlight < supervisor.spawnPlaces {
        return broken("no process")
      }
    case .ready:
      if declared.type == .oneshot {
        return facts.isUp || isAlive ? nil : broken("it did not succeed")
      }
      if !isAlive { return broken("no process") }
      if facts.executions == 0 { return broken("nothing was executed") }
    case .stopping:
      // One that has made room for another manifest waits for others.
      if declared.flags.contains(.leaving) { return nil }
      // A oneshot that has done its work waits for what needs it.
      if declared.flags.contains(.remain), facts.isUp { return nil }
      if !isAlive, !isHelped, !supervisor.hasWork { return broken("no process") }
    case .backoff:
      if isAlive { return broken("a process is alive") }
      guard let next = report.nextStart else { return broken("no next start") }
      let restart = manifest.restart(of: declared)
      // What has reached its limit waits for the next window, also where a stop comes between and
      // another's failure calls for it.
      let window = restart.limit.count > 0 ? restart.limit.window : .zero
      if next - world.now > max(.seconds(1), restart.maxDelay, window) {
        return broken("its next start is beyond the longest delay")
      }
    }
    return nil
  }

  // What is waited for must really be missing.
  private func checkWaiting(
    _ service: Int, _ report: ServiceReport, _ world: World, _ supervisor: borrowing Supervisor
  ) -> Violation? {
    switch report.reason.kind {
    case .dependency:
      let other = Int(report.reason.value)
      guard let declared = manifest.services.at(other) else {
        return Violation(6, "service \(service) waits for nobody")
      }
      if supervisor.state(of: other) == .ready {
        return Violation(6, "service \(service) waits for \(other), which is ready")
      }
      let listeners = declared.listeners.indices
      if declared.listeners.count > 0, listeners.allSatisfy({ world.listeners[$0].isBound }),
        ![.invalid, .stopping].contains(supervisor.state(of: other))
      {
        return Violation(6, "service \(service) waits for \(other), whose listeners are bound")
      }
    case .bindFailed, .brokenListener: break
    default:
      let own = manifest.services[service].listeners.indices
      if own.allSatisfy({ world.listeners[$0].isBound }) {
        return Violation(6, "service \(service) waits without a reason")
      }
    }
    return nil
  }

  // 6: starts of one service in any window are no more than the policy allows.
  private mutating func checkPace(_ service: Int, _ world: World) -> Violation? {
    let attempts = world.services[service].attempts
    guard attempts.count > seen[service], let last = attempts.last else { return nil }
    seen[service] = attempts.count
    let declared = manifest.services[service]
    let operatorRequests = world.requests.reduce(0) { sum, request in
      request.made + .seconds(10) >= last ? sum + 1 : sum
    }
    guard operatorRequests == 0 else { return nil }
    if declared.trigger.count > 0, declared.listeners.count > 0 {
      // Windows are fixed, not sliding: two may touch. Restarts are no triggers.
      let restart = manifest.restart(of: declared)
      let shortest = restart.delay.microseconds * Int64(1000 - restart.jitterPermille) / 1000
      let restarts = declared.trigger.window.microseconds / max(1_000, shortest) + 1
      let allowed =
        2 * Int(declared.trigger.count) * Int(declared.listeners.count) + Int(restarts)
      let first = attempts.count - 1 - allowed
      if first >= 0, last - attempts[first] < declared.trigger.window {
        return Violation(6, "service \(service) starts more often than its trigger allows")
      }
    }
    return nil
  }
}
