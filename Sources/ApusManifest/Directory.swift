public import ApusBase

/// The places below which `directories` makes its entries.
public enum DirectoryPlace: UInt8, Sendable {
  case runtime
  case state
  case cache
  case log
  case config

  /// Where it is.
  public var path: Literal {
    switch self {
    case .runtime: "/run"
    case .state: "/var/lib"
    case .cache: "/var/cache"
    case .log: "/var/log"
    case .config: "/etc"
    }
  }

  /// The variable that names the directories of the place to the service (systemd.exec(5)).
  public var variable: Literal {
    switch self {
    case .runtime: "RUNTIME_DIRECTORY"
    case .state: "STATE_DIRECTORY"
    case .cache: "CACHE_DIRECTORY"
    case .log: "LOGS_DIRECTORY"
    case .config: "CONFIGURATION_DIRECTORY"
    }
  }
}

/// One entry of the `directories` key: a directory that is made before the service starts.
public struct Directory: Equatable, Sendable {
  /// Below which place.
  public var place = DirectoryPlace.runtime
  /// The path from there, without `.` and `..`, and without a slash at either end.
  public var name = Text.none
  /// Permission bits; nil when not given, which is 0755.
  public var mode: UInt16?
  /// The owner; none is the service's user.
  public var user = Principal.none
  /// The group; none is the service's group.
  public var group = Principal.none

  /// A directory of the service's below /run.
  public init() {}

  /// True for a directory whose owner stays as it is when it is there already.
  ///
  /// That is systemd's rule for its configuration directories, which services do not write to; an
  /// owner or a mode that the manifest states is in force there, too.
  public var keepsOwner: Bool { place == .config && user == .none && group == .none }

  /// The same of its mode.
  public var keepsMode: Bool { place == .config && mode == nil }
}
