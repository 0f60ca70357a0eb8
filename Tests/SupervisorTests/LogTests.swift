import Foundation
import Testing

/// What services write, by the real binary.
@Suite struct LogTests {
  /// A service that says what it is told through a fifo, a line each, and ends on `bye`.
  private static func parrot(_ name: String, _ rest: String = "") -> String {
    #"""
    "\#(name)": {"exec": ["/bin/sh", "-c",
      "mkfifo DIR/\#(name) 2>/dev/null; exec 3<>DIR/\#(name); echo up; while read word <&3; do echo $word; [ $word = bye ] && exit 0; done"]\#(rest)}
    """#
  }

  /// Waits until it reads, so that no word is lost and no test waits for ever.
  private func tell(_ board: Board, _ name: String, _ word: String) throws {
    var fd: Int32 = -1
    try board.wait("\(name) to listen") {
      fd = open(board.path(name), O_WRONLY | O_NONBLOCK)
      return fd >= 0
    }
    #expect(write(fd, word + "\n", word.utf8.count + 1) == word.utf8.count + 1)
    close(fd)
  }

  /// The lines of `apus logs`, without their times.
  private func lines(_ board: Board, _ words: String...) -> [String] {
    board.command(["logs"] + words).output.split(separator: "\n")
      .map { $0.hasPrefix("--") ? String($0) : String($0.dropFirst(24)) }
  }

  @Test("the last line before the end is there, with or without its end, and of helpers too")
  func lastLine() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "whole": {"exec": ["/bin/echo", "whole line"], "type": "oneshot"},
        "half": {"exec": ["/bin/sh", "-c", "printf half >&2; exit 3"], "restart": "no"},
        "pre": {"exec": ["PROBE", "sleep"], "pre": [["/bin/echo", "before"]]},
        "null": {"exec": ["/bin/echo", "nowhere"], "type": "oneshot", "stdout": "null"}}}
      """#)
    try board.wait(for: "whole", "stopped")
    try board.wait(for: "half", "failed")
    try board.wait(for: "pre", "ready")
    try board.wait(for: "null", "stopped")
    #expect(lines(board, "whole") == ["whole: whole line"])
    #expect(lines(board, "half") == ["half: half"])
    #expect(lines(board, "pre") == ["pre: before"])
    #expect(lines(board, "null") == [])
    #expect(lines(board).filter { !$0.hasPrefix("apus: ") }.count == 3)
    #expect(board.command(["logs", "nobody"]).code == 4)
    #expect(board.command(["logs", "half", "nobody"]).code == 4)
    let status = board.command(["status", "half"])
    #expect(status.output.hasSuffix(" half: half\n"))
    // In the foreground it is also said at once.
    #expect(board.log.contains("half: half\n"))
  }

  @Test("output outlives restarts, a crash and a new program", arguments: ["crash", "reexec"])
  func survives(how: String) throws {
    let board = try Board(
      #"{"apus": 1, "services": {\#(Self.parrot("a", #", "restart": "always""#)), \#(Self.parrot("b"))}}"#
    )
    try tell(board, "a", "one")
    try tell(board, "b", "two")
    try board.wait("both") {
      lines(board, "a").last == "a: one" && lines(board, "b").last == "b: two"
    }
    let apus = try #require(board.apus)
    let pid = try board.pid("b")
    if how == "crash" {
      // What is written while nobody reads is read afterwards.
      kill(apus, SIGSTOP)
      try tell(board, "b", "meanwhile")
      kill(apus, SIGSEGV)
      kill(apus, SIGCONT)
      try board.wait("the new program") { board.log.contains("goes on after a crash") }
    } else {
      #expect(board.command(["reexec"]).code == 0)
      try board.wait("the new program") { board.log.contains("goes on as a new program") }
      try tell(board, "b", "meanwhile")
    }
    try board.wait("the line") { lines(board, "b") == ["b: up", "b: two", "b: meanwhile"] }
    #expect(try board.pid("b") == pid)
    try tell(board, "a", "bye")
    try board.wait("another start") {
      lines(board, "a") == ["a: up", "a: one", "a: bye", "a: up"]
    }
    // The same pipe, in both lives.
    #expect(try board.service("a")["restarts"] as? Int == 1)
    #expect(board.end() == 0)
  }

  @Test("following shows new lines as they come, merged, of those that are asked for")
  func follow() throws {
    let names = ["a", "b", "c"]
    let board = try Board(
      #"{"apus": 1, "services": {\#(names.map { Self.parrot($0) }.joined(separator: ", "))}}"#)
    for name in names { try board.wait("\(name) up") { lines(board, name) == ["\(name): up"] } }
    let follower = try Child(
      [Board.binary, "logs", "--control", board.control, "-f", "-n", "1", "--json", "a", "c"],
      output: .file(board.path("seen")))
    defer {
      follower.terminate()
      follower.wait()
    }
    func seen() throws -> [String] {
      try String(contentsOfFile: board.path("seen"), encoding: .utf8).split(separator: "\n").map {
        let object = try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        return "\(object?["service"] ?? "") \(object?["line"] ?? "")"
      }
    }
    try board.wait("the last one") { try seen().count == 1 }
    for (count, word) in zip(["c", "b", "a", "c"], ["1", "2", "3", "4"]).enumerated() {
      try tell(board, word.0, word.1)
      try board.wait("the line of \(word.0)") {
        lines(board, word.0).last == "\(word.0): \(word.1)"
      }
      if word.0 != "b" { try board.wait("it") { try seen().count == (count < 1 ? 2 : count + 1) } }
    }
    #expect(try seen().dropFirst() == ["c 1", "a 3", "c 4"])
    #expect(lines(board, "-n", "3", "a", "b", "c") == ["b: 2", "a: 3", "c: 4"])
    let all = board.command(["logs", "a", "b", "c"]).output.split(separator: "\n")
    let times = all.map { $0.prefix(23) }
    #expect(times == times.sorted() && all.count == 7, "\(all)")
  }

  @Test("100 MB from one service keep nobody waiting and take no memory")
  func flood() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "flood": {"exec": ["/bin/sh", "-c",
          "until [ -e DIR/enough ]; do yes 0123456789012345678901234567890123456789012345678 | head -c 100000000; done; echo done"],
          "type": "oneshot", "start": "manual"},
        "echo": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/echo.sock", "name": "e"}]}}}
      """#, echoes: false)
    let apus = try #require(board.apus)
    func resident() throws -> Int {
      let text = try String(contentsOfFile: "/proc/\(apus)/status", encoding: .utf8)
      let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
      return try #require(Int(line.split(separator: " ").dropFirst().first ?? ""))
    }
    #expect(board.command(["start", "--no-wait", "flood"]).code == 0)
    // Beside all other tests a reader may be overtaken by the flood for a long time.
    try board.wait("the flood", 240) { !lines(board, "-n", "1", "flood").isEmpty }
    let before = try resident()
    var slowest: TimeInterval = 0
    for _ in 0..<20 {
      let start = Date()
      #expect(board.talk("echo.sock").hasSuffix(" e\n"))
      slowest = max(slowest, Date().timeIntervalSince(start))
      #expect(try board.state("flood") == "starting")
    }
    #expect(slowest < 2)
    FileManager.default.createFile(atPath: board.path("enough"), contents: nil)
    // The rest of 100 MB, beside all other tests.
    try board.wait("the end of the flood", 120) { try board.state("flood") == "stopped" }
    #expect(try resident() <= before + 40, "kilobytes")
    let last = lines(board, "flood")
    #expect(last.last == "flood: done")
    let lost = try #require(Int(last[0].split(separator: " ")[2]))
    let all = lost + last.count - 1
    #expect(all > 2_000_000 && all % 2_000_000 == 1)
  }

  @Test("a file only for who asks, rotated; a rate; lost lines shown")
  func fileAndRate() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "filed": {"exec": ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do seq 100 199; done; echo end"],
          "type": "oneshot", "log": {"file": "DIR/filed.log", "fileMax": "1K", "keep": 1, "ring": "4K"}},
        "rated": {"exec": ["/bin/sh", "-c", "seq 1000"], "type": "oneshot", "log": {"rate": "10/1h"}}}}
      """#)
    try board.wait(for: "filed", "stopped")
    try board.wait(for: "rated", "stopped")
    let rated = (1...10).map { "rated: \($0)" }
    #expect(lines(board, "rated") == rated + ["-- rated: 990 lines lost --"])
    let filed = lines(board, "filed")
    #expect(filed.last == "filed: end" && filed.first?.hasPrefix("-- filed: ") == true)
    let text = try String(contentsOfFile: board.path("filed.log"), encoding: .utf8)
    #expect(text.hasSuffix("199\nend\n"))
    #expect(FileManager.default.fileExists(atPath: board.path("filed.log.1")))
    #expect(!FileManager.default.fileExists(atPath: board.path("filed.log.2")))
    #expect(!board.log.contains("cannot"))
  }

  @Test("a follower that does not read is left out and told so, and delays nobody")
  func slowFollower() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "often": {"exec": ["/bin/sh", "-c", "seq 200000; echo done"], "type": "oneshot", "start": "manual"}}}
      """#, echoes: false)
    let pipe = Pipe()
    let follower = try Child(
      [Board.binary, "logs", "--control", board.control, "-f"],
      output: .descriptor(pipe.fileHandleForWriting.fileDescriptor))
    try pipe.fileHandleForWriting.close()
    defer {
      follower.terminate()
      follower.wait()
    }
    kill(follower.pid, SIGSTOP)
    #expect(board.command(["start", "often"]).code == 0)
    kill(follower.pid, SIGCONT)
    var seen = Data()
    while !seen.suffix(40).contains("often: done\n".data(using: .utf8) ?? Data()) {
      let more = pipe.fileHandleForReading.availableData
      if more.isEmpty { break }
      seen += more
    }
    let lines = String(decoding: seen, as: UTF8.self).split(separator: "\n")
    var lost = 0
    for line in lines where line.hasPrefix("--") { lost += Int(line.split(separator: " ")[2]) ?? 0 }
    #expect(lost > 0)
    let shown = lines.count { !$0.hasPrefix("--") }
    #expect(lost + shown == 200_001)
  }

  @Test("a user's service can open its own stderr", .enabled(if: Board.isRoot))
  func ownPipe() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "user": {"exec": ["/bin/sh", "-c", "echo direct > /dev/stderr"], "user": 1234, "type": "oneshot"}}}
      """#)
    try board.wait(for: "user", "stopped")
    #expect(lines(board, "user") == ["user: direct"])
  }
}
