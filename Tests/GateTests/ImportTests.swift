import Foundation
import Testing

/// The arrows between the rooms: what each target may import.
@Suite struct ImportTests {
  static let allowed: [String: Set<String>] = [
    "ApusBase": [],
    "ApusJSON": ["ApusBase"],
    "ApusManifest": ["ApusBase", "ApusJSON"],
    "ApusWire": ["ApusBase"],
    "ApusCore": ["ApusManifest", "ApusWire", "ApusBase"],
    "ApusLinux": ["ApusCore", "ApusManifest", "ApusWire", "ApusBase", "CApus", "CCapability"],
    "ApusCommand": ["ApusManifest", "ApusJSON", "ApusWire", "ApusBase", "CApus"],
    "apus": ["ApusLinux", "ApusCommand", "ApusBase", "CApus"],
    "ApusSimulation": ["ApusCore", "ApusManifest", "ApusWire", "ApusBase"],
    // Of CApus only the table of system calls: the check knows their names by it.
    "ApusTool": ["ApusManifest", "ApusBase", "CApus", "Foundation"],
    "apus-tool": ["ApusTool", "ArgumentParser", "Foundation"],
  ]
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private func files(_ target: String) throws -> [(name: String, lines: [String])] {
    let folder = Self.root.appendingPathComponent("Sources/\(target)")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      .filter { $0.hasSuffix(".swift") }
      .map { name in
        let path = folder.appendingPathComponent(name).path
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return (name, text.components(separatedBy: "\n"))
      }
  }

  @Test("every import follows an arrow", arguments: allowed.keys.sorted())
  func arrows(target: String) throws {
    var seen = 0
    for file in try files(target) {
      for line in file.lines {
        let words = line.split(separator: " ").map(String.init)
        guard let position = words.firstIndex(of: "import"), position <= 1,
          position == 0 || ["internal", "public", "package"].contains(words[0])
        else { continue }
        seen += 1
        #expect(
          try #require(Self.allowed[target]).contains(words[position + 1]),
          "\(target)/\(file.name): \(line)")
      }
    }
    #expect(seen > 0 || target == "ApusBase")
  }

  @Test(
    "the pure rooms have no way to trap on purpose",
    arguments: ["ApusBase", "ApusJSON", "ApusManifest", "ApusWire", "ApusCore"])
  func traps(target: String) throws {
    for file in try files(target) {
      for (number, line) in file.lines.enumerated() {
        for word in ["fatalError(", "try!", "precondition(", "preconditionFailure", "as!"] {
          #expect(!line.contains(word), "\(target)/\(file.name):\(number + 1)")
        }
      }
    }
  }

  @Test("no source file has grown out of its room", arguments: allowed.keys.sorted())
  func lengths(target: String) throws {
    for file in try files(target) {
      #expect(file.lines.count <= 400, "\(target)/\(file.name) has \(file.lines.count) lines")
    }
  }
}
