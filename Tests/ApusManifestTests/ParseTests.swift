import ApusBase
import ApusManifest
import Testing

/// A main file with one service.
private func manifest(_ keys: String) -> String {
  #"{"apus": 1, "services": {"web": {"exec": ["/bin/web"], \#(keys)}}}"#
}

@Suite struct ParseTests {
  @Test func `PAR-01 an empty file is refused and leaves the fallback`() {
    for text in ["", " \n\t"] {
      let loaded = load(text)
      #expect(!loaded.mainFileUsable)
      #expect(loaded.errorLines.count == 1)
      #expect(loaded.errorLines[0].hasSuffix("error: expected object, found nothing"))
      #expect(loaded.manifest.services.isEmpty)
    }
    #expect(
      load("").errorLines == ["apus.json:1:1: error: expected object, found nothing"])
  }

  @Test func `PAR-01 a top that is no object leaves the fallback`() {
    let loaded = load("\n [1]")
    #expect(!loaded.mainFileUsable)
    #expect(loaded.errorLines == ["apus.json:2:2: error: expected an object, found an array"])
  }

  @Test func `The version is checked`() {
    let other = load(#"{"apus": 2, "services": {"a": {"exec": ["/a"]}}}"#)
    #expect(!other.mainFileUsable)
    #expect(
      other.errorLines == [
        "apus.json:1:10: error: apus: unknown version: this apus reads version 1"
      ])
    let missing = load(#"{"services": {"a": {"exec": ["/a"]}}}"#)
    #expect(missing.mainFileUsable)
    #expect(missing.hasErrors)
    #expect(missing.service("a")?.flags.contains(.invalid) == false)
    let dropIn = load(#"{"apus": 1}"#, #"{"apus": 3, "services": {"a": {"exec": ["/a"]}}}"#)
    #expect(dropIn.mainFileUsable)
    #expect(dropIn.manifest.services.isEmpty)
  }

  @Test func `PAR-02 deep nesting is refused`() {
    let depth = 10_000
    let text =
      String(repeating: #"{"x-a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
    let loaded = load(text)
    #expect(!loaded.mainFileUsable)
    #expect(loaded.errorLines.count == 1)
    #expect(loaded.errorLines[0].contains("nested deeper than the limit of 32 levels"))
  }

  @Test func `PAR-03 a file above the size limit and an endless string are refused`() {
    let large = load(bytes: [[UInt8](repeating: 0x20, count: 64 << 20)])
    #expect(large.errorLines.count == 1)
    #expect(large.errorLines[0].contains("file is larger than the limit of 1048576 bytes"))
    let endless = load(#"{"apus": 1, "x-a": ""# + String(repeating: "a", count: 70_000))
    #expect(endless.errorLines[0].contains("string is longer than the limit of 65536 bytes"))
  }

  @Test func `PAR-04 bad text is refused where it stands`() {
    var bytes = Array(#"{"apus": 1, "x-a": "_"}"#.utf8)
    bytes[20] = 0xff
    #expect(load(bytes: [bytes]).errorLines == ["apus.json:1:21: error: invalid UTF-8"])
    #expect(
      load(#"{"apus": 1, "x-a": "\ud800"}"#).errorLines == [
        "apus.json:1:21: error: surrogate escape without its other half"
      ])
    let loaded = load(#"{"apus": 1, "services": {"a": {"exec": ["/bin/a\u0000b"]}}}"#)
    #expect(
      loaded.errorLines == [
        "apus.json:1:41: error: services.a.exec[0]: a NUL byte is not allowed in a string"
      ])
    #expect(loaded.service("a")?.flags.contains(.invalid) == true)
  }

  @Test func `PAR-05 duplicates name both places`() {
    let loaded = load(
      """
      {"apus": 1, "services": {
        "a": {"exec": ["/a"], "nice": 1,
              "nice": 2},
        "b": {"exec": ["/b"]},
        "b": {"exec": ["/c"]}
      }, "x-ignored": {"k": 1, "k": 2}}
      """)
    #expect(
      loaded.errorLines == [
        "apus.json:3:9: error: services.a.nice: duplicate key, first at apus.json:2:25",
        "apus.json:5:3: error: services.b: duplicate key, first at apus.json:4:3",
        "apus.json:6:26: error: duplicate key, first at apus.json:6:18",
      ])
    #expect(loaded.service("a")?.flags.contains(.invalid) == true)
    #expect(loaded.service("b").map { loaded.manifest.strings($0.exec) } == ["/b"])
  }

  @Test func `PAR-05 a second definition in a drop-in names both places`() {
    let loaded = load(
      #"{"apus": 1, "services": {"a": {"exec": ["/a"]}}}"#,
      #"{"services": {"a": {"exec": ["/b"]}}}"#)
    #expect(
      loaded.errorLines == [
        "1.json:1:15: error: services.a: service defined twice, first at apus.json:1:26; "
          + "\"override\": true replaces keys of it"
      ])
    #expect(loaded.service("a").map { loaded.manifest.strings($0.exec) } == ["/a"])
    #expect(loaded.service("a")?.flags.contains(.invalid) == false)
  }

  @Test func `PAR-06 unknown keys are refused with a hint, extensions are ignored`() {
    let loaded = load(
      """
      {"apus": 1, "$schema": "s", "description": "d", "x-y": {"any": [1]}, "sevices": {},
       "services": {"web": {"exec": ["/w"], "capabilites": [], "qqqqq": 1, "x-z": 1,
                            "description": "d", "listen": [{"stream": "1", "bcklog": 1}]}}}
      """)
    #expect(
      loaded.errorLines == [
        #"apus.json:1:70: error: sevices: unknown key; did you mean "services"?"#,
        #"apus.json:2:39: error: services.web.capabilites: unknown key; "#
          + #"did you mean "capabilities"?"#,
        "apus.json:2:58: error: services.web.qqqqq: unknown key",
        #"apus.json:3:70: error: services.web.listen[0].bcklog: unknown key; "#
          + #"did you mean "backlog"?"#,
      ])
  }

  @Test(arguments: ["0day", "0x0", "00", "", "-1", "a b", "a:b", "a/b", "1000"])
  func `PAR-08 what is not a name never becomes a user`(_ name: String) {
    let loaded = load(manifest(#""user": "\#(name)""#))
    #expect(loaded.errorLines.count == 1)
    #expect(loaded.errorLines[0].contains("services.web.user: not a user or group name: "))
    #expect(loaded.service("web")?.flags.contains(.invalid) == true)
    #expect(loaded.reason(for: 0) == loaded.diagnostics.first)
  }

  @Test(arguments: ["-1", "4294967295", "1.5", "1e3", "true", "null", "[0]"])
  func `PAR-08 what is not an id never becomes a user`(_ id: String) {
    let loaded = load(manifest(#""user": \#(id)"#))
    #expect(loaded.errorLines.count == 1)
    #expect(loaded.service("web")?.flags.contains(.invalid) == true)
  }

  @Test func `PAR-08 a name is a string and an id a number`() throws {
    let loaded = load(manifest(#""user": "www-data", "group": 33, "groups": [1, "dialout"]"#))
    #expect(loaded.errorLines == [])
    let service = try #require(loaded.service("web"))
    let credentials = loaded.manifest.credentials(of: service)
    guard case .name(let name) = credentials.user else {
      Issue.record("no name")
      return
    }
    #expect(loaded.text(name) == "www-data")
    #expect(credentials.group == .id(33))
    #expect(loaded.manifest.principals.count == 2)
  }

  @Test func `PAR-09 a cycle is printed and its services are refused`() {
    let loaded = load(
      """
      {"apus": 1, "services": {
        "a": {"exec": ["/a"], "needs": ["b"]},
        "b": {"exec": ["/b"], "wants": ["c"]},
        "c": {"exec": ["/c"], "after": ["a"]},
        "d": {"exec": ["/d"], "needs": ["a"]},
        "e": {"exec": ["/e"], "after": ["e"]}
      }}
      """)
    #expect(
      loaded.errorLines == [
        "apus.json:2:35: error: services.a.needs[0]: dependency cycle: a -> b -> c -> a",
        "apus.json:3:35: error: services.b.wants[0]: dependency cycle: b -> c -> a -> b",
        "apus.json:4:35: error: services.c.after[0]: dependency cycle: c -> a -> b -> c",
        "apus.json:6:35: error: services.e.after[0]: dependency cycle: e -> e",
      ])
    let invalid = loaded.manifest.services.map { $0.flags.contains(.invalid) }
    #expect(invalid == [true, true, true, false, true])
  }

  @Test func `PAR-09 a chain at the limit is accepted, one longer is refused`() {
    func chain(_ length: Int) -> LoadedManifest {
      var services: [String] = []
      for index in 0..<length {
        let needs = index + 1 < length ? #", "needs": ["s\#(index + 1)"]"# : ""
        services.append(#""s\#(index)": {"exec": ["/s"]\#(needs)}"#)
      }
      return load(#"{"apus": 1, "services": {\#(services.joined(separator: ","))}}"#)
    }
    #expect(chain(ManifestLimits.chain).errorLines == [])
    let long = chain(ManifestLimits.chain + 1)
    #expect(long.errorLines.count == 1)
    #expect(
      long.errorLines.first?.hasSuffix(
        "services.s0.needs[0]: the chain of dependencies is longer than 256 services") == true)
    #expect(chain(1024).errorLines.count == 3)
  }

  @Test func `PAR-10 limits are exact and each has its message`() {
    func services(_ count: Int) -> LoadedManifest {
      let all = (0..<count).map { #""s\#($0)": {"exec": ["/s"]}"# }.joined(separator: ",")
      return load(#"{"apus": 1, "services": {\#(all)}}"#)
    }
    #expect(services(1024).errorLines == [])
    #expect(services(1024).manifest.services.count == 1024)
    let tooMany = services(1026)
    #expect(tooMany.errorLines.count == 1)
    #expect(tooMany.errorLines[0].contains("more than 1024 services"))
    #expect(tooMany.manifest.services.count == 1024)

    func sockets(_ count: Int) -> LoadedManifest {
      let all = (1...count).map { #"{"stream": "\#($0)"}"# }.joined(separator: ",")
      return load(manifest(#""listen": [\#(all)]"#))
    }
    #expect(sockets(64).errorLines == [])
    #expect(sockets(64).manifest.listeners.count == 64)
    #expect(
      sockets(65).errorLines.first?.hasSuffix(
        "services.web.listen[64]: too many entries: the limit is 64") == true)
    #expect(sockets(65).manifest.listeners.isEmpty)

    func arguments(_ count: Int) -> LoadedManifest {
      let all = (0..<count).map { _ in #""/a""# }.joined(separator: ",")
      return load(#"{"apus": 1, "services": {"a": {"exec": [\#(all)]}}}"#)
    }
    #expect(arguments(256).errorLines == [])
    #expect(arguments(257).errorLines.count == 1)
    #expect(arguments(257).errorLines[0].contains("too many entries: the limit is 256"))

    func environment(_ bytes: Int) -> LoadedManifest {
      let half = String(repeating: "v", count: bytes / 2 - 3)
      let rest = String(repeating: "v", count: bytes - bytes / 2 - 3)
      return load(manifest(#""environment": {"A": "\#(half)", "B": "\#(rest)"}"#))
    }
    #expect(environment(65536).errorLines == [])
    #expect(environment(65537).errorLines.count == 1)
    #expect(environment(65537).errorLines[0].contains("the environment is larger than 65536 bytes"))
  }

  @Test func `Netlink groups and special files are for everybody`() {
    let listen = #""listen": [{"netlink": "route 1"}, {"special": "/dev/kmsg"}]"#
    let loaded = load(
      #"{"apus": 1, "services": {"a": {"exec": ["/a"], \#(listen)}, "b": {"exec": ["/b"], \#(listen)}}}"#
    )
    #expect(loaded.lines == [])
    #expect(loaded.manifest.listeners.count == 4)
  }

  @Test func `PAR-11 an address has one owner`() {
    let loaded = load(
      """
      {"apus": 1, "services": {
        "a": {"exec": ["/a"], "listen": [{"stream": "80"}, {"stream": "/run/a"}]},
        "b": {"exec": ["/b"], "listen": [{"stream": "1"}, {"stream": "[::]:80"}]},
        "c": {"exec": ["/c"], "listen": [{"stream": "@a"}, {"stream": "@a"}]},
        "d": {"exec": ["/d"], "listen": [{"datagram": "80"}, {"stream": "127.0.0.1:80"}]},
        "e": {"exec": ["/e"], "listen": [{"stream": "9", "reusePort": true}]},
        "f": {"exec": ["/f"], "listen": [{"stream": "9", "reusePort": true}]}
      }}
      """)
    #expect(
      loaded.errorLines == [
        "apus.json:3:64: error: services.b.listen[1].stream: the address is taken by a at "
          + "apus.json:2:47",
        "apus.json:4:65: error: services.c.listen[1].stream: the address is taken by c at "
          + "apus.json:4:47",
      ])
    #expect(loaded.manifest.listeners.count == 6)
    for (index, service) in loaded.manifest.services.enumerated() {
      for listener in service.listeners.indices {
        #expect(Int(loaded.manifest.listeners[listener].service) == index)
      }
    }
  }

  @Test func `PAR-11 sun_path holds 107 bytes`() {
    func path(_ first: String, _ length: Int) -> LoadedManifest {
      let name = first + String(repeating: "p", count: length - 1)
      return load(manifest(#""listen": [{"stream": "\#(name)"}]"#))
    }
    #expect(path("/", 107).errorLines == [])
    #expect(path("/", 108).errorLines[0].contains("the socket path is longer than 107 bytes"))
    #expect(path("@", 108).errorLines == [])
    #expect(path("@", 109).errorLines[0].contains("name is longer than 107 bytes"))
  }

  @Test func `PAR-12 one bad service among ten leaves nine`() {
    var services = (0..<9).map { #""good\#($0)": {"exec": ["/s"]}"# }
    services.insert(#""bad": {"exec": ["s"]}"#, at: 4)
    let loaded = load(#"{"apus": 1, "services": {\#(services.joined(separator: ","))}}"#)
    #expect(loaded.mainFileUsable)
    #expect(loaded.manifest.services.count == 10)
    let invalid = loaded.manifest.services.filter { $0.flags.contains(.invalid) }
    #expect(invalid.map { loaded.text($0.name) } == ["bad"])
    #expect(loaded.reason(for: 4)?.line.contains("services.bad.exec[0]") == true)
    #expect(loaded.reason(for: 3) == nil)
  }

  @Test(arguments: ["bin/web", "./web", "/bin/../web", "/..", "../web", ""])
  func `PAR-13 the program is an absolute path without ..`(_ path: String) {
    let loaded = load(#"{"apus": 1, "services": {"web": {"exec": ["\#(path)", "../arg"]}}}"#)
    #expect(loaded.errorLines.count == 1)
    #expect(loaded.errorLines[0].contains("services.web.exec[0]: "))
    #expect(loaded.service("web")?.flags.contains(.invalid) == true)
  }

  @Test func `Every error of every file is reported in one run`() {
    let loaded = load(
      """
      {
        "apus": 1,
        "system": { "hostname": "a b", "consle": "/dev/console" },
        "defaults": { "umask": "999", "exec": ["/x"] },
        "services": {
          "one": { "exec": [], "start": "later", "nice": 40 },
          "two": { "exec": ["/t"], "type": "smple", "stop": { "signal": "TERM", "timeout": "5" } },
          "bad name": { "exec": ["/t"] },
          "three": 3,
          "four": { "listen": [ { "stream": "0" }, { "mode": "0660" } ] }
        }
      }
      """,
      "{",
      #"{"defaults": {}, "services": {"five": {"exec": ["/f"], "needs": ["for"], "rlimits": {"nofile": "9:1"}}}}"#
    )
    #expect(
      loaded.errorLines == [
        #"apus.json:3:27: error: system.hostname: not a host name: "a b""#,
        #"apus.json:3:34: error: system.consle: unknown key; did you mean "console"?"#,
        #"apus.json:4:26: error: defaults.umask: expected an octal mode like "0660", found "999""#,
        #"apus.json:4:41: error: defaults.exec: may not stand in "defaults""#,
        "apus.json:6:22: error: services.one.exec: expected a program and its arguments",
        #"apus.json:6:35: error: services.one.start: unknown word "later"; "#
          + "expected boot, demand, timer or manual",
        "apus.json:6:52: error: services.one.nice: expected a whole number from -20 to 19",
        #"apus.json:7:38: error: services.two.type: unknown word "smple"; "#
          + #"did you mean "simple"?"#,
        #"apus.json:7:67: error: services.two.stop.signal: unknown signal "TERM"; "#
          + #"did you mean "SIGTERM"?"#,
        "apus.json:7:86: error: services.two.stop.timeout: "
          + #"expected a duration like "5s" or "1min 30s", found "5"; did you mean "5s"?"#,
        "apus.json:8:5: error: services.bad name: "
          + #"a service name is 1 to 64 of A-Z a-z 0-9 _ . @ -, not "bad name""#,
        "apus.json:9:14: error: services.three: expected an object, found a number",
        #"apus.json:10:5: error: services.four: the key "exec" is missing"#,
        "apus.json:10:39: error: services.four.listen[0].stream: expected /path, @abstract, port, "
          + #"a.b.c.d:port, [v6]:port or vsock:cid:port, found "0""#,
        "apus.json:10:46: error: services.four.listen[1]: "
          + "a socket needs one of stream, datagram, seqpacket, fifo, netlink, special",
        "1.json:1:2: error: unexpected end of the file: a bracket, brace or quote is open",
        #"2.json:1:14: error: defaults: "defaults" belong in the main file"#,
        #"2.json:1:66: error: services.five.needs[0]: unknown service "for"; "#
          + #"did you mean "four"?"#,
        "2.json:1:96: error: services.five.rlimits.nofile: the soft limit is above the hard limit",
      ])
    #expect(loaded.manifest.services.allSatisfy { $0.flags.contains(.invalid) })
  }

  @Test func `There is an end to diagnostics`() {
    let bad = (0..<600).map { #""s\#($0)": {"exec": ["/s"], "log": {}, "a": 1, "b": 2}"# }
    let loaded = load(#"{"apus": 1, "services": {\#(bad.joined(separator: ","))}}"#)
    #expect(loaded.diagnostics.count == ManifestLimits.diagnostics + 1)
    #expect(
      loaded.lines.last?.hasSuffix("too many diagnostics; the rest are not shown") == true)
    #expect(loaded.errors == 1200)
  }

  @Test func `An unreadable drop-in is skipped`() {
    var loader = ManifestLoader()
    loader.add(
      file: Array("apus.json".utf8),
      bytes: Array(#"{"apus": 1, "services": {"a": {"exec": ["/a"]}}}"#.utf8))
    loader.addUnreadable(file: Array("apus.d/x.json".utf8), errno: Errno(13))
    let loaded = loader.finish()
    #expect(
      loaded.errorLines == ["apus.d/x.json:1:1: error: cannot read the file: EACCES (13)"])
    #expect(loaded.mainFileUsable)
    #expect(loaded.service("a")?.flags.contains(.invalid) == false)
  }
}
