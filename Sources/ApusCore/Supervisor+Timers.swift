internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Timers: services that start by themselves, `afterBoot`, `every` and `calendar`.
//
// Only calendars go by the wall clock, and the clock is looked at for nothing else: when the first
// calendar is set, when one seems due, and when somebody has set the clock.
extension Supervisor {
  /// Sets a service's timer for the first time.
  mutating func beginTimer(_ service: Int) {
    let timer = timer(of: service)
    guard timer.isGiven else { return }
    setTimer(service, in: manifest.interval(timer, 1) ?? manifest.interval(timer, 2))
  }

  @inline(never)
  private func timer(of service: Int) -> Record {
    manifest.extras(of: manifest.services[service]).timer
  }

  private mutating func setTimer(_ service: Int, in delay: Interval?) {
    let jitter = manifest.value(timer(of: service), 0) ?? 0
    let spread = Interval(microseconds: jitter > 0 ? random(below: jitter) : 0)
    units[service].timerAt = now + (delay ?? .never) + spread
    armTimer(service)
  }

  /// Sets the deadline of what goes by time alone, and asks for the wall clock for the rest.
  mutating func armTimer(_ service: Int) {
    deadlines.set(deadlineKey(timer: service), to: units[service].timerAt)
    if manifest.value(timer(of: service), 3) != nil { wantsClock = true }
  }

  /// A timer has elapsed, or it is time to look at the clock for it.
  mutating func timerDue(_ service: Int) {
    guard phase.rawValue <= Phase.running.rawValue, !isInert(service) else { return }
    if units[service].timerAt <= now {
      setTimer(service, in: manifest.interval(timer(of: service), 2))
      elapse(service)
    } else {
      armTimer(service)
    }
  }

  /// Starts a service whose timer has elapsed; one that still runs is left alone.
  private mutating func elapse(_ service: Int) {
    guard !units[service].isAlive, units[service].helper == .none else { return }
    order(.start, service, by: .timer)
  }

  /// The clock was read, or set. A calendar whose moment has come fires once, however much later it
  /// is; after a step back the next moment by the new clock counts.
  @inline(never)
  mutating func clock(_ offset: Int64) {
    guard phase == .running || phase == .starting else { return }
    let wall = now.microseconds &+ offset
    for service in units.indices where !isInert(service) {
      guard let calendar = manifest.value(timer(of: service), 3) else { continue }
      let at = units[service].calendarAt
      let isDue = at > 0 && wall >= moment(of: service, at)
      let next = manifest.next(of: calendar, after: wall / 1_000_000) ?? .max
      if isDue || at == 0 || next < at { units[service].calendarAt = next }
      let wait =
        Interval(microseconds: moment(of: service, units[service].calendarAt))
        - Interval(microseconds: wall)
      // A little later: two clocks are never read at quite the same time.
      deadlines.set(
        deadlineKey(timer: service),
        to: min(units[service].timerAt, now + wait + .milliseconds(1)))
      if isDue { elapse(service) }
    }
  }

  /// When a calendar's second is up, jitter included, in microseconds since 1970. The jitter of a
  /// second is always the same, so that it is nowhere kept.
  private func moment(of service: Int, _ at: Int64) -> Int64 {
    let jitter = manifest.value(timer(of: service), 0) ?? 0
    guard at < .max else { return .max }
    guard jitter > 0 else { return at * 1_000_000 }
    var mixed = (seed ^ UInt64(service) ^ UInt64(bitPattern: at) << 16) &* 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ mixed >> 29) &* 0xbf58_476d_1ce4_e5b9
    return at * 1_000_000 + Int64(mixed >> 1) % jitter
  }
}
