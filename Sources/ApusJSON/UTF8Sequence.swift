public import ApusBase

/// One sequence of UTF-8, well-formed or not, as Unicode's table 3-7 defines it.
package struct UTF8Sequence: Equatable {
  /// Its bytes: of an ill-formed one the longest prefix of a well-formed one, at least 1.
  package var count: Int
  /// False for stray continuation bytes, overlong forms, surrogates and values above U+10FFFF.
  package var isValid: Bool

  /// Looks at the sequence that starts at `start` and does not reach `end`.
  package static func at(_ start: Int, in bytes: Bytes, end: Int) -> UTF8Sequence {
    let end = min(end, bytes.count)
    guard start >= 0, start < end else { return UTF8Sequence(count: 1, isValid: false) }
    let lead = bytes[start]
    if lead < 0x80 { return UTF8Sequence(count: 1, isValid: true) }
    let length: Int
    var low: UInt8 = 0x80
    var high: UInt8 = 0xbf
    switch lead {
    case 0xc2...0xdf: length = 2
    case 0xe0...0xef:
      length = 3
      if lead == 0xe0 { low = 0xa0 }
      if lead == 0xed { high = 0x9f }
    case 0xf0...0xf4:
      length = 4
      if lead == 0xf0 { low = 0x90 }
      if lead == 0xf4 { high = 0x8f }
    default: return UTF8Sequence(count: 1, isValid: false)
    }
    var count = 1
    while count < length {
      guard start + count < end, bytes[start + count] >= low, bytes[start + count] <= high else {
        return UTF8Sequence(count: count, isValid: false)
      }
      low = 0x80
      high = 0xbf
      count += 1
    }
    return UTF8Sequence(count: count, isValid: true)
  }

  /// The bytes of a scalar value, the first in the lowest byte, none of them zero but U+0000's.
  static func encode(_ scalar: UInt32) -> (packed: UInt32, count: Int) {
    if scalar < 0x80 { return (scalar, 1) }
    let last = 0x80 | scalar & 0x3f
    if scalar < 0x800 { return (0xc0 | scalar >> 6 | last << 8, 2) }
    let third = 0x80 | scalar >> 6 & 0x3f
    if scalar < 0x10000 { return (0xe0 | scalar >> 12 | third << 8 | last << 16, 3) }
    let second = 0x80 | scalar >> 12 & 0x3f
    return (0xf0 | scalar >> 18 | second << 8 | third << 16 | last << 24, 4)
  }
}
