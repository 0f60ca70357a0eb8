internal import ApusBase

/// Yields the decoded bytes of a string that the parser has accepted, one at a time.
///
/// Comparing and copying share it, so that neither needs a decoded copy. On text the parser has not
/// accepted the bytes mean nothing, but reading them still ends and stays inside the text.
struct JSONStringReader {
  private let bytes: Bytes
  private var position: Int
  private let end: Int
  private var pending: UInt32 = 0
  private var pendingCount = 0

  /// Reads the text between the quotes, `start` up to `end`.
  init(_ bytes: Bytes, start: Int, end: Int) {
    self.bytes = bytes
    position = max(start, 0)
    self.end = min(end, bytes.count)
  }

  /// The text as it stands there; nil when there is something to decode.
  var plain: Bytes? {
    var index = position
    while index < end, bytes[index] != UInt8(ascii: "\\") { index += 1 }
    return index < end ? nil : bytes.part(position, end)
  }

  /// The next decoded byte, nil at the end; one copy of it serves all, for size.
  @inline(never)
  mutating func next() -> UInt8? {
    if pendingCount > 0 {
      let byte = UInt8(truncatingIfNeeded: pending)
      pending >>= 8
      pendingCount -= 1
      return byte
    }
    guard position < end else { return nil }
    let byte = bytes[position]
    position += 1
    guard byte == UInt8(ascii: "\\"), position < end else { return byte }
    let escape = bytes[position]
    position += 1
    guard escape == UInt8(ascii: "u") else { return JSONStringReader.control(escape) ?? escape }
    var scalar = JSONStringReader.hex(bytes, at: position) ?? 0xfffd
    position += 4
    if scalar & 0xfc00 == 0xd800, let low = JSONStringReader.hex(bytes, at: position + 2) {
      scalar = 0x10000 + (scalar & 0x3ff) << 10 + low & 0x3ff
      position += 6
    }
    let encoded = UTF8Sequence.encode(scalar)
    pending = encoded.packed >> 8
    pendingCount = encoded.count - 1
    return UInt8(truncatingIfNeeded: encoded.packed)
  }

  /// The byte a one-letter escape stands for; nil when JSON has no such escape.
  static func control(_ escape: UInt8) -> UInt8? {
    switch escape {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): escape
    case UInt8(ascii: "b"): 8
    case UInt8(ascii: "t"): 9
    case UInt8(ascii: "n"): 10
    case UInt8(ascii: "f"): 12
    case UInt8(ascii: "r"): 13
    default: nil
    }
  }

  /// The four hexadecimal digits at `start`; nil when there are not four.
  static func hex(_ bytes: Bytes, at start: Int) -> UInt32? {
    guard start >= 0, start + 4 <= bytes.count else { return nil }
    var value: UInt32 = 0
    for index in start..<start + 4 {
      let digit: UInt8
      switch bytes[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[index] - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[index] - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[index] - UInt8(ascii: "A") + 10
      default: return nil
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}
