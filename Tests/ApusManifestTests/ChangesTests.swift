import ApusManifest
import Testing

extension Manifest {
  /// What another manifest says otherwise: services, then listeners.
  fileprivate func changes(to other: Manifest) -> [Bool] {
    var marked = self
    marked.leave(for: other)
    return marked.services.map { $0.flags.contains(.leaving) }
      + marked.listeners.map { $0.flags.contains(.leaving) }
  }
}

/// What of a manifest another one says otherwise.
@Suite struct ChangesTests {
  private static func manifest(
    _ keys: String, defaults: String = "", listen: String = #"{"stream": "/run/a"}"#
  ) -> String {
    """
    {"apus": 1, "defaults": {\(defaults)}, "services": {
      "other": {"exec": ["/bin/o"]},
      "a": {"exec": ["/bin/a"], "listen": [\(listen)]\(keys.isEmpty ? "" : ", " + keys)}}}
    """
  }

  /// What of the first manifest the second one changes: `other`, `a` and the listener.
  private func changes(_ first: String, _ second: String) -> [Bool] {
    let (old, new) = (load(first), load(second))
    #expect(old.errors == 0 && new.errors == 0, "\(old.lines) \(new.lines)")
    return old.manifest.changes(to: new.manifest)
  }

  /// A value of every key but `exec` and `listen`.
  private static let values: [String: String] = [
    "type": #""notify""#, "start": #""boot""#, "remain": "false", "accept": "true",
    "critical": "true", "reclaim": "false", "main": "true", "expand": "true", "stdio": #""socket""#,
    "maxConnections": "7", "maxConnectionsPerSource": "3", "trigger": #""5/1s""#,
    "needs": #"["other"]"#, "wants": #"["other"]"#, "after": #"["other"]"#,
    "onFailure": #"["other"]"#, "restart": #""always""#, "successExit": "[3]",
    "stop": #"{"timeout": "1s"}"#, "user": "7", "group": "7", "groups": "[7]",
    "capabilities": "[]", "noNewPrivileges": "true", "secureBits": #"["noroot"]"#,
    "umask": #""0077""#, "rlimits": #"{"core": 0}"#, "nice": "3", "oomScoreAdjust": "5",
    "environment": #"{"A": "b"}"#, "workingDirectory": #""/tmp""#, "tty": #""/dev/tty1""#,
    "directories": #"{"runtime": ["a"]}"#, "stdin": #""null""#, "stdout": #""kmsg""#,
    "stderr": #""kmsg""#, "pidFile": #""/run/a.pid", "type": "forking""#, "idleStop": #""1min""#,
    "ready": #"{"tcp": "127.0.0.1:80"}"#, "reload": #"{"signal": "SIGHUP"}"#,
    "pre": #"[["/bin/p"]]"#, "post": #"[["/bin/p"]]"#, "started": #"[["/bin/p"]]"#,
    "watchdog": #""5s""#,
    "runtimeMax": #""5s""#, "fdStore": "2", "timer": #"{"every": "1h"}"#,
    "conditions": #"{"exists": "/a"}"#, "scheduler": #"{"policy": "batch"}"#,
    "ioPriority": #""idle""#, "cpuAffinity": #""0""#, "cgroup": #"{"pidsMax": 5}"#,
    "sandbox": #"{"readOnly": true}"#, "environmentFile": #""/etc/a""#,
    "log": #"{"ring": "16K"}"#, "partOf": #"["other"]"#,
    "health": #"{"tcp": "127.0.0.1:80"}"#,
  ]

  @Test("any key of a service makes it another one, and leaves its listener")
  func everyKey() {
    for number in 0..<UInt8(64) {
      guard let key = ServiceKey(rawValue: number) else { break }
      if [.exec, .listen, .instances, .override].contains(key) { continue }
      guard let value = Self.values[key.spelling] else {
        Issue.record("no value of \(key.spelling)")
        continue
      }
      let with = Self.manifest("\"\(key.spelling)\": \(value)")
      // With `accept` apus accepts, so the listener is another one, too.
      #expect(
        changes(Self.manifest(""), with) == [false, true, key == .accept], "\(key.spelling)")
      #expect(changes(with, Self.manifest(""))[1], "\(key.spelling)")
      #expect(changes(with, with) == [false, false, false], "\(key.spelling)")
    }
  }

  @Test("another value, place or default changes what it says and nothing else")
  func places() {
    let plain = Self.manifest("")
    #expect(changes(plain, plain.replacingOccurrences(of: "/bin/a", with: "/bin/b"))[1])
    let spaced = plain.replacingOccurrences(of: ":", with: " :\n ")
    #expect(changes(plain, spaced) == [false, false, false])
    let keys = #""nice": 3, "umask": "0077""#
    let turned = #""umask": "0077", "nice": 3"#
    #expect(changes(Self.manifest(keys), Self.manifest(turned)) == [false, false, false])
    // A default counts where the service has no value of its own.
    let nice = Self.manifest(#""nice": 3"#)
    let withDefault = Self.manifest(#""nice": 3"#, defaults: #""nice": 4"#)
    #expect(changes(nice, withDefault) == [true, false, false])
    #expect(changes(Self.manifest("", defaults: #""nice": 3"#), nice) == [true, false, false])
    // A listener's own keys.
    let mode = Self.manifest("", listen: #"{"stream": "/run/a", "mode": "0600"}"#)
    #expect(changes(plain, mode) == [false, true, true])
    let two = Self.manifest("", listen: #"{"stream": "/run/b"}, {"stream": "/run/a"}"#)
    #expect(changes(plain, two) == [false, true, false])
    #expect(changes(two, plain) == [false, true, true, false])
    let gone =
      #"{"apus": 1, "services": {"a": {"exec": ["/bin/a"], "listen": [{"stream": "/run/a"}]}}}"#
    #expect(changes(plain, gone) == [true, false, false])
  }

  @Test("an instance more or a description leaves the others alone")
  func instances() {
    func getty(_ instances: String, _ more: String = "") -> String {
      """
      {"apus": 1, "services": {"g@": {\(more)"exec": ["/bin/g", "%i"], "instances": [\(instances)]}}}
      """
    }
    let old = load(getty(#""a", "b""#)).manifest
    let new = load(getty(#""c", "b", "a""#, #""description": "x", "#)).manifest
    #expect(old.changes(to: new) == [false, false, false])
    #expect(new.changes(to: old) == [false, true, false, false])
  }

  @Test("an override counts as the service has it")
  func overrides() {
    let plain = #"{"apus": 1, "services": {"a": {"exec": ["/bin/a"], "nice": 3}}}"#
    let five = #"{"services": {"a": {"override": true, "nice": 5}}}"#
    let three = #"{"services": {"a": {"override": true, "nice": 3}}}"#
    let old = load(plain).manifest
    #expect(old.changes(to: load(plain, five).manifest) == [true])
    #expect(old.changes(to: load(plain, three).manifest) == [false])
  }
}
