import Foundation
import Testing

/// The boot's time line.
@Suite struct BootTimeTests {
  private static let manifest = #"""
    {"apus": 1, "services": {
      "0": {"exec": ["PROBE", "sleep"], "start": "manual"},
      "once": {"exec": ["/bin/sh", "-c", "sleep 0.3"], "type": "oneshot"},
      "web": {"exec": ["PROBE", "sleep"], "pre": [["/bin/sh", "-c", "sleep 0.2"]],
              "listen": [{"stream": "DIR/web.sock"}], "start": "boot"},
      "user": {"exec": ["PROBE", "sleep"], "user": "nobody", "needs": ["once"]}}}
    """#

  private func lines(_ board: Board) throws -> [[String: Any]] {
    let answer = board.command(["boot", "--json"])
    let object = try JSONSerialization.jsonObject(with: Data(answer.output.utf8))
    return try #require((object as? [String: Any])?["entries"] as? [[String: Any]])
  }

  private func length(_ what: String, _ name: String, _ lines: [[String: Any]]) throws -> Int {
    let line = lines.first { $0["what"] as? String == what && $0["name"] as? String == name }
    return try #require(line?["durationUs"] as? Int, "\(what) \(name) in \(lines)")
  }

  @Test("each line has its length, and the line of the boot stays over programs and manifests")
  func stays() throws {
    let board = try Board(Self.manifest)
    for name in ["web", "user"] { try board.wait(for: name, "ready") }
    let first = try lines(board)
    #expect(try length("ready", "once", first) >= 300_000)
    #expect(try length("pre", "web", first) >= 200_000)
    #expect(try length("start", "web", first) < 200_000)
    #expect(try length("bind", board.path("web.sock"), first) >= 0)
    let whole = board.command(["boot", "--json"]).output
    let pids = try ["web", "user"].map(board.pid)
    // Everything moves in the tables, what is last beyond their new end.
    let text = try String(contentsOfFile: board.path("apus.json"), encoding: .utf8)
    let other = text.replacingOccurrences(
      of: #""0": {"exec": ["\#(Board.probe)", "sleep"], "start": "manual"},"#, with: "")
    #expect(other != text)
    try other.write(toFile: board.path("apus.json"), atomically: true, encoding: .utf8)
    #expect(board.command(["apply"]).code == 0)
    #expect(board.command(["boot", "--json"]).output == whole)
    #expect(try ["web", "user"].map(board.pid) == pids)
    kill(try #require(board.process.pid as Int32?), SIGSEGV)
    try board.wait("the new program") { board.log.contains("goes on after a crash") }
    #expect(board.command(["boot", "--json"]).output == whole)
    #expect(board.command(["reexec"]).code == 0)
    try board.wait("the new program") { board.log.contains("goes on as a new program") }
    #expect(board.command(["boot", "--json"]).output == whole)
    // What comes later is no part of the boot, and allocates nothing.
    #expect(board.command(["restart", "user"]).code == 0)
    #expect(board.command(["boot", "--json"]).output == whole)
    let status = board.command(["status", "--json"]).output
    #expect(status.contains(#""allocations":0}"#) || Board.isHostBuild, "\(status)")
    #expect(board.end() == 0)
  }
}

extension Board {
  /// The build of the host counts no allocations, but those of the standard library are made.
  static var isHostBuild: Bool { ProcessInfo.processInfo.environment["APUS_BINARY"] == nil }
}
