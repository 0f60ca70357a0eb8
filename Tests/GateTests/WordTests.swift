import Foundation
import Testing

/// Words that nobody greps for in the middle of the night, and what is written in their place.
@Suite struct WordTests {
  static let refused = [
    ("can not", "cannot"), ("in vain", "timed out"), ("buried", "reaped"), ("buries", "reaps"),
    ("wholly in force", "supported by this kernel"), ("looked after", "supervised"),
    ("taking what waits", "accepting the pending connection"),
  ]

  @Test("messages, help, pages and comments are without them", arguments: ["Sources", "board"])
  func words(folder: String) throws {
    let root = ImportTests.root.appendingPathComponent(folder)
    let files = try FileManager.default.subpathsOfDirectory(atPath: root.path)
    var read = 0
    for name in files.sorted() {
      guard let data = FileManager.default.contents(atPath: root.appendingPathComponent(name).path)
      else { continue }
      read += 1
      let text = String(decoding: data, as: UTF8.self).replacing("\n", with: " ")
      for (word, better) in Self.refused
      where text.range(of: word, options: .caseInsensitive) != nil {
        Issue.record("\(folder)/\(name): \"\(word)\", better \"\(better)\"")
      }
    }
    #expect(read > 20)
  }
}
