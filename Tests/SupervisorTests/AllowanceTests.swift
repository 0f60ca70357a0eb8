import Foundation
import Testing

/// What a service asks for and cannot have in full.
@Suite struct AllowanceTests {
  @Test("a resource limit above what there is becomes what there is, and that is said once")
  func limits() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {"exec": ["PROBE", "sleep"], "rlimits": {
        "nofile": "infinity", "core": "infinity", "memlock": "infinity", "stack": "infinity"}}}}
      """#)
    for _ in 0..<3 {
      #expect(board.command(["restart", "s"]).code == 0)
      try board.wait(for: "s", "ready")
    }
    let shown = try String(
      contentsOfFile: "/proc/\(try board.pid("s"))/limits", encoding: .utf8)
    let line = try #require(shown.split(separator: "\n").first { $0.hasPrefix("Max open files") })
    let values = line.dropFirst(26).split(separator: " ").prefix(2).compactMap { UInt64($0) }
    let most = try String(contentsOfFile: "/proc/sys/fs/nr_open", encoding: .utf8)
    #expect(values.count == 2 && values[0] == values[1] && values[0] >= 1024)
    if Board.mayRaiseLimits {
      #expect(values.first == UInt64(most.trimmingCharacters(in: .whitespacesAndNewlines)))
    }
    let said = "s: resource limit nofile: lowered to what the kernel and the rights of apus allow"
    #expect(board.log.components(separatedBy: said).count == 2, "\(board.log)")
  }

  @Test(
    "PID 1 of a pid namespace that has no handler yet is asked to end once more",
    .enabled(if: Board.isRoot, "needs root"))
  func early() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"p": {"sandbox": {"privatePids": true}, "restart": "no",
        "start": "manual", "exec": ["/bin/sh", "-c",
          "read x < DIR/fifo; trap 'exit 0' TERM; while :; do sleep 0.1; done"],
        "stop": {"timeout": "15s"}}}}
      """#)
    mkfifo(board.path("fifo"), 0o600)
    #expect(board.command(["start", "p"]).code == 0)
    let pid = try board.pid("p")
    #expect(board.command(["stop", "--no-wait", "p"]).code == 0)
    try board.wait(for: "p", "stopping")
    let end = open(board.path("fifo"), O_WRONLY)
    #expect(write(end, "x\n", 2) == 2)
    close(end)
    try board.wait(for: "p", "stopped")
    let last = try #require(try board.service("p")["lastExit"] as? [String: Any])
    #expect(last["kind"] as? String == "exit" && last["code"] as? Int == 0, "\(last) of \(pid)")
  }
}
