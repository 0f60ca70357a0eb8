/// One life of a service's process: a slot and how often the slot has been used.
///
/// Slots below the number of services belong to the services' main processes, the rest to
/// connections of `accept` services. What the kernel can recycle is never named without the
/// generation, so an event of an earlier life is recognised and dropped.
public struct InstanceID: Equatable, Sendable {
  /// The slot.
  public var slot: UInt16
  /// Counts the lives of the slot, wrapping.
  public var generation: UInt32

  /// A life of a slot.
  public init(slot: UInt16, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }
}

/// One connection of a control client: a slot and how often it has been used.
public struct ClientID: Equatable, Sendable {
  /// The slot, below `Limits.clients`.
  public var slot: UInt8
  /// Counts the users of the slot, wrapping.
  public var generation: UInt32

  /// A use of a slot.
  public init(slot: UInt8, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }
}

/// Fixed sizes, in one place.
public enum Limits {
  /// Control clients at a time; one more waits in the backlog.
  public static let clients = 16
  /// Events the kernel reports in one turn.
  public static let eventsPerTurn = 64
  /// Children between clone3(2) and execve(2) at a time; see `Supervisor.spawnPlaces`.
  public static let spawnsInFlight = 255
  /// Children that are asked for in a row, before it is known whether there is one.
  public static let spawnsAtOnce = 16
  /// Of these, children of one service's connections: whoever holds them up holds up nobody else.
  public static let connectionsInFlight = 4
  /// Connections of all `accept` services at a time.
  public static let connections = 1024
  /// Bytes of one control frame.
  public static let frame = 1024
}
