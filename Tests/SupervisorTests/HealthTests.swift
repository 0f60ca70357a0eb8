import Foundation
import Testing

/// `health` with the real binary.
@Suite struct HealthTests {
  private func pid(_ board: Board, _ name: String) throws -> Int {
    try board.service(name)["mainPid"] as? Int ?? 0
  }

  private func make(_ path: String) {
    FileManager.default.createFile(atPath: path, contents: nil)
  }

  /// How many looks have left a line.
  private func looks(_ board: Board) -> Int {
    ((try? Data(contentsOf: URL(fileURLWithPath: board.path("looks"))))?.count ?? 0) / 2
  }

  @Test("what fails its looks is ended and started anew, whatever looks")
  func failures() throws {
    let board = try Board(
      #"""
      {"apus": 1, "defaults": {"restart": {"policy": "on-failure", "delay": "50ms"}}, "services": {
        "command": {"exec": ["PROBE", "sleep"],
          "health": {"exec": ["/bin/sh", "-c", "echo x >> DIR/looks; test ! -e DIR/sick"],
            "interval": "50ms", "failures": 2}},
        "hangs": {"exec": ["PROBE", "sleep"],
          "health": {"exec": ["/bin/sleep", "600"], "interval": "50ms", "timeout": "50ms",
            "failures": 1}},
        "deaf": {"exec": ["PROBE", "sleep"],
          "health": {"unix": "DIR/nobody.sock", "interval": "50ms", "failures": 1}},
        "missing": {"exec": ["PROBE", "sleep"],
          "health": {"exec": ["/no/such/program"], "interval": "50ms", "failures": 1}},
        "served": {"exec": ["/bin/sh", "-c", "trap '' PIPE; exec PROBE serve"], "start": "boot",
          "listen": [{"stream": "DIR/served.sock"}],
          "health": {"unix": "DIR/served.sock", "interval": "50ms", "failures": 3}}}}
      """#)
    for name in ["command", "served"] { try board.wait(for: name, "ready") }
    let (well, served) = (try pid(board, "command"), try pid(board, "served"))
    for name in ["hangs", "deaf", "missing"] {
      try board.wait("another process of \(name)") {
        (try board.service(name)["restarts"] as? Int ?? 0) > 1
      }
    }
    try board.wait("ten looks") { looks(board) >= 10 }
    let (stillWell, stillServed) = (try pid(board, "command"), try pid(board, "served"))
    #expect(stillWell == well && stillServed == served)
    make(board.path("sick"))
    try board.wait("another process") {
      let now = try pid(board, "command")
      return now > 0 && now != well
    }
    let said = board.log
    for words in [
      "command: health /bin/sh: exit code 1", "hangs: health /bin/sleep: timed out after 50 ms",
      "deaf: health: cannot connect to \(board.path("nobody.sock"))",
      "missing: health: exec /no/such/program: No such file or directory",
    ] { #expect(said.contains(words), "\(words): \(said)") }
  }

  @Test("looks go on under another program, and a reload has the better of one")
  func takeover() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "a": {"exec": ["PROBE", "sleep"], "reload": {"exec": ["/bin/true"]},
          "health": {"exec": ["/bin/sh", "-c", "echo x >> DIR/looks; exec sleep 1"],
            "interval": "20ms", "failures": 1}}}}
      """#)
    try board.wait(for: "a", "ready")
    let first = try pid(board, "a")
    try board.wait("a look") { looks(board) > 0 }
    #expect(board.command(["reload", "a"]).code == 0)
    let before = looks(board)
    #expect(board.command(["reexec"]).code == 0)
    try board.wait("more looks") { looks(board) > before + 1 }
    let last = try pid(board, "a")
    #expect(last == first)
  }
}
