import Foundation
import Testing

/// Who gets a place at the control socket.
@Suite struct ControlSocketTests {
  private static let manifest =
    #"{"apus": 1, "system": {"controlGroup": 4242}, "services": {"a": {"exec": ["PROBE", "sleep"]}}}"#

  /// Runs a command as a user of no more than that group.
  private func command(_ board: Board, uid: Int, gid: Int, _ words: String...) throws -> Int32 {
    try Child(
      [
        "/usr/bin/setpriv", "--reuid", "\(uid)", "--regid", "\(gid)", "--clear-groups",
        Board.binary, words[0], "--control", board.control,
      ] + words.dropFirst()
    ).wait()
  }

  @Test("a hundred mute members of the group keep neither root nor each other from an answer")
  func mute() throws {
    guard Board.isRoot else { return }
    let board = try Board(Self.manifest)
    var children: [Child] = []
    for uid in [65534, 65533, 65532, 65531, 65530] {
      let output = board.path("mute-\(uid)")
      children.append(
        try Child(
          [Board.probe, "mute", board.control, "25", "\(uid)", "4242"], output: .file(output)))
      try board.wait("the connections of \(uid)") {
        (try? String(contentsOfFile: output, encoding: .utf8)) == "sent\n"
      }
    }
    for _ in 0..<10 {
      let start = Date()
      #expect(board.command(["status"]).code == 0)
      #expect(Date().timeIntervalSince(start) < 1)
    }
    #expect(try command(board, uid: 65534, gid: 4242, "status") == 0)
    #expect(try command(board, uid: 65529, gid: 4242, "status") == 0)
    #expect(try command(board, uid: 65529, gid: 4242, "stop", "a") == 5)
    for child in children { child.kill() }
  }

  @Test("who follows or waits keeps its place, and one place is root's")
  func busy() throws {
    guard Board.isRoot else { return }
    let board = try Board(Self.manifest)
    var followers: [Child] = []
    for index in 0..<20 {
      let output = board.path("events-\(index)")
      followers.append(
        try Child(
          [
            "/usr/bin/setpriv", "--reuid", "\(65500 + index / 4)", "--regid", "4242",
            "--clear-groups", Board.binary, "events", "--control", board.control,
          ], output: .file(output), errors: .file(output + ".err")))
    }
    for _ in 0..<10 { #expect(board.command(["status"]).code == 0) }
    // Those that got a place hear what happens.
    try board.wait("a follower") {
      #expect(board.command(["restart", "a"]).code == 0)
      return followers.indices.contains {
        (try? String(contentsOfFile: board.path("events-\($0)"), encoding: .utf8))?
          .contains("ready") == true
      }
    }
    for follower in followers { follower.kill() }
  }

  @Test("who may do nothing is told so, and the connection ends after the answer")
  func strangers() throws {
    guard Board.isRoot else { return }
    let board = try Board(Self.manifest)
    chmod(board.control, 0o666)
    for _ in 0..<20 { #expect(try command(board, uid: 65534, gid: 65534, "status") == 5) }
    let folder = "/proc/\(board.process.pid)/fd"
    let before = try FileManager.default.contentsOfDirectory(atPath: folder).count
    for _ in 0..<20 { #expect(board.command(["status"]).code == 0) }
    try board.wait("the connections to end") {
      try FileManager.default.contentsOfDirectory(atPath: folder).count <= before
    }
  }
}
