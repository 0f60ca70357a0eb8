import Foundation
import Testing

/// PID 1 obeys only what root alone can change.
@Suite struct DropInTests {
  private static let manifest =
    #"{"apus": 1, "services": {"a": {"exec": ["PROBE", "sleep"]}}}"#
  private static let dropIn =
    #"{"services": {"b": {"exec": ["PROBE", "sleep"]}}}"#

  private func add(_ board: Board, mode: mode_t) throws -> String {
    let folder = board.path("apus.d")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    #expect(chmod(folder, 0o755) == 0)
    let file = folder + "/b.json"
    try Self.dropIn.replacingOccurrences(of: "PROBE", with: Board.probe)
      .write(toFile: file, atomically: true, encoding: .utf8)
    #expect(chmod(file, mode) == 0)
    return file
  }

  @Test(
    "a drop-in, or a folder of them, that others can change is refused by PID 1",
    .enabled(if: Board.isRoot))
  func refused() throws {
    let board = try Board(Self.manifest, isolated: true)
    try board.wait(for: "a", "ready")
    let pid = try board.pid("a")
    let file = try add(board, mode: 0o666)
    let reason = "; refused, since only root may write what PID 1 obeys"
    func refuses(_ what: String) {
      let outcome = board.command(["apply"])
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains(": error: others can change this \(what): "))
      #expect(outcome.errors.contains(reason), "\(outcome)")
      #expect(board.command(["status", "b"]).code == 4)
    }
    refuses("file")
    #expect(chmod(file, 0o644) == 0 && chown(file, 65534, 65534) == 0)
    refuses("file")
    #expect(chown(file, 0, 0) == 0 && chmod(board.path("apus.d"), 0o777) == 0)
    refuses("folder")
    #expect(chmod(board.path("apus.d"), 0o755) == 0)
    #expect(board.command(["apply"]).code == 0)
    try board.wait(for: "b", "ready")
    #expect(try board.pid("a") == pid)
  }

  @Test("apus run takes it with a warning") func warned() throws {
    let board = try Board(Self.manifest)
    try board.wait(for: "a", "ready")
    let file = try add(board, mode: 0o666)
    let outcome = board.command(["apply"])
    #expect(outcome.code == 0, "\(outcome)")
    #expect(outcome.errors.hasPrefix("\(file):1:1: warning: others can change this file: owner "))
    try board.wait(for: "b", "ready")
    try board.wait("the log") { board.log.contains("warning: others can change this file") }
  }
}
