import Foundation
import Testing

/// What a service may do. These need root, as the board itself has it; the suite's command runs
/// them as root, and an ordinary user's run says so by not listing them.
@Suite(.enabled(if: Board.isRoot, "needs root")) struct PrivilegeTests {
  private func status(_ report: [String], _ key: String) -> String? {
    report.first { $0.hasPrefix(key + ":") }?.dropFirst(key.count + 1)
      .trimmingCharacters(in: .whitespaces)
  }

  @Test("PRI-03 ids, groups and the five capability sets are as declared")
  func drop() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"p": {
        "exec": ["PROBE", "report", "/tmp/apus-probe-out/p"],
        "user": 1234, "group": 2345, "groups": [30], "capabilities": ["net_bind_service"],
        "directories": {"runtime": ["apus-probe-run"]}}}}
      """#)
    _ = board
    try? FileManager.default.removeItem(atPath: "/tmp/apus-probe-out")
    try FileManager.default.createDirectory(
      atPath: "/tmp/apus-probe-out", withIntermediateDirectories: true)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o777], ofItemAtPath: "/tmp/apus-probe-out")
    defer {
      try? FileManager.default.removeItem(atPath: "/tmp/apus-probe-out")
      try? FileManager.default.removeItem(atPath: "/run/apus-probe-run")
    }
    board.command(["restart", "p"])
    try board.wait("the report") {
      FileManager.default.fileExists(atPath: "/tmp/apus-probe-out/p")
    }
    let report = try String(contentsOfFile: "/tmp/apus-probe-out/p", encoding: .utf8)
      .split(separator: "\n").map(String.init)
    #expect(status(report, "Uid") == "1234\t1234\t1234\t1234")
    #expect(status(report, "Gid") == "2345\t2345\t2345\t2345")
    #expect(status(report, "Groups") == "30")
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
      #expect(status(report, set) == "0000000000000400", "\(set)")
    }
    #expect(status(report, "NoNewPrivs") == "1")
    #expect(report.contains("env:RUNTIME_DIRECTORY=/run/apus-probe-run"))
    var information = stat()
    #expect(stat("/run/apus-probe-run", &information) == 0)
    #expect(information.st_uid == 1234)
    #expect(information.st_mode & 0o7777 == 0o755)
  }

  @Test("PRI-03 the sets of libcap's IAB text and the secure bits are read back inside the service")
  func text() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {"exec": ["PROBE", "try", "secure:"], "stdout": "file:DIR/out",
        "user": 1234, "capabilities": "^cap_net_bind_service,%cap_chown,!cap_sys_ptrace,^13",
        "secureBits": ["noroot", "noroot-locked", "no-cap-ambient-raise"]}}}
      """#)
    try board.wait("the probe") { try board.report("out").contains("done") }
    // Nobody without CAP_SETPCAP may set them; it is gone again.
    #expect(try board.report("out").first == "secure:=\(1 | 2 | 64)")
    let report = try String(contentsOfFile: "/proc/\(board.pid("s"))/status", encoding: .utf8)
      .split(separator: "\n").map(String.init)
    #expect(status(report, "CapInh") == "0000000000002401")
    for set in ["CapPrm", "CapEff", "CapAmb"] {
      #expect(status(report, set) == "0000000000002400", "\(set)")
    }
    let own = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      .split(separator: "\n").map(String.init)
    let all = try #require(UInt64(status(own, "CapBnd") ?? "", radix: 16))
    let bounding = try #require(UInt64(status(report, "CapBnd") ?? "", radix: 16))
    #expect(bounding == all & ~(1 << 19))
  }

  @Test("PRI-06 a set-uid program gives no-one without new privileges anything")
  func helper() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "not": {"exec": ["/bin/sh", "-c", "DIR/helper try user:; true"], "user": 1234,
          "type": "oneshot", "start": "manual", "stdout": "file:DIR/not"},
        "may": {"exec": ["/bin/sh", "-c", "DIR/helper try user:; true"], "user": 1234,
          "noNewPrivileges": false,
          "type": "oneshot", "start": "manual", "stdout": "file:DIR/may"}}}
      """#)
    try FileManager.default.copyItem(atPath: Board.probe, toPath: board.path("helper"))
    #expect(chmod(board.path("helper"), 0o4755) == 0)
    for name in ["not", "may"] { #expect(board.command(["start", "--no-wait", name]).code == 0) }
    try board.wait("both") {
      try board.report("not").contains("done") && board.report("may").contains("done")
    }
    #expect(try board.report("not").first == "user:=1234")
    // It is one: without the key it would have been root.
    #expect(try board.report("may").first == "user:=0")
  }

  @Test("all sixteen limits and the nice value are as declared")
  func limits() throws {
    // Nothing here is more than an unprivileged user's hard limit.
    let wanted: [(String, UInt64)] = [
      ("cpu", 1000), ("fsize", 1 << 20), ("data", 1 << 28), ("stack", 1 << 20), ("core", 0),
      ("rss", 1 << 28), ("nproc", 100), ("nofile", 50), ("memlock", 4096), ("as", 1 << 30),
      ("locks", 10), ("sigpending", 20), ("msgqueue", 4096), ("nice", 0), ("rtprio", 0),
      ("rttime", 1000),
    ]
    let keys = wanted.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ")
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "s": {"exec": ["PROBE", "sleep"], "nice": 7, "rlimits": {\#(keys)}}}}
      """#)
    try board.wait(for: "s", "ready")
    let pid = try board.pid("s")
    let numbers = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8).split(
      separator: " ")
    #expect(numbers[18] == "7")
    // In the order of their numbers, below a head line, behind names of 26 columns.
    let shown = try String(contentsOfFile: "/proc/\(pid)/limits", encoding: .utf8)
      .split(separator: "\n").dropFirst()
    #expect(shown.count == wanted.count)
    for (line, limit) in zip(shown, wanted) {
      let values = line.dropFirst(26).split(separator: " ").prefix(2).map { UInt64($0) }
      #expect(values == [limit.1, limit.1], "\(limit.0): \(line)")
    }
  }

  @Test("without a capabilities key another user has none, and root has all")
  func standard() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "none": {"exec": ["PROBE", "report", "DIR/none"], "user": "nobody"},
        "all": {"exec": ["PROBE", "report", "DIR/all"]},
        "some": {"exec": ["PROBE", "report", "DIR/some"], "capabilities": "!cap_sys_admin"}}}
      """#)
    let everything = status(try board.report("all"), "CapBnd")
    #expect(status(try board.report("all"), "CapEff") == everything)
    #expect(status(try board.report("all"), "NoNewPrivs") == "0")
    // The directory is root's: the report of `none` cannot be written, so look at the process.
    try board.wait(for: "some", "ready")
    let bounded = try #require(status(try board.report("some"), "CapBnd"))
    let value = try #require(UInt64(bounded, radix: 16))
    #expect(value & (1 << 21) == 0)
    let unlimited = try #require(UInt64(everything ?? "", radix: 16))
    #expect(value == unlimited & ~(1 << 21))
  }

  @Test("an unknown user refuses the start and is never root")
  func unknownUser() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "who": {"exec": ["PROBE", "sleep"], "user": "no-such-user"},
        "fine": {"exec": ["PROBE", "sleep"]}}}
      """#)
    try board.wait(for: "fine", "ready")
    try board.wait(for: "who", "backoff")
    let reason = try #require(try board.service("who")["reason"] as? String)
    #expect(reason.contains("user"), "\(reason)")
    #expect(try board.service("who")["nextStartUs"] is Int)
  }

  @Test("SOC-08 mode and group of a node are right, whatever umask apus has")
  func node() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"n": {"exec": ["PROBE", "serve"], "listen": [
        {"stream": "DIR/deep/er/n.sock", "mode": "0620", "group": 2345, "user": 1234}]}}}
      """#, prefix: ["/bin/sh", "-c", "umask 077; exec \"$0\" \"$@\""])
    var information = stat()
    #expect(stat(board.path("deep/er/n.sock"), &information) == 0)
    #expect(information.st_mode & 0o7777 == 0o620)
    #expect(information.st_gid == 2345)
    #expect(information.st_uid == 1234)
    var parent = stat()
    #expect(stat(board.path("deep/er"), &parent) == 0)
    #expect(parent.st_mode & 0o7777 == 0o755)
  }

  @Test("as PID 1 of fresh namespaces it reaps what is not its own and leaves nothing running")
  func namespace() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "orphans": {"exec": ["/bin/sh", "-c", "for i in 1 2 3 4 5; do (setsid sleep 0.05 &) ; done; exec sleep 1000"]},
        "echo": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/e.sock"}]}}}
      """#, isolated: true)
    #expect(board.talk("e.sock").hasSuffix(" echo\n"))
    try board.wait(for: "orphans", "ready")
    #expect(board.end() == 0)
  }
}
