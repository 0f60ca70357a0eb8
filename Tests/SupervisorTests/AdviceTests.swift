import Foundation
import Testing

/// The program of the boards says of a manifest what the tests' build says.
@Suite struct AdviceTests {
  @Test("every case of the golden file of advice") func golden() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "ApusManifestTests/Golden/advice.txt")
    let cases = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n## ")
    #expect(cases.count > 40)
    let folder = URL(filePath: "/tmp/apus-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for part in cases.dropFirst() {
      let halves = part.components(separatedBy: "\n===\n")
      let name = halves[0].prefix { $0 != "\n" }
      var words = "umask 022; cd \(folder.path); exec \(Board.binary) check"
      let files = halves[0].dropFirst(name.count + 1).components(separatedBy: "\n--- next file\n")
      for (index, text) in files.enumerated() {
        let name = index == 0 ? "apus.json" : "\(index).json"
        let path = folder.appending(path: name).path
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        #expect(chmod(path, 0o644) == 0)
        words += " " + name
      }
      let errors = folder.appending(path: "errors").path
      let check = try Child(["/bin/sh", "-c", words], output: .none, errors: .file(errors))
      let code = check.wait()
      let said = try String(contentsOfFile: errors, encoding: .utf8)
      #expect(said == (halves.count > 1 ? halves[1].drop { $0 == "\n" } : ""), "\(name)")
      #expect(code == (said.contains(": error: ") ? 1 : 0), "\(name)")
      try FileManager.default.removeItem(atPath: errors)
    }
  }
}
