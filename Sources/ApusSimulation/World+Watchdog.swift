internal import ApusBase
internal import ApusCore
internal import ApusManifest

// A device that resets the machine when it is not put off in time.
extension World {
  /// True when it would have reset the machine by now.
  var isReset: Bool { petted.map { time - $0 > watchdogWaits } ?? false }

  func petWatchdog() -> Outcome {
    if manifest.system.watchdogDevice.isEmpty { violate(0, "there is no watchdog to put off") }
    guard time >= watchdogExists else { return .done }
    if isReset { violate(15, "the watchdog is put off too late") }
    pets += 1
    let isFirst = petted == nil
    petted = time
    guard isFirst else { return .done }
    watchdogWaits = watchdogTimeout ?? manifest.system.watchdogTimeout
    return .event(.watchdogTimeout(watchdogWaits))
  }
}
