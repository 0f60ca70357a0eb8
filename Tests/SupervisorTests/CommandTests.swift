import Foundation
import Testing

/// `pre`, `started` and `post` with limits and with failures that are tolerated.
@Suite struct CommandTests {
  /// A command that leaves a child, says its pid in `DIR/NAME`, and never ends.
  private func hanging(_ name: String) -> String {
    #""exec": ["/bin/sh", "-c", "sleep 1000 & echo $! >DIR/\#(name).new; mv DIR/\#(name).new DIR/\#(name); wait"]"#
  }

  private func isGone(_ board: Board, _ name: String) throws -> Bool {
    let pid = try #require(try board.report(name).first.flatMap { Int32($0) })
    // A zombie of the test's own subreaper does not count.
    let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    return state?.contains(") Z ") ?? true
  }

  @Test("a command is killed after its timeout, with all that it has started, and named")
  func late() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "a": {"exec": ["PROBE", "sleep"], "restart": "no",
          "pre": [["/bin/true"], {\#(hanging("pre")), "timeout": "300ms"}]},
        "b": {"exec": ["PROBE", "sleep"], "restart": "no",
          "started": [{\#(hanging("started")), "timeout": "300ms"}]},
        "c": {"exec": ["PROBE", "sleep"], "start": "manual",
          "post": [{\#(hanging("post")), "timeout": "300ms"}, ["PROBE", "log", "DIR/log.txt", "last"]]}}}
      """#)
    try board.wait(for: "a", "failed")
    #expect(try board.service("a")["reason"] as? String == "pre /bin/sh: timed out after 300 ms")
    try board.wait(for: "b", "failed")
    #expect(
      try board.service("b")["reason"] as? String == "started /bin/sh: timed out after 300 ms")
    #expect(board.command(["start", "c"]).code == 0)
    #expect(board.command(["stop", "c"]).code == 0)
    for name in ["pre", "started", "post"] {
      try board.wait("the end of the child of \(name)") { try isGone(board, name) }
    }
    #expect(board.log.contains("c: post /bin/sh: timed out after 300 ms"), "\(board.log)")
    #expect(try board.report("log.txt").count == 1)
    #expect(board.end() == 0)
  }

  @Test("what may fail is logged, and leaves the main process alone")
  func mayFail() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "a": {"exec": ["PROBE", "sleep"], "restart": "no",
          "pre": [{"exec": ["/bin/false"], "mayFail": true}, {"exec": ["/nowhere"], "mayFail": true}],
          "started": [{\#(hanging("started")), "timeout": "300ms", "mayFail": true},
            ["/bin/sh", "-c", "echo $MAINPID >DIR/main.new; mv DIR/main.new DIR/main"]]},
        "b": {"exec": ["PROBE", "sleep"], "restart": "no", "needs": ["a"],
          "pre": [{"exec": ["/nowhere"]}]}}}
      """#)
    try board.wait(for: "a", "ready")
    try board.wait("the end of the child") { try isGone(board, "started") }
    #expect(try board.report("main") == ["\(board.pid("a"))"])
    #expect(try board.service("a")["restarts"] as? Int == 0)
    for line in [
      "a: pre /bin/false: exit code 1, ignored",
      "a: pre: exec /nowhere: No such file or directory, ENOENT (2), ignored",
      "a: started /bin/sh: timed out after 300 ms, ignored",
    ] {
      #expect(board.log.contains(line), "\(line)\n\(board.log)")
    }
    try board.wait(for: "b", "failed")
    #expect(
      (try board.service("b")["reason"] as? String)?.hasPrefix("pre: exec /nowhere: ") == true)
    #expect(board.end() == 0)
  }
}
