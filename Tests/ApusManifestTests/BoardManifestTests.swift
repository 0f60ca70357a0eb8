import ApusBase
import ApusManifest
import Foundation
import Testing

/// The manifests that land on a board, with each board's own drop-in.
@Suite struct BoardManifestTests {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  @Test("what the image holds loads without an error", arguments: ["x86_64", "aarch64", "arm"])
  func loads(board: String) throws {
    var loader = ManifestLoader()
    let dropIn = "board/\(board)/overlay/etc/apus.d/50-console.json"
    for path in ["rootfs-overlay/etc/apus.json", dropIn] {
      let bytes = try Data(contentsOf: Self.root.appending(path: path))
      loader.add(file: Array(path.utf8), bytes: Array(bytes))
    }
    let loaded = loader.finish()
    for diagnostic in loaded.diagnostics {
      var line = ByteWriter(capacity: 256)
      diagnostic.write(into: &line)
      Issue.record("\(String(decoding: line.bytes, as: UTF8.self))")
    }
    #expect(loaded.mainFileUsable)
    // lighttpd, sshd, dbus, network, flaky, the getty's template and its one instance.
    #expect(loaded.manifest.services.count == 7)
    #expect(loaded.manifest.listeners.count == 4)
  }
}
