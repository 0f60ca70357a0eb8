/// Comparing and copying literals as bytes: comparing `String` would link the Unicode tables.
extension [UInt8] {
  /// The bytes of a literal.
  @inline(never) package init(_ literal: StaticString) {
    self = []
    guard literal.hasPointerRepresentation else { return }
    for index in 0..<literal.utf8CodeUnitCount { unsafe append(literal.utf8Start[index]) }
  }

  /// True when these are the bytes of a literal.
  @inline(never) func equals(_ literal: StaticString) -> Bool {
    count == literal.utf8CodeUnitCount && starts(with: literal)
  }

  /// True when the first bytes are those of a literal.
  @inline(never) func starts(with literal: StaticString) -> Bool {
    guard literal.hasPointerRepresentation, count >= literal.utf8CodeUnitCount else { return false }
    for index in 0..<literal.utf8CodeUnitCount {
      if unsafe self[index] != literal.utf8Start[index] { return false }
    }
    return true
  }

  /// True when the last bytes are those of a literal.
  func ends(with literal: StaticString) -> Bool {
    guard count >= literal.utf8CodeUnitCount else { return false }
    return [UInt8](suffix(literal.utf8CodeUnitCount)).equals(literal)
  }

  /// What follows the last slash.
  var lastPathComponent: [UInt8] {
    guard let slash = lastIndex(of: UInt8(ascii: "/")) else { return self }
    return [UInt8](self[(slash + 1)...])
  }

  /// True when these bytes stand before the others in byte order.
  func precedes(_ other: [UInt8]) -> Bool {
    for index in 0..<Swift.min(count, other.count) where self[index] != other[index] {
      return self[index] < other[index]
    }
    return count < other.count
  }
}
