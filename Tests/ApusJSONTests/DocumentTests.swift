import ApusBase
import ApusJSON
import Testing

/// Walking and reading a parsed document.
@Suite struct DocumentTests {
  @Test("children are walked in the order of the text with their offsets")
  func walk() throws {
    let text = #" {"a": [1, "x", {}], "b": {"c": null} , "d": true}"#
    let document = try JSONDocument(Array(text.utf8))
    let root = document.root
    #expect(document.kind(root) == .object)
    #expect(document.offset(root) == 1)
    #expect(document.count(root) == 3)
    #expect(document.next(root) == nil)
    let members = children(document, root)
    #expect(
      members.map(document.kind) == [.string, .array, .string, .object, .string, .true])
    #expect(members.map(document.offset) == [2, 7, 21, 26, 40, 45])
    #expect(document.count(members[1]) == 3)
    #expect(children(document, members[1]).map(document.offset) == [8, 11, 16])
    #expect(document.count(children(document, members[1])[2]) == 0)
    #expect(document.first(children(document, members[1])[2]) == nil)
    #expect(document.first(members[0]) == nil)
    #expect(document.count(members[5]) == 0)
    #expect(document.text(members[0]) == 2..<5)
    #expect(document.text(members[5]) == 45..<49)
    #expect(document.text(members[1]).isEmpty)
  }

  @Test("a literal equals the decoded bytes and nothing else")
  func equals() throws {
    let text = ##"["abc","\u0061bc","ab","abcd","", "\u00e9", 1, {"abc":0}]"##
    let document = try JSONDocument(Array(text.utf8))
    let nodes = children(document, document.root)
    #expect(
      nodes.map { document.equals($0, "abc") } == [true, true] + Array(repeating: false, count: 6))
    #expect(document.equals(nodes[4], ""))
    #expect(document.equals(nodes[5], "é"))
    #expect(!document.equals(nodes[6], "1"))
    #expect(decoded(document, nodes[6]) == [])
    #expect(decoded(document, nodes[7]) == [])
  }

  @Test(
    "integers are exact or nil",
    arguments: [
      ("0", 0), ("-0", 0), ("42", 42), ("-42", -42), ("9223372036854775807", .max),
      ("-9223372036854775808", .min), ("9223372036854775808", nil), ("-9223372036854775809", nil),
      ("99999999999999999999", nil), ("1.0", nil), ("1e2", nil), ("1E2", nil), ("0.5", nil),
      ("\"1\"", nil), ("null", nil), ("[1]", nil), ("{\"1\":1}", nil),
    ] as [(String, Int64?)])
  func integer(text: String, value: Int64?) throws {
    let document = try JSONDocument(Array(text.utf8))
    #expect(document.integer(document.root) == value)
  }

  @Test(
    "fractions are exact multiples of a power of ten or nil",
    arguments: [
      ("0.1", 3, 100), ("1e-1", 3, 100), ("2", 3, 2000), ("-2.5", 1, -25), ("0.0005", 3, nil),
      ("0.00050", 4, 5), ("1.0e2", 0, 100), ("12e-1", 0, nil), ("120e-1", 0, 12),
      ("0e999999", 0, 0),
      ("0e-999999", 0, 0), ("1e99", 0, nil), ("1e-99", 18, nil), ("0e1000001", 0, nil),
      ("1e99999999999999999999999", 0, nil), ("9223372036854775807", 0, .max),
      ("9223372036854775807", 1, nil), ("-9223372036854775808", 0, .min), ("-0.0", 3, 0),
      ("1.25", 2, 125), ("1.25", 1, nil), ("\"1\"", 0, nil), ("1", 19, nil), ("1", -1, nil),
    ] as [(String, Int, Int64?)])
  func scaled(text: String, digits: Int, value: Int64?) throws {
    let document = try JSONDocument(Array(text.utf8))
    #expect(document.scaled(document.root, digits: digits) == value)
  }

  @Test("a node of another document reads as something, never outside")
  func foreignNode() throws {
    let large = try JSONDocument(Array("[1,[2,[\"x\"]],3]".utf8))
    let small = try JSONDocument(Array("\"a\"".utf8))
    for node in children(large, large.root) {
      #expect(small.kind(node) == .null)
      #expect(small.offset(node) == 0)
      #expect(small.first(node) == nil)
      #expect(small.next(node) == nil)
      #expect(small.count(node) == 0)
      #expect(small.integer(node) == nil)
      #expect(!small.equals(node, "a"))
      #expect(decoded(small, node) == [])
    }
  }

  @Test("duplicates within the allowance are kept in the order of the text")
  func allowedDuplicates() throws {
    let text = Array(#"{"z":1,"o":{"k":1,"k":2},"z":3,"a":4,"z":5}"#.utf8)
    var limits = JSONLimits.manifest
    #expect(parseError(text, limits: limits) == JSONError(.duplicateKey, at: 18, first: 12))
    limits.duplicateKeys = 2
    #expect(parseError(text, limits: limits) == JSONError(.duplicateKey, at: 18, first: 12))
    limits.duplicateKeys = 3
    let document = try JSONDocument(text, limits: limits)
    #expect(
      document.duplicates == [
        JSONError(.duplicateKey, at: 18, first: 12), JSONError(.duplicateKey, at: 25, first: 1),
        JSONError(.duplicateKey, at: 37, first: 1),
      ])
    #expect(document.count(document.root) == 5)
    #expect(try JSONDocument(Array(#"{"a":1}"#.utf8), limits: limits).duplicates == [])
  }

  @Test("limits outside their range are moved into it")
  func limits() {
    let wide = JSONLimits(bytes: .max, depth: .max, stringBytes: .max, duplicateKeys: .max)
    #expect(wide.bytes == JSONLimits.maximumBytes)
    #expect(wide.duplicateKeys == JSONLimits.maximumDuplicateKeys)
    let none = JSONLimits(bytes: -1, depth: -1, stringBytes: -1, duplicateKeys: -1)
    #expect(none == JSONLimits(bytes: 0, depth: 0, stringBytes: 0))
    #expect(parseError([], limits: none)?.code == .empty)
    #expect(parseError([0x31], limits: none)?.code == .tooLarge)
    let flat = JSONLimits(bytes: 10, depth: 0, stringBytes: 0)
    #expect(parseError(Array("\"\"".utf8), limits: flat) == nil)
    #expect(parseError(Array("[]".utf8), limits: flat)?.code == .tooDeep)
    #expect(parseError(Array("\"a\"".utf8), limits: flat)?.code == .stringTooLong)
  }

  @Test("errors of limits name the limit")
  func messages() {
    let texts: [(JSONError, String)] = [
      (
        JSONError(.tooLarge, at: 0, limit: 1_048_576),
        "file is larger than the limit of 1048576 bytes"
      ),
      (JSONError(.tooDeep, at: 0, limit: 32), "nested deeper than the limit of 32 levels"),
      (JSONError(.duplicateKey, at: 7, first: 1), "duplicate key"),
    ]
    for (error, text) in texts {
      var writer = ByteWriter(capacity: 128)
      error.write(to: &writer)
      #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
    }
    var seen: Set<String> = []
    for code in 0...JSONError.Code.duplicateKey.rawValue {
      guard let code = JSONError.Code(rawValue: code) else { continue }
      let message = "\(JSONError(code, at: 0).message)"
      #expect(!message.isEmpty && !message.contains("\n"))
      #expect(message.first?.isUppercase == false || message.hasPrefix("JSON"))
      #expect(seen.insert(message).inserted, "\(message) stands for two errors")
    }
  }
}

/// Lines and columns of offsets.
@Suite struct SourcePositionTests {
  @Test(
    "lines end with a line feed and columns count bytes",
    arguments: [
      ("", 0, 1, 1), ("abc", 0, 1, 1), ("abc", 2, 1, 3), ("abc", 3, 1, 4), ("abc", 99, 1, 4),
      ("abc", -1, 1, 1), ("a\nb", 1, 1, 2), ("a\nb", 2, 2, 1), ("a\n\nb", 3, 3, 1),
      ("a\r\nb", 3, 2, 1), ("é\tx", 3, 1, 4), ("\n\n", 2, 3, 1),
    ])
  func locate(text: String, offset: Int, line: Int, column: Int) {
    #expect(
      SourcePosition.locate(offset: offset, in: Array(text.utf8))
        == SourcePosition(line: line, column: column))
  }
}
