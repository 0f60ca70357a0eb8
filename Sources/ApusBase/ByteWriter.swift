/// Appends bytes to a buffer whose capacity is fixed when it is made.
///
/// Messages, tables and frames are built in one of these, so that writing never allocates after
/// boot. What does not fit is dropped and `isTruncated` tells; nothing traps.
public struct ByteWriter: Sendable {
  /// What has been written.
  public private(set) var bytes: Bytes
  /// The most bytes this writer holds.
  public let capacity: Int
  /// True once something did not fit.
  public private(set) var isTruncated = false

  /// Reserves `capacity` bytes, the only allocation this value makes.
  public init(capacity: Int) {
    self.capacity = capacity
    bytes = Rows()
    bytes.reserveCapacity(capacity)
  }

  /// How many bytes have been written.
  public var count: Int { bytes.count }

  /// Forgets what was written and keeps the capacity.
  public mutating func reset() {
    bytes.removeAll(keepingCapacity: true)
    isTruncated = false
  }

  /// Appends one byte.
  @inline(never)
  public mutating func byte(_ value: UInt8) {
    guard bytes.count < capacity else {
      isTruncated = true
      return
    }
    bytes.append(value)
  }

  /// Appends a literal.
  @inline(never)
  public mutating func text(_ literal: Literal) {
    var next = unsafe literal.start
    while unsafe next.pointee != 0 {
      unsafe byte(next.pointee)
      unsafe next += 1
    }
  }

  /// Appends an array of bytes.
  @inline(never)
  public mutating func bytes(_ values: Bytes) {
    for value in values { byte(value) }
  }

  /// Appends a range of an array; what lies outside the array is left out.
  @inline(never)
  public mutating func bytes(_ values: Bytes, _ range: Range<Int>) {
    bytes(values.part(range.lowerBound, range.upperBound))
  }

  /// Appends a signed number in decimal.
  @inline(never)
  public mutating func decimal(_ value: Int64) {
    if value < 0 { byte(UInt8(ascii: "-")) }
    decimal(value.magnitude)
  }

  /// Appends an unsigned number in decimal.
  @inline(never)
  public mutating func decimal(_ value: UInt64) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      byte(UInt8(truncatingIfNeeded: value / divisor % 10) + UInt8(ascii: "0"))
      divisor /= 10
    }
  }

  /// Appends an unsigned number in octal, as modes are written.
  @inline(never)
  public mutating func octal(_ value: UInt32) {
    var shift: UInt32 = 30
    while shift > 0, value >> shift == 0 { shift -= 3 }
    while true {
      byte(UInt8(truncatingIfNeeded: value >> shift & 7) + UInt8(ascii: "0"))
      if shift == 0 { return }
      shift -= 3
    }
  }

  /// Appends a number in hexadecimal without a prefix.
  @inline(never)
  public mutating func hex(_ value: UInt64) {
    var shift: UInt64 = 60
    while shift > 0, value >> shift == 0 { shift -= 4 }
    while true {
      let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
      byte(digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "a"))
      if shift == 0 { return }
      shift -= 4
    }
  }

  /// Appends a number as `count` little-endian bytes, the order of every apus record.
  @inline(never)
  public mutating func little(_ value: UInt64, bytes count: Int) {
    for index in 0..<min(count, 8) {
      byte(UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
    }
  }

  /// Overwrites `count` bytes at `offset` with a little-endian number, as lengths are filled in
  /// afterwards; does nothing where nothing has been written.
  @inline(never)
  public mutating func patch(_ value: UInt64, at offset: Int, bytes count: Int) {
    for index in 0..<min(count, 8) where bytes.indices.contains(offset + index) {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }

  /// Takes back everything after the first `count` bytes.
  @inline(never)
  public mutating func shorten(to count: Int) {
    if count >= 0, count < bytes.count { bytes.shorten(to: count) }
  }
}
