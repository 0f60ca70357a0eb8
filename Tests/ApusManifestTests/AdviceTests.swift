import ApusManifest
import Foundation
import Testing

/// What `apus check` says of manifests as people write them, side by side with them.
///
/// Each case of the golden file is a name behind `##`, the files of the manifest with `--- next file`
/// between them, and behind `===` every line of diagnostics. The file is there to be read in a review:
/// `APUS_WRITE_GOLDEN=1 swift test --filter AdviceTests` writes it anew.
@Suite struct AdviceTests {
  private static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden/advice.txt")

  private struct Case {
    var name: String
    var files: [String]
    var lines: [String]
  }

  private func cases() throws -> [Case] {
    let text = try String(contentsOf: Self.file, encoding: .utf8)
    return text.components(separatedBy: "\n## ").dropFirst().map { part in
      let halves = part.components(separatedBy: "\n===\n")
      let name = halves[0].prefix { $0 != "\n" }
      let files = halves[0].dropFirst(name.count + 1).components(separatedBy: "\n--- next file\n")
      let lines = halves.count > 1 ? halves[1].split(separator: "\n").map(String.init) : []
      return Case(name: String(name), files: files, lines: lines)
    }
  }

  private func loaded(_ files: [String]) -> LoadedManifest {
    var loader = ManifestLoader()
    loader.now = 1_800_000_000
    for (index, text) in files.enumerated() {
      let name = index == 0 ? "apus.json" : "\(index).json"
      loader.add(file: Array(name.utf8), bytes: Array(text.utf8))
    }
    return loader.finish()
  }

  @Test func `Every case says what the golden file says`() throws {
    var cases = try cases()
    #expect(cases.count > 40)
    for index in cases.indices {
      let lines = loaded(cases[index].files).lines
      if ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"] == nil {
        #expect(lines == cases[index].lines, "\(cases[index].name)")
      }
      cases[index].lines = lines
    }
    guard ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"] != nil else { return }
    let head = try String(contentsOf: Self.file, encoding: .utf8)
      .components(separatedBy: "\n## ")[0]
    let parts = cases.map {
      "\n## \($0.name)\n" + $0.files.joined(separator: "\n--- next file\n") + "\n===\n"
        + $0.lines.map { $0 + "\n" }.joined()
    }
    try (head + parts.joined()).write(to: Self.file, atomically: true, encoding: .utf8)
  }

  @Test func `Warnings refuse nothing, and many leave room for errors`() {
    let idle = (0..<300).map { #""s\#($0)": {"exec": ["/s"], "idleStop": "5min"}"# }
    let loaded = load(
      #"{"apus": 1, "services": {\#(idle.joined(separator: ",")), "bad": {"exec": ["s"]}}}"#)
    #expect(loaded.errors == 1 && loaded.errorLines.count == 1)
    #expect(loaded.diagnostics.count == ManifestLimits.warnings + 2)
    #expect(loaded.lines.last?.hasSuffix("too many warnings; the rest are not shown") == true)
    #expect(loaded.manifest.services.count { !$0.flags.contains(.invalid) } == 300)
  }

  @Test func `The same socket under two spellings is one`() throws {
    let loaded = load(
      #"{"apus": 1, "services": {"a": {"exec": ["/a"], "listen": [{"stream": "/run//./a"}]}}}"#)
    let listener = try #require(loaded.manifest.listeners.first)
    guard case .path(let path) = listener.address else {
      Issue.record("no path")
      return
    }
    #expect(loaded.text(path) == "/run/a")
    #expect(loaded.text(listener.spelling) == "/run//./a")
  }
}
