import ApusManifest
import Foundation
import Testing

/// What an editor shows of a key: a sentence, a default and an example, all of which are right.
@Suite struct SchemaAnnotationTests {
  private let schema: SchemaValidator

  init() throws {
    schema = try SchemaValidator(
      contentsOf: BoardManifestTests.root.appending(
        path: "rootfs-overlay/usr/share/apus/manifest.schema.json"))
  }

  /// A key, and where it stands.
  private struct Key {
    var path: String
    var schema: [String: Any]
    /// A manifest with a value of the key, of a top-level key, a service's, a socket's or the system's.
    var manifest: (String) -> String?
  }

  /// Every property at every level; those of `defaults` are the service's own.
  private func keys() -> [Key] {
    var found: [Key] = []
    func walk(_ part: [String: Any], _ path: String, _ manifest: @escaping (String) -> String?) {
      for (name, value) in part["properties"] as? [String: Any] ?? [:] {
        guard let value = value as? [String: Any] else { continue }
        let inner: (String) -> String? = { manifest("{\"\(name)\": \($0)}") }
        let below = path.isEmpty ? name : "\(path).\(name)"
        found.append(Key(path: below, schema: value, manifest: inner))
        walk(value, below, inner)
      }
      let alternatives = (part["anyOf"] as? [[String: Any]] ?? [])
      for alternative in alternatives { walk(alternative, path, manifest) }
      if let items = part["items"] as? [String: Any] {
        walk(items, path + "[]") { manifest("[\($0)]") }
      }
    }
    walk(["properties": schema.root["properties"] ?? [:]], "") { $0.dropLast() + #", "apus": 1}"# }
    walk(schema.definition("system"), "system") { #"{"apus": 1, "system": \#($0)}"# }
    walk(schema.definition("service"), "service") { keys in
      let exec = keys.hasPrefix(#"{"exec""#) ? "" : #""exec": ["/bin/a"], "#
      let name = keys.contains("instances") ? "a@" : "a"
      return """
        {"apus": 1, "services": {"network": {"exec": ["/n"]}, "alarm": {"exec": ["/n"]},
          "\(name)": {\(exec)\(keys.dropFirst())}}
        """
    }
    walk(schema.definition("socket"), "socket") { keys in
      let kinds = ["stream", "datagram", "seqpacket", "fifo", "netlink", "special"]
      let has = kinds.contains { keys.hasPrefix("{\"\($0)\"") }
      let address =
        has ? "" : keys.hasPrefix(#"{"pipeSize"#) ? #""fifo": "/f", "# : #""stream": "80", "#
      return """
        {"apus": 1, "services": {"a": {"exec": ["/a"], "listen": [{\(address)\(keys.dropFirst())]}}}
        """
    }
    walk(schema.definition("commands"), "commands") { _ in nil }
    walk(schema.definition("directories"), "directories") { _ in nil }
    return found
  }

  private func text(_ value: Any) throws -> String {
    let data = try JSONSerialization.data(
      withJSONObject: value, options: [.fragmentsAllowed, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
  }

  @Test func `Every key has a sentence and an example`() {
    let keys = keys()
    #expect(keys.count > 200)
    for key in keys {
      let sentence = key.schema["description"] as? String ?? ""
      #expect(sentence.count > 8 && sentence.hasSuffix("."), "\(key.path): \(sentence)")
      #expect((key.schema["examples"] as? [Any] ?? []).count > 0, "\(key.path)")
    }
    for (name, part) in schema.root["$defs"] as? [String: Any] ?? [:] {
      #expect((part as? [String: Any])?["description"] is String, "\(name)")
    }
  }

  @Test func `Examples and defaults are valid`() throws {
    for key in keys() {
      for example in key.schema["examples"] as? [Any] ?? [] {
        #expect(schema.errors(of: example, in: key.schema) == [], "\(key.path): \(example)")
      }
      if let value = key.schema["default"] {
        #expect(schema.errors(of: value, in: key.schema) == [], "\(key.path): \(value)")
      }
    }
  }

  /// Keys of objects that need another one beside them: what they say is seen with the whole object.
  private static let beside: Set = [
    "apus", "system.bootAttempts.limit", "system.bootAttempts.good",
    "system.bootAttempts.good.after", "system.bootAttempts.good.needs",
    "system.bootAttempts.good.exec", "system.bootAttempts", "system.powerFail",
    "service.scheduler.policy", "service.scheduler.priority", "service.timer.jitter",
    "service.health.interval", "service.health.timeout", "service.health.failures",
  ]
  /// Further keys of a service without which a key has no meaning.
  private static let further = [
    "service.stdio": #""listen": [{"stream": "80"}]"#,
    "service.accept": #""listen": [{"stream": "80"}]"#,
    "service.pidFile": #""type": "forking""#, "service.remain": #""type": "oneshot""#,
  ]

  @Test func `The decoder takes every example`() throws {
    var taken = 0
    for key in keys() where !Self.beside.contains(key.path) && !key.path.contains("[]") {
      for example in key.schema["examples"] as? [Any] ?? [] {
        guard var manifest = key.manifest(try text(example)) else { continue }
        if let further = Self.further[key.path] {
          manifest = manifest.replacing(#"["/bin/a"], "#, with: #"["/bin/a"], \#(further), "#)
        }
        let loaded = load(manifest)
        #expect(loaded.errorLines == [], "\(key.path): \(manifest)")
        taken += 1
      }
    }
    #expect(taken > 200)
  }

  /// What a service, its life and its rights are, without where that is said.
  private func meaning(_ text: String) throws -> [String] {
    let loaded = load(text)
    var service = try #require(loaded.service("a") ?? loaded.service("a@"), "\(loaded.lines)")
    let manifest = loaded.manifest
    let about = [
      "\(manifest.restart(of: service))", "\(manifest.stop(of: service))",
      "\(manifest.extras(of: service))",
      "\(manifest.credentials(of: service))",
    ]
    service.present = 0
    service.digest = 0
    return ["\(service)"] + about
  }

  /// Defaults that the decoder leaves to the start of a service.
  private static let later: Set = [
    "user", "scheduler", "environment", "trigger", "workingDirectory", "restart", "rlimits",
    "instances",
  ]

  @Test func `A default is what the decoder takes without the key`() throws {
    var compared = 0
    for key in keys() {
      let steps = key.path.split(separator: ".").map(String.init)
      guard let value = key.schema["default"], steps.first == "service" else { continue }
      guard steps.count == 2 || ["restart", "stop"].contains(steps[1]) else { continue }
      if Self.later.contains(steps[1]), steps.count == 2 { continue }
      let manifest = try #require(key.manifest(try text(value)))
      let plain =
        #"{"apus": 1, "services": {"network": {"exec": ["/n"]}, "alarm": {"exec": ["/n"]}, "#
      #expect(
        try meaning(manifest) == meaning(plain + #""a": {"exec": ["/bin/a"]}}}"#), "\(key.path)")
      compared += 1
    }
    #expect(compared > 30)
  }
}
