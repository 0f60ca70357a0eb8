import ApusBase
import ApusCommand
import ApusManifest
import Testing

@Suite struct ProgramManifestTests {
  private func manifest(_ words: [String], _ environment: [[UInt8]]) -> LoadedManifest {
    let text = programManifest(words.map { Array($0.utf8) }, environment: environment)
    var loader = ManifestLoader()
    loader.add(file: Array("command line".utf8), bytes: text)
    return loader.finish()
  }

  @Test func `Whatever the words and the environment are, the manifest is one`() throws {
    let words = ["/bin/x", "", "\"", "\\", "\n\t\u{1}", "%i", "\u{1f600}", "$HOME", "&&"]
    let entries = [
      "A=1", "A=2", "=x", "B", "C D=3", "E=", "F==", "G=\"\\\u{7}", "BASH_FUNC_f%%=() { :; }",
    ].map { Array($0.utf8) }
    let loaded = manifest(words, entries + [[72, 61, 0xff, 0xc0, 0x80]])
    #expect(loaded.diagnostics.filter { $0.severity == .error }.isEmpty)
    let service = try #require(loaded.manifest.services.first)
    #expect(service.flags.contains(.main))
    let given = service.exec.indices.map { index in
      var writer = ByteWriter(capacity: 64)
      writer.text(loaded.manifest.texts[index], of: loaded.manifest)
      return String(decoding: writer.bytes, as: UTF8.self)
    }
    #expect(given == words)
  }
}
