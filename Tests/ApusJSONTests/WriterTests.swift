import ApusBase
import ApusJSON
import Foundation
import Testing

/// What the writer writes is JSON that says what was written.
@Suite struct WriterTests {
  private func written(_ body: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter(capacity: 1 << 16)
    body(&writer)
    return String(decoding: writer.output.bytes, as: UTF8.self)
  }

  @Test("commas and colons stand where they must")
  func structure() {
    let text = written {
      $0.beginObject()
      $0.key("a")
      $0.integer(-1)
      $0.key(Array("b".utf8))
      $0.beginArray()
      $0.beginObject()
      $0.endObject()
      $0.beginArray()
      $0.endArray()
      $0.string("x")
      $0.string(Array("yz".utf8))
      $0.string(Array("uvw".utf8), 1..<2)
      $0.unsigned(.max)
      $0.integer(.min)
      $0.bool(true)
      $0.bool(false)
      $0.null()
      $0.number(Array("1.50".utf8), 0..<4)
      $0.endArray()
      $0.key("c")
      $0.beginObject()
      $0.key("d")
      $0.null()
      $0.endObject()
      $0.key("e")
      $0.string("")
      $0.endObject()
    }
    #expect(
      text == #"{"a":-1,"b":[{},[],"x","yz","v",18446744073709551615,-9223372036854775808,"#
        + #"true,false,null,1.50],"c":{"d":null},"e":""}"#)
    #expect(parseError(text) == nil)
  }

  @Test("every ASCII character comes back through this parser and Foundation's")
  func escapes() throws {
    let all = (0..<0x80 as Range<UInt8>).map { $0 }
    let text = written {
      $0.beginObject()
      $0.key(all)
      $0.string(all)
      $0.endObject()
    }
    let document = try JSONDocument(Array(text.utf8))
    #expect(children(document, document.root).map { decoded(document, $0) } == [all, all])
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String]
    let expected = String(decoding: all, as: UTF8.self)
    #expect(object == [expected: expected])
    #expect(written { $0.string("a\"\\\n\u{1f}/") } == #""a\"\\\n\u001f/""#)
  }

  @Test("ill-formed UTF-8 becomes U+FFFD as Swift's decoder does it")
  func invalidUTF8() throws {
    var generator = SeededGenerator(seed: 11)
    let pool: [UInt8] = [0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xed, 0xf0, 0x90, 0xf4, 0x8f, 0xff]
    for _ in 0..<5000 {
      let length = Int.random(in: 0...8, using: &generator)
      let bytes = (0..<length).map { _ in pool.randomElement(using: &generator) ?? 0 }
      let text = written { $0.string(bytes) }
      let document = try JSONDocument(Array(text.utf8))
      let expected = Array(String(decoding: bytes, as: UTF8.self).utf8)
      #expect(decoded(document, document.root) == expected, "\(bytes)")
    }
    for refused in refusedTexts where refused.code == .invalidUTF8 {
      let text = written { $0.string(refused.bytes) }
      #expect(parseError(text) == nil, "\(refused.name)")
    }
  }

  @Test("a range of bytes is cut at its ends, also inside a sequence")
  func ranges() {
    let bytes = Array("aé".utf8)
    #expect(written { $0.string(bytes, 0..<3) } == "\"aé\"")
    #expect(written { $0.string(bytes, 0..<2) } == "\"a\u{fffd}\"")
    #expect(written { $0.string(bytes, -5..<50) } == "\"aé\"")
    #expect(written { $0.string(bytes, 7..<9) } == "\"\"")
  }

  @Test("what does not fit is dropped and told, and a reset starts afresh")
  func truncation() {
    var writer = JSONWriter(capacity: 4)
    writer.beginArray()
    writer.string("abc")
    #expect(writer.output.isTruncated)
    #expect(writer.output.count == 4)
    writer.reset()
    writer.bool(true)
    #expect(!writer.output.isTruncated)
    #expect(writer.output.bytes == Array("true".utf8))
    var prefix = ByteWriter(capacity: 16)
    prefix.text("x: ")
    var appended = JSONWriter(prefix)
    appended.null()
    #expect(appended.output.bytes == Array("x: null".utf8))
  }
}
