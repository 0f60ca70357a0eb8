public import ApusBase

/// The vectors of a text of libcap (cap_iab(3)), one bit for each capability.
///
/// libcap itself reads the text when a service starts, in PID 1's child; this reads it when the
/// manifest is loaded, by the same grammar, so that what it refuses is told before. A test holds the
/// two together.
public struct CapabilityText: Equatable, Sendable {
  /// Raised in the inheritable set.
  public private(set) var inheritable: UInt64 = 0
  /// Raised in the ambient set, and so effective after execve(2).
  public private(set) var ambient: UInt64 = 0
  /// Dropped from the bounding set.
  public private(set) var dropped: UInt64 = 0

  /// Reads a text: entries separated by commas, each of any of `!`, `^` and `%` and a capability's name
  /// with `cap_` or its number. Nil for what libcap refuses.
  public init?(_ text: Bytes) {
    var position = 0
    while position < text.count {
      var isDropped = false
      var isAmbient = false
      var isInherited = false
      prefix: while position < text.count {
        switch text[position] {
        case UInt8(ascii: "!"): isDropped = true
        case UInt8(ascii: "^"): isAmbient = true
        case UInt8(ascii: "%"): isInherited = true
        default: break prefix
        }
        position += 1
      }
      if position == text.count { return }
      guard let number = CapabilityText.capability(text, &position) else { return nil }
      guard position == text.count || text[position] == UInt8(ascii: ",") else { return nil }
      position += 1
      // The kernel, and libcap with it, knows no more than these.
      guard number < KernelNames.capabilities.count else { continue }
      let bit: UInt64 = 1 << UInt64(number)
      if isDropped { dropped |= bit }
      if isAmbient { ambient |= bit }
      if isAmbient || isInherited || !isDropped { inheritable |= bit }
    }
  }

  /// A name in any letter case, or a number as strtoul(3) reads it, below 64.
  private static func capability(_ text: Bytes, _ position: inout Int) -> Int? {
    guard let first = text.at(position) else { return nil }
    if Scalar.digit(first) != nil { return number(text, &position) }
    var name: Bytes = Rows()
    while let byte = text.at(position),
      byte == UInt8(ascii: "_") || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a)
    {
      name.add(byte == UInt8(ascii: "_") ? byte : byte | 0x20)
      position += 1
    }
    guard WordList("cap_").number(of: name.part(0, 4)) != nil else { return nil }
    return KernelNames.capabilities.number(of: name.part(4))
  }

  /// Decimal, octal after a `0`, hexadecimal after `0x`.
  private static func number(_ text: Bytes, _ position: inout Int) -> Int? {
    var base: UInt64 = 10
    if text[position] == UInt8(ascii: "0") {
      base = 8
      let isHex = text.at(position + 1).map { $0 | 0x20 == UInt8(ascii: "x") } ?? false
      if isHex, let next = text.at(position + 2), digit(next, base: 16) != nil {
        base = 16
        position += 2
      }
    }
    var value: UInt64 = 0
    while let byte = text.at(position), let digit = digit(byte, base: base) {
      value = min(value * base + digit, 64)
      position += 1
    }
    return value < 64 ? Int(value) : nil
  }

  private static func digit(_ byte: UInt8, base: UInt64) -> UInt64? {
    let letter = byte | 0x20
    let value =
      letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "f")
      ? UInt64(letter - UInt8(ascii: "a") + 10) : Scalar.digit(byte) ?? 16
    return value < base ? value : nil
  }
}
