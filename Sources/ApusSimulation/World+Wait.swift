public import ApusBase
public import ApusCore
internal import ApusManifest
internal import ApusWire

extension World {
  /// True when nothing will ever happen again by itself before the horizon.
  public func isQuiet(until deadline: Instant?) -> Bool {
    let next = min(deadline?.microseconds ?? .max, agenda.next ?? .max)
    return next > horizon.microseconds && !hasPending()
  }

  /// Nothing happens until that moment.
  func skip(to moment: Instant) { clock = max(clock, moment.microseconds) }

  /// True once something was asked of it.
  var hasStarted: Bool { trace.lines > 0 }

  /// Waits on the fake clock: the time until something happens costs nothing.
  public func wait(until deadline: Instant?, into events: inout EventBuffer) throws(Errno) {
    for event in handedOver { note(event) }
    handedOver.removeAll(keepingCapacity: true)
    turns += 1
    let before = clock
    if interruptions > 0 || random.chance(chaos.interruptions) {
      interruptions = max(0, interruptions - 1)
      trace.write(at: clock) { $0.text("EINTR") }
      return
    }
    runDue()
    while !hasPending() {
      let next = min(deadline?.microseconds ?? .max, agenda.next ?? .max, horizon.microseconds)
      guard next < .max else {
        // Nothing will ever happen: the real kernel would sleep for ever.
        throw .timedOut
      }
      clock = max(clock, next)
      runDue()
      if clock >= min(deadline?.microseconds ?? .max, horizon.microseconds) { break }
    }
    now = time
    turnsWithoutTime = clock > before ? 0 : turnsWithoutTime + 1
    collect(into: &events)
    for event in events.elements { recordDelivery(event) }
    handedOver = Array(events.elements)
  }

  private func runDue() {
    while let next = agenda.next, next <= clock, let entry = agenda.takeNext() { entry.body(self) }
  }

  func hasPending() -> Bool {
    if !notices.isEmpty { return true }
    if !exits.isEmpty || !reports.isEmpty || !control.isEmpty || !signals.isEmpty { return true }
    if childlessIsDue || clockIsSet || !lostNodes.isEmpty { return true }
    for listener in listeners where listener.isWatched && listener.isBound {
      if listener.isBroken || !listener.queue.isEmpty { return true }
    }
    return false
  }

  private func collect(into events: inout EventBuffer) {
    deliver(&notices, into: &events)
    // Exits, each after its own spawn result unless the script wants it otherwise.
    var keptExits: [(id: InstanceID, report: ExitReport)] = []
    for exit in exits {
      guard !events.isFull else {
        keptExits.append(exit)
        continue
      }
      var kept: [Event] = []
      for report in reports {
        if instance(of: report) == exit.id, !events.isFull {
          events.append(report)
        } else {
          kept.append(report)
        }
      }
      reports = kept
      guard events.append(.exited(exit.id, exit.report)) else {
        keptExits.append(exit)
        continue
      }
    }
    exits = keptExits
    deliver(&reports, into: &events)
    collectNodes(into: &events)
    deliver(&control, into: &events)
    deliver(&signals, into: &events)
    if clockIsSet, !events.isFull {
      clockIsSet = false
      events.append(.clock(offset: wallOffset))
    }
    if childlessIsDue, !events.isFull {
      childlessIsDue = false
      events.append(.childless)
    }
    collectListeners(into: &events)
    addStale(into: &events)
    reports.append(contentsOf: lateReports)
    lateReports.removeAll()
  }

  private func instance(of event: Event) -> InstanceID? {
    switch event {
    case .executed(let id), .executionFailed(let id, _, _): id
    default: nil
    }
  }

  private func deliver(_ queue: inout [Event], into events: inout EventBuffer) {
    var taken = 0
    while taken < queue.count, events.append(queue[taken]) { taken += 1 }
    queue.removeFirst(taken)
  }

  private func collectListeners(into events: inout EventBuffer) {
    let count = listeners.count
    guard count > 0 else { return }
    // The epoll list rotates, so that a full buffer starves nobody.
    let first = turns % count
    for offset in 0..<count {
      let index = (first + offset) % count
      guard listeners[index].isWatched, listeners[index].isBound else { continue }
      let id = UInt16(index)
      if listeners[index].isBroken {
        if events.append(.brokenListener(listener: id)) { countReport(index) }
      } else if !listeners[index].queue.isEmpty {
        if random.chance(chaos.missedReadiness) { continue }
        if events.append(.readable(listener: id)) { countReport(index) }
      } else if random.chance(chaos.spuriousReadiness) {
        events.append(.readable(listener: id))
      }
    }
  }

