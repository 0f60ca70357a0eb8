internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Looking at services that are up. A look is a helper: while another command of the service runs, or
// it reloads or is kept still, the look waits for the next interval; a reload breaks one off.
extension Supervisor {
  /// What the index of a look's command says: nothing, that it was broken off, or that the command of
  /// a reload follows it. It has no other use, as there is one command.
  private static var brokenOff: UInt8 { 1 }
  private static var reloadFollows: UInt8 { 2 }

  /// Looks at a service after the interval of `health`, if it has that.
  mutating func lookAtHealthLater(_ service: Int) {
    let health = manifest.extras(of: manifest.services[service]).health
    guard health.isGiven, units[service].isAlive else { return }
    units[service].lookAt = now + (manifest.interval(health, 3) ?? .seconds(30))
    setRunDeadline(service)
  }

  /// The interval is over.
  mutating func lookAtHealth(_ service: Int) {
    guard units[service].alarm == .none, units[service].helper == .none,
      units[service].frozenUntil == .never, units[service].stopStage == .none,
      startHelper(.health, of: service)
    else { return lookAtHealthLater(service) }
  }

  /// What a look has found: `none` or what is wrong. After so many in a row the run has failed.
  mutating func healthSeen(_ service: Int, _ failure: Reason) {
    guard units[service].state == .ready, units[service].stopStage == .none,
      units[service].forcedEnd == nil
    else { return }
    let index = units[service].helperIndex
    if index == Self.reloadFollows { _ = startHelper(.reload, of: service) }
    if index == 0 {
      units[service].failedLooks = failure.kind == .none ? 0 : units[service].failedLooks &+ 1
      let health = manifest.extras(of: manifest.services[service]).health
      if Int64(units[service].failedLooks) >= manifest.value(health, 5) ?? 3 {
        return endUnhealthy(service, failure)
      }
      if failure.kind != .none { out.append(log(.tolerated, service, failure)) }
    }
    lookAtHealthLater(service)
  }

  /// Ends a service that has failed its looks, or whose look no KILL ends.
  mutating func endUnhealthy(_ service: Int, _ reason: Reason) {
    abort(service, .uncleanExit, reason, signal: nil)
  }

  /// Ends a look whose place something else needs; what it finds does not count.
  mutating func breakOffLook(_ service: Int, thenReload: Bool = false) {
    units[service].helperIndex = thenReload ? Self.reloadFollows : Self.brokenOff
    setAlarm(service, .helperKilled, in: Self.killTime)
    out.append(.signal(helperInstance(service), number: 9, scope: .all))
  }

  /// True when the command of a reload waits for the end of a look.
  func reloadsNext(_ service: Int) -> Bool {
    units[service].helper == .health && units[service].helperIndex == Self.reloadFollows
  }
}
