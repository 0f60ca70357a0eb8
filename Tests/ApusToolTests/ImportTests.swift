import Foundation
import Testing

@testable import ApusTool

/// The import as a whole: formats, failures, the report, and texts that nobody has written.
@Suite struct ImportTests {
  private static func temporary(_ files: [String: String]) throws -> URL {
    let folder = URL(filePath: "/tmp/apus-tool-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (name, text) in files {
      try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }
    return folder
  }

  @Test(
    "the name of a file says its format",
    arguments: [
      ("a/web.service", ImportFormat.systemd), ("x@.socket", .systemd), ("b.timer", .systemd),
      ("etc/inittab", .inittab), ("my.inittab", .inittab), ("compose.yaml", .compose),
      ("docker-compose.yml", .compose), ("/etc/init.d/ssh", .initd), ("S50sshd", .initd),
    ] as [(String, ImportFormat)])
  func detects(path: String, format: ImportFormat) {
    #expect(ImportFormat.detect(path) == format)
  }

  @Test("a name that says nothing has no format", arguments: ["README", "web", "a.mount"])
  func detectsNothing(path: String) { #expect(ImportFormat.detect(path) == nil) }

  @Test(
    "a file that is not there or no file fails with its name",
    arguments: ImportFormat.allCases)
  func missing(format: ImportFormat) throws {
    #expect(throws: ImportFailure.self) { try Importer.run(["/no/such/x.service"], as: format) }
    if format != .systemd {
      #expect(throws: ImportFailure.self) { try Importer.run(["/dev/null"], as: format) }
    }
  }

  @Test(
    "YAML beyond the plain part is refused with its line",
    arguments: [
      ("services:\n  a: &x\n    command: b\n", 2, "anchors, aliases and tags are not read"),
      ("services:\n  a:\n    <<: *x\n", 3, "merge keys are not read"),
      ("a: 1\n---\nb: 2\n", 2, "not read: another indentation or document"),
      ("a: [1,\n  2]\n", 1, "a list over several lines is not read"),
      ("a: 'open\n", 1, "a quote is left open"), ("a: 1\na: 2\n", 2, "the key a is there twice"),
      ("\ta: 1\n", 1, "a tab is no indentation"),
      (String(repeating: "[", count: 99), 1, "too deep"),
    ])
  func yaml(text: String, line: Int, reason: String) throws {
    let folder = try Self.temporary(["compose.yml": text])
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "compose.yml").path
    let failure = #expect(throws: ImportFailure.self) { try Importer.run([path], as: .compose) }
    #expect(failure?.description == "\(path):\(line): YAML: \(reason)")
  }

  @Test("the report as JSON has every finding and the sums")
  func json() throws {
    let folder = try Self.temporary([
      "a.service": "[Service]\nExecStart=/bin/a \"b\"\nProtectSystem=full\nConflicts=x\nNice=3\n"
    ])
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "a.service").path
    let report = try Importer.run([path], as: .systemd).report
    let object = try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any]
    let findings = try #require(object?["findings"] as? [[String: Any]])
    let summary = try #require(object?["summary"] as? [String: Int])
    #expect(findings.map { $0["line"] as? Int } == [2, 3, 4, 5])
    #expect(findings.map { $0["outcome"] as? String } == ["taken", "dropped", "dropped", "taken"])
    #expect(findings.map { $0["effect"] as? String } == ["none", "wider", "breaks", "none"])
    #expect(findings.map { $0["known"] as? Bool } == [true, true, false, true])
    #expect(findings[3]["keys"] as? [String] == ["nice"])
    #expect(
      summary == [
        "directives": 4, "taken": 2, "changed": 0, "dropped": 2, "harmless": 0, "wider": 1,
        "breaks": 1,
      ])
  }

  @Test(
    "damaged texts of every format neither end the importer nor make a manifest that is refused")
  func damaged() throws {
    let folder = try Self.temporary([:])
    defer { try? FileManager.default.removeItem(at: folder) }
    var random = SystemRandomNumberGenerator()
    var imported = 0
    for name in CorpusTests.cases {
      let input = CorpusTests.folder.appending(path: "\(name)/input")
      for file in try FileManager.default.subpathsOfDirectory(atPath: input.path).sorted() {
        guard !file.hasPrefix("root/"),
          let format = ImportFormat.detect(input.path + "/" + file),
          let text = FileManager.default.contents(atPath: input.path + "/" + file)
        else { continue }
        let path = folder.appending(path: (file as NSString).lastPathComponent).path
        for _ in 0..<3 {
          let bytes = Self.damage(Array(text), &random)
          try Data(bytes).write(to: URL(filePath: path))
          // A compose file may be refused as a whole.
          guard let result = try? Importer.run([path], as: format) else {
            #expect(format == .compose)
            continue
          }
          imported += 1
          let errors = CheckedManifest.errors(result.manifest)
          #expect(errors == [], "\(name)/\(file): \(String(decoding: bytes, as: UTF8.self))")
        }
        try FileManager.default.removeItem(atPath: path)
      }
    }
    #expect(imported > 200)
  }

  /// Removes, repeats and changes pieces of a text.
  private static func damage(
    _ text: [UInt8], _ random: inout SystemRandomNumberGenerator
  ) -> [UInt8] {
    var text = text
    let signs = Array("%$\\\"'[]{}=:-@;~!|/\n \0é9".utf8)
    for _ in 0..<Int.random(in: 1...6, using: &random) where !text.isEmpty {
      let place = Int.random(in: 0..<text.count, using: &random)
      let end = min(text.count, place + Int.random(in: 1...12, using: &random))
      switch Int.random(in: 0..<4, using: &random) {
      case 0: text.removeSubrange(place..<end)
      case 1: text.insert(contentsOf: text[place..<end], at: place)
      case 2: text.insert(signs[Int.random(in: 0..<signs.count, using: &random)], at: place)
      default: text[place] = signs[Int.random(in: 0..<signs.count, using: &random)]
      }
    }
    return text
  }
}
