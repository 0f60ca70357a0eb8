import ApusJSON
import Testing

/// The parser against what RFC 8259 says of texts of every category of the conformance suites.
@Suite struct ConformanceTests {
  @Test("every valid text is accepted and means what it says")
  func accepted() throws {
    for text in acceptedTexts {
      guard parseError(text.bytes) == nil else {
        Issue.record("refused: \(text.name): \(String(describing: parseError(text.bytes)))")
        continue
      }
      let document = try JSONDocument(text.bytes)
      #expect(rewritten(document) == text.rewritten, "\(text.name)")
      let again = try JSONDocument(Array(text.rewritten.utf8))
      #expect(rewritten(again) == text.rewritten, "\(text.name)")
    }
  }

  @Test("every invalid text is refused for its reason at its byte")
  func refused() {
    for text in refusedTexts {
      let error = parseError(text.bytes)
      #expect(error?.code == text.code, "\(text.name)")
      #expect(error?.offset == text.offset, "\(text.name)")
    }
  }

  @Test("every prefix of a valid text that needs its last byte is refused")
  func truncated() {
    for text in acceptedTexts {
      guard let last = text.bytes.last, last == 0x22 || last == 0x5d || last == 0x7d else {
        continue
      }
      guard text.bytes.count < 200 else { continue }
      for end in text.bytes.indices {
        let error = parseError(Array(text.bytes[..<end]))
        #expect(error != nil, "\(text.name) up to \(end)")
        #expect((error?.offset ?? -1) <= end, "\(text.name) up to \(end)")
      }
    }
  }

  @Test("the tables hold at least 250 texts, each once, and every error code")
  func coverage() {
    let all = acceptedTexts.map(\.bytes) + refusedTexts.map(\.bytes)
    #expect(all.count >= 250)
    let repeated = Dictionary(grouping: all, by: \.self).filter { $1.count > 1 }.keys
    #expect(repeated.map { String(decoding: $0, as: UTF8.self) } == [])
    var codes = Set(refusedTexts.map(\.code.rawValue))
    codes.formUnion([JSONError.Code.tooLarge, .stringTooLong].map(\.rawValue))
    #expect(codes == Set(0...JSONError.Code.duplicateKey.rawValue))
  }
}
