import Foundation
import Testing

/// Standard error of `apus run` that nobody reads, and what is written there, by the real binary.
@Suite struct StandardErrorTests {
  private static let manifest = #"""
    {"apus": 1, "services": {
      "talker": {"exec": ["/bin/sh", "-c", "while :; do seq 1000; sleep 0.01; done"]},
      "echo": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/echo", "name": "e"}]}}}
    """#

  /// A terminal or a pipe: what apus gets, and the other end.
  private func pair(_ kind: String) throws -> (given: Int32, other: Int32) {
    var ends: [Int32] = [0, 0]
    switch kind {
    case "pipe": #expect(pipe(&ends) == 0)
    case "socket":
      #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    default:
      ends[0] = open("/dev/ptmx", O_RDWR | O_NOCTTY)
      var (lock, number): (Int32, UInt32) = (0, 0)
      // TIOCSPTLCK and TIOCGPTN: the other end of the terminal.
      try #require(ioctl(ends[0], 0x4004_5431, &lock) == 0)
      try #require(ioctl(ends[0], 0x8004_5430, &number) == 0)
      ends[1] = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    }
    return (ends[1], ends[0])
  }

  @Test(
    "a standard error that nobody reads keeps apus from nothing",
    arguments: ["terminal", "pipe", "socket"])
  func stalled(kind: String) throws {
    let (given, other) = try pair(kind)
    defer { close(other) }
    let board = try Board(Self.manifest, errors: .descriptor(given))
    // Until it takes no more.
    var room = pollfd(fd: given, events: Int16(POLLOUT), revents: 0)
    try board.wait("a full \(kind)") {
      poll(&room, 1, 0) == 0 || room.revents & Int16(POLLOUT) == 0
    }
    for _ in 0..<20 {
      #expect(board.talk("echo").hasSuffix(" e\n"))
      #expect(board.command(["status"]).code == 0)
    }
    // Whoever started it finds the descriptor as it was.
    #expect(fcntl(given, F_GETFL) & O_NONBLOCK == 0)
    close(given)
    #expect(board.end() == 0)
  }

  @Test("lines that were not taken are counted where they are missing")
  func counted() throws {
    let (given, other) = try pair("pipe")
    defer { close(other) }
    let board = try Board(Self.manifest, errors: .descriptor(given))
    var room = pollfd(fd: given, events: Int16(POLLOUT), revents: 0)
    try board.wait("a full pipe") { poll(&room, 1, 0) == 0 || room.revents & Int16(POLLOUT) == 0 }
    close(given)
    for _ in 0..<5 { #expect(board.command(["status"]).code == 0) }
    var seen = Data()
    var bytes = [UInt8](repeating: 0, count: 65536)
    let deadline = Date(timeIntervalSinceNow: 20)
    while seen.range(of: Data(" lines were not taken here\n".utf8)) == nil {
      try #require(Date() < deadline)
      let count = read(other, &bytes, bytes.count)
      if count > 0 { seen += bytes[..<count] }
    }
    // The rest of it is taken as it comes.
    let drain = Thread {
      var more = [UInt8](repeating: 0, count: 65536)
      while read(other, &more, more.count) > 0 {}
    }
    drain.start()
    #expect(board.end() == 0)
  }

  @Test("what services write does not steer the terminal of apus run")
  func escaped() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "clear": {"exec": ["/bin/sh", "-c", "printf '\\033[2Jaway\\rback\\tto\\0you\\n'"], "type": "oneshot"}}}
      """#)
    try board.wait(for: "clear", "stopped")
    #expect(board.log.contains(#"clear: \x1b[2Jaway\x0dback\x09to\x00you"# + "\n"), "\(board.log)")
    #expect(!board.log.contains("\u{1b}"))
    #expect(board.end() == 0)
  }
}
