import Foundation
import Testing

@Suite struct EventsTests {
  @Test("apus events shows what happens while it happens")
  func stream() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "web": {"exec": ["PROBE", "sleep"], "restart": "no", "after": ["watcher"]},
        "watcher": {"exec": ["APUS", "events", "--json", "--control", "DIR/control"],
          "stdout": "file:DIR/events"}}}
      """#.replacingOccurrences(of: "APUS", with: Board.binary))
    try board.wait(for: "web", "ready")
    func events() throws -> [[String: Any]] {
      try String(contentsOfFile: board.path("events"), encoding: .utf8).split(separator: "\n")
        .compactMap { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }
    // It may not listen yet when the first restart comes.
    try board.wait("an event") {
      board.command(["restart", "web"])
      return FileManager.default.fileExists(atPath: board.path("events"))
        ? try !events().isEmpty : false
    }
    let before = try events().count
    board.command(["stop", "web"])
    try board.wait("the stop") {
      try events().dropFirst(before).contains { $0["to"] as? String == "stopped" }
    }
    let all = try events().filter { $0["service"] as? String == "web" }
    for (last, next) in zip(all, all.dropFirst()) {
      #expect(last["to"] as? String == next["from"] as? String)
      #expect(last["atUs"] as? Int ?? 0 <= next["atUs"] as? Int ?? 0)
    }
    let now = Int(Date().timeIntervalSince1970 * 1e6)
    #expect(abs((all.last?["atUs"] as? Int ?? 0) - now) < 20_000_000)
  }

  @Test("a watcher that does not read is cut off, and apus goes on")
  func deaf() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"busy": {"exec": ["PROBE", "exit", "0"],
        "restart": {"policy": "always", "delay": "1ms", "factor": 1, "maxDelay": "1ms"}}}}
      """#)
    let client = try #require(Client.connect(unix: board.control, type: SOCK_SEQPACKET))
    defer { close(client) }
    #expect(send(client, [1, 15, 6, 0, 0, 0] as [UInt8], 6, 0) == 6)
    // Hung up without anything having been read.
    var watched = pollfd(fd: client, events: 0, revents: 0)
    try board.wait("the end of the connection") {
      poll(&watched, 1, 0) == 1 && watched.revents & Int16(POLLHUP) != 0
    }
    #expect(board.command(["status"]).code == 0)
  }
}
