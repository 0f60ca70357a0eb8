import ApusBase
import ApusManifest
import Foundation
import Testing

/// What a manifest may ask of the machine that reads it.
@Suite struct LimitTests {
  /// Runs a load that must be over long before a reader's patience.
  private func quickly(_ files: [String]) -> LoadedManifest {
    let start = processorTime()
    let loaded = load(bytes: files.map { Array($0.utf8) })
    let time = processorTime() - start
    #expect(time < 2, "\(time) s")
    return loaded
  }

  /// What this thread has had of a processor, in seconds, however busy the machine is.
  private func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  @Test func `Instances that come to gigabytes are refused at once`() {
    let argument = String(repeating: "x", count: 590)
    let arguments = (0..<250).map { _ in "\"%i\(argument)\"" }.joined(separator: ",")
    let instances = (0..<1000).map { "\"\($0)\"" }.joined(separator: ",")
    let loaded = quickly([
      #"{"apus": 1, "services": {"#
        + #""t@": {"exec": ["/t", \#(arguments)], "instances": [\#(instances)]},"#
        + #""u@": {"exec": ["/u", "%i"], "instances": ["1", "2"]},"#
        + #""web": {"exec": ["/web"]}}}"#
    ])
    #expect(loaded.errors == 2, "\(loaded.errorLines)")
    let reason =
      "the instances of all templates come to more than 2 MiB; this one and the rest are left out"
    #expect(loaded.errorLines[0].contains(": error: services.t@.exec["))
    #expect(loaded.errorLines[0].hasSuffix("]: " + reason))
    #expect(loaded.errorLines[1].contains(": error: services.u@: " + reason))
    #expect(loaded.manifest.pool.count < 3 << 20)
    #expect(loaded.service("web")?.flags.contains(.invalid) == false)
    #expect(loaded.service("t@1")?.flags.contains(.invalid) == false, "what fits runs")
    let last = loaded.manifest.services.firstIndex { loaded.text($0.name) == "t@999" }
    #expect(last.map { loaded.manifest.services[$0].flags.contains(.invalid) } == true)
    #expect(last.flatMap { loaded.reason(for: $0) } != nil)
  }

  @Test func `A list of nothing and percent signs are counted too`() {
    let instances = (0..<1000).map { "\"\($0)\"" }.joined(separator: ",")
    let empty = (0..<250).map { _ in "\"\"" }.joined(separator: ",")
    let long = String(repeating: "%i", count: 1000)
    let ids = (0..<1000).map(String.init).joined(separator: ",")
    for keys in [
      #""pre": [["/a", \#(empty)], ["/b", \#(empty)]], "post": [["/c", \#(empty)]]"#,
      #""environment": {"A": "\#(long)"}"#, #""groups": [\#(ids)]"#,
      #""x-note": "\#(String(repeating: "x", count: 60_000))""#,
    ] {
      let loaded = quickly([
        #"{"apus": 1, "services": {"t@": {"exec": ["/t"], \#(keys), "#
          + #""instances": [\#(instances)]}}}"#
      ])
      #expect(loaded.errors == 1, "\(loaded.errorLines)")
      #expect(loaded.errorLines.first?.contains("more than 2 MiB") == true)
    }
  }

  @Test func `Many instances of a usual size are not too many`() {
    let instances = (0..<1000).map { "\"\($0)\"" }.joined(separator: ",")
    let text = String(repeating: "x", count: 1500)
    let loaded = quickly([
      #"{"apus": 1, "services": {"t@": {"exec": ["/t", "\#(text)"], "#
        + #""instances": [\#(instances)]}}}"#
    ])
    #expect(loaded.lines == [])
    #expect(loaded.manifest.services.count == 1001)
  }

  private func members(_ count: Int, _ value: String) -> String {
    (0..<count).map { "\"k\($0)\": \(value)" }.joined(separator: ",")
  }

