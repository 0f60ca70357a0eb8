public import ApusBase

/// Keys few services use. The table entry is shared through `defaults`.
public struct Extras: Sendable {
  public var idleStop = Interval.never
  public var runtimeMax = Interval.never
  public var watchdog = Interval.never
  public var pidFile = Text.none
  /// Entries of `Manifest.texts`: files of `KEY=VALUE` lines; a leading `-` makes one optional.
  public var environmentFiles = TableRange.none
  public var fdStore: UInt16 = 0
  /// Exit statuses that count as clean.
  public var successExit = TableRange.none
  /// Links to services started when this one gives up.
  public var onFailure = TableRange.none

  /// Every default.
  public init() {}
}

/// Socket options few listeners use.
public struct SocketOptions: Sendable {
  public var device = Text.none

  /// Every default.
  public init() {}
}

/// What Ctrl-Alt-Del does.
public enum CtrlAltDelAction: Equatable, Sendable {
  case reboot
  case poweroff
  case ignore
  /// Starts the service of that index.
  case service(UInt16)
}

/// What only PID 1 does.
public struct System: Sendable {
  public var hostname = Text.none
  public var console = Text.none
  public var loopback = true
  public var ctrlAltDel = CtrlAltDelAction.reboot
  /// For stopping everything at the end.
  public var shutdownTimeout = Interval.seconds(30)

  /// Every default.
  public init() {}
}
