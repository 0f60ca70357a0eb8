internal import ApusBase

/// What a service said in one datagram of the sd_notify protocol (sd_notify(3)).
public struct Notice: Equatable, Sendable {
  /// Assignments that are only there or not.
  public struct Flags: OptionSet, Sendable {
    /// One bit a flag.
    public var rawValue: UInt16
    /// Takes the bits as they are.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// `READY=1`.
    public static let ready = Flags(rawValue: 1)
    /// `RELOADING=1`.
    public static let reloading = Flags(rawValue: 2)
    /// `STOPPING=1`.
    public static let stopping = Flags(rawValue: 4)
    /// `WATCHDOG=1`.
    public static let alive = Flags(rawValue: 8)
    /// `WATCHDOG=trigger`.
    public static let trigger = Flags(rawValue: 16)
    /// `RESTART_RESET=1`.
    public static let restartReset = Flags(rawValue: 32)
    /// Not of the protocol: a newline on the descriptor of `ready.fd`.
    public static let announced = Flags(rawValue: 256)
    /// `FDSTORE=1`.
    public static let store = Flags(rawValue: 64)
    /// `FDSTOREREMOVE=1`.
    public static let storeRemove = Flags(rawValue: 128)
  }
  /// What was said.
  public var flags: Flags = []
  /// `MAINPID=`; 0 when it was not said, -1 when it can be nobody's.
  public var mainPid: Int32 = 0
  /// `WATCHDOG_USEC=` in microseconds; -1 when it was not said.
  public var watchdogUs: Int64 = -1
  /// `EXTEND_TIMEOUT_USEC=` in microseconds; -1 when it was not said.
  public var extendUs: Int64 = -1

  /// Nothing said.
  public init() {}

  /// The name of an assignment by its number; the first eight numbers are those of the flags.
  private static func word(_ number: Int) -> Literal {
    switch number {
    case 0: "READY"
    case 1: "RELOADING"
    case 2: "STOPPING"
    case 3, 4: "WATCHDOG"
    case 5: "RESTART_RESET"
    case 6: "FDSTORE"
    case 7: "FDSTOREREMOVE"
    case 8: "MAINPID"
    case 9: "WATCHDOG_USEC"
    default: "EXTEND_TIMEOUT_USEC"
    }
  }

  /// Reads a datagram: lines of `NAME=VALUE`. nil when it has no line of that form, so that it is
  /// counted as malformed; assignments nobody knows are let pass, as the protocol wants.
  public init?(decoding datagram: borrowing Span<UInt8>) {
    var start = 0
    var isUsed = false
    for index in 0...datagram.count where index == datagram.count || datagram[index] == 0x0a {
      isUsed = take(datagram, start, index) || isUsed
      start = index + 1
    }
    guard isUsed else { return nil }
  }

  private mutating func take(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var equals = start
    while equals < end, bytes[equals] != UInt8(ascii: "=") { equals += 1 }
    guard equals > start, equals < end else { return false }
    let value = equals + 1
    let isOne = end == value + 1 && bytes[value] == UInt8(ascii: "1")
    for number in 0..<11 where Self.equals(bytes, start, equals, Self.word(number)) {
      switch number {
      case 8: mainPid = number32(bytes, value, end) ?? -1
      case 9: if let time = Self.number(bytes, value, end) { watchdogUs = time }
      case 10: if let time = Self.number(bytes, value, end) { extendUs = time }
      case 4: if Self.equals(bytes, value, end, "trigger") { flags.insert(.trigger) }
      default: if isOne { flags.insert(Flags(rawValue: 1 << UInt16(number))) }
      }
    }
    return true
  }

  private func number32(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> Int32? {
    guard let value = Self.number(bytes, start, end), value > 1, value <= Int64(Int32.max)
    else { return nil }
    return Int32(truncatingIfNeeded: value)
  }

  /// Decimal digits, at most 15 of them.
  private static func number(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> Int64? {
    guard end > start, end - start <= 15 else { return nil }
    var value: Int64 = 0
    for index in start..<end {
      guard bytes[index] >= UInt8(ascii: "0"), bytes[index] <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int64(bytes[index] & 15)
    }
    return value
  }

  private static func equals(
    _ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int, _ word: Literal
  ) -> Bool {
    guard end - start == word.count else { return false }
    for index in start..<end where unsafe bytes[index] != word.start[index - start] { return false }
    return true
  }
}
