public import ApusBase
public import ApusWire

/// What a status line says of a service.
public struct ServiceReport: Equatable, Sendable {
  /// The state.
  public var state: ServiceState
  /// Since when.
  public var since: Instant
  /// Why.
  public var reason: Reason
  /// Main pid, 0 for none.
  public var pid: Int32
  /// The life of its slot.
  public var instance: InstanceID
  /// Automatic starts after an end.
  public var restarts: UInt32
  /// How the last process ended, and when.
  public var lastExit: ExitReport?
  /// When the last process ended.
  public var endedAt: Instant
  /// When the next attempt is made.
  public var nextStart: Instant?
  /// Connections being served, for `accept`.
  public var connections: UInt16
}

/// What a status line says of a connection.
public struct ConnectionReport: Sendable {
  /// The service.
  public var service: UInt16
  /// The N of `name@N`.
  public var number: UInt32
  /// What its process is doing.
  public var state: ServiceState
  /// When it was accepted.
  public var since: Instant
  /// When the next attempt is made to start its process.
  public var nextStart: Instant?
  /// Its process, 0 for none.
  public var pid: Int32
  /// Its slot.
  public var instance: InstanceID
  /// Who is at the other end.
  public var source: ConnectionSource
}

/// What a `list-sockets` line says of a listener.
public struct ListenerReport: Sendable {
  /// The state.
  public var state: ListenerState
  /// Why.
  public var reason: Reason
  /// Connections accepted by apus itself.
  public var accepted: UInt64
  /// Starts it caused.
  public var triggers: UInt64
  /// When it is watched or bound again.
  public var pausedUntil: Instant?
  /// When it last started its service.
  public var lastTrigger: Instant?
  /// Who connected last, of an `accept` service.
  public var lastPeer: ConnectionSource
}
