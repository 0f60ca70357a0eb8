public import ApusBase

/// What "started" means for a service.
public enum ServiceType: UInt8, Sendable {
  /// Ready once execve(2) succeeded.
  case simple
  /// Ready on READY=1.
  case notify
  /// Ready once it exited with 0.
  case oneshot
  /// Ready once its first process exited and left a daemon.
  case forking
}

/// When a service starts.
public enum StartMode: UInt8, Sendable {
  /// With the board.
  case boot
  /// On the first traffic of one of its listeners.
  case demand
  /// When its timer elapses.
  case timer
  /// When asked for.
  case manual
}

/// Yes-or-no keys of a service.
public struct ServiceFlags: OptionSet, Sendable {
  /// One bit a flag.
  public var rawValue: UInt16
  /// Takes the bits as they are.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// `accept`: one process for each connection.
  public static let accept = ServiceFlags(rawValue: 1)
  /// `remain`: a finished oneshot counts as up.
  public static let remain = ServiceFlags(rawValue: 2)
  /// `critical`: giving up reboots the board.
  public static let critical = ServiceFlags(rawValue: 4)
  /// `reclaim`: may be stopped while idle when memory is short.
  public static let reclaim = ServiceFlags(rawValue: 8)
  /// The entry was refused: the service exists only to be shown as `invalid`.
  public static let invalid = ServiceFlags(rawValue: 16)
  /// A template (`getty@`) that has no process of its own.
  public static let template = ServiceFlags(rawValue: 32)
  /// Named by `apus.mask=` on the kernel command line: never started. Set when PID 1 loads.
  public static let masked = ServiceFlags(rawValue: 64)
  /// `"stdio": "socket"`: standard input and output are the socket, and no LISTEN_* is set.
  public static let socketStdio = ServiceFlags(rawValue: 256)
  /// `expand`: `$NAME` and `${NAME}` in the arguments of its commands stand for variables.
  public static let expand = ServiceFlags(rawValue: 1024)
  /// Not of an entry: another manifest, which is to follow, does not have it in the same way.
  public static let leaving = ServiceFlags(rawValue: 2048)
  /// `main`: the exit code of `apus run` in a container is this service's.
  public static let main = ServiceFlags(rawValue: 512)
}

/// At most `count` events in `window`.
public struct Rate: Equatable, Sendable {
  /// Events allowed; 0 switches the limit off.
  public var count: UInt32
  /// The window they are counted in.
  public var window: Interval

  /// At most `count` events in `window`.
  public init(count: UInt32, window: Interval) {
    self.count = count
    self.window = window
  }
}

/// One service of the manifest, flat.
///
/// Settings that most services leave alone live in tables of the manifest (`restarts`, `stops`,
/// `credentials`, `streams`, `extras`); entry 0 of each is the built-in default, and services that
/// share a value through `defaults` share the entry.
public struct Service: Sendable {
  /// The name, 1 to 64 bytes of `[A-Za-z0-9_.@-]`.
  public var name = Text.none
  /// argv; entry 0 is an absolute path.
  public var exec = TableRange.none
  /// Which keys the entry or its defaults gave (`ServiceKey.bit`).
  public var present: UInt64 = 0
  /// Its listeners, in manifest order.
  public var listeners = TableRange.none
  /// Names of hard dependencies, as indexes into `Manifest.links`.
  public var needs = TableRange.none
  /// Soft dependencies.
  public var wants = TableRange.none
  /// Order-only dependencies.
  public var after = TableRange.none
  /// Services that this one is stopped and restarted with.
  public var partOf = TableRange.none
  /// `KEY=VALUE` strings, in manifest order.
  public var environment = TableRange.none
  /// `trigger`: over this rate a listener is paused.
  public var trigger = Rate(count: 20, window: .seconds(2))
  /// Directory to start in; none is `/`.
  public var workingDirectory = Text.none
  /// Controlling terminal, none for most.
  public var terminal = Text.none
  /// Concurrent connections with `accept`.
  public var maxConnections: UInt16 = 64
  /// Concurrent connections of one source with `accept`; 0 is no limit, nil the default.
  public var maxConnectionsPerSource: UInt16?
  /// Index into `Manifest.restarts`.
  public var restart: UInt16 = 0
  /// Index into `Manifest.stops`.
  public var stop: UInt16 = 0
  /// Index into `Manifest.credentials`.
  public var credentials: UInt16 = 0
  /// Index into `Manifest.streams`.
  public var streams: UInt16 = 0
  /// Entries of `Manifest.directories`.
  public var directories = TableRange.none
  /// Index into `Manifest.extras`: keys few services use.
  public var extras: UInt16 = 0
  /// Yes-or-no keys.
  public var flags: ServiceFlags = .reclaim
  /// What ready means.
  public var type: ServiceType = .simple
  /// When it starts.
  public var start: StartMode = .boot
  /// The same for the same values of the same keys, wherever they stand; 0 for an entry that was
  /// refused.
  public var digest: UInt32 = 0

  /// A service with every default.
  public init() {}

  /// The numbers of `needs`, `wants`, `after` and `partOf`.
  package static var linkKinds: Range<Int> { 0..<4 }
  /// Of these, the ones that say what comes before what.
  package static var orderKinds: Range<Int> { 0..<3 }

  /// The links of a kind, by its number.
  package subscript(links kind: Int) -> TableRange {
    @inline(never) get {
      switch kind {
      case 0: needs
      case 1: wants
      case 2: after
      default: partOf
      }
    }
    @inline(never) set {
      switch kind {
      case 0: needs = newValue
      case 1: wants = newValue
      case 2: after = newValue
      default: partOf = newValue
      }
    }
  }

  /// Concurrent connections of one source, 0 for no limit: by default a quarter of all for an address
  /// of the network, so that one host cannot keep out the others.
  public func connectionLimit(isNetwork: Bool) -> UInt16 {
    maxConnectionsPerSource
      ?? (isNetwork ? maxConnections / 4 + (maxConnections % 4 > 0 ? 1 : 0) : 0)
  }

  /// True when each connection gets a process of its own.
  public var accepts: Bool { flags.contains(.accept) }
}
