import Foundation
import Testing

@testable import ApusTool

/// The table of directives against the keys that manifests have.
@Suite struct TableTests {
  /// The keys of a service, of its sandbox and of a listener, as the schema has them.
  private static func keys() throws -> Set<String> {
    let path = CorpusTests.folder.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
      .appending(path: "rootfs-overlay/usr/share/apus/manifest.schema.json")
    let schema = try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any]
    let definitions = try #require(schema?["$defs"] as? [String: [String: Any]])
    func properties(_ name: String) throws -> [String: [String: Any]] {
      try #require(definitions[name]?["properties"] as? [String: [String: Any]])
    }
    var keys = Set(try properties("socket").keys)
    for (key, value) in try properties("service").merging(
      properties("defaults"), uniquingKeysWith: { own, _ in own })
    {
      keys.insert(key)
      for inner in (value["properties"] as? [String: Any] ?? [:]).keys {
        keys.insert("\(key).\(inner)")
      }
    }
    return keys
  }

  @Test("what is said to be missing is missing: a key that is there has to be taken")
  func missing() throws {
    let keys = try Self.keys()
    for (name, rule) in DirectiveTable.everything {
      switch rule {
      case .flag(let key), .paths(let key), .words(let key, _):
        #expect(keys.contains(key), "\(name): apus has no \(key)")
      case .needless(let why), .foreign(_, let why): #expect(!why.isEmpty, "\(name)")
      }
    }
    for key in ["conflicts", "needsPath"] {
      #expect(!keys.contains(key), "apus has \(key) now: take it")
    }
  }
}