  @Test func `An object of too many members is refused at once, wherever it stands`() {
    let many = members(80_000, "1")
    let message = "the object has more members than the limit of 1024"
    let places: [(text: String, line: String, isUsable: Bool)] = [
      ("{\"apus\": 1, \(many)}", "apus.json:1:1: error: \(message)", false),
      (
        "{\"apus\": 1, \"services\": {\"a\": {\(many)}}}",
        "apus.json:1:31: error: services.a: \(message)", true
      ),
      (
        "{\"apus\": 1, \"services\": {\"a\": {\"exec\": [\"/a\"], \"environment\": {\(many)}}}}",
        "apus.json:1:63: error: services.a.environment: \(message)", true
      ),
      ("{\"apus\": 1, \"system\": {\(many)}}", "apus.json:1:23: error: system: \(message)", true),
      (
        "{\"apus\": 1, \"defaults\": {\(many)}}", "apus.json:1:25: error: defaults: \(message)",
        true
      ),
      ("{\"apus\": 1, \"x-note\": [{\(many)}]}", "apus.json:1:24: error: \(message)", true),
    ]
    for place in places {
      let loaded = quickly([place.text])
      #expect(loaded.errorLines.contains(place.line), "\(loaded.errorLines)")
      #expect(loaded.mainFileUsable == place.isUsable)
      #expect(loaded.errors <= 2, "\(loaded.errorLines)")
    }
    let fits = load(
      "{\"apus\": 1, \"services\": {\"a\": {\"exec\": [\"/a\"], "
        + "\"environment\": {\(members(1024, "\"\""))}}}}")
    #expect(fits.lines == [])
  }

  @Test func `A drop-in of too many members is skipped`() {
    let loaded = quickly([
      #"{"apus": 1, "services": {"a": {"exec": ["/a"]}}}"#, "{\(members(40_000, "{}"))}",
    ])
    #expect(
      loaded.errorLines == ["1.json:1:1: error: the object has more members than the limit of 1024"]
    )
    #expect(loaded.mainFileUsable && loaded.service("a") != nil)
  }

  @Test func `Services have a limit of their own`() {
    let loaded = quickly([
      "{\"apus\": 1, \"services\": {\(members(30_000, "{\"exec\":[\"/a\"]}"))}}"
    ])
    #expect(loaded.errors == 1)
    #expect(loaded.errorLines.first?.contains("more than 1024 services") == true)
    #expect(loaded.manifest.services.count == 1024)
    let others = members(1023, "{\"exec\":[\"/a\"]}")
    let twice = load(
      "{\"apus\": 1, \"services\": {\"k0\": {\"exec\": [\"/b\"]}, \(others), "
        + "\"z\": {\"exec\": [\"/a\"]}}}")
    #expect(twice.errorLines.count == 1)
    #expect(
      twice.errorLines.first?.contains("service defined twice, first at apus.json:1:26") == true)
  }

  @Test func `Mistakes without end cost no more than reading them`() {
    let unknown = members(1000, "1")
    let services = (0..<70).map { "\"s\($0)\": {\(unknown)}" }.joined(separator: ",")
    let many = quickly(["{\"apus\": 1, \"services\": {\(services)}}"])
    #expect(many.errors == 70_070)
    #expect(many.diagnostics.count == ManifestLimits.diagnostics + 1)
    let names = (0..<1000).map { "\"service-of-\($0)\"" }.joined(separator: ",")
    let links = (0..<60).map { "\"t\($0)\": {\"exec\": [\"/t\"], \"needs\": [\(names)]}" }
    let others = (0..<300).map { "\"service-for-\($0)\": {\"exec\": [\"/t\"]}" }
    let unresolved = quickly([
      "{\"apus\": 1, \"services\": {\((others + links).joined(separator: ","))}}"
    ])
    #expect(unresolved.errors == 60_000)
    let newlines = String(repeating: "\n", count: 1_000_000)
    let late = quickly(["{\"apus\": 1,\(newlines)\"services\": {\"a\": {\(unknown)}}}"])
    #expect(late.errors == 1001)
    #expect(late.errorLines.first == "apus.json:1000001:20: error: services.a.k0: unknown key")
  }
}
