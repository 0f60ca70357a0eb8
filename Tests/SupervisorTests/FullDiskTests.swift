import Foundation
import Testing

/// A /run that takes nothing more.
enum Shortage: String, CaseIterable, CustomTestStringConvertible {
  case full, readOnly

  var testDescription: String { rawValue }
  /// What makes it so, in a shell.
  var command: String {
    switch self {
    case .full: "head -c 65536 /dev/zero > /run/fill 2>/dev/null; mkdir /run/1 /run/2 /run/3 /run/4"
    case .readOnly: "mount -o remount,ro /run"
    }
  }
  /// What takes it back.
  var remedy: String {
    switch self {
    case .full: "rm /run/fill; rmdir /run/[1-4]"
    case .readOnly: "mount -o remount,rw /run"
    }
  }
  var errno: String { self == .full ? "ENOSPC (28)" : "EROFS (30)" }
}

/// A file system that is full or read-only, by the real binary.
@Suite(.enabled(if: Board.isRoot, "needs root")) struct FullDiskTests {
  /// A board whose own /run, of a few small files, is short of everything before apus starts.
  ///
  /// `talker.log` is there already, and ends where a page does: the next byte needs another one.
  private func board(_ shortage: Shortage) throws -> Board {
    let setup =
      "mount -t tmpfs -o size=8k,nr_inodes=5,mode=755 none /run && head -c 4096 /dev/zero > /run/talker.log; "
      + "{ \(shortage.command); } 2>/dev/null; exec \"$0\" \"$@\""
    return try Board(
      #"""
      {"apus": 1, "services": {
        "steady": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/steady", "name": "s"}]},
        "web": {"exec": ["PROBE", "serve"], "listen": [{"stream": "/run/web", "name": "w"}]},
        "owner": {"exec": ["PROBE", "sleep"], "directories": {"runtime": ["owner"]},
          "restart": {"policy": "on-failure", "maxDelay": "500ms"}},
        "talker": {"exec": ["/bin/sh", "-c",
            "mkfifo DIR/words; exec 3<>DIR/words; echo up; while read word <&3; do echo $word; done"],
          "log": {"file": "/run/talker.log"}}}}
      """#, prefix: ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", setup])
  }

  /// A path as the board's mount namespace has it.
  private func inside(_ board: Board, _ path: String) -> String {
    "/proc/\(board.process.pid)/root\(path)"
  }

  private func tell(_ board: Board, _ word: String) throws {
    let fd = open(board.path("words"), O_WRONLY | O_NONBLOCK)
    defer { close(fd) }
    #expect(write(fd, word + "\n", word.utf8.count + 1) == word.utf8.count + 1)
  }

  /// What the ring has.
  private func ring(_ board: Board) -> [String] {
    board.command(["logs", "talker"]).output.split(separator: "\n").map {
      String($0.dropFirst(24 + "talker: ".count))
    }
  }

  @Test(
    "EXH-06 what needs a file of a full or read-only /run says so, waits, and heals; the rest runs",
    arguments: Shortage.allCases)
  func shortage(_ shortage: Shortage) throws {
    let board = try board(shortage)
    try board.wait(for: "talker", "ready")
    try board.wait("the reader of the words") { ring(board).contains("up") }
    // Bound nowhere, shown with the reason, and tried again.
    let web = try board.socket("/run/web")
    #expect(web["state"] as? String == "error")
    #expect((web["reason"] as? String)?.contains(shortage.errno) == true, "\(web)")
    #expect(web["pausedUntilUs"] is Int)
    #expect(board.log.contains("cannot bind /run/web: \(shortage.errno)"), "\(board.log)")
    // Not started with less than its manifest says.
    try board.wait(for: "owner", "backoff")
    let reason = try board.service("owner")["reason"] as? String ?? ""
    #expect(reason == "make the directory /run/owner: \(shortage.errno)")
    // Every line is in the ring; the file has what it had.
    try board.wait("the first word") { ring(board) == ["up"] }
    for word in ["one", "two"] { try tell(board, word) }
    try board.wait("the words") { ring(board) == ["up", "one", "two"] }
    try board.wait("the message") {
      board.log.contains("talker: cannot write log file: /run/talker.log: \(shortage.errno)")
    }
    var status = stat()
    #expect(stat(inside(board, "/run/talker.log"), &status) == 0 && status.st_size == 4096)
    // Nobody else notices.
    let talker = try board.pid("talker")
    #expect(board.talk("steady").hasSuffix(" s\n"))
    for name in ["steady", "talker"] {
      #expect(try board.state(name) == "ready")
      #expect(try board.service(name)["restarts"] as? Int == 0)
    }

    let healing = try Child(
      [
        "/usr/bin/nsenter", "--target", String(board.process.pid), "--mount", "/bin/sh", "-c",
        shortage.remedy,
      ], errors: .descriptor(2))
    #expect(healing.wait() == 0)
    try board.wait("the socket", 40) {
      try board.socket("/run/web")["state"] as? String == "listening"
    }
    #expect(Client.talk(unix: inside(board, "/run/web")).hasSuffix(" w\n"))
    try board.wait(for: "owner", "ready")
    #expect(FileManager.default.fileExists(atPath: inside(board, "/run/owner")))
    // A file that failed is tried again a second later, with what is said then.
    try board.wait("the file") {
      try tell(board, "more")
      return try String(contentsOfFile: inside(board, "/run/talker.log"), encoding: .utf8)
        .hasSuffix("more\n")
    }
    #expect(ring(board).prefix(3) == ["up", "one", "two"])
    #expect(try board.pid("talker") == talker)
    #expect(board.end() == 0)
  }
}
