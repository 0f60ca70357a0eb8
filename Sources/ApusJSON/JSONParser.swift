internal import ApusBase

/// Turns a text into a tape in one pass, with a loop and a stack of at most `limits.depth` frames.
struct JSONParser: ~Copyable {
  let bytes: Bytes
  let limits: JSONLimits
  var position = 0
  private(set) var tape: JSONTape
  private var frames: Rows<Frame> = Rows()
  private(set) var keys: JSONKeys

  /// A container that is still open.
  private struct Frame {
    var container: Int
    var isObject: Bool
    var lastChild: Int
  }

  /// What may come next.
  private enum Expectation {
    case value, valueOrClose, key, keyOrClose, separator
  }

  /// Checks the size, then makes room for the tape once.
  ///
  /// Every value but the first follows a comma, a colon or an opening bracket, so their number
  /// bounds the tape.
  init(_ bytes: Bytes, limits: JSONLimits) throws(JSONError) {
    guard bytes.count <= limits.bytes, bytes.count <= JSONLimits.maximumBytes else {
      throw JSONError(.tooLarge, at: limits.bytes, limit: limits.bytes)
    }
    self.bytes = bytes
    self.limits = limits
    var values = 1
    for byte in bytes {
      switch byte {
      case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "{"): values += 1
      default: break
      }
    }
    tape = JSONTape(capacity: values)
    keys = JSONKeys(allowed: limits.duplicateKeys, members: limits.members)
  }

  /// The byte at the position, nil at the end.
  var current: UInt8? { byte(at: position) }

  func byte(at index: Int) -> UInt8? {
    index >= 0 && index < bytes.count ? bytes[index] : nil
  }

  /// Parses the text; where a comment stands instead of something else, that is the error.
  mutating func parse() throws(JSONError) {
    do throws(JSONError) {
      try parseText()
    } catch {
      throw isComment(at: error.offset) && !isWithinValue(error.code)
        ? JSONError(.comment, at: error.offset) : error
    }
  }

  /// True where a comment of JavaScript or of a shell begins.
  private func isComment(at index: Int) -> Bool {
    if byte(at: index) == UInt8(ascii: "#") { return true }
    let next = byte(at: index + 1)
    return byte(at: index) == UInt8(ascii: "/")
      && (next == UInt8(ascii: "/") || next == UInt8(ascii: "*"))
  }

  /// True for errors of the whole text or inside of a value, where a comment cannot stand.
  private func isWithinValue(_ code: JSONError.Code) -> Bool {
    switch code {
    case .expectedValue, .expectedKey, .expectedColon, .expectedCommaOrBracket,
      .expectedCommaOrBrace, .trailingComma, .trailingBytes:
      false
    case .tooLarge, .tooDeep, .stringTooLong, .empty, .byteOrderMark, .unexpectedEnd,
      .unterminatedString, .controlCharacter, .invalidEscape, .loneSurrogate, .invalidUTF8,
      .invalidNumber, .invalidLiteral, .duplicateKey, .tooManyMembers, .comment:
      true
    }
  }

  private mutating func parseText() throws(JSONError) {
    if bytes.startsWithByteOrderMark {
      if !limits.allowsByteOrderMark { throw JSONError(.byteOrderMark, at: 0) }
      position = 3
    }
    skipSpace()
    if current == nil { throw JSONError(.empty, at: position) }
    var expectation = try value()
    while !frames.isEmpty {
      skipSpace()
      guard let byte = current else { throw JSONError(.unexpectedEnd, at: position) }
      switch expectation {
      case .valueOrClose where byte == UInt8(ascii: "]"),
        .keyOrClose where byte == UInt8(ascii: "}"):
        try close()
        expectation = .separator
      case .value, .valueOrClose: expectation = try value()
      case .key, .keyOrClose:
        try key()
        expectation = .value
      case .separator: expectation = try separator(byte)
      }
    }
    skipSpace()
    if position < bytes.count { throw JSONError(.trailingBytes, at: position) }
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
      position += 1
    }
  }

  /// Reads a scalar or opens a container, and tells what may come after it.
  private mutating func value() throws(JSONError) -> Expectation {
    let start = position
    guard let byte = current else { throw JSONError(.unexpectedEnd, at: start) }
    switch byte {
    case UInt8(ascii: "{"):
      try open(isObject: true)
      return .keyOrClose
    case UInt8(ascii: "["):
      try open(isObject: false)
      return .valueOrClose
    case UInt8(ascii: "\""):
      try scanString()
      append(.string, from: start)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      try scanNumber()
      append(.number, from: start)
    case UInt8(ascii: "t"):
      try literal("true")
      append(.true, from: start)
    case UInt8(ascii: "f"):
      try literal("false")
      append(.false, from: start)
    case UInt8(ascii: "n"):
      try literal("null")
      append(.null, from: start)
    case UInt8(ascii: "]"):
      // Only a comma or a colon leads here: an array that may be empty is closed before.
      let isAfterComma = frames.last.map { !$0.isObject } ?? false
      throw JSONError(isAfterComma ? .trailingComma : .expectedValue, at: start)
    default: throw JSONError(.expectedValue, at: start)
    }
    return .separator
  }

  /// Reads a key and the colon after it.
  private mutating func key() throws(JSONError) {
    let start = position
    guard current == UInt8(ascii: "\"") else {
      // A brace can only follow a comma here: an object that may be empty is closed before.
      let isBrace = current == UInt8(ascii: "}")
      throw JSONError(isBrace ? .trailingComma : .expectedKey, at: start)
    }
    try scanString()
    append(.string, from: start)
    skipSpace()
    guard let colon = current else { throw JSONError(.unexpectedEnd, at: position) }
    guard colon == UInt8(ascii: ":") else { throw JSONError(.expectedColon, at: position) }
    position += 1
  }

  /// Reads the comma or the closing bracket after a value.
  private mutating func separator(_ byte: UInt8) throws(JSONError) -> Expectation {
    let isObject = frames.last?.isObject ?? false
    if byte == UInt8(ascii: ",") {
      position += 1
      return isObject ? .key : .value
    }
    guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
      throw JSONError(isObject ? .expectedCommaOrBrace : .expectedCommaOrBracket, at: position)
    }
    try close()
    return .separator
  }

  private mutating func open(isObject: Bool) throws(JSONError) {
    guard frames.count < limits.depth else {
      throw JSONError(.tooDeep, at: position, limit: limits.depth)
    }
    let container = tape.count
    adopt(container)
    tape.append(JSONEntry(isObject ? .object : .array, offset: position))
    frames.append(Frame(container: container, isObject: isObject, lastChild: -1))
    position += 1
  }

  private mutating func close() throws(JSONError) {
    position += 1
    guard let frame = frames.popLast() else { return }
    tape.markLast(frame.lastChild)
    tape.close(frame.container)
    guard frame.isObject else { return }
    try keys.check(frame.container, on: tape, in: bytes)
  }

  private mutating func append(_ kind: JSONKind, from start: Int) {
    adopt(tape.count)
    tape.append(JSONEntry(kind, offset: start, extent: position - start))
  }

  /// Notes the entry as the last child so far of the innermost container.
  private mutating func adopt(_ index: Int) {
    guard !frames.isEmpty else { return }
    frames[frames.count - 1].lastChild = index
  }
}
