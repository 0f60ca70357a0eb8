import ApusBase
import ApusManifest
import Testing

@Suite struct AssemblyTests {
  @Test func `A service's own value replaces the whole default`() throws {
    let loaded = load(
      """
      {"apus": 1,
       "defaults": {"restart": {"policy": "always", "delay": "5s"}, "user": "www", "nice": 5,
                    "environment": {"A": "1", "B": "2"}, "umask": "0077"},
       "services": {
         "a": {"exec": ["/a"]},
         "b": {"exec": ["/b"], "restart": {"factor": 3}, "environment": {"C": "3"}},
         "c": {"exec": ["/c"], "user": 0}
       }}
      """)
    #expect(loaded.lines == [])
    let manifest = loaded.manifest
    let (a, b, c) = (manifest.services[0], manifest.services[1], manifest.services[2])
    #expect(manifest.restart(of: a).policy == .always)
    #expect(manifest.restart(of: a).delay == .seconds(5))
    #expect(manifest.restart(of: b).policy == .onFailure)
    #expect(manifest.restart(of: b).delay == .milliseconds(100))
    #expect(manifest.restart(of: b).factorPermille == 3000)
    #expect(manifest.strings(a.environment) == ["A=1", "B=2"])
    #expect(manifest.strings(b.environment) == ["C=3"])
    #expect(manifest.credentials(of: b).umask == 0o077)
    #expect(manifest.credentials(of: c).user == .id(0))
    #expect(manifest.credentials(of: c).umask == 0o077)
    #expect(a.credentials == b.credentials, "entries of defaults are shared")
    #expect(a.environment == c.environment)
    #expect(a.present & ServiceKey.nice.bit != 0)
  }

