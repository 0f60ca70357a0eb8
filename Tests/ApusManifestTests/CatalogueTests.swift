import ApusManifest
import Foundation
import Testing

/// The catalogue of /usr/share/apus/catalogue: one manifest for each program, to be copied to
/// /etc/apus.d as it is.
///
/// That the programs work with it is for the supervisor tests.
@Suite struct CatalogueTests {
  private static let root = BoardManifestTests.root
  private static let folder = root.appending(path: "rootfs-overlay/usr/share/apus/catalogue")
  private static let buildroot = root.appending(path: "board/buildroot/package/apus/services")

  /// Programs that do the same in another way: not with the one that they are a choice beside.
  private static let choices: Set = [
    "dropbear", "httpd", "network-static", "node-app", "python-app", "syslog-remote",
  ]

  private func texts(_ folder: URL) throws -> [(name: String, text: String)] {
    try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
      .map {
        ($0.deletingPathExtension().lastPathComponent, try String(contentsOf: $0, encoding: .utf8))
      }
  }

  private func services(_ text: String) throws -> [String: [String: Any]] {
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    return object?["services"] as? [String: [String: Any]] ?? [:]
  }

  @Test func `Each file is a manifest and a drop-in that apus check finds nothing in`() throws {
    let all = try texts(Self.folder)
    #expect(all.count >= 40)
    for (name, text) in all {
      #expect(load(text).lines == [], "\(name)")
      #expect(load(#"{"apus": 1}"#, text).lines == [], "\(name)")
      let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      #expect((object?["description"] as? String ?? "").count > 20, "\(name)")
    }
  }

  @Test func `They go together, and what one waits for may be missing`() throws {
    let main = #"{"apus": 1, "defaults": {"restart": "on-failure"}}"#
    let files = try texts(Self.folder).filter { !Self.choices.contains($0.name) }
    let loaded = load(bytes: ([main] + files.map(\.text)).map { Array($0.utf8) })
    #expect(loaded.lines == [])
    for name in Self.choices {
      let text = try #require(try texts(Self.folder).first { $0.name == name }).text
      let choice = load(bytes: ([main] + files.map(\.text) + [text]).map { Array($0.utf8) })
      #expect(choice.lines != [], "\(name) goes with all others, too")
    }
  }

  @Test func `A service that keeps all of root's rights is one that hands them out`() throws {
    var all: Set<String> = []
    for (_, text) in try texts(Self.folder) {
      for (name, keys) in try services(text) where keys["capabilities"] == nil { all.insert(name) }
    }
    #expect(all == ["containerd", "docker", "getty@", "podman"])
  }

  @Test func `Buildroot's services have the catalogue's names, and one run or many of them`() throws
  {
    var known: [String: [[String: Any]]] = [:]
    for (_, text) in try texts(Self.folder) {
      for (name, keys) in try services(text) { known[name, default: []].append(keys) }
    }
    for (file, text) in try texts(Self.buildroot) {
      for (name, keys) in try services(text) {
        let others = try #require(known[name], "\(file): \(name)")
        let same = others.contains {
          ($0["type"] as? String == "oneshot") == (keys["type"] as? String == "oneshot")
            && "\($0["remain"] ?? "")" == "\(keys["remain"] ?? "")"
        }
        #expect(same, "\(file): \(name)")
      }
    }
  }
}
