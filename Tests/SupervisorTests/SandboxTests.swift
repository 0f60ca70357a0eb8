import Foundation
import Testing

/// What a service can still do in its sandbox: the probe tries, and says what came of it on a stream
/// that was opened outside. Namespaces need root, as a board has it.
@Suite(.enabled(if: Board.isRoot, "needs root")) struct SandboxTests {
  /// Runs one service `s`, tries the deeds, and gives the board and the results by deed.
  private func attempt(
    _ sandbox: String, _ keys: String = "", _ deeds: [String], files: [String] = [],
    prefix: [String] = []
  ) throws -> (board: Board, results: [String: String]) {
    let words = deeds.map { #""\#($0)""# }.joined(separator: ", ")
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {"exec": ["PROBE", "try", \#(words)], \#(keys)
        "start": "manual", "restart": "no", "stdout": "file:DIR/out", "sandbox": {\#(sandbox)}}}}
      """#, prefix: prefix)
    for file in files {
      let path = board.path(file)
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try "secret".write(toFile: path, atomically: true, encoding: .utf8)
    }
    board.command(["start", "s"])
    try board.wait("the probe") { self.lines(board).contains("done") }
    var results: [String: String] = [:]
    for line in lines(board) where line != "done" {
      let parts = line.replacingOccurrences(of: board.directory.path, with: "DIR").split(
        separator: "=")
      results[String(parts[0])] = String(parts[1])
    }
    return (board, results)
  }

  private func lines(_ board: Board) -> [String] {
    let text = (try? String(contentsOfFile: board.path("out"), encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  private func status(_ board: Board, _ key: String) throws -> String? {
    let text = try String(contentsOfFile: "/proc/\(board.pid("s"))/status", encoding: .utf8)
    return text.split(separator: "\n").first { $0.hasPrefix(key + ":") }?
      .dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces)
  }

  @Test("readOnly leaves nothing writable but `write` and the service's directories")
  func readOnly() throws {
    let runtime = "apus-sandbox-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: "/run/\(runtime)") }
    let (board, results) = try attempt(
      #""readOnly": true, "write": ["DIR/hole", "DIR/file"]"#,
      #""directories": {"runtime": ["\#(runtime)"]},"#,
      [
        "write:DIR/closed/new", "overwrite:DIR/closed/old", "unlink:DIR/closed/old",
        "write:DIR/hole/new", "overwrite:DIR/file", "write:/run/\(runtime)/new", "write:/run/new",
        "write:/etc/new", "write:/dev/shm/new", "overwrite:/dev/null", "look:DIR/closed/old",
      ], files: ["closed/old", "hole/old", "file"])
    for deed in ["write:DIR/closed/new", "overwrite:DIR/closed/old", "unlink:DIR/closed/old"] {
      #expect(results[deed] == "\(EROFS) failed", "\(deed)")
    }
    for deed in ["write:/run/new", "write:/etc/new", "write:/dev/shm/new"] {
      #expect(results[deed] == "\(EROFS) failed", "\(deed)")
    }
    #expect(results["write:DIR/hole/new"] == "0")
    #expect(results["overwrite:DIR/file"] == "0")
    #expect(results["write:/run/\(runtime)/new"] == "0")
    #expect(results["overwrite:/dev/null"] == "0")
    #expect(results["look:DIR/closed/old"] == "6")
    // The holes are the board's own files, and the board itself is as writable as before.
    #expect(FileManager.default.fileExists(atPath: board.path("hole/new")))
    #expect(FileManager.default.fileExists(atPath: "/run/\(runtime)/new"))
    try "x".write(toFile: board.path("closed/outside"), atomically: false, encoding: .utf8)
  }

  @Test("what is hidden looks empty, and what is not there is nothing to hide")
  func hide() throws {
    let (board, results) = try attempt(
      #""hide": ["DIR/folder", "DIR/file", "DIR/missing"]"#, "",
      ["look:DIR/folder", "look:DIR/folder/key", "look:DIR/file", "look:DIR/open"],
      files: ["folder/key", "file", "open"])
    #expect(results["look:DIR/folder"] == "0")
    #expect(results["look:DIR/folder/key"] == "\(ENOENT) failed")
    #expect(results["look:DIR/file"] == "0")
    #expect(results["look:DIR/open"] == "6")
    #expect(
      try String(contentsOfFile: board.path("folder/key"), encoding: .utf8) == "secret")
  }

  @Test("privateTmp is an empty /tmp that nobody else sees")
  func temporary() throws {
    let name = "apus-private-\(UUID().uuidString.prefix(8))"
    let (board, results) = try attempt(
      #""privateTmp": true"#, "", ["look:/tmp", "look:/var/tmp", "write:/tmp/\(name)", "look:/tmp"])
    _ = board
    #expect(lines(board).prefix(2) == ["look:/tmp=0", "look:/var/tmp=0"])
    #expect(results["write:/tmp/\(name)"] == "0")
    #expect(!FileManager.default.fileExists(atPath: "/tmp/\(name)"))
  }

  @Test("privateDevices has harmless devices only, and no way to make others")
  func devices() throws {
    let (board, results) = try attempt(
      #""privateDevices": true"#, "",
      [
        "overwrite:/dev/null", "overwrite:/dev/full", "look:/dev/urandom", "look:/dev/zero",
        "terminal:", "write:/dev/shm/x", "write:/dev/new", "look:/dev/kmsg", "look:/dev/mem",
        "device:/dev/new", "device:DIR/new", "look:/dev/fd",
      ])
    _ = board
    #expect(results["overwrite:/dev/null"] == "0")
    #expect(results["overwrite:/dev/full"] == "\(ENOSPC) failed")
    #expect(results["look:/dev/urandom"] == "64")
    #expect(results["look:/dev/zero"] == "64")
    #expect(results["terminal:"] == "0")
    #expect(results["write:/dev/shm/x"] == "0")
    #expect(!FileManager.default.fileExists(atPath: "/dev/shm/x"))
    #expect(results["write:/dev/new"] == "\(EROFS) failed")
    #expect(results["look:/dev/kmsg"] == "\(ENOENT) failed")
    #expect(results["look:/dev/mem"] == "\(ENOENT) failed")
    #expect(results["device:/dev/new"]?.hasSuffix("failed") == true)
    #expect(results["device:DIR/new"] == "\(EPERM) failed")
    #expect(results["look:/dev/fd"]?.hasSuffix("failed") == false)
  }

  @Test("out of a private network nothing is reached, while the passed listener serves the world")
  func network() throws {
    let port = Client.freePort()
    let outside = try Board(
      #"""
      {"apus": 1, "services": {"o": {"exec": ["PROBE", "serve"],
        "listen": [{"stream": "127.0.0.1:\#(port)"}]}}}
      """#)
    #expect(Client.talk(port: port).hasSuffix("o\n"))
    let open = try attempt(#""privateTmp": false"#, "", ["connect:\(port)", "loopback:"])
    #expect(open.results["connect:\(port)"] == "0")
    #expect(open.results["loopback:"] == "0")
    let own = Client.freePort()
    let (board, results) = try attempt(
      #""privateNetwork": true"#, #""listen": [{"stream": "127.0.0.1:\#(own)"}],"#,
      ["connect:\(port)", "loopback:"])
    #expect(results["connect:\(port)"] == "\(ECONNREFUSED) failed")
    #expect(results["loopback:"] == "0")
    #expect(Client.talk(port: own) == "\(try board.pid("s")) s\n")
    _ = outside
  }

  @Test("in a pid namespace of its own it is process 1 and sees nobody else")
  func processes() throws {
    let (board, results) = try attempt(
      #""privatePids": true"#,
      #""listen": [{"stream": "DIR/s.sock"}], "stop": {"timeout": "100ms"},"#,
      ["pid:", "kill:\(getpid())", "ptrace:\(getpid())", "look:/proc/\(getpid())"])
    #expect(results["pid:"] == "1")
    #expect(results["kill:\(getpid())"] == "\(ESRCH) failed")
    #expect(results["ptrace:\(getpid())"] == "\(ESRCH) failed")
    #expect(results["look:/proc/\(getpid())"] == "\(ENOENT) failed")
    // LISTEN_PID is the pid it has itself; the supervisor knows the one outside.
    #expect(board.talk("s.sock") == "1 s\n")
    #expect(try board.pid("s") > 1)
    #expect(kill(try board.pid("s"), 0) == 0)
  }

  @Test("commands of a service are in its sandbox, but for the pid namespace MAINPID is not of")
  func commands() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {"exec": ["PROBE", "sleep"], "stop": {"timeout": "100ms"},
        "reload": {"exec": ["/bin/sh", "-c",
          "kill -0 $MAINPID && touch DIR/hole/x && ! touch DIR/y && echo alive > DIR/hole/x"]},
        "start": "manual",
        "sandbox": {"readOnly": true, "write": ["DIR/hole"], "privatePids": true}}}}
      """#)
    try FileManager.default.createDirectory(
      atPath: board.path("hole"), withIntermediateDirectories: true)
    let start = board.command(["start", "s"])
    #expect(start.code == 0, "\(start.errors) \(board.command(["logs"]).output)")
    #expect(board.command(["reload", "s"]).code == 0)
    #expect(try board.report("hole/x") == ["alive"])
    #expect(!FileManager.default.fileExists(atPath: board.path("y")))
  }

  @Test("protectKernel closes kernel settings, /sys and modules, and takes what would undo it")
  func kernel() throws {
    let (board, results) = try attempt(
      #""protectKernel": true"#, "",
      [
        "overwrite:/proc/sys/kernel/hostname", "overwrite:/proc/sysrq-trigger", "write:/sys/new",
        "look:/lib/modules", "overwrite:/proc/self/comm",
      ])
    #expect(results["overwrite:/proc/sys/kernel/hostname"] == "\(EROFS) failed")
    // A kernel may have been built without it.
    let trigger = FileManager.default.fileExists(atPath: "/proc/sysrq-trigger") ? EROFS : ENOENT
    #expect(results["overwrite:/proc/sysrq-trigger"] == "\(trigger) failed")
    #expect(results["write:/sys/new"] == "\(EROFS) failed")
    #expect(["0", "\(ENOENT) failed"].contains(results["look:/lib/modules"]))
    #expect(results["overwrite:/proc/self/comm"] == "0")
    for set in ["CapBnd", "CapPrm", "CapEff"] {
      let value = try #require(UInt64(try status(board, set) ?? "", radix: 16))
      #expect(value & (1 << 16 | 1 << 34) == 0, "\(set)")
      #expect(value & (1 << 21) != 0, "\(set)")
    }
  }

  @Test("root: the program and its directories are found in the new root, and nothing else is")
  func root() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {
        "exec": ["/bin/busybox", "sh", "-c",
          "busybox echo /* /../*; busybox ls -A /run; busybox touch /run/web/x /x"],
        "directories": {"runtime": ["web"]}, "start": "manual", "restart": "no",
        "type": "oneshot", "remain": true,
        "stdout": "file:DIR/out", "sandbox": {"root": "DIR/root", "readOnly": true}}}}
      """#)
    try FileManager.default.createDirectory(
      atPath: board.path("root/bin"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: "/usr/bin/busybox", toPath: board.path("root/bin/busybox"))
    board.command(["start", "s"])
    try board.wait("its end") { try board.service("s")["lastExit"] is [String: Any] }
    #expect(lines(board) == ["/bin /run /../bin /../run", "web"])
    #expect(FileManager.default.fileExists(atPath: board.path("root/run/web/x")))
    #expect(!FileManager.default.fileExists(atPath: board.path("root/x")))
  }

  @Test(
    "a service in another root or with a /tmp of its own reaches its notify channel",
    arguments: [
      #""root": "DIR/root""#, #""root": "DIR/root", "readOnly": true, "privateTmp": true"#,
      #""privateTmp": true, "privateNetwork": true"#,
    ])
  func channel(sandbox: String) throws {
    // The channels lie beside the control socket, which is below /tmp here.
    let isRoot = sandbox.contains("root")
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {
        "exec": ["\#(isRoot ? "/probe" : "PROBE")", "notify", "READY=1\nSTATUS=here"],
        "type": "notify", "start": "manual", "restart": "no", "user": 65534,
        "umask": "0077", \#(isRoot ? #""environment": {"LD_LIBRARY_PATH": "/lib"},"# : "")
        "sandbox": {\#(sandbox)}}}}
      """#)
    if isRoot { try copyProbe(to: board.path("root")) }
    let start = board.command(["start", "s"])
    #expect(start.code == 0, "\(start.errors) \(board.command(["logs"]).output)")
    #expect(try board.service("s")["state"] as? String == "ready")
    #expect(try board.service("s")["status"] as? String == "here")
    // Again, with the file there that was made for it.
    #expect(board.command(["restart", "s"]).code == 0)
  }

  /// The probe as /probe of a root, with what it is linked with.
  private func copyProbe(to root: String) throws {
    let script = #"""
      mkdir -p "$1/lib" && cp "$0" "$1/probe"
      for file in $(ldd "$0" | grep -o '/[^ ]*'); do
        case $file in */ld-*) place=$1$file ;; *) place=$1/lib ;; esac
        mkdir -p "${place%/*}" && cp -L "$file" "$place"
      done
      """#
    let copy = try Child(["/bin/sh", "-c", script, Board.probe, root])
    #expect(copy.wait() == 0)
  }

  @Test("landlock leaves the files of its lists, also to root")
  func landlock() throws {
    let programs = URL(filePath: Board.probe).deletingLastPathComponent().path
    let places = #""/usr", "/opt", "/lib", "/lib64", "/bin", "\#(programs)""#
    let (board, results) = try attempt(
      #"""
      "landlock": {"read": ["/etc/ld.so.cache", "DIR/readable", "DIR/missing"],
        "write": ["DIR/hole", "/dev/null"], "execute": [\#(places)]}
      """#, "",
      [
        "look:DIR/readable", "overwrite:DIR/readable", "truncate:DIR/readable", "look:DIR/secret",
        "look:/etc/passwd", "write:DIR/hole/new", "look:DIR/hole", "overwrite:/dev/null",
        "write:DIR/new", "unlink:DIR/secret", "execute:DIR/hole/true", "execute:/bin/true",
      ], files: ["readable", "secret", "hole/true"])
    let refused = "\(EACCES) failed"
    #expect(results["look:DIR/readable"] == "6")
    #expect(results["overwrite:DIR/readable"] == refused)
    #expect(results["truncate:DIR/readable"] == refused)
    #expect(results["look:DIR/secret"] == refused)
    #expect(results["look:/etc/passwd"] == refused)
    #expect(results["write:DIR/hole/new"] == "0")
    #expect(results["look:DIR/hole"] == "2")
    #expect(results["overwrite:/dev/null"] == "0")
    #expect(results["write:DIR/new"] == refused)
    #expect(results["unlink:DIR/secret"] == refused)
    #expect(results["execute:DIR/hole/true"] == refused)
    #expect(results["execute:/bin/true"] == "0")
    #expect(try status(board, "NoNewPrivs") == "1")
  }

  @Test("a kernel without landlock refuses the start unless it is optional")
  func landlockMissing() throws {
    let prefix = Denial.of(444, ENOSYS)
    let lists = #""read": ["/"], "write": [], "execute": ["/"]"#
    let (board, _) = try attempt(
      #""landlock": {\#(lists), "optional": true}"#, "", ["pid:"], prefix: prefix)
    #expect(try board.state("s") == "ready")
    #expect(try status(board, "NoNewPrivs") == "1")
    let warning = "landlock, which is optional, is not fully supported by this kernel: ENOSYS"
    #expect(board.log.contains(warning))
    try Denial.expect(#""landlock": {\#(lists)}"#, prefix, "enforce landlock: ENOSYS (38)")
  }

  @Test("beside PID 1 of its namespaces, a user can neither become root nor touch it")
  func besideInit() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {"user": 1234, "stdout": "file:DIR/out",
        "exec": ["PROBE", "try", "setuid:0", "kill:1", "ptrace:1", "raw:", "unmount:/proc",
          "writable:/", "write:/etc/new"],
        "sandbox": {"readOnly": true, "privateNetwork": true, "protectKernel": true}}}}
      """#, isolated: true)
    try board.wait("the probe") { self.lines(board).contains("done") }
    let deeds = ["setuid:0", "kill:1", "ptrace:1", "raw:", "unmount:/proc", "writable:/"]
    #expect(lines(board).dropLast(2) == deeds.map { "\($0)=\(EPERM) failed" }[...])
    #expect(lines(board).suffix(2) == ["write:/etc/new=\(EROFS) failed", "done"])
    #expect(board.end() == 0)
  }

  @Test("a user in the whole sandbox gets nowhere, and serves")
  func everything() throws {
    let (board, results) = try attempt(
      #"""
      "readOnly": true, "write": ["DIR/hole"], "hide": ["DIR/secret"], "privateTmp": true,
      "privateDevices": true, "privateNetwork": true, "privatePids": true, "protectKernel": true,
      "landlock": {"read": ["/"], "write": ["/dev", "/tmp"], "execute": ["/"]},
      "seccomp": "default"
      """#,
      #"""
      "user": 1234, "listen": [{"stream": "DIR/s.sock", "mode": "0666"}],
      "stop": {"timeout": "100ms"},
      """#,
      [
        "setuid:0", "raw:", "kill:1", "write:/etc/new", "look:/tmp", "write:/tmp/x",
        "overwrite:/dev/null", "overwrite:/proc/sys/kernel/hostname", "execute:/bin/true",
        "loopback:", "call:600",
      ], files: ["hole/x", "secret"])
    #expect(results["setuid:0"] == "\(EPERM) failed")
    #expect(results["raw:"] == "\(EPERM) failed")
    #expect(results["write:/etc/new"]?.hasSuffix("failed") == true)
    #expect(results["look:/tmp"] == "0")
    #expect(results["write:/tmp/x"] == "0")
    #expect(results["overwrite:/dev/null"] == "0")
    #expect(results["overwrite:/proc/sys/kernel/hostname"]?.hasSuffix("failed") == true)
    #expect(results["execute:/bin/true"] == "0")
    #expect(results["loopback:"] == "0")
    #expect(results["call:600"] == "\(ENOSYS) failed")
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
      #expect(try status(board, set) == "0000000000000000", "\(set)")
    }
    #expect(try status(board, "Seccomp") == "2")
    #expect(board.talk("s.sock") == "1 s\n")
    #expect(board.command(["stop", "s"]).code == 0)
  }
}
