public import ApusBase

/// A bounded list whose storage is made once.
public struct Buffer<Element: Sendable>: Sendable {
  /// What it holds, oldest first.
  public private(set) var elements: Rows<Element> = Rows()
  /// The most it holds.
  public let capacity: Int
  /// How many did not fit since the start.
  public private(set) var dropped: UInt64 = 0

  /// Reserves room for `capacity` elements, the only allocation.
  public init(capacity: Int) {
    self.capacity = capacity
    elements.reserveCapacity(capacity)
  }

  /// Appends, or counts what does not fit; false when it did not.
  @discardableResult
  public mutating func append(_ element: Element) -> Bool {
    guard elements.count < capacity else {
      dropped &+= 1
      return false
    }
    elements.append(element)
    return true
  }

  /// True when one more does not fit.
  public var isFull: Bool { elements.count >= capacity }

  /// Forgets the elements and keeps the storage.
  public mutating func removeAll() { elements.removeAll(keepingCapacity: true) }
}

/// Events of one turn.
public typealias EventBuffer = Buffer<Event>
/// Effects of one step.
public typealias EffectBuffer = Buffer<Effect>

/// What became of an effect.
public enum Outcome: Equatable, Sendable {
  /// It is done and there is nothing to tell.
  case done
  /// Hand this event to the supervisor before anything else.
  case event(Event)
}

/// How another program comes into the place of this one.
public enum Replacement: UInt8, Sendable {
  /// Not yet: only a look whether there is one.
  case look
  /// The one at apus's own path.
  case replace
  /// This one once more, to apply the manifest on the disk; what made room for that is gone.
  case apply
}

/// What became of a frame sent to a control client.
public enum SendOutcome: Equatable, Sendable {
  /// The kernel took it.
  case sent
  /// Its buffer is full; `writable` will be reported.
  case full
  /// The client is gone.
  case gone
}

/// What a service uses; nil where the kernel does not tell.
public struct ServiceUsage: Sendable {
  /// Memory charged to it, in bytes.
  public var memory: UInt64?
  /// Processor time since its first start, in microseconds.
  public var processor: UInt64?
  /// Processes and threads.
  public var tasks: UInt64?

  /// Nothing is known.
  public init() {}
}

/// A listing a control client asked for, served record by record as its buffer takes them.
public enum Listing: UInt8, Sendable {
  case status
  case sockets
  case boot
  /// Changes of state, from now on and for as long as the client stays.
  case events
  /// What services have written.
  case logs
  /// The same, and from then on what they write.
  case follow
}

/// What the driver needs of an operating system: the real one is `ApusLinux`, the other one the
/// simulation. No call blocks but `wait`, and `wait` not beyond the deadline.
public protocol Kernel: ~Copyable {
  /// CLOCK_BOOTTIME as of the last `wait`, so that one turn has one time.
  var now: Instant { get }

  /// CLOCK_BOOTTIME at this very moment, for the boot's time line.
  mutating func readClock() -> Instant

  /// The pid apus runs as.
  var pid: Int32 { get }

  /// How often memory was allocated after all of it had been made, which is never on a device.
  var allocations: UInt64 { get }

  /// Waits for events, at the latest until `deadline`; nil waits for ever.
  ///
  /// Order inside a turn: notify, exits (each after its own spawn result), spawn results,
  /// control, signals, listeners. `reads` returns before `deadline` without events only on EINTR.
  mutating func wait(until deadline: Instant?, into events: inout EventBuffer) throws(Errno)

  /// Performs one effect without blocking.
  mutating func perform(_ effect: Effect) -> Outcome

  /// Sends one frame to a control client without blocking.
  mutating func send(_ frame: borrowing ByteWriter, to client: ClientID) -> SendOutcome

  /// Closes a control client after its last answer.
  mutating func close(_ client: ClientID)

  /// Connections waiting in a listener's queue; nil when the kernel does not tell.
  mutating func queueLength(listener: UInt16) -> UInt32?

  /// Writes a peer as people write it; nothing for nobody.
  static func write(_ peer: ConnectionSource, into writer: inout ByteWriter)

  /// Sends the line of services' output, or of one service's (or of an `OwnLog`), that follows the first `had` ones of a
  /// client's listing; nil when there is none.
  ///
  /// A client that follows is told to be writable when there is one again.
  mutating func sendLine(
    to client: ClientID, had: Int, of service: UInt16?, follows: Bool
  ) -> SendOutcome?

  /// Keeps an event frame among the last ones, beyond a crash.
  mutating func keep(event frame: borrowing ByteWriter)

  /// Keeps what lasts of the supervisor beyond a crash, in that slot.
  mutating func keep(slot: Int, _ record: borrowing FieldCodec)

  /// Keeps a line of the boot's time line beyond a crash.
  mutating func keep(line: Int, _ entry: Timeline.Entry)

  /// Keeps when the board was up.
  mutating func keep(bootEnd: Instant)

  /// Executes the program at apus's own path in place of this one, with what was kept; returns only
  /// when that is not possible.
  mutating func replaceProgram(_ how: Replacement) -> Errno?

  /// Writes what a service has last said of itself (STATUS of sd_notify(3)), at most
  /// `Frame.statusLimit` bytes.
  func writeStatus(of service: Int, into writer: inout ByteWriter)

  /// What a service uses, as far as the kernel tells.
  mutating func usage(of instance: InstanceID, service: UInt16) -> ServiceUsage
}

// For kernels under which nothing outlives the program and peers have no names.
extension Kernel {
  /// Nobody counts.
  public var allocations: UInt64 { 0 }

  /// There is none.
  public mutating func sendLine(
    to client: ClientID, had: Int, of service: UInt16?, follows: Bool
  ) -> SendOutcome? { nil }

  /// Keeps nothing.
  public mutating func keep(event frame: borrowing ByteWriter) {}

  /// Keeps nothing.
  public mutating func keep(slot: Int, _ record: borrowing FieldCodec) {}

  /// Keeps nothing.
  public mutating func keep(line: Int, _ entry: Timeline.Entry) {}

  /// Keeps nothing.
  public mutating func keep(bootEnd: Instant) {}

  /// Has no words for it.
  public static func write(_ peer: ConnectionSource, into writer: inout ByteWriter) {}

  /// Writes nothing.
  public func writeStatus(of service: Int, into writer: inout ByteWriter) {}

  /// Is not possible.
  public mutating func replaceProgram(_ how: Replacement) -> Errno? { .notImplemented }
}
