import Foundation
import Testing

/// `partOf` with the real binary.
@Suite struct RelationTests {
  private func pid(_ board: Board, _ name: String) throws -> Int {
    try board.service(name)["mainPid"] as? Int ?? 0
  }

  @Test("a part is stopped and restarted with the whole")
  func part() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "whole": {"exec": ["PROBE", "sleep"]},
        "part": {"exec": ["PROBE", "sleep"], "partOf": ["whole"]}}}
      """#)
    try board.wait(for: "part", "ready")
    let before = try pid(board, "part")
    #expect(board.command(["restart", "whole"]).code == 0)
    try board.wait("another process") {
      let now = try pid(board, "part")
      return now > 0 && now != before
    }
    #expect(board.command(["stop", "whole"]).code == 0)
    try board.wait(for: "part", "stopped")
  }
}
