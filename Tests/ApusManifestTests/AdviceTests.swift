import ApusManifest
import Foundation
import Testing

/// What `apus check` says of manifests as people write them, side by side with them (GoldenCases).
@Suite struct AdviceTests {
  @Test func `Every case says what the golden file says`() throws {
    let golden = try GoldenCases("advice.txt")
    #expect(golden.cases.count > 40)
    try golden.check()
  }

  @Test func `Warnings refuse nothing, and many leave room for errors`() {
    let idle = (0..<300).map { #""s\#($0)": {"exec": ["/s"], "idleStop": "5min"}"# }
    let loaded = load(
      #"{"apus": 1, "services": {\#(idle.joined(separator: ",")), "bad": {"exec": ["s"]}}}"#)
    #expect(loaded.errors == 1 && loaded.errorLines.count == 1)
    #expect(loaded.diagnostics.count == ManifestLimits.warnings + 2)
    #expect(loaded.lines.last?.hasSuffix("too many warnings; the rest are not shown") == true)
    #expect(loaded.manifest.services.count { !$0.flags.contains(.invalid) } == 300)
  }

  @Test func `The same socket under two spellings is one`() throws {
    let loaded = load(
      #"{"apus": 1, "services": {"a": {"exec": ["/a"], "listen": [{"stream": "/run//./a"}]}}}"#)
    let listener = try #require(loaded.manifest.listeners.first)
    guard case .path(let path) = listener.address else {
      Issue.record("no path")
      return
    }
    #expect(loaded.text(path) == "/run/a")
    #expect(loaded.text(listener.spelling) == "/run//./a")
  }
}