  @Test func `A wrong default leaves the built-in one and every service valid`() throws {
    let loaded = load(
      #"{"apus": 1, "defaults": {"umask": "9", "nice": 3, "needs": ["x"]}, "services": {"a": {"exec": ["/a"]}}}"#
    )
    #expect(
      loaded.errorLines == [
        #"apus.json:1:35: error: defaults.umask: expected an octal mode like "0660", found "9""#,
        #"apus.json:1:61: error: defaults.needs[0]: unknown service "x""#,
      ])
    let service = try #require(loaded.service("a"))
    #expect(!service.flags.contains(.invalid))
    #expect(loaded.manifest.credentials(of: service).umask == 0o022)
    #expect(loaded.manifest.extras(of: service).nice == 3)
    #expect(service.needs == .none)
  }

  @Test func `Defaults that depend on the instance are expanded for instances only`() throws {
    let loaded = load(
      """
      {"apus": 1, "defaults": {"environment": {"I": "<%i>"}},
       "services": {"a@": {"exec": ["/a"], "instances": ["x"]}, "b": {"exec": ["/b"]}}}
      """)
    #expect(loaded.lines == [])
    #expect(loaded.service("a@x").map { loaded.manifest.strings($0.environment) } == ["I=<x>"])
    #expect(loaded.service("b").map { loaded.manifest.strings($0.environment) } == ["I=<%i>"])
  }

  @Test func `A default dependency does not make a service depend on itself`() throws {
    let loaded = load(
      """
      {"apus": 1, "defaults": {"after": ["net", "log"]}, "services": {
        "net": {"exec": ["/n"], "after": []}, "log": {"exec": ["/l"]}, "a": {"exec": ["/a"]}}}
      """)
    #expect(loaded.lines == [])
    let links = loaded.manifest.services.map { service in
      service.after.indices.map { Int(loaded.manifest.links[$0]) }
    }
    #expect(links == [[], [0], [0, 1]])
  }

  @Test func `Templates become instances`() throws {
    let loaded = load(
      """
      {"apus": 1, "services": {
        "b": {"exec": ["/b", "%i", "100%%"], "needs": ["t@2"]},
        "t@": {"exec": ["/t", "%i", "%%i", "%x%"], "instances": ["1", "2"], "user": "u%i",
               "listen": [{"stream": "808%i"}], "tty": "/dev/tty%i"},
        "z@": {"exec": ["/z"]}
      }}
      """)
    #expect(
      loaded.lines == [
        #"apus.json:2:24: warning: services.b.exec[1]: "%i" is the instance of a template; "#
          + "here it stays as it is",
        #"apus.json:5:3: warning: services.z@: a template without "instances" starts nothing"#,
      ])
    let manifest = loaded.manifest
    #expect(
      manifest.services.map { manifest.string($0.name) } == ["b", "t@", "t@1", "t@2", "z@"])
    #expect(
      manifest.services.map { $0.flags.contains(.template) } == [false, true, false, false, true])
    #expect(manifest.strings(manifest.services[0].exec) == ["/b", "%i", "100%%"])
    #expect(manifest.strings(manifest.services[3].exec) == ["/t", "2", "%i", "%x%"])
    #expect(manifest.listeners.map(\.address) == [.port(8081), .port(8082)])
    #expect(manifest.listeners.map(\.service) == [2, 3])
    #expect(manifest.string(manifest.listeners[1].name) == "t@2")
    #expect(manifest.links == [3])
    #expect(manifest.services[1].listeners.count == 0)
  }

  @Test func `A wrong template is refused once with all its instances`() {
    let loaded = load(
      """
      {"apus": 1, "services": {
        "t@": {"exec": ["/t"], "instances": ["1", "2", "a b"], "nice": 99},
        "u@": {"exec": ["/u"], "instances": ["0", "9"], "listen": [{"stream": "1%i000"}, {"stream": "%i"}]},
        "v@": {"exec": ["v"]},
        "w": {"exec": ["/w"], "wants": ["v@", "t@1"]}
      }}
      """)
    #expect(
      loaded.errorLines.map { String($0.drop { $0 != " " }) } == [
        #" error: services.t@.instances[2]: not an instance name: "a b""#,
        " error: services.t@.nice: expected a whole number from -20 to 19",
        " error: services.u@.listen[1].stream: expected /path, @abstract, port, a.b.c.d:port, "
          + #"[v6]:port or vsock:cid:port, found "0""#,
        #" error: services.v@.exec[0]: expected an absolute path, found "v""#,
        #" error: services.w.wants[0]: a template has no process of its own: "v@"; "#
          + #"name an instance of it, as "name@instance""#,
      ])
    #expect(loaded.manifest.services.allSatisfy { $0.flags.contains(.invalid) })
    #expect(loaded.manifest.services.count == 8)
    #expect(loaded.reason(for: 2)?.line.contains("services.t@") == true)
    #expect(loaded.manifest.listeners.isEmpty)
  }

  @Test func `An instance and a service of its name collide`() {
    let loaded = load(
      #"{"apus": 1, "services": {"a@b": {"exec": ["/a"]}, "a@": {"exec": ["/a"], "instances": ["b"]}}}"#
    )
    #expect(
      loaded.errorLines == [
        #"apus.json:1:51: error: services.a@: the service "a@b" is defined twice, first at "#
          + "apus.json:1:26"
      ])
    #expect(loaded.manifest.services[0].flags.contains(.invalid) == false)
    #expect(loaded.manifest.services[2].flags.contains(.invalid))
  }

  @Test func `Drop-ins add services and override keys`() throws {
    let loaded = load(
      """
      {"apus": 1, "defaults": {"nice": 1}, "services": {
        "a": {"exec": ["/a"], "nice": 2, "umask": "0077", "needs": ["b"]}}}
      """,
      #"{"services": {"b": {"exec": ["/b"]}, "a": {"override": true, "nice": 3, "exec": ["/a", "1"]}}}"#,
      #"{"apus": 1, "services": {"a": {"override": true, "exec": ["/a", "2"]}}}"#)
    #expect(loaded.lines == [])
    let manifest = loaded.manifest
    #expect(manifest.services.map { manifest.string($0.name) } == ["a", "b"])
    #expect(manifest.strings(manifest.services[0].exec) == ["/a", "2"])
    #expect(manifest.extras(of: manifest.services[0]).nice == 3)
    #expect(manifest.extras(of: manifest.services[1]).nice == 1)
    #expect(manifest.credentials(of: manifest.services[0]).umask == 0o077)
  }

  @Test("EXH-02 that nothing may be killed when memory runs out is refused, and every service runs")
  func unkillable() {
    let reason =
      "-1000 for every service: the kernel would panic when memory runs out; taken as -999"
    let both = load(
      #"{"apus": 1, "services": {"a": {"exec": ["/a"], "oomScoreAdjust": -1000},"#
        + #" "b": {"exec": ["/b"], "oomScoreAdjust": -1000, "nice": 1},"#
        + #" "bad": {"exec": []}, "t@": {"exec": ["/t"]}}}"#)
    #expect(both.lines.first == "apus.json:1:114: error: services.b.oomScoreAdjust: " + reason)
    let inherited = load(
      #"{"apus": 1, "defaults": {"oomScoreAdjust": -1000},"#
        + #" "services": {"a": {"exec": ["/a"]}, "b": {"exec": ["/b"]}}}"#)
    #expect(inherited.lines == ["apus.json:1:88: error: services.b.oomScoreAdjust: " + reason])
    for loaded in [both, inherited] {
      #expect(loaded.hasErrors && loaded.mainFileUsable)
      for name in ["a", "b"] {
        let service = loaded.service(name)
        #expect(service?.flags.contains(.invalid) == false)
        #expect(service.map { loaded.manifest.extras(of: $0).oomScoreAdjust } == -999)
      }
    }
    let one = load(
      #"{"apus": 1, "services": {"a": {"exec": ["/a"], "oomScoreAdjust": -1000},"#
        + #" "b": {"exec": ["/b"], "oomScoreAdjust": -999}}}"#)
    #expect(one.lines == [])
    #expect(one.service("a").map { one.manifest.extras(of: $0).oomScoreAdjust } == -1000)
  }

  @Test func `An override of nothing is a warning`() {
    let loaded = load(
      #"{"apus": 1}"#, #"{"services": {"a": {"exec": ["/a"], "override": true}}}"#)
    #expect(
      loaded.lines == [
        "1.json:1:15: warning: services.a: overrides no service of an earlier file"
      ])
    #expect(loaded.service("a")?.flags.contains(.invalid) == false)
  }

  @Test func `A drop-in overrides one instance of a template`() throws {
    let loaded = load(
      """
      {"apus": 1, "services": {
        "t@": {"exec": ["/t", "%i"], "instances": ["1", "2", "3"], "nice": 1},
        "u": {"exec": ["/u"], "needs": ["t@1"]}}}
      """,
      #"{"services": {"t@1": {"override": true, "nice": 5, "exec": ["/own", "%i"]}}}"#,
      #"{"services": {"t@1": {"override": true, "umask": "0077"}, "#
        + #""t@2": {"override": true, "nice": 99}}}"#)
    #expect(
      loaded.lines == [
        "2.json:1:93: error: services.t@2.nice: expected a whole number from -20 to 19"
      ])
    let manifest = loaded.manifest
    #expect(
      manifest.services.map { manifest.string($0.name) } == ["t@", "t@1", "t@2", "t@3", "u"])
    let own = try #require(loaded.service("t@1"))
    #expect(manifest.strings(own.exec) == ["/own", "1"])
    #expect(manifest.extras(of: own).nice == 5)
    #expect(manifest.credentials(of: own).umask == 0o077)
    #expect(loaded.service("t@2")?.flags.contains(.invalid) == true)
    let plain = try #require(loaded.service("t@3"))
    #expect(manifest.strings(plain.exec) == ["/t", "3"])
    #expect(manifest.extras(of: plain).nice == 1)
    #expect(!plain.flags.contains(.invalid))
    #expect(loaded.service("t@")?.flags == .template)
  }

  @Test func `An override of an instance that is none is a service of its own, with a warning`() {
    let template = #"{"apus": 1, "services": {"t@": {"exec": ["/t"], "instances": ["1"]}}}"#
    let loaded = load(
      template, #"{"services": {"t@7": {"override": true, "exec": ["/own"]}}}"#)
    #expect(
      loaded.lines == [
        #"1.json:1:15: warning: services.t@7: overrides no instance: not among those of "t@""#
      ])
    #expect(loaded.service("t@7").map { loaded.manifest.strings($0.exec) } == ["/own"])
    #expect(loaded.service("t@1").map { loaded.manifest.strings($0.exec) } == ["/t"])
  }

  @Test func `What is wanted or comes after need not be there`() throws {
    let loaded = load(
      """
      {"apus": 1, "defaults": {"after": ["syslog"]}, "services": {
        "net": {"exec": ["/n"]},
        "a": {"exec": ["/a"], "wants": ["ntpd", "net", "dbus"], "after": ["none"]},
        "b": {"exec": ["/b"], "wants": ["nett"], "after": ["net", "t@"],
          "partOf": ["net", "gone"]},
        "c": {"exec": ["/c"], "needs": ["ntpd"]},
        "t@": {"exec": ["/t"], "instances": ["1"]}}}
      """)
    #expect(
      loaded.lines == [
        #"apus.json:4:35: warning: services.b.wants[0]: no service "nett"; did you mean "net"?"#,
        #"apus.json:4:61: error: services.b.after[1]: a template has no process of its own: "t@"; "#
          + #"name an instance of it, as "name@instance""#,
        #"apus.json:6:35: error: services.c.needs[0]: unknown service "ntpd""#,
      ])
    let manifest = loaded.manifest
    let a = try #require(loaded.service("a"))
    #expect(!a.flags.contains(.invalid))
    #expect(a.wants.indices.map { manifest.links[$0] } == [0])
    #expect(a.after.count == 0)
    #expect(loaded.service("net")?.after.count == 0)
    #expect(
      manifest.missing.map { "\($0.service) \($0.key) \(manifest.string($0.name))" } == [
        "65535 after syslog", "1 wants ntpd", "1 wants dbus", "1 after none", "2 wants nett",
        "2 partOf gone",
      ])
  }

  @Test func `An error in an override makes the service invalid`() {
    let loaded = load(
      #"{"apus": 1, "services": {"a": {"exec": ["/a"]}}}"#,
      #"{"services": {"a": {"override": true, "nice": 99}}}"#)
    #expect(
      loaded.errorLines == [
        "1.json:1:47: error: services.a.nice: expected a whole number from -20 to 19"
      ])
    #expect(loaded.service("a")?.flags.contains(.invalid) == true)
  }

  @Test func `System keys arrive and are given once`() throws {
    let loaded = load(
      """
      {"apus": 1, "system": {
        "hostname": "pi", "console": "/dev/ttyS0", "loopback": false, "rescue": ["/bin/ash", "-l"],
        "modules": ["i2c-dev"], "sysctl": {"kernel.panic": 10, "net/ipv4/ip_forward": "1"},
        "environment": {"TZ": "UTC"}, "ctrlAltDel": "bell", "powerFail": "reboot",
        "shutdownTimeout": "1min", "controlGroup": "wheel", "logLevel": "debug",
        "mounts": [{"source": "/dev/mmcblk0p2", "target": "/data", "type": "ext4",
                    "options": "noatime", "required": true}]},
       "services": {"bell": {"exec": ["/bell"]}}}
      """,
      #"{"system": {"hostname": "other", "fstab": true}}"#)
    #expect(
      loaded.errorLines == [
        "1.json:1:25: error: system.hostname: defined twice, first at apus.json:2:15"
      ])
    let (manifest, system) = (loaded.manifest, loaded.manifest.system)
    #expect(loaded.text(system.hostname) == "pi")
    #expect(loaded.text(system.console) == "/dev/ttyS0")
    #expect(!system.loopback)
    #expect(manifest.strings(system.rescue) == ["/bin/ash", "-l"])
    #expect(manifest.strings(system.modules) == ["i2c-dev"])
    #expect(manifest.strings(system.sysctl) == ["kernel.panic=10", "net/ipv4/ip_forward=1"])
    #expect(manifest.strings(system.environment) == ["TZ=UTC"])
    #expect(system.ctrlAltDel == .service(0))
    #expect(system.powerFail == .reboot)
    #expect(system.shutdownTimeout == .seconds(60))
    #expect(system.mounts.map { loaded.text($0.target) } == ["/data"])
    #expect(system.mounts.first?.required == true)
    #expect(system.fstab)
  }

  @Test func `A wrong system value leaves its default`() {
    let loaded = load(
      """
      {"apus": 1, "system": {"shutdownTimeout": "never", "ctrlAltDel": "nobody", "rescue": ["sh"],
        "mounts": [{"source": "a"}], "sysctl": {"../x": 1, "a": 1.5}}}
      """)
    #expect(loaded.errors == 6)
    #expect(loaded.mainFileUsable)
    #expect(loaded.manifest.system.shutdownTimeout == .seconds(30))
    #expect(loaded.manifest.system.ctrlAltDel == .reboot)
    #expect(loaded.manifest.system.rescue == .none)
    #expect(loaded.manifest.system.mounts.isEmpty)
  }

  @Test func `A watchdog has defaults, and a pretimeout before its timeout`() {
    let plain = load(#"{"apus": 1, "system": {"watchdog": {}}}"#)
    #expect(plain.lines == [])
    #expect(plain.text(plain.manifest.system.watchdogDevice) == "/dev/watchdog")
    #expect(plain.manifest.system.watchdogTimeout == .seconds(15))
    #expect(plain.manifest.system.watchdogRebootTimeout == .seconds(60))
    #expect(plain.manifest.system.watchdogPretimeout == .never)
    #expect(load(#"{"apus": 1}"#).manifest.system.watchdogDevice.isEmpty)
    let given = load(
      #"{"apus": 1, "system": {"watchdog": {"device": "/dev/dog", "timeout": "5s", "pretimeout": "5s"}}}"#
    )
    #expect(
      given.errorLines == [
        "apus.json:1:36: error: system.watchdog: the pretimeout must be shorter than the timeout"
      ])
    #expect(given.text(given.manifest.system.watchdogDevice) == "/dev/dog")
  }

  @Test func `The kernel takes 127 bytes of a pattern for core dumps`() {
    for count in [127, 128] {
      let pattern = String(repeating: "c", count: count)
      let loaded = load(#"{"apus": 1, "system": {"coredump": "\#(pattern)"}}"#)
      #expect(loaded.errors == count - 127)
      #expect(loaded.text(loaded.manifest.system.coredump) == (count == 127 ? pattern : ""))
    }
  }

  @Test func `Tables have no room to spare`() {
    let services = (0..<100).map { #""s\#($0)": {"exec": ["/bin/s", "-f", "x"], "user": "www"}"# }
    let loaded = load(#"{"apus": 1, "services": {\#(services.joined(separator: ","))}}"#)
    let manifest = loaded.owned().manifest
    #expect(loaded.lines == [])
    // An array may round its capacity up to the allocator's next size.
    #expect(manifest.services.capacity <= manifest.services.count + 1)
    #expect(manifest.pool.capacity < manifest.pool.count + 64)
    #expect(manifest.texts.count == 3, "equal lists are kept once")
    #expect(manifest.credentials.count == 2, "equal rights are kept once")
    let bytes =
      manifest.services.count * MemoryLayout<Service>.stride + manifest.pool.count
      + manifest.texts.count * MemoryLayout<Text>.stride
    print("manifest of 100 services: \(bytes) bytes, a service \(MemoryLayout<Service>.stride)")
    #expect(bytes < 24_000)
  }

  @Test func `Loading 1,024 services is quick`() {
    let services = (0..<1024).map { index in
      let needs = index > 0 ? #""s\#(index / 2)""# : ""
      return #""s\#(index)": {"exec": ["/bin/s\#(index)", "-f"], "user": "u\#(index)", "#
        + #""needs": [\#(needs == #""s\#(index)""# ? "" : needs)], "listen": [{"stream": "\#(index + 1)"}]}"#
    }
    let text = #"{"apus": 1, "services": {\#(services.joined(separator: ","))}}"#
    let clock = ContinuousClock()
    var errors = 1
    let time = clock.measure { errors = load(text).errors }
    #expect(errors == 0)
    print("1,024 services from \(text.utf8.count) bytes: \(time)")
    #expect(time < .seconds(5), "unoptimised code on a busy machine")
  }
}

@Suite struct UserDatabaseTests {
  private let database = UserDatabase(
    passwd: Array(
      """
      # comment
      root:x:0:0:root:/root:/bin/sh
      bad:x:12a:0::/:/bin/sh
      short:x:5:5
      empty:x:::/:/:
      minus:x:-1:0::/:
      max:x:4294967295:0::/:
      www:x:33:33:www:/var/www:/usr/sbin/nologin
      www:x:0:0:second:/:/bin/sh
      :x:7:7::/:
      late:x:1000:100::/home/late:
      """.utf8),
    group: Array(
      "root:x:0:\nwww:x:33:\ndialout:x:20:late,www\nlist:x:38:xlate,late\nbad:x:1x:late\ndup:x:20:late"
        .utf8))

  private func user(_ name: String) -> User? { database.user(named: Array(name.utf8)) }

  @Test func `Users are found by name and id`() throws {
    #expect(user("root")?.uid == 0)
    let www = try #require(user("www"))
    #expect(www.uid == 33 && www.gid == 33)
    #expect(String(decoding: database.passwd[www.home], as: UTF8.self) == "/var/www")
    #expect(String(decoding: database.passwd[www.shell], as: UTF8.self) == "/usr/sbin/nologin")
    #expect(database.user(id: 1000)?.gid == 100)
    #expect(database.user(id: 7) == nil)
  }

  @Test(arguments: ["bad", "short", "empty", "minus", "max", "", "nobody", "ro", "# comment"])
  func `PAR-08 a damaged or missing line is nobody`(_ name: String) {
    #expect(user(name) == nil)
  }

  @Test func `Groups are found by name and member`() {
    #expect(database.group(named: Array("dialout".utf8)) == 20)
    #expect(database.group(named: Array("bad".utf8)) == nil)
    #expect(database.group(named: []) == nil)
    #expect(database.groups(of: Array("late".utf8)) == [20, 38])
    #expect(database.groups(of: Array("nobody".utf8)).isEmpty)
  }
}
