internal import ApusBase

/// Reads the fields of a frame in order; past the end every field is zero and `isWhole` is false.
struct FieldReader {
  private let frame: Bytes
  private var offset = Frame.headerCount
  /// False once a field did not fit.
  private(set) var isGood = true

  init(_ frame: Bytes) { self.frame = frame }

  /// True when every field was there and nothing is left.
  var isWhole: Bool { isGood && offset == frame.count }

  /// A number of `count` bytes, at most eight.
  mutating func number(bytes count: Int) -> UInt64 {
    guard isGood, frame.count - offset >= count else {
      isGood = false
      return 0
    }
    var value: UInt64 = 0
    for index in 0..<count { value |= UInt64(frame[offset + index]) << UInt64(8 * index) }
    offset += count
    return value
  }

  /// One byte.
  mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: number(bytes: 1)) }

  /// A signed 64-bit number.
  mutating func signed() -> Int64 { Int64(bitPattern: number(bytes: 8)) }

  /// A 32-bit process id.
  mutating func pid() -> Int32 { Int32(truncatingIfNeeded: number(bytes: 4)) }

  /// An optional moment.
  mutating func moment() -> Instant? {
    let value = signed()
    return value == -1 ? nil : Instant(microseconds: value)
  }

  /// An optional amount.
  @inline(never) mutating func amount() -> UInt64? {
    let value = number(bytes: 8)
    return value == .max ? nil : value
  }

  /// A string of at most `limit` bytes.
  mutating func text(limit: Int) -> Bytes {
    let count = Int(number(bytes: 2))
    guard isGood, count <= limit, frame.count - offset >= count else {
      isGood = false
      return Rows()
    }
    offset += count
    return Rows(own: frame.part(offset - count, offset))
  }
}
