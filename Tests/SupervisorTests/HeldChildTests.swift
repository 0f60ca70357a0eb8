import Foundation
import Testing

/// Children that somebody holds up on their way to execve(2).
@Suite(.enabled(if: Board.isRoot, "needs root")) struct HeldChildTests {
  /// Children of apus that are this user and wait in execve(2).
  private func waiting(as uid: Int) throws -> [Int32] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }
      .filter { Shown(pid: $0).waits(as: uid) }
  }

  @Test("a child that is stopped before its program is killed and said, and the next one starts")
  func stopped() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "p": {"exec": ["DIR/held"], "user": 7301, "start": "manual",
          "restart": {"policy": "on-failure", "delay": "50ms", "jitter": 0}},
        "accepts": {"exec": ["DIR/held"], "user": 7301, "accept": true,
          "listen": [{"stream": "DIR/a.sock"}]}}}
      """#)
    let held = try HeldProgram(board.path("held"), board)
    #expect(board.command(["start", "--no-wait", "p"]).code == 0)
    let client = try #require(Client.connect(unix: board.path("a.sock")))
    try board.wait("both to wait in execve") { try waiting(as: 7301).count == 2 }
    for pid in try waiting(as: 7301) { kill(pid, SIGSTOP) }
    for name in ["p", "accepts"] {
      try board.wait("the word of \(name)") {
        board.log.contains("\(name): exec \(board.path("held")): Stopped by a signal and killed")
      }
    }
    close(client)
    held.release()
    try board.wait(for: "p", "ready")
  }

  @Test("connections of one service whose program cannot be executed leave places for others")
  func places() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "many": {"exec": ["DIR/held", "inetd"], "user": 7302, "accept": true, "stdio": "socket",
          "listen": [{"stream": "DIR/many.sock"}]},
        "other": {"exec": ["PROBE", "sleep"], "start": "manual"}}}
      """#)
    let held = try HeldProgram(board.path("held"), board)
    let clients = (0..<20).compactMap { _ in Client.connect(unix: board.path("many.sock")) }
    try board.wait("all to be accepted") {
      try board.socket(board.path("many.sock"))["accepted"] as? Int == 20
    }
    try board.wait("as many as may be to wait in execve") { try waiting(as: 7302).count == 4 }
    #expect(board.command(["start", "other"]).code == 0)
    held.release()
    for client in clients { #expect(!Client.readAll(client).isEmpty) }
  }

  @Test("a child that takes too long after the change of its identity is killed and said")
  func late() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "p": {"exec": ["DIR/held"], "user": 7303, "restart": "no", "start": "manual"}}}
      """#)
    let held = try HeldProgram(board.path("held"), board)
    #expect(board.command(["start", "--no-wait", "p"]).code == 0)
    try board.wait(for: "p", "failed")
    #expect(board.log.contains("p: exec \(board.path("held")): Timed out, ETIMEDOUT (110)"))
    held.release()
  }
}
