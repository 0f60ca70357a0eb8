public import ApusBase

/// The states of a service, the only words used for them anywhere.
public enum ServiceState: UInt8, Sendable {
  /// Its entry was refused; shown with its diagnostic.
  case invalid
  /// A condition was not met.
  case skipped
  /// A demand service that is not running, its sockets bound.
  case listening
  /// Waits for another service.
  case waiting
  /// Started, not ready yet.
  case starting
  /// Up.
  case ready
  /// Asked to end, not gone yet.
  case stopping
  /// Ended; the next attempt has a time.
  case backoff
  /// Down, as asked or as declared.
  case stopped
  /// Given up.
  case failed

  /// The word.
  public var word: Literal {
    switch self {
    case .invalid: "invalid"
    case .skipped: "skipped"
    case .listening: "listening"
    case .waiting: "waiting"
    case .starting: "starting"
    case .ready: "ready"
    case .stopping: "stopping"
    case .backoff: "backoff"
    case .stopped: "stopped"
    case .failed: "failed"
    }
  }
}

/// The states of a listener in `list-sockets`.
public enum ListenerState: UInt8, Sendable {
  /// Bound and watched: the next connection starts the service.
  case listening
  /// Bound, and the running service accepts for itself.
  case active
  /// Bound but not watched until a known moment.
  case paused
  /// Not bound; retried at a known moment.
  case error

  /// The word.
  public var word: Literal {
    switch self {
    case .listening: "listening"
    case .active: "active"
    case .paused: "paused"
    case .error: "error"
    }
  }
}
