package import ApusBase

/// Comparing and copying literals as bytes: comparing `String` would link the Unicode tables.
extension Rows where Element == UInt8 {
  /// Appends a byte; one copy of the code for growing, which `append` repeats at every call.
  @inline(never) mutating func push(_ byte: UInt8) { append(byte) }

  /// The bytes of a literal.
  @inline(never) package init(_ literal: StaticString) {
    self = Rows()
    guard literal.hasPointerRepresentation else { return }
    for index in 0..<literal.utf8CodeUnitCount { unsafe push(literal.utf8Start[index]) }
  }

  /// The bytes of a C string.
  @inline(never) package init(string: UnsafePointer<CChar>) {
    self = Rows()
    var next = unsafe string
    while unsafe next.pointee != 0 {
      unsafe push(UInt8(bitPattern: next.pointee))
      unsafe next += 1
    }
  }

  /// These bytes and those of a literal.
  @inline(never) func with(_ literal: StaticString) -> Bytes {
    var bytes = self
    for index in 0..<literal.utf8CodeUnitCount { unsafe bytes.push(literal.utf8Start[index]) }
    return bytes
  }

  /// True when both are the same bytes; out of line, unlike `==`.
  @inline(never) func same(as other: Bytes) -> Bool { self == other }

  /// True when these are the bytes of a literal.
  @inline(never) package func equals(_ literal: StaticString) -> Bool {
    count == literal.utf8CodeUnitCount && starts(with: literal)
  }

  /// The place of these bytes among words that are separated by spaces; -1 when they are none.
  @inline(never) func place(among words: StaticString) -> Int {
    var place = 0
    var matched = 0
    var fits = true
    for index in 0...words.utf8CodeUnitCount {
      let byte =
        unsafe index < words.utf8CodeUnitCount ? words.utf8Start[index] : UInt8(ascii: " ")
      if byte == UInt8(ascii: " ") {
        if fits, matched == count { return place }
        place += 1
        matched = 0
        fits = true
      } else {
        fits = fits && matched < count && self[matched] == byte
        matched += 1
      }
    }
    return -1
  }

  /// True when these bytes are one of some words that are separated by spaces.
  func isAmong(_ words: StaticString) -> Bool { place(among: words) >= 0 }

  /// True when the first bytes are those of a literal.
  @inline(never) func starts(with literal: StaticString) -> Bool {
    guard literal.hasPointerRepresentation, count >= literal.utf8CodeUnitCount else { return false }
    for index in 0..<literal.utf8CodeUnitCount {
      if unsafe self[index] != literal.utf8Start[index] { return false }
    }
    return true
  }

  /// True when the last bytes are those of a literal.
  @inline(never) func ends(with literal: StaticString) -> Bool {
    let start = count - literal.utf8CodeUnitCount
    guard start >= 0 else { return false }
    for index in 0..<literal.utf8CodeUnitCount {
      if unsafe self[start + index] != literal.utf8Start[index] { return false }
    }
    return true
  }

  /// All but the first bytes.
  @inline(never) func dropping(_ skipped: Int) -> Bytes {
    var rest: Bytes = Rows()
    for index in Swift.min(skipped, count)..<count { rest.push(self[index]) }
    return rest
  }

  /// All but the last bytes.
  @inline(never) func without(last dropped: Int) -> Bytes {
    var rest = self
    rest.removeLast(Swift.min(dropped, count))
    return rest
  }

  /// What follows the last slash.
  package var lastPathComponent: Bytes {
    var start = 0
    for index in indices where self[index] == UInt8(ascii: "/") { start = index + 1 }
    return dropping(start)
  }
}

extension Rows<Bytes> {
  /// Appends an element; see `push` of bytes.
  @inline(never) package mutating func push(_ element: Bytes) { append(element) }
}

/// Where a supervisor is controlled.
package enum ControlPath {
  /// That of a board.
  package static var board: Bytes { Bytes("/run/apus/control") }

  /// That of a user's session, below XDG_RUNTIME_DIR.
  package static func session(in folder: Bytes) -> Bytes { folder.with("/apus/control") }
}

extension ByteWriter {
  /// A writer with room for so many bytes; one copy of the code that makes it.
  @inline(never) static func room(_ capacity: Int) -> ByteWriter { ByteWriter(capacity: capacity) }

  /// Forgets what was written; one copy of the code of `reset`.
  @inline(never) mutating func empty() { reset() }
}
