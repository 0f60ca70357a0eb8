internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Boot: bind everything, then start what starts with the board.
extension Supervisor {
  mutating func begin() {
    guard phase == .idle || isResumed else { return }
    if !isResumed { phase = .binding }
    for index in units.indices {
      if !isResumed { units[index].since = now }
      let flags = manifest.services[index].flags
      if flags.contains(.invalid) {
        units[index].state = .invalid
        units[index].reason = Reason(.invalid)
      } else if flags.contains(.template) {
        units[index].state = .skipped
      } else if flags.contains(.masked) {
        units[index].state = .skipped
        units[index].reason = Reason(.mask)
      }
    }
    if isResumed { resume() }
    isResumed = false
  }

  /// True for a service that can never run; a condition may be met the next time.
  func isInert(_ service: Int) -> Bool {
    units[service].state == .invalid
      || units[service].state == .skipped && units[service].reason.kind != .condition
  }

  /// Goes on with a phase that visits every listener or service, as far as effects fit.
  mutating func advancePhase() {
    if phase == .binding {
      // Few at a time, so that the driver's queue of outcomes stays short.
      while cursor < listeners.count, bindsOutstanding < 32 {
        if !isInert(Int(manifest.listeners[cursor].service)) {
          bindsOutstanding += 1
          out.append(.bind(listener: UInt16(truncatingIfNeeded: cursor)))
        }
        cursor += 1
      }
      guard cursor >= listeners.count, bindsOutstanding == 0 else { return }
      phase = .starting
      cursor = 0
      deadlines.set(boardKey, to: now + .seconds(15))
    }
    if phase == .starting {
      while cursor < units.count, out.elements.count < Self.effectReserve {
        if !isInert(cursor) { announce(cursor) }
        cursor += 1
      }
      if cursor >= units.count { phase = .running }
    }
    if phase == .stopping {
      while cursor < units.count, out.elements.count < Self.effectReserve {
        units[cursor].goal = .down
        work.push(cursor)
        cursor += 1
      }
    }
  }

  /// Gives a service its first goal.
  mutating func announce(_ service: Int) {
    let declared = manifest.services[service]
    if units[service].goal == .down { units[service].goal = initialGoal(service) }
    if declared.start == .boot, !units[service].isBootPending {
      units[service].isBootPending = true
      bootPending += 1
    }
    beginTimer(service)
    work.push(service)
  }

  /// The goal the manifest gives a service.
  func initialGoal(_ service: Int) -> Goal {
    switch manifest.services[service].start {
    case .boot: manifest.services[service].accepts ? .listen : .up
    case .demand: .listen
    case .timer, .manual: .down
    }
  }

  /// What `status` tells of this boot and those before it.
  var boots: BootsRecord {
    BootsRecord(
      failed: failedBoots, limit: manifest.system.bootState.isEmpty ? 0 : manifest.system.bootLimit,
      isGood: isBootGood, isFallback: manifest.isFallback)
  }

  /// Says once that the boot is good: it has lasted for `good.after`, and all of `good.needs` are up.
  mutating func judgeBoot() {
    let system = manifest.system
    guard !isBootGood, phase == .running, mode == .system, !system.bootState.isEmpty else { return }
    guard now >= .zero + system.goodAfter else {
      return deadlines.set(goodKey, to: .zero + system.goodAfter)
    }
    for link in system.goodNeeds.indices {
      if !isSatisfied(manifest.links.at(link).map(Int.init) ?? -1, hard: true) { return }
    }
    isBootGood = true
    out.append(.bootGood)
    if let service = system.goodService { order(.start, Int(service), by: .timer) }
  }

  /// Says once that the board is up.
  mutating func finishBootIfSettled() {
    guard phase == .running, !hasFinishedBoot, bootPending <= 0, work.isEmpty, starts.isEmpty
    else { return }
    hasFinishedBoot = true
    deadlines.clear(boardKey)
    out.append(.bootFinished)
  }
}
