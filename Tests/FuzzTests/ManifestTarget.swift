import ApusBase
import ApusManifest

/// The loader on any bytes as main file.
let manifestTarget = FuzzTarget(
  name: "manifest", corpus: manifestCorpus.map { Array($0.utf8) }, words: manifestWords,
  outcomes: 40, run: { ManifestCheck(files: [$0]).run() })

/// The loader on any bytes as drop-in of a valid main file.
let dropInTarget = FuzzTarget(
  name: "drop-in", corpus: dropIns.map { Array($0.utf8) }, words: manifestWords,
  outcomes: 30, run: { ManifestCheck(files: [mainFile, $0]).run() })

/// The loader on several drop-ins, one behind the other as their separator says.
let dropInSetTarget = FuzzTarget(
  name: "drop-in set",
  corpus: [
    dropIns.map { Array($0.utf8) }.reduce([]) { $0.isEmpty ? $1 : $0 + [separator] + $1 },
    Array(dropIns[0].utf8) + [separator]
      + Array(#"{"apus":1,"services":{"db":{"override":true,"nice":3}}}"#.utf8),
  ],
  words: manifestWords + [[separator], [separator, separator]], outcomes: 30,
  run: { bytes in
    let parts = bytes.split(separator: separator, omittingEmptySubsequences: true)
    return ManifestCheck(files: [mainFile] + parts.prefix(100).map { Array($0) }).run()
  })

/// Between two files of one input: no byte of JSON.
private let separator: UInt8 = 0x1e

private let mainFile = Array(manifestCorpus[0].utf8)

private let dropIns: [String] = [
  #"{"apus":1,"services":{"web":{"override":true,"exec":["/bin/x"],"needs":["db"]},"#
    + #""db":{"exec":["/bin/db"],"after":["getty@ttyS0"],"listen":[{"stream":"5432"}]}}}"#,
  #"{"apus":1,"x-defaults":{"umask":"0077"},"services":{"getty@":{"override":true,"exec":["/a","%i"],"#
    + #""instances":["a","b"]},"c@":{"exec":["/c"],"instances":["1"],"wants":["web"]}}}"#,
]

private let manifestWords: [[UInt8]] =
  jsonWords
  + [
    "never", "250ms", "1min 30s", "99999999999999999999s", "9223372036854775807us", "-1s", "5/10s",
    "0/0s", "64K", "16777216T", "18446744073709551616", "0660", "07777777777777", "%i", "%%", "%",
    "%x", "../x", "/a/../b", "/", "//", "root", "0day", "0x0", "00", "4294967295", "-1", "65536",
    "0.0.0.0:0", "1.2.3.4:99999", "256.1.1.1:1", "[::]:1", "[::1", "[fe80::1%]:1", "@", "vsock::",
    "vsock:99999999999:1", "SIGKILL", "SIGRTMAX", "SIGNOPE", "cap_all", "^cap_net_raw", "=eip",
    "0-99999999", "0-,3", "*-*-* 25:00", "*", "idle", "realtime:9", "101%", "web", "web@", "@",
    "getty@ttyS0", "a@b@c", "on-failure", "on-abnormal", "demand", "5m", "16MB", "5/min",
    "0 3 * * *", "*-02-30", "03:00 Europe/Berlin", "cap_net_raw", "net_raw,chown", "!^13,",
    "/run//x",
    "/run/./x", "/run/", "$HOME", "2>&1", "a b c", "0.0.0.0:80", "[::]:80", "always", "never",
  ].map { Array("\"\($0)\"".utf8) }
  + [
    "exec", "type", "listen", "stream", "datagram", "needs", "wants", "after", "restart", "user",
    "capabilities", "rlimits", "environment", "stop", "ready", "timer", "cgroup", "sandbox", "log",
    "instances", "override", "defaults", "services", "system", "apus", "description", "exce",
    "command", "depends_on", "ports", "before", "ListenStream", "idleStop", "onFailure", "watchdog",
  ].map { Array("\"\($0)\":".utf8) }
  + [
    #""services":{"s":{"exec":["/s"]}},"#, #""s":{"exec":["/s"],"needs":["s"]},"#,
    #"{"stream":"80"},"#, #""override":true,"#, #""instances":["a","a"],"#,
    #""getty@ttyS0":{"override":true,"nice":1},"#, #""onFailure":["a","web"],"#,
    #""restart":{"limit":"9/1s","delay":"1s"},"#, "\u{feff}", "//", "/*", "#",
  ].map { Array($0.utf8) }

/// One look at the loader.
private struct ManifestCheck {
  let files: [[UInt8]]
  /// How many lines the longest file has.
  let lines: Int

  init(files: [[UInt8]]) {
    self.files = files
    var lines = 0
    for file in files {
      let ends = file.filter { $0 == UInt8(ascii: "\n") }
      lines = max(lines, ends.count + 1)
    }
    self.lines = lines
  }

  func load() -> LoadedManifest {
    var loader = ManifestLoader()
    for (index, bytes) in files.enumerated() {
      loader.add(file: Array("\(index).json".utf8), bytes: bytes)
    }
    return loader.finish()
  }

  func run() -> FuzzOutcome {
    let loaded = load()
    let first = loaded.diagnostics.first { $0.severity == .error }
    // Without what it quotes and counts, so that alike messages are one outcome.
    let name = first?.message.prefix { $0 != UInt8(ascii: "\"") && !(0x30...0x39).contains($0) }
    return FuzzOutcome(
      name: name.map { String(decoding: $0, as: UTF8.self) } ?? "accepted", broken: broken(loaded))
  }

  /// The first promise that does not hold.
  private func broken(_ loaded: LoadedManifest) -> String? {
    let again = load()
    if again.diagnostics != loaded.diagnostics || again.manifest.pool != loaded.manifest.pool
      || again.manifest.services.count != loaded.manifest.services.count
    {
      return "loaded twice with different results"
    }
    let shown = loaded.diagnostics.filter { $0.severity == .error }.count
    if loaded.errors < shown || loaded.hasErrors && shown == 0 { return "errors miscounted" }
    if !loaded.mainFileUsable, !loaded.hasErrors { return "unusable without an error" }
    for diagnostic in loaded.diagnostics {
      if let broken = broken(diagnostic, loaded.manifest) { return broken }
    }
    for service in loaded.manifest.services {
      if let broken = broken(service, loaded.manifest) { return broken }
    }
    return nil
  }

  private func broken(_ diagnostic: Diagnostic, _ manifest: Manifest) -> String? {
    var writer = ByteWriter(capacity: 1 << 17)
    diagnostic.write(into: &writer)
    let line = String(decoding: writer.bytes, as: UTF8.self)
    if writer.bytes.contains(where: { $0 < 0x20 || $0 == 0x7f }) { return "not one line: \(line)" }
    if diagnostic.message.isEmpty { return "no message: \(line)" }
    if diagnostic.line < 1 || diagnostic.column < 1 || diagnostic.line > lines {
      return "a place outside the file: \(line)"
    }
    if let service = diagnostic.service, !manifest.services.indices.contains(Int(service)) {
      return "of a service that is not there: \(line)"
    }
    return nil
  }

  private func broken(_ service: Service, _ manifest: Manifest) -> String? {
    let name = text(service.name, manifest)
    guard let name, (1...64).contains(name.count)
    else { return "a service without a name" }
    let tables: [(TableRange, Int)] = [
      (service.exec, manifest.texts.count), (service.environment, manifest.texts.count),
      (service.listeners, manifest.listeners.count), (service.needs, manifest.links.count),
      (service.wants, manifest.links.count), (service.after, manifest.links.count),
    ]
    for (range, count) in tables where range.indices.upperBound > count {
      return "a range outside its table"
    }
    for range in [service.needs, service.wants, service.after] {
      for link in manifest.links[range.indices] where Int(link) >= manifest.services.count {
        return "a link to no service"
      }
    }
    if !service.flags.isDisjoint(with: [.invalid, .template]) { return nil }
    let arguments = manifest.texts[service.exec.indices].map { text($0, manifest) }
    if arguments.first??.first != UInt8(ascii: "/") { return "a usable service without a program" }
    // Strings of a manifest end with a NUL when they reach the kernel.
    if arguments.contains(where: { $0?.contains(0) ?? true }) { return "a NUL in an argument" }
    return nil
  }

  private func text(_ text: Text, _ manifest: Manifest) -> [UInt8]? {
    let range = Int(text.offset)..<Int(text.offset) + Int(text.count)
    return manifest.pool.at(range.upperBound) == 0 ? Array(manifest.pool[range]) : nil
  }
}
