import ApusBase
import ApusManifest
import CApus

/// What `apus check` says, without the importer's own help.
enum CheckedManifest {
  /// Every error of a manifest.
  static func errors(_ text: String) -> [String] {
    var loader = ManifestLoader(knowsCall: capus_filter_knows)
    loader.add(file: Array("apus.json".utf8), bytes: Array(text.utf8))
    let loaded = loader.finish()
    var lines = loaded.mainFileUsable ? [] : ["the file is not usable"]
    for diagnostic in loaded.diagnostics where diagnostic.severity == .error {
      var line = ByteWriter(capacity: 1024)
      diagnostic.write(into: &line)
      lines.append(String(decoding: line.bytes, as: UTF8.self))
    }
    return lines
  }
}
