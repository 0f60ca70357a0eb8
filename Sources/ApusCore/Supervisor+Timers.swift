internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Timers: services that start by themselves, `afterBoot` and `every`.
extension Supervisor {
  /// Sets a service's timer for the first time.
  mutating func beginTimer(_ service: Int) {
    let timer = manifest.extras(of: manifest.services[service]).timer
    guard timer.isGiven else { return }
    setTimer(service, in: manifest.interval(timer, 1) ?? manifest.interval(timer, 2))
  }

  private mutating func setTimer(_ service: Int, in delay: Interval?) {
    guard let delay else { return }
    let timer = manifest.extras(of: manifest.services[service]).timer
    let jitter = manifest.value(timer, 0) ?? 0
    let spread = Interval(microseconds: jitter > 0 ? random(below: jitter) : 0)
    units[service].timerAt = now + delay + spread
    deadlines.set(deadlineKey(timer: service), to: units[service].timerAt)
  }

  /// A timer has elapsed: a service that still runs is left alone.
  mutating func timerDue(_ service: Int) {
    guard phase.rawValue <= Phase.running.rawValue, !isInert(service) else { return }
    setTimer(
      service, in: manifest.interval(manifest.extras(of: manifest.services[service]).timer, 2))
    guard !units[service].isAlive, units[service].helper == .none else { return }
    order(.start, service)
  }
}
