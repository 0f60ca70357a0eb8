import Foundation
import Testing

/// Reloads, and commands that go on after the main process.
@Suite struct ReloadTests {
  @Test("a reload by signal is over when the service is silent, and is refused with the reason")
  func silent() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "quiet": {"type": "notify", "reload": {"signal": "SIGHUP"}, "exec": ["/bin/sh", "-c",
          "trap 'echo again >>DIR/again' HUP; PROBE notify READY=1 & while :; do sleep 0.05; done"]},
        "mute": {"exec": ["PROBE", "sleep"], "type": "notify", "reload": {"signal": "SIGHUP"}}}}
      """#)
    try board.wait(for: "quiet", "ready")
    #expect(board.command(["reload", "quiet"]).code == 0)
    try board.wait("the signal") { FileManager.default.fileExists(atPath: board.path("again")) }
    #expect(try board.state("quiet") == "ready")
    try board.wait(for: "mute", "starting")
    let refused = board.command(["reload", "mute"])
    #expect(refused.code == 1)
    #expect(refused.errors.contains("cannot be reloaded while it is starting"), "\(refused)")
    #expect(board.command(["stop", "mute"]).code == 0)
    #expect(
      board.command(["reload", "mute"]).errors.contains("cannot be reloaded while it is stopped"))
  }

  @Test("the command of a stop goes on when the main process has ended, and what is left is killed")
  func stopCommand() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "web": {"exec": ["/bin/sh", "-c", "setsid sleep 1000 & echo $! >DIR/left; exec PROBE sleep"],
          "stop": {"timeout": "15s", "exec": ["/bin/sh", "-c",
            "kill $MAINPID; while kill -0 $MAINPID 2>/dev/null; do sleep 0.01; done; sleep 0.3; echo done >DIR/done"]}},
        "late": {"exec": ["PROBE", "sleep"],
          "stop": {"timeout": "500ms", "exec": ["/bin/sh", "-c", "kill $MAINPID; exec sleep 1000"]}}}}
      """#)
    try board.wait(for: "web", "ready")
    try board.wait("the other process") {
      (try? String(contentsOfFile: board.path("left"), encoding: .utf8))?.hasSuffix("\n") == true
    }
    #expect(board.command(["stop", "web"]).code == 0)
    #expect(FileManager.default.fileExists(atPath: board.path("done")), "\(board.log)")
    try board.wait(for: "late", "ready")
    let start = Date()
    #expect(board.command(["stop", "late"]).code == 0)
    #expect(Date().timeIntervalSince(start) < 10)
  }
}
