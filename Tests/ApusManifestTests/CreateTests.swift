import ApusBase
import ApusManifest
import Testing

/// `system.create`.
@Suite struct CreateTests {
  private func loaded(_ entry: String) -> LoadedManifest {
    load(#"{"apus": 1, "system": {"create": [\#(entry)]}}"#)
  }

  @Test func `Every kind and key is read, in order`() throws {
    let loaded = loaded(
      #"""
      {"directory": "/data/web/", "mode": "1777", "user": "www-data", "group": 7, "when": "start"},
      {"file": "/data/a b", "content": "x\n", "mode": "600", "user": 5},
      {"link": "/etc/l", "target": "../run/l", "when": "mounted"}, {"fifo": "/run/f"},
      {"device": "/dev/c", "target": "c 10:200"}, {"device": "/dev/b", "target": "b 4095:1048575"}
      """#)
    #expect(loaded.lines == [])
    let all = Array(loaded.manifest.system.creations)
    #expect(all.map(\.kind) == [.directory, .file, .link, .fifo, .device, .blockDevice])
    #expect(
      all.map { loaded.text($0.path) }
        == ["/data/web", "/data/a b", "/etc/l", "/run/f", "/dev/c", "/dev/b"])
    #expect(all.map(\.mode) == [0o1777, 0o600, -1, -1, -1, -1])
    #expect(all.map(\.isFirst) == [true, false, false, false, false, false])
    #expect(loaded.text(all[1].text) == "x\n" && loaded.text(all[2].text) == "../run/l")
    #expect(all[0].group == .id(7) && all[1].user == .id(5) && all[1].group == .none)
    guard case .name(let user) = all[0].user else { throw Lost() }
    #expect(loaded.text(user) == "www-data")
    #expect(all[4].major == 10 && all[4].minor == 200)
    #expect(all[5].major == 4095 && all[5].minor == 1_048_575)
  }
  private struct Lost: Error {}

  @Test(arguments: [
    ("{}", "create[0]: expected a directory, fifo, file"),
    (#"{"directory": "/a", "fifo": "/b"}"#, "create[0]: expected a directory, fifo, file"),
    (#""/a""#, #"create[0]: expected an object like {"directory": "/data/web""#),
    (#"{"directory": "a"}"#, "create[0].directory: expected an absolute path"),
    (#"{"directory": "/a/../b"}"#, "create[0].directory: "),
    (#"{"folder": "/a"}"#, "create[0].folder: unknown key"),
    (#"{"directory": "/a", "mode": 493}"#, "create[0].mode: expected an octal mode"),
    (#"{"directory": "/a", "mode": "0788"}"#, "create[0].mode: expected an octal mode"),
    (#"{"directory": "/a", "user": "a:b"}"#, "create[0].user: not a user or group name"),
    (#"{"link": "/a"}"#, "create[0]: expected a directory, fifo, file"),
    (#"{"device": "/a"}"#, "create[0]: expected a directory, fifo, file"),
    (
      #"{"link": "/a", "target": "b", "mode": "0777"}"#,
      "create[0]: expected a directory, fifo, file"
    ),
    (#"{"directory": "/a", "content": "b"}"#, "create[0]: expected a directory, fifo, file"),
    (#"{"file": "/a", "target": "b"}"#, "create[0]: expected a directory, fifo, file"),
    (
      #"{"device": "/a", "target": "10:200"}"#,
      #"create[0]: expected a directory, fifo, file"#
    ),
    (
      #"{"device": "/a", "target": "c 10"}"#,
      #"create[0]: expected a directory, fifo, file"#
    ),
    (
      #"{"device": "/a", "target": "c 10:"}"#,
      #"create[0]: expected a directory, fifo, file"#
    ),
    (
      #"{"device": "/a", "target": "c:1 2"}"#,
      #"create[0]: expected a directory, fifo, file"#
    ),
    (
      #"{"device": "/a", "target": "u 1:2"}"#,
      #"create[0]: expected a directory, fifo, file"#
    ),
    (
      #"{"device": "/a", "target": "c 4096:0"}"#,
      #"create[0]: expected a directory, fifo, file"#
    ),
    (
      #"{"device": "/a", "target": "c 1:1048576"}"#,
      #"create[0]: expected a directory, fifo, file"#
    ),
    (#"{"file": "/a", "content": ""}"#, "create[0].content: expected a string that is not empty"),
    (#"{"fifo": "/a", "when": "later"}"#, "create[0].when: unknown word"),
  ])
  func `What is wrong is named`(_ entry: String, _ part: String) {
    let lines = loaded(entry).errorLines
    #expect(lines.count == 1 && lines[0].contains(part), "\(entry): \(lines)")
    #expect(loaded(entry).manifest.system.creations.isEmpty)
  }

  @Test func `A list's mode stays one of three digits elsewhere`() {
    let lines = load(
      #"""
      {"apus": 1, "services": {"a": {"exec": ["/a"], "listen": [{"stream": "/a", "mode": "1777"}]}}}
      """#
    ).errorLines
    #expect(lines.count == 1 && lines[0].contains("mode: expected an octal mode"))
  }
}
