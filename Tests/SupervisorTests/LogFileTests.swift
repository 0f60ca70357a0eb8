import Foundation
import Testing

/// `log.file`, which a process of its own writes for each service, by the real binary.
@Suite struct LogFileTests {
  private func text(_ path: String) -> String {
    (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
  }

  @Test("what a service has written is in its file when apus has ended, and nobody is left")
  func end() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "web": {"exec": ["/bin/sh", "-c", "seq 2000; exec sleep 1000"],
          "log": {"file": "DIR/web.log", "fileMax": "1M"}}}}
      """#)
    try board.wait("the lines") {
      board.command(["logs", "-n", "1", "web"]).output.hasSuffix("2000\n")
    }
    let apus = try #require(board.apus)
    let children = text("/proc/\(apus)/task/\(apus)/children").split(separator: " ")
    let writers = children.filter { text("/proc/\($0)/comm") == "apus-log\n" }
    #expect(writers.count == 1)
    #expect(board.end() == 0)
    #expect(text(board.path("web.log")) == (1...2000).map { "\($0)\n" }.joined())
    for writer in writers { #expect(access("/proc/\(writer)", F_OK) != 0) }
  }

  @Test("a file goes on over a crash and another program, and after its writer was killed")
  func kept() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "web": {"exec": ["/bin/sh", "-c",
            "mkfifo DIR/words; exec 3<>DIR/words; echo up; while read word <&3; do echo $word; done"],
          "log": {"file": "DIR/web.log"}}}}
      """#)
    let file = board.path("web.log")
    func say(_ word: String) {
      let fd = open(board.path("words"), O_WRONLY | O_NONBLOCK)
      defer { close(fd) }
      #expect(write(fd, word + "\n", word.utf8.count + 1) == word.utf8.count + 1)
    }
    func tell(_ word: String) throws {
      say(word)
      try board.wait("the line \(word)") { text(file).hasSuffix(word + "\n") }
    }
    try board.wait("the first line") { text(file) == "up\n" }
    let apus = try #require(board.apus)
    kill(apus, SIGSEGV)
    try board.wait("the new program") { board.log.contains("goes on after a crash") }
    try tell("crashed")
    #expect(board.command(["reexec"]).code == 0)
    try tell("replaced")
    let writer = try #require(
      text("/proc/\(apus)/task/\(apus)/children").split(separator: " ")
        .last { text("/proc/\($0)/comm") == "apus-log\n" })
    kill(try #require(Int32(writer)), SIGKILL)
    try board.wait("the message") {
      board.log.contains("web: cannot write log file: \(file): EPIPE (32)")
    }
    // The next one is made after a pause.
    try board.wait("a line again") {
      say("again")
      return text(file).hasSuffix("again\n")
    }
    #expect(text(file).hasPrefix("up\ncrashed\nreplaced\nagain\n"))
  }

  @Test(
    "a log file on a path that never answers keeps nobody waiting, and is said once",
    .enabled(if: Board.isRoot && access("/dev/fuse", R_OK | W_OK) == 0))
  func dead() throws {
    let folder = "/tmp/apus-dead-\(UUID().uuidString.prefix(8))"
    mkdir(folder, 0o755)
    let seen = folder + ".mounted"
    let mount = try Child(
      [Board.probe, "fuse-hang", folder, "lookup", "create", "open", "write"], output: .file(seen))
    defer {
      mount.kill()
      mount.wait()
      umount2(folder, Int32(MNT_DETACH))
      rmdir(folder)
      unlink(seen)
    }
    let deadline = Date(timeIntervalSinceNow: 10)
    while !text(seen).contains("mounted") { try #require(Date() < deadline) }
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "talker": {"exec": ["/bin/sh", "-c", "while :; do seq 1000; sleep 0.01; done"],
          "log": {"file": "\#(folder)/talker.log"}},
        "echo": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/echo", "name": "e"}]}}}
      """#)
    try board.wait("the message") {
      board.log.contains("talker: cannot write log file: \(folder)/talker.log: ETIMEDOUT")
    }
    let start = Date()
    #expect(board.talk("echo").hasSuffix(" e\n"))
    #expect(board.command(["logs", "-n", "5", "talker"]).code == 0)
    #expect(try board.state("talker") == "ready")
    #expect(Date().timeIntervalSince(start) < 5)
    let ends = Date()
    #expect(board.end() == 0)
    #expect(Date().timeIntervalSince(ends) < 8)
    #expect(board.log.components(separatedBy: "cannot write log file").count == 2)
  }

  @Test(
    "a log file in a folder of the service's is no link and no other name, when it is rotated, too",
    .enabled(if: Board.isRoot, "needs root"))
  func foreign() throws {
    let board = try Board(
      #"""
      {"apus": 1, "defaults": {"start": "manual", "restart": "no", "user": 65534}, "services": {
        "soft": {"exec": ["/bin/echo", "x"], "log": {"file": "DIR/own/soft"}},
        "hard": {"exec": ["/bin/echo", "x"], "log": {"file": "DIR/own/hard"}},
        "parent": {"exec": ["/bin/echo", "x"], "log": {"file": "DIR/own/up/secret"}},
        "fifo": {"exec": ["/bin/echo", "x"], "log": {"file": "DIR/own/fifo"}},
        "turn": {"exec": ["/bin/sh", "-c", "seq 3000; ln -sf ../root DIR/own/turn.1; seq 3000"],
          "log": {"file": "DIR/own/turn", "fileMax": "4K", "keep": 2}}}}
      """#)
    let (own, secret) = (board.path("own"), board.path("root"))
    for folder in [own, secret] { mkdir(folder, 0o755) }
    try "kept\n".write(toFile: secret + "/secret", atomically: true, encoding: .utf8)
    symlink(secret + "/secret", own + "/soft")
    link(secret + "/secret", own + "/hard")
    symlink(secret, own + "/up")
    mkfifo(own + "/fifo", 0o666)
    chown(own, 65534, 65534)
    for (name, path, errno) in [
      ("soft", "soft", "ELOOP"), ("hard", "hard", "EMLINK"), ("parent", "up/secret", "ELOOP"),
      ("fifo", "fifo", "EEXIST"),
    ] {
      board.command(["start", name])
      try board.wait("the message of \(name)") {
        board.log.contains("\(name): cannot write log file: \(own)/\(path): \(errno)")
      }
    }
    board.command(["start", "turn"])
    try board.wait("the last line") { text(own + "/turn").hasSuffix("3000\n") }
    #expect(text(secret + "/secret") == "kept\n")
    #expect(try FileManager.default.contentsOfDirectory(atPath: secret) == ["secret"])
  }
}
