import Foundation
import Testing

/// Descriptors that services park with apus.
@Suite struct StoreTests {
  private func lines(_ board: Board, _ name: String = "log.txt") -> [String] {
    ((try? String(contentsOfFile: board.path(name), encoding: .utf8)) ?? "")
      .split(separator: "\n").map(String.init)
  }

  @Test(
    "parked descriptors come back behind the listeners with their names, until the service stops")
  func parked() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "web": {"exec": ["PROBE", "store", "DIR/log.txt", "FDSTORE=1\nFDNAME=one",
            "again:FDSTORE=1\nFDNAME=twice", "FDSTORE=1", "hup:FDSTORE=1\nFDNAME=hup",
            "FDSTORE=1\nFDNAME=gone", "FDSTOREREMOVE=1\nFDNAME=gone",
            "hup:FDSTORE=1\nFDNAME=kept\nFDPOLL=0", "FDSTORE=1\nFDNAME=a:b",
            "FDSTORE=1\nFDNAME=last"],
          "type": "notify", "start": "boot", "listen": [{"stream": "DIR/web", "name": "http"}],
          "fdStore": 16, "restart": {"policy": "always", "delay": "1ms"}},
        "few": {"exec": ["PROBE", "store", "DIR/few.txt", "FDSTORE=1\nFDNAME=1",
          "FDSTORE=1\nFDNAME=2", "FDSTORE=1\nFDNAME=3"], "type": "notify", "fdStore": 2}}}
      """#)
    try board.wait(for: "few", "ready")
    #expect(board.command(["restart", "few"]).code == 0)
    #expect(lines(board, "few.txt").last == "1:2 FDSTORE=1|FDNAME=1 FDSTORE=1|FDNAME=2")
    try board.wait(for: "web", "ready")
    #expect(lines(board) == ["http ?"])
    // In the order in which they were parked, although `last` may have the room of one that is gone.
    let expected =
      "http:one:stored:kept:last ? FDSTORE=1|FDNAME=one FDSTORE=1 ? FDSTORE=1|FDNAME=last"
    func restart(_ count: Int, _ how: () throws -> Void) throws {
      let pid = try board.pid("web")
      try how()
      try board.wait("start \(count)") {
        try board.pid("web") != pid && board.state("web") == "ready"
      }
      #expect(lines(board).count == count)
    }
    try restart(2) { kill(try board.pid("web"), SIGKILL) }
    #expect(lines(board)[1] == expected)
    #expect(board.command(["reexec"]).code == 0)
    try board.wait("the next program") { board.command(["status"]).code == 0 }
    try restart(3) { #expect(board.command(["restart", "web"]).code == 0) }
    #expect(lines(board)[2] == expected)
    #expect(board.command(["stop", "web"]).code == 0)
    #expect(board.command(["start", "web"]).code == 0)
    #expect(lines(board)[3] == "http ?")
  }

  @Test("NOT-07 descriptors of strangers and of services without a store are closed")
  func refused() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "web": {"exec": ["PROBE", "notify", "READY=1"], "type": "notify", "fdStore": 4},
        "none": {"exec": ["PROBE", "store", "DIR/none.txt", "FDSTORE=1"], "type": "notify"},
        "junk": {"exec": ["PROBE", "store", "DIR/junk.txt", "no assignment"], "type": "notify",
          "fdStore": 4},
        "other": {"exec": ["PROBE", "store", "DIR/other.txt", "FDSTORE=1"],
          "environment": {"NOTIFY_SOCKET": "DIR/control.notify/web"}, "needs": ["web"]}}}
      """#)
    for name in ["web", "none", "junk"] { try board.wait(for: name, "ready") }
    try board.wait("the stranger") {
      FileManager.default.fileExists(atPath: board.path("other.txt.done"))
    }
    // Answered in a turn that has heard the channels before.
    #expect(board.command(["status"]).code == 0)
    let open = try FileManager.default.contentsOfDirectory(
      atPath: "/proc/\(board.process.pid)/fd"
    ).compactMap {
      try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/\(board.process.pid)/fd/\($0)")
    }
    #expect(!open.contains { $0.contains("memfd:probe") })
    for name in ["none", "junk"] {
      let pid = try board.pid(name)
      #expect(board.command(["restart", name]).code == 0)
      #expect(try board.pid(name) != pid)
      #expect(lines(board, name + ".txt") == ["-", "-"])
    }
  }
}
