public import ApusBase

/// A parsed text: its bytes and a tape of 8 bytes a value.
///
/// The parser is strict RFC 8259 over UTF-8 with limits. Nothing is decoded up front; nodes point
/// into the text. Memory is the text plus at most 8 bytes for every comma, colon and opening
/// bracket in it. A node of another document is harmless: it reads as some value or null.
public struct JSONDocument: Sendable {
  /// The source text.
  public let bytes: Bytes
  /// The duplicate keys, and the objects of too many members, that `JSONLimits.duplicateKeys` let
  /// pass, in the order of the text.
  public let duplicates: Rows<JSONError>
  let tape: JSONTape

  /// Parses a whole text; any value may stand at the top.
  ///
  /// Constant stack. Throws the first error: a limit, a syntax error, invalid UTF-8, or a duplicate
  /// key. Those are found when their object ends, so an error inside it comes first.
  public init(_ bytes: Bytes, limits: JSONLimits = .manifest) throws(JSONError) {
    var parser = try JSONParser(bytes, limits: limits)
    try parser.parse()
    self.bytes = bytes
    duplicates = parser.keys.duplicates
    tape = parser.tape
  }

  /// A document of no text, whose top is null.
  public init() {
    bytes = Rows()
    duplicates = Rows()
    tape = JSONTape(capacity: 0)
  }

  /// The value at the top.
  public var root: JSONNode { JSONNode(0) }

  /// What a value is; a key is a string.
  @inline(never) public func kind(_ node: JSONNode) -> JSONKind { tape[node.position].kind }

  /// The offset of the value's first byte: of a string its opening quote.
  @inline(never) public func offset(_ node: JSONNode) -> Int { tape[node.position].offset }

  /// The first child: of an array the first element, of an object the first key.
  @inline(never) public func first(_ node: JSONNode) -> JSONNode? {
    guard let index = tape.first(node.position) else { return nil }
    return JSONNode(index)
  }

  /// The next sibling; after a key comes its value, after the value the next key.
  @inline(never) public func next(_ node: JSONNode) -> JSONNode? {
    guard let index = tape.next(node.position) else { return nil }
    return JSONNode(index)
  }

  /// The elements of an array or the members of an object, 0 for scalars; linear in the children.
  public func count(_ node: JSONNode) -> Int {
    var children = 0
    var child = tape.first(node.position)
    while let index = child {
      children += 1
      child = tape.next(index)
    }
    return tape[node.position].kind == .object ? children / 2 : children
  }

  /// The source text of a scalar, a string with its quotes; empty for containers.
  public func text(_ node: JSONNode) -> Range<Int> {
    let entry = tape[node.position]
    guard !entry.isContainer else { return entry.offset..<entry.offset }
    return (entry.offset..<entry.offset + Int(entry.extent)).clamped(to: 0..<bytes.count)
  }

  /// Takes a value into a digest (FNV-1a): its kinds, its shape and its texts, but no white space.
  @inline(never) public func digest(_ node: JSONNode, into digest: inout UInt32) {
    for index in node.position..<node.position + tape[node.position].stride {
      let entry = tape[index]
      var size = UInt32(entry.kind.rawValue)
      if entry.isContainer { size |= entry.extent << 3 }
      digest = (digest ^ size) &* 16_777_619
      for place in text(JSONNode(index)) {
        digest = (digest ^ UInt32(bytes[place])) &* 16_777_619
      }
    }
  }

  /// Appends the decoded bytes of a string; nothing for other kinds.
  ///
  /// `\u0000` is valid JSON and yields a zero byte, which the caller must refuse where it matters.
  public func string(_ node: JSONNode, into output: inout Bytes) {
    var reader = JSONStringReader(tape[node.position], in: bytes)
    if let plain = reader.plain { return output.append(contentsOf: plain) }
    while let byte = reader.next() { output.append(byte) }
  }

  /// The key of a member's value.
  @inline(never) public func key(of value: JSONNode) -> JSONNode { JSONNode(value.position - 1) }

  /// Whether a string's decoded bytes equal a literal, without allocating; false for other kinds.
  @inline(never) public func equals(_ node: JSONNode, _ literal: Literal) -> Bool {
    guard kind(node) == .string else { return false }
    var reader = JSONStringReader(tape[node.position], in: bytes)
    var expected = unsafe literal.start
    while unsafe expected.pointee != 0 {
      guard unsafe reader.next() == expected.pointee else { return false }
      unsafe expected += 1
    }
    return reader.next() == nil
  }
}

/// A place on the tape of a document; four bytes, meaningless without its document.
public struct JSONNode: Equatable, Sendable {
  /// The entry's number.
  public let index: UInt32

  init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }

  var position: Int { Int(truncatingIfNeeded: index) }
}

extension Rows where Element == UInt8 {
  /// True for a text that begins with the byte order mark of UTF-8, as some editors write one.
  public var startsWithByteOrderMark: Bool {
    count >= 3 && self[0] == 0xef && self[1] == 0xbb && self[2] == 0xbf
  }
}

extension JSONStringReader {
  /// Reads the string an entry stands for; nothing when it is none.
  init(_ entry: JSONEntry, in bytes: Bytes) {
    let extent = entry.kind == .string ? Int(entry.extent) : 0
    self.init(bytes, start: entry.offset + 1, end: entry.offset + extent - 1)
  }
}
