public import ApusBase

/// systemd's seven words for when a service is started again (systemd.service(5), `Restart=`).
public enum RestartPolicy: UInt8, Sendable {
  case no
  case onSuccess
  case onFailure
  case onAbnormal
  case onWatchdog
  case onAbort
  case always
}

/// What happens when a service gives up.
public enum LimitAction: UInt8, Sendable {
  case stop
  case reboot
  case poweroff
  case rescue
}

/// The `restart` key.
public struct Restart: Equatable, Sendable {
  /// Which ends lead to a new start.
  public var policy: RestartPolicy = .onFailure
  /// The first delay.
  public var delay: Interval = .milliseconds(100)
  /// Growth of the delay, in thousandths (2000 doubles it).
  public var factorPermille: UInt32 = 2000
  /// The longest delay.
  public var maxDelay: Interval = .seconds(30)
  /// Random part of a delay, in thousandths of it.
  public var jitterPermille: UInt32 = 100
  /// Running this long brings the delay back to the first.
  public var resetAfter: Interval = .seconds(60)
  /// Starts allowed in a window; count 0 is no limit.
  public var limit = Rate(count: 0, window: .never)
  /// What giving up does.
  public var onLimit: LimitAction = .stop
  /// Ends after which there is never a restart, as entries of `Manifest.exitStatuses`.
  public var neverOn = TableRange.none
  /// Ends after which there always is one.
  public var alwaysOn = TableRange.none

  /// Every default.
  public init() {}
}

/// An exit code or a signal, as `successExit`, `neverOn` and `alwaysOn` list them.
public struct ExitStatus: Equatable, Sendable {
  /// True for a signal number, false for an exit code.
  public var isSignal: Bool
  /// Exit code 0 to 255, or signal number 1 to 64.
  public var number: UInt8

  /// An exit code or a signal.
  public init(isSignal: Bool, number: UInt8) {
    self.isSignal = isSignal
    self.number = number
  }
}

/// A command around the life of a service: an element of `pre`, `started` or `post`.
public struct ServiceCommand: Equatable, Sendable {
  /// argv.
  public var exec: TableRange
  /// How long it may take; then it is killed with all that it has started.
  public var timeout: Interval
  /// Its failure is logged and changes nothing.
  public var mayFail = false

  /// A command that has to end well within that time.
  public init(exec: TableRange = .none, timeout: Interval = .seconds(30)) {
    self.exec = exec
    self.timeout = timeout
  }
}

/// Which processes a stop signals.
public enum StopScope: UInt8, Sendable {
  /// The signal to every process of the service, then KILL to every one.
  case all
  /// The signal to the main process, then KILL to every one.
  case mixed
  /// Signal and KILL to the main process only.
  case main
}

/// The `stop` key.
public struct Stop: Equatable, Sendable {
  /// The first signal.
  public var signal: UInt8 = 15
  /// Which processes get it.
  public var scope: StopScope = .all
  /// How long until SIGKILL.
  public var timeout: Interval = .seconds(5)
  /// A command that asks the service to end, instead of the signal.
  public var exec = TableRange.none

  /// Every default.
  public init() {}
}
