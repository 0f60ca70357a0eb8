public import ApusBase
public import ApusWire

/// What PID 1 did before it had a supervisor: one line of the boot's time line.
public struct SetupEntry: Sendable {
  /// Which kind of line.
  public var stage: BootStage
  /// What it was about.
  public var name: StaticString
  /// When it began.
  public var at: Instant
  /// How long it took.
  public var duration: Interval

  /// A line.
  public init(stage: BootStage, name: StaticString, at: Instant, duration: Interval) {
    self.stage = stage
    self.name = name
    self.at = at
    self.duration = duration
  }
}

/// The boot's time line: what happened when, from the kernel's start until the board was up.
struct Timeline: Sendable {
  /// One line, about a service or listener.
  struct Entry: Sendable {
    /// Microseconds since apus itself started.
    var at: UInt32
    var duration: UInt32
    var index: UInt16
    var stage: BootStage
  }
  /// What was done before the supervisor existed.
  let setup: Rows<SetupEntry>
  /// When apus itself started.
  let start: Instant
  /// When the board was up.
  private(set) var end: Instant?
  private(set) var entries: Rows<Entry> = Rows()
  private let capacity: Int

  init(setup: Rows<SetupEntry>, start: Instant, capacity: Int) {
    self.setup = setup
    self.start = start
    self.capacity = capacity
    entries.reserveCapacity(capacity)
  }

  /// Adds a line, until the board is up.
  mutating func add(_ stage: BootStage, _ index: UInt16, at: Instant, duration: Interval) {
    guard end == nil, entries.count < capacity else { return }
    entries.append(
      Entry(
        at: UInt32(clamping: (at - start).microseconds),
        duration: UInt32(clamping: duration.microseconds),
        index: index, stage: stage))
  }

  /// The board is up.
  mutating func finish(_ now: Instant) { if end == nil { end = now } }

  /// How many lines there are.
  var count: Int { setup.count + entries.count }
}
