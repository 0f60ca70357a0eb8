import ApusManifest
import Foundation
import Testing

/// Manifests in a golden file, side by side with what apus check says of them.
///
/// Each case is a name behind `##`, the files of the manifest with `--- next file` between them, and behind
/// `===` every line of diagnostics. Such a file is there to be read in a review: `APUS_WRITE_GOLDEN=1` writes
/// what is said now.
struct GoldenCases {
  struct Case {
    var name: String
    var files: [String]
    var lines: [String]
  }

  private let file: URL
  private let head: String
  var cases: [Case]

  /// Reads a file of the folder Golden.
  init(_ name: String) throws {
    file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
    let parts = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n## ")
    head = parts[0]
    cases = parts.dropFirst().map { part in
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

  /// Expects of each case what its lines are, or writes them.
  func check() throws {
    var cases = cases
    let writes = ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"] != nil
    for index in cases.indices {
      let lines = loaded(cases[index].files).lines
      if !writes { #expect(lines == cases[index].lines, "\(cases[index].name)") }
      cases[index].lines = lines
    }
    guard writes else { return }
    let parts = cases.map {
      "\n## \($0.name)\n" + $0.files.joined(separator: "\n--- next file\n") + "\n===\n"
        + $0.lines.map { $0 + "\n" }.joined()
    }
    try (head + parts.joined()).write(to: file, atomically: true, encoding: .utf8)
  }
}
