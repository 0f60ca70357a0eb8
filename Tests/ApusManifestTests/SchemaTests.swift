import ApusManifest
import Foundation
import Testing

private let root = URL(filePath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
private let schemaFile = root.appending(
  path: "rootfs-overlay/usr/share/apus/manifest.schema.json")

/// The JSON Schema and the decoder say the same.
@Suite struct SchemaTests {
  private let schema: SchemaValidator

  init() throws { schema = try SchemaValidator(contentsOf: schemaFile) }

  private func keys(_ schema: [String: Any]) -> Set<String> {
    Set((schema["properties"] as? [String: Any] ?? [:]).keys)
  }

  /// The schema with a keyword at a path like `service.sandbox.landlock`, following references.
  private func find(_ path: String, _ keyword: String = "properties") -> [String: Any] {
    var steps = path.split(separator: ".").map(String.init)
    var current = schema.definition(steps.removeFirst())
    for step in steps {
      for option in options(current) {
        if step == "[]", let items = option["items"] as? [String: Any] { current = items }
        let child = (option["properties"] as? [String: Any])?[step] as? [String: Any]
        if let child { current = child }
      }
    }
    return options(current).first { $0[keyword] != nil } ?? [:]
  }

  private func options(_ schema: [String: Any]) -> [[String: Any]] {
    let plain = self.schema.resolve(schema)
    return [plain] + (plain["anyOf"] as? [[String: Any]] ?? []).map(self.schema.resolve)
  }

  /// The words after `expected` in the one error the decoder has about `zzzzzzzz`.
  private func expected(_ text: String) -> Set<String> {
    let lines = load(text).errorLines.filter { $0.contains("zzzzzzzz") && $0.contains("unknown ") }
    guard lines.count == 1, let range = lines[0].range(of: "; expected ") else { return [] }
    let list = lines[0][range.upperBound...].replacing(" or ", with: ", ")
    return Set(list.split(separator: ", ").map(String.init))
  }

  private func service(_ keys: String) -> String {
    #"{"apus": 1, "services": {"web": {"exec": ["/w"], \#(keys)}}}"#
  }

  private func socket(_ keys: String) -> String {
    service(#""listen": [{"stream": "80", \#(keys)}]"#)
  }

  private func system(_ keys: String) -> String { #"{"apus": 1, "system": {\#(keys)}}"# }

  @Test func `It has the decoder's keys`() {
    #expect(keys(schema.definition("service")) == Set(ServiceKey.allCases.map(\.spelling)))
    #expect(keys(schema.definition("socket")) == Set(SocketKey.allCases.map(\.spelling)))
    #expect(keys(schema.definition("system")) == Set(SystemKey.allCases.map(\.spelling)))
    let single: Set = ["exec", "listen", "instances", "override", "main"]
    #expect(
      keys(schema.definition("defaults"))
        == Set(ServiceKey.allCases.map(\.spelling)).subtracting(single))
    for key in single {
      let loaded = load(#"{"apus": 1, "defaults": {"\#(key)": 1}}"#)
      #expect(loaded.errorLines.first?.contains(#"may not stand in "defaults""#) == true)
    }
    #expect(keys(schema.root) == expected(#"{"apus": 1, "zzzzzzzz": 1}"#))
  }

  @Test func `Nested objects have the decoder's keys`() {
    let unknown = #"{"zzzzzzzz": 1}"#
    for key in [
      "ready", "health", "restart", "stop", "reload", "timer", "conditions", "rlimits", "scheduler",
      "cgroup", "directories", "log",
    ] {
      let words = expected(service(#""\#(key)": \#(unknown)"#))
      let found = keys(find("service.\(key)"))
      #expect(words.count > 1 && words == found, "\(key): \(words) \(found)")
    }
    // More than a message lists.
    let members = (0..<SandboxKeys.count).map {
      String(decoding: SandboxKeys.name($0), as: UTF8.self)
    }
    #expect(keys(find("service.sandbox")) == Set(members))
    for key in ["pre", "started", "post"] {
      #expect(
        expected(service(#""\#(key)": [\#(unknown)]"#)) == keys(find("service.\(key).[]")))
    }
    #expect(
      expected(service(#""directories": {"config": [\#(unknown)]}"#))
        == keys(find("service.directories.config.[]")))
    for key in ["watchdog", "memoryPressure"] {
      let words = expected(system(#""\#(key)": \#(unknown)"#))
      #expect(words.count > 1 && words == keys(find("system.\(key)")), "\(key)")
    }
    #expect(
      expected(system(#""mounts": [\#(unknown)]"#)) == keys(find("system.mounts.[]")))
    #expect(
      expected(system(#""create": [\#(unknown)]"#)) == keys(find("system.create.[]")))
    #expect(
      expected(service(#""sandbox": {"landlock": \#(unknown)}"#))
        == keys(find("service.sandbox.landlock")))
    #expect(
      expected(socket(#""keepAlive": \#(unknown)"#)) == keys(find("socket.keepAlive")))
  }

  @Test func `Words are the decoder's`() {
    let word = #""zzzzzzzz""#
    let places = [
      ("service.type", service(#""type": \#(word)"#)),
      ("service.start", service(#""start": \#(word)"#)),
      ("service.stdio", service(#""stdio": \#(word)"#)),
      ("service.restart", service(#""restart": \#(word)"#)),
      ("service.restart.onLimit", service(#""restart": {"onLimit": \#(word)}"#)),
      ("service.stop.kill", service(#""stop": {"kill": \#(word)}"#)),
      ("service.scheduler.policy", service(#""scheduler": {"policy": \#(word)}"#)),
      ("service.conditions.architecture", service(#""conditions": {"architecture": \#(word)}"#)),
      ("service.secureBits.[]", service(#""secureBits": [\#(word)]"#)),
      ("socket.timestamps", socket(#""timestamps": \#(word)"#)),
      ("socket.protocol", socket(#""protocol": \#(word)"#)),
      ("system.logLevel", system(#""logLevel": \#(word)"#)),
      ("system.create.[].when", system(#""create": [{"fifo": "/a", "when": \#(word)}]"#)),
    ]
    for (path, text) in places {
      let words = expected(text)
      #expect(words.count > 1, "\(path)")
      #expect(words == Set(find(path, "enum")["enum"] as? [String] ?? []), "\(path)")
    }
  }

  @Test func `Names of the kernel are the decoder's`() throws {
    let signals = (schema.definition("signal")["anyOf"] as? [[String: Any]])?.first?["enum"]
    let names = try #require(signals as? [String])
    #expect(names.count == 31)
    for (index, name) in names.enumerated() {
      let loaded = load(service(#""stop": {"signal": "\#(name)"}"#))
      #expect(Int(loaded.manifest.stops.last?.signal ?? 0) == index + 1)
    }
    let options = (schema.definition("service")["properties"] as? [String: Any])?["capabilities"]
    let list = (options as? [String: Any])?["anyOf"] as? [[String: Any]]
    let pattern = try #require((list?.first?["items"] as? [String: Any])?["pattern"] as? String)
    let capabilities = pattern.dropFirst("^((cap_)?(".count).split(separator: ")")[0]
      .split(separator: "|")
    #expect(Set(capabilities).count == 41)
    for name in capabilities {
      #expect(!load(service(#""capabilities": ["\#(name)"]"#)).hasErrors, "\(name)")
    }
  }

  @Test func `Good values are valid`() throws {
    for keys in goodValues { #expect(try schema.errors(in: service(keys)) == [], "\(keys)") }
    for (kind, text, _) in goodAddresses {
      let keys = #""listen": [{"\#(kind)": "\#(text)"}]"#
      #expect(try schema.errors(in: service(keys)) == [], "\(text)")
    }
  }

  @Test func `Bad values are refused, but for what a schema cannot say`() throws {
    let beyond = [
      "has no meaning", "expected a calendar", "is too short", "only one of", "unknown service",
      "only a template", "expected processors", "0.0005", "cpuAffinity", "106751992d",
      "30s 1min", "1min 1min", "99999999999999999999s", "99999999999T", "SIGRTMIN+31",
    ]
    var passed: [String] = []
    for (keys, message) in badValues where try schema.errors(in: service(keys)).isEmpty {
      if !beyond.contains(where: { message.contains($0) || keys.contains($0) }) {
        passed.append(keys)
      }
    }
    #expect(passed == [])
    let numeric = ["65536", "127.0.0.256:1", "127.0.0.01:1", "4294967296"]
    for (kind, text) in badAddresses {
      let keys = #""listen": [{"\#(kind)": "\#(text)"}]"#
      let isRefused = try !schema.errors(in: service(keys)).isEmpty
      let isBeyond =
        numeric.contains { text.contains($0) } || text.hasPrefix("[") || text.contains("..")
      #expect(isRefused || isBeyond, "\(text)")
    }
  }

  @Test func `What is required is the same`() throws {
    for text in [
      #"{"apus": 1, "services": {"a": {}}}"#, #"{"apus": 2}"#, "[]",
      #"{"apus": 1, "services": {"a b": {"exec": ["/a"]}}}"#,
      #"{"apus": 1, "services": {"a": {"exec": ["/a"], "listen": [{"name": "x"}]}}}"#,
      #"{"apus": 1, "services": {"a": {"exec": ["/a"], "listen": []}}}"#,
      #"{"apus": 1, "system": {"mounts": [{"source": "/a", "target": "/b"}]}}"#,
      #"{"apus": 1, "system": {"create": [{"link": "/a"}]}}"#,
      #"{"apus": 1, "system": {"create": [{"device": "/a"}]}}"#,
      #"{"apus": 1, "system": {"create": [{"mode": "0755"}]}}"#,
      #"{"apus": 1, "system": {"create": [{"directory": "/a", "file": "/b"}]}}"#,
    ] {
      #expect(load(text).hasErrors, "\(text)")
      #expect(try !schema.errors(in: text).isEmpty, "\(text)")
    }
  }

  @Test func `The instance of a template may stand in any string`() throws {
    let text = #"""
      {"apus": 1, "services": {"eth0": {"exec": ["/e"]}, "a@": {"exec": ["/bin/%i"],
        "instances": ["eth0"], "wants": ["%i"], "user": "%i", "group": "%i", "groups": ["%i"],
        "listen": [{"stream": "/run/%i", "device": "%i", "name": "%i"}, {"stream": "@%i"}],
        "conditions": {"kernelArg": "%i=1"}, "environment": {"A": "%i"}, "stdout": "file:/run/%i",
        "directories": {"state": ["a/%i"]}, "ready": {"tcp": "[fe80::1%%%i]:80"}}}}
      """#
    #expect(load(text).errorLines == [])
    #expect(try schema.errors(in: text) == [])
  }

  @Test func `The demonstration's manifest is valid`() throws {
    let text = try String(
      contentsOf: root.appending(path: "rootfs-overlay/etc/apus.json"), encoding: .utf8)
    #expect(load(text).lines == [])
    #expect(try schema.errors(in: text) == [])
  }

  @Test func `It is a schema of itself only`() throws {
    #expect(schema.root["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
    #expect(schema.root["$id"] as? String == "urn:apus:manifest")
  }
}
