import Foundation
import Testing

/// What apus itself says and has seen, kept for who asks later: by the real binary.
@Suite struct OwnLogTests {
  private static let manifest = #"""
    {"apus": 1, "services": {
      "fails": {"exec": ["/bin/sh", "-c", "echo out; exit 7"], "restart": "no", "start": "manual"},
      "lives": {"exec": ["PROBE", "sleep"]}}}
    """#

  private func lines(_ board: Board, _ words: String...) -> [String] {
    board.command(["logs"] + words).output.split(separator: "\n").map { String($0.dropFirst(24)) }
  }

  /// NAME and OLD → NEW of past events.
  private func past(_ board: Board) -> [String] {
    board.command(["events", "--past"]).output.split(separator: "\n")
      .map { $0.split(separator: " ").dropFirst(2).prefix(4).joined(separator: " ") }
  }

  @Test("apus's own messages, alone and among the lines of services, by time")
  func messages() throws {
    let board = try Board(Self.manifest)
    try board.wait(for: "lives", "ready")
    _ = board.command(["start", "fails"])
    try board.wait(for: "fails", "failed")
    let own = lines(board, "apus")
    #expect(own.allSatisfy { $0.hasPrefix("apus: ") })
    let said = try #require(own.first { $0.hasPrefix("apus: fails: ") && $0.contains("7") })
    #expect(board.log.contains(said))
    let all = lines(board)
    let out = try #require(all.firstIndex(of: "fails: out"))
    let end = try #require(all.firstIndex(of: said))
    #expect(out < end)
    #expect(Set(lines(board, "apus", "fails")) == Set(own + ["fails: out"]))
    // As important as asked for, and as late.
    #expect(lines(board, "--level", "warning", "apus").contains(said))
    #expect(lines(board, "--level=emerg", "apus") == [])
    #expect(lines(board, "--since", "1h", "apus") == own)
    #expect(lines(board, "--since=0s", "apus") == [])
  }

  @Test("messages and events outlive a crash, a new program and another manifest")
  func survives() throws {
    let board = try Board(Self.manifest)
    try board.wait(for: "lives", "ready")
    _ = board.command(["start", "fails"])
    try board.wait(for: "fails", "failed")
    let own = lines(board, "apus")
    let events = past(board)
    #expect(events.contains("lives starting → ready"))
    #expect(events.last == "fails ready → failed")
    kill(try #require(board.apus), SIGSEGV)
    try board.wait("the new program") { board.log.contains("goes on after a crash") }
    #expect(lines(board, "apus").starts(with: own))
    #expect(lines(board, "apus").contains { $0.hasPrefix("apus: goes on after a crash") })
    #expect(past(board) == events)
    #expect(board.command(["reexec"]).code == 0)
    try board.wait("the new program") { board.log.contains("goes on as a new program") }
    #expect(lines(board, "apus").starts(with: own))
    #expect(past(board) == events)
    let other = Self.manifest.replacingOccurrences(of: #""lives""#, with: #""other""#)
      .replacingOccurrences(of: "PROBE", with: Board.probe)
    try other.write(toFile: board.path("apus.json"), atomically: true, encoding: .utf8)
    #expect(board.command(["apply"]).code == 0)
    try board.wait(for: "other", "ready")
    #expect(lines(board, "apus").starts(with: own))
    #expect(past(board).starts(with: events))
    #expect(past(board).contains("other starting → ready"))
    #expect(board.end() == 0)
  }

  @Test("who follows sees what apus says at once, and events end where there are no more")
  func follow() throws {
    let board = try Board(Self.manifest)
    try board.wait(for: "lives", "ready")
    let follower = try Child(
      [Board.binary, "logs", "--control", board.control, "-f", "apus"],
      output: .file(board.path("seen")))
    defer {
      follower.terminate()
      follower.wait()
    }
    _ = board.command(["start", "fails"])
    try board.wait("the message") {
      try String(contentsOfFile: board.path("seen"), encoding: .utf8).contains("apus: fails: ")
    }
    let json = board.command(["events", "--past", "--json"]).output.split(separator: "\n")
    let last = try #require(json.last)
    let object = try JSONSerialization.jsonObject(with: Data(last.utf8))
    #expect((object as? [String: Any])?["to"] as? String == "failed")
  }

  @Test("a service of that name keeps its own lines")
  func named() throws {
    let board = try Board(
      #"{"apus": 1, "services": {"apus": {"exec": ["/bin/echo", "mine"], "type": "oneshot"}}}"#)
    try board.wait(for: "apus", "stopped")
    #expect(lines(board, "apus") == ["apus: mine"])
  }
}
