import Foundation
import Testing

/// Pauses between starts with the real binary, told by counts and not by the clock.
@Suite struct PauseTests {
  private func restarts(_ board: Board, _ name: String) throws -> Int {
    try board.service(name)["restarts"] as? Int ?? 0
  }

  @Test(
    "what ends before it is ready is started again with back-off, and who needs it waits",
    arguments: [#""type": "notify""#, #""type": "forking""#, #""ready": {"fd": 4}"#])
  func endedEarly(_ entry: String) throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "x": {"exec": ["/bin/true"], \#(entry)}, "dep": {"exec": ["PROBE", "serve"], "needs": ["x"]}}}
      """#)
    try board.wait("three restarts") { try restarts(board, "x") >= 3 }
    #expect(try board.state("dep") == "waiting")
    let starts = board.log.components(separatedBy: "x: exit code 0 before it was ready").count - 1
    #expect(try starts <= restarts(board, "x") + 1)
    #expect(board.log.contains("x: next start in "))
  }

  @Test("services that start each other when they fail rest in between")
  func circle() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "a": {"exec": ["PROBE", "exit", "1"], "restart": "no", "onFailure": ["b"]},
        "b": {"exec": ["PROBE", "exit", "1"], "restart": "no", "onFailure": ["a"]}}}
      """#)
    // Which of the two rests is a matter of jitter.
    func pauses() throws -> Int { try restarts(board, "a") + restarts(board, "b") }
    try board.wait("three starts after a pause") { try pauses() >= 3 }
    let ends = board.log.components(separatedBy: "a: gave up").count - 1
    #expect(try ends <= pauses() + 1)
  }

  @Test("eight clients at once of a daemon that serves one and ends wait for no pause")
  func serveOne() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "local": {"exec": ["PROBE", "once"], "listen": [{"stream": "DIR/one.sock"}]},
        "tcp": {"exec": ["PROBE", "once"], "listen": [{"stream": "127.0.0.1:\#(port)"}]}}}
      """#)
    let local = (0..<8).compactMap { _ in Client.connect(unix: board.path("one.sock")) }
    let tcp = (0..<8).compactMap { _ in Client.connect(port: port) }
    #expect(Set(local.map { Client.readAll($0) }).count == 8)
    #expect(Set(tcp.map { Client.readAll($0) }).count == 8)
    try board.wait(for: "local", "listening")
    try board.wait(for: "tcp", "listening")
    #expect(!board.log.contains("next start in"), "\(board.log)")
  }

  @Test("apus run ends with the code of its main service, restarts first")
  func main() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "m": {"exec": ["/bin/sh", "-c", "sleep 1; exit 7"], "main": true, "restart": "no"},
        "other": {"exec": ["PROBE", "serve"]}}}
      """#)
    #expect(board.process.wait() == 7)
  }

  @Test("a oneshot that remains runs the commands of its stop when it is stopped, and at the end")
  func remains() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"net": {
        "exec": ["/bin/true"], "type": "oneshot", "remain": true,
        "post": [["/bin/sh", "-c", "echo post >>DIR/said"]],
        "stop": {"exec": ["/bin/sh", "-c", "echo stop >>DIR/said"]}}}}
      """#)
    try board.wait(for: "net", "ready")
    let said = board.path("said")
    #expect(!FileManager.default.fileExists(atPath: said))
    #expect(board.command(["stop", "net"]).code == 0)
    #expect(try String(contentsOfFile: said, encoding: .utf8) == "stop\npost\n")
    #expect(board.command(["start", "net"]).code == 0)
    #expect(board.end() == 0)
    #expect(try String(contentsOfFile: said, encoding: .utf8) == "stop\npost\nstop\npost\n")
  }
}