  private func countReport(_ index: Int) {
    listeners[index].ignoredReports += 1
    if listeners[index].ignoredReports > 8 {
      violate(10, "listener \(index) is reported again and again and nothing is done")
      listeners[index].ignoredReports = 0
    }
  }

  private func addStale(into events: inout EventBuffer) {
    if random.chance(chaos.staleEvents) {
      for listener in recentlyUnwatched where !listeners[Int(listener)].isWatched {
        events.append(.readable(listener: listener))
        if random.chance(300) { events.append(.brokenListener(listener: listener)) }
      }
    }
    recentlyUnwatched.removeAll(keepingCapacity: true)
    if random.chance(chaos.staleEvents) {
      for id in recentlyReleased where live(id) == nil {
        switch random.below(4) {
        case 0: events.append(.executed(id))
        case 1: events.append(.exited(id, ExitReport(isSignal: false, number: 1)))
        case 2: events.append(.executionFailed(id, step: .execute, errno: .noEntry))
        default: events.append(.spawned(id, pid: 1))
        }
      }
    }
    recentlyReleased.removeAll(keepingCapacity: true)
    if random.chance(chaos.spuriousTicks) { events.append(.tick) }
  }

  /// The supervisor is about to be told: from here on rules that depend on it hold.
  public func note(_ event: Event) {
    noteCommand(event)
    switch event {
    case .adopted(let id, _): overtaken.removeAll { $0 == id }
    case .request(let client, let request):
      if request.action == .apply { orders += 1 }
      if shutdownOrdered == nil, let index = requests.lastIndex(where: { $0.client == client }) {
        requests[index].isHeard = true
        if !request.onlyWait, request.connection == 0, let service = request.service {
          noteOrder(request.action, Int(service))
        }
      }
      switch request.action {
      case .reboot:
        if request.hasArgument, shutdownOrdered == nil || request.now { orderedArgument = client }
        orderShutdown(.reboot, now: request.now)
      case .poweroff: orderShutdown(.poweroff, now: request.now)
      case .halt: orderShutdown(.halt, now: request.now)
      case .kexec: orderShutdown(.kexec, now: request.now)
      case .start, .stop, .restart, .reload, .reset, .kill, .reexec, .apply: break
      }
    case .signal(2):
      presses += 1
      if case .service(let service) = manifest.system.ctrlAltDel { noteOrder(.start, Int(service)) }
      if presses >= 7 { powerOrdered = nil }
    case .signal(47): orderShutdown(.halt, now: true)
    case .signal(48): orderShutdown(.poweroff, now: true)
    case .signal(49): orderShutdown(.reboot, now: true)
    case .signal(50): orderShutdown(.kexec, now: true)
    case .exited(let id, let report):
      guard var instance = live(id),
        instance.exitTurn == nil
      else { return }
      instance.hasLanded = true
      if instance.isMain {
        services[instance.service].mayStart = false
        services[instance.service].endHeardAt = time
        requireLook(instance.service)
      }
      let isOneshot = manifest.services[instance.service].type == .oneshot
      services[instance.service].isUp = isOneshot && !report.isSignal && report.number == 0
      instance.exitTurn = turns
      instances[Int(id.slot)] = instance
    case .executionFailed(let id, let step, _):
      // Its place among those before execve(2) is free only with its end.
      let service = Int(id.slot) < services.count ? Int(id.slot) : Int(id.slot) - helperBase
      if step == .condition, services.indices.contains(service) {
        services[service].isSkipped = true
      }
    case .readable(let listener): noteTraffic(Int(listener))
    case .executed(let id):
      if var instance = live(id) {
        instance.hasLanded = true
        instances[Int(id.slot)] = instance
      }
    default: break
    }
  }

  /// The supervisor was told to end by means the world does not know, such as a signal.
  ///
  /// Of several orders the first counts; one at once counts whatever was ordered before.
  public func orderShutdown(_ action: PowerAction? = nil, now: Bool = false) {
    if shutdownOrdered == nil { shutdownOrdered = time }
    if let action, powerOrdered == nil || now { powerOrdered = action }
  }
}
