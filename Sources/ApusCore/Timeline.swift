public import ApusBase
public import ApusWire

/// What PID 1 did before it had a supervisor: one line of the boot's time line.
public struct SetupEntry: Sendable {
  /// Which kind of line.
  public var stage: BootStage
  /// What it was about.
  public var name: Bytes
  /// When it began.
  public var at: Instant
  /// How long it took.
  public var duration: Interval

  /// A line.
  public init(stage: BootStage, name: Bytes, at: Instant, duration: Interval) {
    self.stage = stage
    self.name = name
    self.at = at
    self.duration = duration
  }
}

/// The boot's time line: what happened when, from the kernel's start until the board was up.
///
/// Each line has its own beginning and length, so that between two of a service nothing is left over:
/// `pre` lasts until the command has ended, `start` until execve(2), `ready` from there until the
/// service is ready, which for a oneshot is its exit.
public struct Timeline: Sendable {
  /// One line, about a service or listener.
  public struct Entry: Sendable {
    /// Microseconds since apus itself started.
    public var at: UInt32
    /// Microseconds; the largest number while it lasts.
    public var duration: UInt32
    /// The service, of a bind the listener.
    public var index: UInt16
    /// Which kind of line.
    public var stage: BootStage

    /// A line.
    public init(at: UInt32, duration: UInt32, index: UInt16, stage: BootStage) {
      self.at = at
      self.duration = duration
      self.index = index
      self.stage = stage
    }

    var isOpen: Bool { duration == .max }
  }
  /// What was done before the supervisor existed.
  public let setup: Rows<SetupEntry>
  /// When apus itself started.
  public let start: Instant
  /// When the board was up.
  public private(set) var end: Instant?
  /// The lines in the order of their beginning.
  public private(set) var entries: Rows<Entry> = Rows()
  /// For each service 1 more than the number of its line that lasts, 0 without one.
  private var open: Rows<UInt16>
  private let capacity: Int

  /// One without lines of services; all memory is made here.
  public init(setup: Rows<SetupEntry>, start: Instant, services: Int, capacity: Int) {
    self.setup = setup
    self.start = start
    self.capacity = capacity
    open = Rows<UInt16>(repeating: 0, count: services)
    entries.reserveCapacity(capacity)
  }

  /// Takes back a line of the program before this one.
  public mutating func restore(_ entry: Entry) {
    guard entries.count < capacity else { return }
    entries.append(entry)
    let service = Int(entry.index)
    if entry.isOpen, open.indices.contains(service) {
      open[service] = UInt16(truncatingIfNeeded: entries.count)
    }
  }

  /// Takes back when the board was up.
  public mutating func restore(end: Instant) { self.end = end }

  /// Adds a line that has ended, until the board is up; its number.
  mutating func add(_ stage: BootStage, _ index: UInt16, at: Instant, until: Instant) -> Int? {
    guard end == nil, entries.count < capacity else { return nil }
    entries.append(
      Entry(
        at: UInt32(clamping: (at - start).microseconds),
        duration: UInt32(clamping: min(max(0, (until - at).microseconds), Int64(UInt32.max) - 1)),
        index: index, stage: stage))
    return entries.count - 1
  }

  /// Begins a line of a service, until the board is up; its number.
  mutating func begin(_ stage: BootStage, _ service: UInt16, at: Instant) -> Int? {
    guard let line = add(stage, service, at: at, until: at), open.indices.contains(Int(service))
    else { return nil }
    entries[line].duration = .max
    open[Int(service)] = UInt16(truncatingIfNeeded: line + 1)
    return line
  }

  /// The stage of the line of a service that lasts.
  func stage(of service: Int) -> BootStage? {
    guard let number = open.at(service), number > 0 else { return nil }
    return entries.at(Int(number) - 1)?.stage
  }

  /// Ends the line of a service that lasts, as what it was or as another stage; its number.
  mutating func close(_ service: Int, at now: Instant, as stage: BootStage? = nil) -> Int? {
    guard let number = open.at(service), number > 0 else { return nil }
    let line = Int(number) - 1
    open[service] = 0
    let length = (now - start).microseconds - Int64(entries[line].at)
    entries[line].duration = UInt32(clamping: min(max(0, length), Int64(UInt32.max) - 1))
    if let stage { entries[line].stage = stage }
    return line
  }

  /// How long a line is, or has been until now.
  func duration(of entry: Entry, now: Instant) -> Interval {
    guard entry.isOpen else { return Interval(microseconds: Int64(entry.duration)) }
    return max(.zero, (end ?? now) - start - Interval(microseconds: Int64(entry.at)))
  }

  /// The board is up.
  mutating func finish(_ now: Instant) { if end == nil { end = now } }

  /// How many lines there are.
  var count: Int { setup.count + entries.count }
}
