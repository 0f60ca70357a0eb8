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
    // The directory is root's: the report of `none` can not be written, so look at the process.
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
