import Foundation
import Testing

@Suite struct TimerTests {
  @Test("a calendar starts its service on time, and status says when that is next")
  func calendar() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "tick": {"exec": ["PROBE", "exit", "0"], "type": "oneshot",
          "timer": {"calendar": "*:*:*"}},
        "rare": {"exec": ["PROBE", "exit", "0"], "type": "oneshot",
          "timer": {"calendar": "*-02-29 03:00"}}}}
      """#)
    try board.wait("a start") {
      try board.service("tick")["lastExit"] is [String: Any]
    }
    let first = try #require(try board.service("tick")["lastExit"] as? [String: Any])
    let at = try #require(first["atUs"] as? Int)
    // The service ends a few milliseconds after its second begins.
    #expect(at % 1_000_000 < 900_000)
    try board.wait("another start") {
      let end = try board.service("tick")["lastExit"] as? [String: Any]
      return end?["atUs"] as? Int ?? at > at + 900_000
    }
    let next = try #require(try board.service("rare")["nextStartUs"] as? Int)
    #expect(next > at)
    let date = Date(timeIntervalSince1970: Double(next / 1_000_000))
    var utc = Calendar(identifier: .gregorian)
    utc.timeZone = try #require(TimeZone(identifier: "UTC"))
    let parts = utc.dateComponents([.month, .day, .hour, .minute], from: date)
    #expect(parts == DateComponents(month: 2, day: 29, hour: 3, minute: 0))
  }
}

extension Board {
  /// A number of apus's own /proc/PID/status.
  func count(_ word: String) throws -> Int {
    let status = try String(
      contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(word) })
    return try #require(
      line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
  }
}
