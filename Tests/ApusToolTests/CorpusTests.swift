import ApusTool
import Foundation
import Testing

/// Texts written to meet every rule, and what becomes of them.
///
/// A folder of `Corpus` has `input`, what follows `apus-tool import` in `arguments`, and the
/// manifest and report that are expected. `APUS_WRITE_GOLDEN=1` writes those anew, to be read in review.
@Suite struct CorpusTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")
  static let cases =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()

  /// Runs an import as the command line says, in a folder.
  static func run(_ arguments: [String], in folder: URL) throws -> ImportResult {
    var options = ImportOptions()
    var files: [String] = []
    var format: ImportFormat?
    var words = arguments[...]
    while let word = words.popFirst() {
      switch word {
      case "--root": options.root = folder.path + "/" + (words.popFirst() ?? "")
      case "--instance": options.instances.append(words.popFirst() ?? "")
      case "--shell": options.variables = .byShell
      case "--resolve": options.variables = .now
      case "--from": format = ImportFormat(rawValue: words.popFirst() ?? "")
      case "--map":
        let parts = (words.popFirst() ?? "").components(separatedBy: "=")
        options.map[parts[0]] = parts[1]
      default: files.append(folder.path + "/" + word)
      }
    }
    let found = try #require(format ?? files.first.flatMap(ImportFormat.detect))
    return try Importer.run(files, as: found, options: options)
  }

  @Test("each text becomes the manifest and the report that were reviewed", arguments: cases)
  func golden(name: String) throws {
    let folder = Self.folder.appending(path: name)
    let words = try String(contentsOf: folder.appending(path: "arguments"), encoding: .utf8)
      .split(whereSeparator: \.isWhitespace).map(String.init)
    let result = try Self.run(words, in: folder.appending(path: "input"))
    #expect(CheckedManifest.errors(result.manifest) == [])
    let report = result.report.text.replacingOccurrences(
      of: folder.appending(path: "input").path + "/", with: "")
    for (file, text) in [("manifest.json", result.manifest), ("report.txt", report)] {
      let path = folder.appending(path: file)
      if ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"] != nil {
        try text.write(to: path, atomically: true, encoding: .utf8)
      }
      let expected = try String(contentsOf: path, encoding: .utf8)
      #expect(text == expected, "\(name)/\(file) differs")
    }
  }

  @Test("there are cases for every format")
  func count() { #expect(Self.cases.count >= 25) }
}
