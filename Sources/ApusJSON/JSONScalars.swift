internal import ApusBase

/// The tokens of the grammar: each starts at the position and leaves it behind what it accepted.
extension JSONParser {
  static func digit(_ byte: UInt8?) -> UInt8? {
    guard let byte, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
    return byte - UInt8(ascii: "0")
  }

  /// Reads `true`, `false` or `null`; the error names the first byte of the word.
  mutating func literal(_ word: Literal) throws(JSONError) {
    let start = position
    var expected = unsafe word.start
    while unsafe expected.pointee != 0 {
      guard unsafe byte(at: position) == expected.pointee else {
        throw JSONError(.invalidLiteral, at: start)
      }
      position += 1
      unsafe expected += 1
    }
  }

  /// Reads `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
  mutating func scanNumber() throws(JSONError) {
    if current == UInt8(ascii: "-") { position += 1 }
    if current == UInt8(ascii: "0") {
      position += 1
      if JSONParser.digit(current) != nil { throw JSONError(.invalidNumber, at: position) }
    } else {
      try scanDigits()
    }
    if current == UInt8(ascii: ".") {
      position += 1
      try scanDigits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try scanDigits()
    }
  }

  private mutating func scanDigits() throws(JSONError) {
    guard JSONParser.digit(current) != nil else { throw JSONError(.invalidNumber, at: position) }
    while JSONParser.digit(current) != nil { position += 1 }
  }

  /// Reads a string with its quotes, checking escapes, UTF-8 and the decoded length.
  mutating func scanString() throws(JSONError) {
    let start = position
    var decoded = 0
    position += 1
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return
      case UInt8(ascii: "\\"):
        decoded += try scanEscape()
      case 0..<0x20:
        throw JSONError(.controlCharacter, at: position)
      case 0x20..<0x80:
        position += 1
        decoded += 1
      default:
        let sequence = UTF8Sequence.at(position, in: bytes, end: bytes.count)
        guard sequence.isValid else { throw JSONError(.invalidUTF8, at: position) }
        position += sequence.count
        decoded += sequence.count
      }
      if decoded > limits.stringBytes {
        throw JSONError(.stringTooLong, at: start, limit: limits.stringBytes)
      }
    }
    throw JSONError(.unterminatedString, at: start)
  }

  /// Reads one escape, a surrogate pair counting as one, and returns its decoded length.
  private mutating func scanEscape() throws(JSONError) -> Int {
    let start = position
    guard let escape = byte(at: start + 1) else { throw JSONError(.unterminatedString, at: start) }
    guard escape == UInt8(ascii: "u") else {
      guard JSONStringReader.control(escape) != nil else {
        throw JSONError(.invalidEscape, at: start)
      }
      position += 2
      return 1
    }
    guard let unit = JSONStringReader.hex(bytes, at: start + 2) else {
      throw JSONError(.invalidEscape, at: start)
    }
    position += 6
    guard unit & 0xf800 == 0xd800 else { return UTF8Sequence.encode(unit).count }
    guard unit < 0xdc00, byte(at: position) == UInt8(ascii: "\\"),
      byte(at: position + 1) == UInt8(ascii: "u"),
      let low = JSONStringReader.hex(bytes, at: position + 2), low & 0xfc00 == 0xdc00
    else { throw JSONError(.loneSurrogate, at: start) }
    position += 6
    return 4
  }
}
