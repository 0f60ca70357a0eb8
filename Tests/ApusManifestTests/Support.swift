import ApusBase
import ApusManifest

/// Loads texts as a main file and drop-ins called `apus.json`, `1.json`, `2.json`…
func load(_ texts: String...) -> LoadedManifest {
  load(bytes: texts.map { Array($0.utf8) })
}

func load(bytes files: [[UInt8]]) -> LoadedManifest {
  var loader = ManifestLoader()
  for (index, bytes) in files.enumerated() {
    loader.add(file: Array((index == 0 ? "apus.json" : "\(index).json").utf8), bytes: bytes)
  }
  return loader.finish()
}

extension LoadedManifest {
  /// Every diagnostic as `apus check` prints it.
  var lines: [String] { diagnostics.map(\.line) }

  /// The errors among them.
  var errorLines: [String] { diagnostics.filter { $0.severity == .error }.map(\.line) }

  func text(_ text: Text) -> String { manifest.string(text) }

  /// The service of that name.
  func service(_ name: String) -> Service? {
    manifest.services.first { manifest.string($0.name) == name }
  }
}

extension Diagnostic {
  var line: String {
    var writer = ByteWriter(capacity: 4096)
    write(into: &writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

extension Manifest {
  func string(_ text: Text) -> String {
    let start = Int(text.offset)
    return String(decoding: pool[start..<start + Int(text.count)], as: UTF8.self)
  }

  func strings(_ range: TableRange) -> [String] { range.indices.map { string(texts[$0]) } }
}

extension ServiceKey {
  var spelling: String { String(decoding: name, as: UTF8.self) }
}

extension SocketKey {
  var spelling: String { String(decoding: name, as: UTF8.self) }
}

extension SystemKey {
  var spelling: String { String(decoding: name, as: UTF8.self) }
}
