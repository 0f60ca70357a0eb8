import ApusBase
import ApusWire
import Foundation
import TestSockets
import Testing

/// What services write may be any bytes, with ends of lines or without, whoever reads meanwhile.
@Suite struct RawOutputTests {
  /// The 16 bytes before a line in a ring, made up: at time 0, 65,520 bytes long.
  private static let head: [UInt8] =
    [0, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0, 0] + [0xF0, 0xFF] + [7, 0]

  /// A request for all lines; what it asks for is left unread for now.
  private func reader(_ board: Board) throws -> Int32 {
    let fd = try #require(Client.connect(unix: board.control, type: SOCK_SEQPACKET))
    var writer = ByteWriter(capacity: Frame.limit)
    RequestFrame.encode(.logs, into: &writer)
    #expect(write(fd, writer.bytes, writer.bytes.count) == writer.bytes.count)
    return fd
  }

  private func rest(_ fd: Int32) throws -> (lines: [LineReply], isWhole: Bool) {
    var lines: [LineReply] = []
    while true {
      var frame = [UInt8](repeating: 0, count: 1 << 17)
      let count = recv(fd, &frame, frame.count, 0)
      guard count > 0 else { return (lines, false) }
      frame.removeLast(frame.count - count)
      if try ReplyKind(decoding: frame) != .line { return (lines, true) }
      lines.append(try LineReply(decoding: frame))
    }
  }

  @Test("what follows in a line that a reader has had is not taken for the head of another one")
  func forged() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "forger": {"exec": ["/bin/sh", "-c",
          "mkfifo DIR/go; printf open; read word <DIR/go; cat DIR/forged; exec sleep 1000"]},
        "talker": {"exec": ["/bin/sh", "-c", "seq 2000"], "type": "oneshot", "start": "manual",
          "log": {"ring": "64K"}}}}
      """#, echoes: false)
    let forged = [[UInt8]](repeating: Self.head, count: 100).flatMap(\.self)
    try Data(forged).write(to: URL(fileURLWithPath: board.path("forged")))
    let apus = try #require(board.apus)
    let service = try board.pid("forger")
    try board.wait("the open line") {
      board.command(["logs", "forger"]).output.hasSuffix("forger: open\n")
    }
    #expect(board.command(["start", "talker"]).code == 0)
    let fd = try reader(board)
    defer { close(fd) }
    // An answer to somebody else: the reader has been sent what it takes, the open line first.
    for _ in 0..<3 { #expect(board.command(["status"]).code == 0) }
    let go = open(board.path("go"), O_WRONLY)
    #expect(write(go, "\n", 1) == 1)
    close(go)
    try board.wait("the forged heads") {
      board.command(["logs", "forger"]).output.utf8.count > 1600
    }
    let seen = try rest(fd)
    #expect(seen.isWhole)
    #expect(
      seen.lines.filter { $0.service == Array("forger".utf8) }.map(\.text) == [Array("open".utf8)])
    #expect(
      seen.lines.dropFirst().map { String(decoding: $0.text, as: UTF8.self) }
        == (1...2000).map { "\($0)" })
    #expect(board.apus == apus)
    #expect(try board.pid("forger") == service)
    #expect(board.command(["status"]).output.contains("talker"))
    #expect(board.end() == 0)
  }

  @Test("random bytes without ends of lines, readers of every kind, another program and a crash")
  func random() throws {
    let names = ["a", "b", "c", "d"]
    let services = names.map {
      #"""
      "\#($0)": {"exec": ["/bin/sh", "-c",
        "while :; do head -c 3000 /dev/urandom | tr -d '\\n'; sleep 0.02; done"], "log": {"ring": "4K"}}
      """#
    }
    let board = try Board(
      #"{"apus": 1, "services": {\#(services.joined(separator: ", "))}}"#)
    let apus = try #require(board.apus)
    let pids = try names.map { try board.pid($0) }
    let followers = try (0..<3).map { _ in
      try Child([Board.binary, "logs", "--control", board.control, "-f"])
    }
    let events = try Child([Board.binary, "events", "--control", board.control])
    defer {
      for child in followers + [events] {
        child.terminate()
        child.wait()
      }
    }
    /// What apus says, in a log that has the services' bytes too.
    func says(_ words: String) -> Bool {
      (FileManager.default.contents(atPath: board.path("log")) ?? Data())
        .range(of: Data(words.utf8)) != nil
    }
    func waits(for words: String) throws {
      let deadline = Date(timeIntervalSinceNow: 20)
      while !says(words) { try #require(Date() < deadline, "\(words)") }
    }
    /// Readers, over and over, for some seconds.
    func read(_ seconds: TimeInterval) throws {
      let end = Date(timeIntervalSinceNow: seconds)
      while Date() < end {
        for words in [
          ["logs", "-n", "50"], ["logs"], ["status", "b"], ["logs", "c"], ["status"],
        ] {
          let answer = board.command(words)
          try #require(answer.code != 6, "\(words): \(answer.errors)")
        }
      }
      #expect(board.apus == apus)
      #expect(try names.map { try board.pid($0) } == pids)
    }
    try read(4)
    #expect(!says("after a crash") && !says("fault, signal"))
    #expect(board.command(["reexec"]).code == 0)
    try waits(for: "goes on as a new program")
    try read(2)
    #expect(!says("after a crash"))
    kill(apus, SIGSEGV)
    try waits(for: "lost, number 1")
    try read(2)
    #expect(!says("lost, number 2"))
    #expect(board.end() == 0)
  }
}
