package import ApusBase

/// Comparing and copying literals as bytes: comparing `String` would link the Unicode tables.
extension Rows where Element == UInt8 {
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
  @inline(never) func with(_ literal: Literal) -> Bytes {
    var bytes = self
    bytes.append(literal)
    return bytes
  }

  /// True when both are the same bytes; out of line, unlike `==`.
  @inline(never) func same(as other: Bytes) -> Bool { self == other }

  /// The place of these bytes among words that are separated by spaces; -1 when they are none.
  @inline(never) func place(among words: Literal) -> Int {
    var place = 0
    var matched = 0
    var fits = true
    var next = unsafe words.start
    while true {
      let byte = unsafe next.pointee
      if byte == UInt8(ascii: " ") || byte == 0 {
        if fits, matched == count { return place }
        if byte == 0 { return -1 }
        place += 1
        matched = 0
        fits = true
      } else {
        fits = fits && matched < count && self[matched] == byte
        matched += 1
      }
      unsafe next += 1
    }
  }

  /// True when these bytes are one of some words that are separated by spaces.
  func isAmong(_ words: Literal) -> Bool { place(among: words) >= 0 }

  /// All but the last bytes.
  @inline(never) func without(last dropped: Int) -> Bytes {
    var rest = self
    rest.removeLast(Swift.min(dropped, count))
    return rest
  }

  /// What stands before the first `=`, all of it without one.
  var beforeEquals: Bytes {
    var end = 0
    while end < count, self[end] != UInt8(ascii: "=") { end += 1 }
    return part(0, end)
  }

  /// What follows the last slash.
  package var lastPathComponent: Bytes {
    var start = 0
    for index in indices where self[index] == UInt8(ascii: "/") { start = index + 1 }
    return dropping(start)
  }
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
