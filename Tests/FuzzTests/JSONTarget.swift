import ApusBase
import ApusJSON

/// The JSON parser and writer: any bytes end in an answer, the same one twice, and what is accepted
/// is written again as an equal document.
let jsonTarget = FuzzTarget(
  name: "json",
  corpus: (manifestCorpus + otherTexts).map { Array($0.utf8) },
  words: jsonWords,
  outcomes: 16,
  run: { bytes in
    var check = JSONCheck(bytes: bytes)
    let name = check.run()
    return FuzzOutcome(name: name, broken: check.broken)
  })

/// Valid JSON that is no manifest.
private let otherTexts: [String] = [
  #"[0,-1,1.5e+300,123456789012345678901234567890,true,false,null,"",[],{}]"#,
  #"{"a":{"b":{"c":{"d":[[[[{"e":[{"f":{}}]}]]]]}}},"g":"\ud7ff\ue000\uffff"}"#,
  #"{"x":"\ud834\udd1e 𝄞 é ü \u0020 \"\\\/\b\f\n\r\t"}"#,
]

/// What breaks JSON parsers, and pieces of JSON.
let jsonWords: [[UInt8]] =
  [
    "{", "}", "[", "]", ",", ":", "\"", "\\", "/", "[[", "]]", "{\"a\":", "{}", "[]", "\"\"",
    "\"a\"", "\"apus\"", "\"exec\"", "\"services\":{", ",\"a\":0", "true", "false", "null", "nul",
    "0", "-0", "-", "1e9", "1E+", "0.", ".5", "00", "9223372036854775808", "1e999999999", "NaN",
    "\\u0000", "\\ud800", "\\udc00", "\\ud83d\\ude39", "\\u12", "\\x", "\\\"", "// c", "/* c */",
    " ", "\n", "\r", "\t", "\u{0}", "\u{1f}", "\u{7f}", "é", "𝄞", "\u{feff}", "\u{2028}",
  ].map { Array($0.utf8) } + [
    [0x80], [0xc0, 0x80], [0xc3], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80],
    [0xff], [0xef, 0xbb, 0xbf], [UInt8](repeating: 0x61, count: 5000),
  ]

/// One look at the parser; the first broken promise stays.
private struct JSONCheck {
  let bytes: [UInt8]
  private(set) var broken: String?

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Every limit is low enough for the inputs to meet it.
  private static let limits = JSONLimits(bytes: 12_000, depth: 32, stringBytes: 4096)

  mutating func run() -> String {
    let document: JSONDocument
    do {
      document = try JSONDocument(bytes, limits: JSONCheck.limits)
    } catch {
      check(error)
      return "\(error.code)"
    }
    walk(document)
    let text = rewrite(document)
    do {
      let again = try JSONDocument(text, limits: .manifest)
      expect(rewrite(again) == text, "a document written twice differs")
    } catch {
      expect(false, "a written document is refused: \(error)")
    }
    return "accepted"
  }

  private mutating func expect(_ holds: Bool, _ promise: @autoclosure () -> String) {
    if !holds, broken == nil { broken = promise() }
  }

  private mutating func check(_ error: JSONError) {
    expect(error.offset >= 0 && error.offset <= bytes.count, "error outside the text: \(error)")
    let position = SourcePosition.locate(offset: error.offset, in: bytes)
    expect(position.line > 0 && position.column > 0, "no position: \(position)")
    let isLimit = error.code == .tooLarge || error.code == .tooDeep || error.code == .stringTooLong
    expect((error.limit != nil) == isLimit, "limit missing or superfluous: \(error)")
    expect((error.first != nil) == (error.code == .duplicateKey), "first key: \(error)")
    if let first = error.first {
      expect(first < error.offset && bytes[first] == UInt8(ascii: "\""), "first key: \(error)")
    }
    do {
      _ = try JSONDocument(bytes, limits: JSONCheck.limits)
      expect(false, "refused, then accepted: \(error)")
    } catch let second {
      expect(second == error, "refused twice for different reasons: \(error), \(second)")
    }
    guard error.code == .duplicateKey else { return }
    // Read past, the same duplicate is the first one kept, unless more than the text may hold.
    var limits = JSONCheck.limits
    limits.duplicateKeys = JSONLimits.maximumDuplicateKeys
    if let document = try? JSONDocument(bytes, limits: limits) {
      expect(document.duplicates.contains(error), "duplicate not kept: \(error)")
    }
  }

  /// Visits every node once: places grow, nothing lies outside the text, counts add up.
  private mutating func walk(_ document: JSONDocument) {
    let opening = bytes.filter { [0x2c, 0x3a, 0x5b, 0x7b].contains($0) }.count
    var pending = [document.root]
    var visited = 0
    while let node = pending.popLast() {
      visited += 1
      let text = document.text(node)
      let offset = document.offset(node)
      expect(offset < bytes.count && text.upperBound <= bytes.count, "node outside the text")
      var children: [JSONNode] = []
      var child = document.first(node)
      while let node = child, children.count <= bytes.count {
        expect(document.offset(node) > offset, "a child before its parent")
        children.append(node)
        child = document.next(node)
      }
      let members = document.kind(node) == .object ? children.count / 2 : children.count
      expect(members == document.count(node), "children miscounted")
      expect(
        document.kind(node) == .number || document.integer(node) == nil, "integer of no number")
      pending += children
    }
    expect(visited <= opening + 1, "more values than the text has room for")
  }

  private func rewrite(_ document: JSONDocument) -> [UInt8] {
    var writer = JSONWriter(capacity: 8 * bytes.count + 64)
    write(document, document.root, to: &writer)
    return writer.output.isTruncated ? [] : writer.output.bytes
  }

  private func write(_ document: JSONDocument, _ node: JSONNode, to writer: inout JSONWriter) {
    var text: [UInt8] = []
    var child = document.first(node)
    switch document.kind(node) {
    case .object:
      writer.beginObject()
      while let key = child, let value = document.next(key) {
        text.removeAll()
        document.string(key, into: &text)
        writer.key(text)
        write(document, value, to: &writer)
        child = document.next(value)
      }
      writer.endObject()
    case .array:
      writer.beginArray()
      while let value = child {
        write(document, value, to: &writer)
        child = document.next(value)
      }
      writer.endArray()
    case .string:
      document.string(node, into: &text)
      writer.string(text)
    case .number: writer.number(document.bytes, document.text(node))
    case .true: writer.bool(true)
    case .false: writer.bool(false)
    case .null: writer.null()
    }
  }
}
