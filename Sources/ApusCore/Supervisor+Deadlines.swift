internal import ApusBase
internal import ApusManifest

// Keys of the deadline heap.
extension Supervisor {
  func deadlineKey(listener: Int) -> Int { units.count + listener }
  func deadlineKey(connection: Int) -> Int { units.count + listeners.count + connection }
  var boardKey: Int { units.count + listeners.count + connections.count }
  /// What a running process has to keep: `watchdog`, `runtimeMax`, `idleStop`.
  func deadlineKey(run service: Int) -> Int { boardKey + 1 + service }
  func deadlineKey(timer service: Int) -> Int { boardKey + 1 + units.count + service }
  var watchdogKey: Int { boardKey + 1 + 2 * units.count }
  /// The end of `minimumUptime`, once somebody waits for it.
  var uptimeKey: Int { watchdogKey + 1 }
  /// When the boot may be good.
  var goodKey: Int { watchdogKey + 2 }
}

// The hardware watchdog, a device that resets the machine unless it is put off in time.
extension Supervisor {
  /// PID 1 puts it off with its first step; before that it is opened.
  mutating func declareWatchdog() {
    guard mode == .system, !manifest.system.watchdogDevice.isEmpty else { return }
    watchdogTimeout = manifest.system.watchdogTimeout
    watchdogDue = .zero
  }

  /// Its driver's timeout is what counts.
  mutating func watchdogOpened(_ timeout: Interval) {
    watchdogTimeout = timeout
    petWatchdog()
  }

  /// Half of the watchdog's time is the latest; a quarter is early enough when apus is awake anyway.
  mutating func petWatchdog() {
    guard phase != .ended else { return }
    out.append(.petWatchdog)
    let quarter = Interval(microseconds: watchdogTimeout.microseconds / 4)
    watchdogDue = now + quarter
    deadlines.set(watchdogKey, to: watchdogDue + quarter)
  }
}
