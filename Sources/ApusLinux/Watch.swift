internal import ApusBase
internal import ApusCore
internal import CApus

/// What an epoll entry stands for, packed into its 64 bits of data together with a generation, so
/// that readiness of something that is gone is recognised.
struct Watch: Equatable {
  /// The kinds of thing apus watches.
  enum Kind: UInt8 {
    case timer
    case clock
    case signals
    case control
    case client
    case process
    case report
    case notify
    case output
    case pressure
    case listener
    case network
    case ready
    case stored
    case nodes
    case mounts
    case path
  }
  var kind: Kind
  var index: UInt16
  var generation: UInt32

  init(_ kind: Kind, index: UInt16 = 0, generation: UInt32 = 0) {
    self.kind = kind
    self.index = index
    self.generation = generation
  }

  /// As epoll carries it.
  var data: UInt64 {
    UInt64(generation) << 32 | UInt64(index) << 8 | UInt64(kind.rawValue)
  }

  /// Reads it back.
  @inline(never)
  init?(data: UInt64) {
    guard let kind = Kind(rawValue: UInt8(truncatingIfNeeded: data)) else { return nil }
    self.kind = kind
    index = UInt16(truncatingIfNeeded: data >> 8)
    generation = UInt32(truncatingIfNeeded: data >> 32)
  }
}

/// The epoll instance, its timer and the readiness of one turn.
struct WatchSet: ~Copyable {
  let epoll: Int32
  private let timer: Int32
  /// Tells when the wall clock is set; -1 until somebody goes by it.
  private var clock: Int32 = -1
  private var armed = Instant.never
  /// What the last wait found.
  private(set) var ready: Rows<capus_readiness>
  private(set) var readyCount = 0

  private init(epoll: Int32, timer: Int32) {
    self.epoll = epoll
    self.timer = timer
    ready = Rows(repeating: capus_readiness(), count: Limits.eventsPerTurn)
  }

  /// Makes both; throws what the kernel says of epoll(7). Without a timer it waits a second at most.
  static func make() throws(Errno) -> WatchSet {
    let epoll = try checked(capus_epoll_create())
    return WatchSet(epoll: epoll, timer: capus_timer_create(epoll, Watch(.timer).data))
  }

  deinit {
    _ = capus_close(timer)
    _ = capus_close(clock)
    _ = capus_close(epoll)
  }

  /// Watches a descriptor; without interest only its hang-up is reported.
  @inline(never)
  func add(_ fd: Int32, _ watch: Watch, events: Int) -> Errno? {
    failure(capus_epoll_add(epoll, fd, UInt32(events), watch.data))
  }

  /// Changes what is reported.
  func change(_ fd: Int32, _ watch: Watch, events: Int) -> Errno? {
    failure(capus_epoll_change(epoll, fd, UInt32(events), watch.data))
  }

  /// Watches it no more.
  @inline(never)
  func remove(_ fd: Int32) { _ = capus_epoll_remove(epoll, fd) }

  /// What CLOCK_REALTIME is ahead of CLOCK_BOOTTIME in microseconds; its being set is reported from
  /// now on, or from the next time where the kernel has no timer for it.
  @inline(never)
  mutating func readClock() -> Int64 {
    if clock < 0 { clock = capus_clock_watch(epoll, Watch(.clock).data) }
    return capus_clock_offset(clock)
  }

  /// Waits until something is ready or `deadline`; nil waits for ever, a past one only looks.
  mutating func wait(until deadline: Instant?, now: Instant) throws(Errno) {
    var timeout: Int32 = -1
    if let deadline, deadline <= now {
      timeout = 0
    } else if let deadline, deadline != .never, deadline != armed {
      if capus_timer_set(timer, deadline.microseconds) < 0 {
        timeout = Int32(clamping: min(999_000, (deadline - now).microseconds) / 1000 + 1)
      } else {
        armed = deadline
      }
    }
    readyCount = 0
    let found = unsafe ready.withUnsafeMutableBufferPointer { buffer in
      unsafe capus_epoll_wait(epoll, buffer.baseAddress, Int32(buffer.count), timeout)
    }
    // EINTR: nothing came; the caller asks again.
    if found < 0, Errno(-found) != .interrupted { throw Errno(-found) }
    readyCount = Int(max(0, found))
  }
}

/// The answer of a call of the shim: what it returned, or the error it returned as -errno.
@discardableResult
func checked(_ answer: Int32) throws(Errno) -> Int32 {
  guard answer >= 0 else { throw Errno(0 &- answer) }
  return answer
}

/// The error of a call of the shim, if it failed.
@inline(never)
func failure(_ result: Int32) -> Errno? { result < 0 ? Errno(-result) : nil }
