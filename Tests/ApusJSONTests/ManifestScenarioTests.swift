import ApusJSON
import Testing

/// The scenarios of a manifest that the parser alone decides.
@Suite struct ManifestScenarioTests {
  @Test("PAR-01 an empty file is refused at offset 0: expected object", arguments: ["", " \n\t"])
  func empty(text: String) throws {
    let error = try #require(parseError(text))
    #expect(error.code == .empty)
    #expect(error.offset == text.utf8.count)
    #expect("\(error.message)".hasPrefix("expected object"))
  }

  @Test("PAR-02 nesting 10,000 deep is refused at the depth limit")
  func depth() throws {
    for opening in ["[", "{\"a\":"] {
      let width = opening.utf8.count
      let text = String(repeating: opening, count: 10_000)
      let error = try #require(parseError(text))
      #expect(error == JSONError(.tooDeep, at: 32 * width, limit: 32))
    }
    let fits = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
    #expect(parseError(fits) == nil)
    #expect(parseError("[" + fits + "]")?.code == .tooDeep)
  }

  @Test("PAR-03 a file of 64 MiB is refused at the size limit")
  func size() throws {
    let limit = 1 << 20
    let endless = [UInt8](repeating: UInt8(ascii: "a"), count: 64 << 20)
    #expect(parseError(endless) == JSONError(.tooLarge, at: limit, limit: limit))
    var exact = [UInt8](repeating: UInt8(ascii: " "), count: limit)
    exact[limit - 1] = UInt8(ascii: "1")
    #expect(parseError(exact) == nil)
    exact.append(UInt8(ascii: " "))
    #expect(parseError(exact) == JSONError(.tooLarge, at: limit, limit: limit))
  }

  @Test("PAR-03 an endless string is refused at the string limit")
  func stringLimit() throws {
    let limit = 1 << 16
    let long = String(repeating: "a", count: limit)
    #expect(parseError("[\"\(long)\"]") == nil)
    #expect(parseError("[\"\(long)a\"]") == JSONError(.stringTooLong, at: 1, limit: limit))
    #expect(parseError("[\"\(long)a") == JSONError(.stringTooLong, at: 1, limit: limit))
    #expect(parseError("{\"\(long)a\":1}") == JSONError(.stringTooLong, at: 1, limit: limit))
    // The limit is on what is decoded: six bytes of text are one here.
    let escaped = String(repeating: "\\u0061", count: limit)
    #expect(parseError("[\"\(escaped)\"]") == nil)
    #expect(parseError("[\"\(escaped)b\"]")?.code == .stringTooLong)
  }

  @Test("PAR-04 invalid UTF-8 is refused with the byte offset")
  func invalidUTF8() {
    let path = Array("{\"exec\":[\"/usr/".utf8)
    for sequence: [UInt8] in [
      [0x80], [0xbf], [0xc0, 0xaf], [0xc1, 0x81], [0xc3], [0xc3, 0x28], [0xe0, 0x80, 0xaf],
      [0xe0, 0x9f, 0xbf], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xe2, 0x82], [0xf0, 0x80, 0x80],
      [0xf0, 0x8f, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xfe], [0xff],
    ] {
      let error = parseError(path + sequence + Array("\"]}".utf8))
      #expect(error == JSONError(.invalidUTF8, at: path.count), "\(sequence)")
    }
  }

  @Test("PAR-04 a NUL byte and a lone surrogate are refused, an escaped NUL is decoded")
  func nulAndSurrogates() throws {
    #expect(parseError([0x22, 0x61, 0x00, 0x22]) == JSONError(.controlCharacter, at: 2))
    #expect(parseError([0x5b, 0x00, 0x5d]) == JSONError(.expectedValue, at: 1))
    for text in [
      "[\"ab\\ud800\"]", "[\"ab\\udc00\"]", "[\"ab\\ud800\\ud800\"]", "[\"ab\\ud800\\u0061\"]",
      "[\"ab\\ud800x\"]", "[\"ab\\ud800\\n\"]", "[\"ab\\udfff\\ud800\"]",
    ] {
      #expect(parseError(text) == JSONError(.loneSurrogate, at: 4), "\(text)")
    }
    let document = try JSONDocument(Array("\"a\\u0000b\"".utf8))
    #expect(decoded(document, document.root) == [0x61, 0, 0x62])
  }

  @Test("PAR-05 a duplicate key is refused and both places are named")
  func duplicates() {
    #expect(parseError("{\"a\":1,\"a\":2}") == JSONError(.duplicateKey, at: 7, first: 1))
    #expect(parseError("{\"a\":1,\"\\u0061\":2}") == JSONError(.duplicateKey, at: 7, first: 1))
    #expect(parseError("{\"\":1,\"\":2}") == JSONError(.duplicateKey, at: 6, first: 1))
    #expect(
      parseError("{\"x\":{\"b\":[],\"c\":{},\"b\":0}}")
        == JSONError(.duplicateKey, at: 20, first: 6))
    // The earliest repetition is the one reported, with the key it repeats first.
    #expect(
      parseError("{\"z\":1,\"a\":2,\"z\":3,\"a\":4,\"z\":5}")
        == JSONError(.duplicateKey, at: 13, first: 1))
    // The same key in different objects, or as a value, repeats nothing.
    #expect(parseError("{\"a\":{\"a\":\"a\"},\"b\":[{\"a\":1},{\"a\":2}]}") == nil)
  }
}
