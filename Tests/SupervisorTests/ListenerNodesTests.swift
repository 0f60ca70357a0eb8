import Foundation
import TestSockets
import Testing

/// Nodes of listeners, and links to them, that somebody has removed or replaced.
@Suite struct ListenerNodesTests {
  private static let demand = #"""
    {"apus": 1, "services": {"d": {"exec": ["PROBE", "once"], "listen": [{"stream": "DIR/f/s"}]}}}
    """#

  private func inode(_ path: String) -> UInt64? {
    var status = stat()
    return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
  }

  private func answers(_ board: Board, _ name: String = "f/s") -> Bool {
    Client.connect(unix: board.path(name)).map { Client.readAll($0) }?.isEmpty == false
  }

  @Test("a node that is removed, or that another is renamed over, is bound anew without any start")
  func removed() throws {
    let board = try Board(Self.demand)
    let node = board.path("f/s")
    let first = inode(node)
    #expect(first != nil)
    #expect(unlink(node) == 0)
    try board.wait("another node") { board.log.contains("bound anew") }
    #expect(inode(node) != nil)
    #expect(try board.socket(node)["triggers"] as? Int == 0)
    #expect(board.log.contains("d: \(node): removed or replaced: bound anew"))
    let socket = try board.socket(node)
    #expect(socket["state"] as? String == "listening")
    #expect((socket["reason"] as? String ?? "").contains("bound anew"))
    #expect(answers(board))
    try board.wait(for: "d", "listening")
    // A stale socket in its place; the service has run since, so at once.
    let stale = board.path("f/stale")
    close(Endpoint.path(stale).listen())
    #expect(rename(stale, node) == 0)
    try board.wait("a node of apus's own") { answers(board) }
    try board.wait(for: "d", "listening")
    try "x".write(toFile: stale, atomically: true, encoding: .utf8)
    #expect(rename(stale, node) == 0)
    // A file is nobody's to remove: an error, until it is gone.
    try board.wait("the error") { try board.socket(node)["state"] as? String == "error" }
    #expect(unlink(node) == 0)
    try board.wait("the node after the file") { answers(board) }
  }

  @Test("the directory is removed: made anew after a second, or bound at once when it is there")
  func swept() throws {
    let board = try Board(Self.demand)
    let node = board.path("f/s")
    // At once: what is taken out of it one by one is made anew meanwhile.
    #expect(rename(board.path("f"), board.path("old")) == 0)
    #expect(mkdir(board.path("f"), 0o711) == 0)
    try board.wait("the node in the new directory") { answers(board) }
    var status = stat()
    #expect(stat(board.path("f"), &status) == 0 && status.st_mode & 0o777 == 0o711)
    try board.wait(for: "d", "listening")
    #expect(rename(board.path("f"), board.path("older")) == 0)
    try board.wait("the directory and the node") { answers(board) }
  }

  @Test(
    "who removes a directory of sockets is not met by new ones, and clients miss them for a moment")
  func removedAtOnce() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"d": {"exec": ["PROBE", "serve"], "listen": [
        {"stream": "DIR/f/a"}, {"stream": "DIR/f/b"}, {"stream": "DIR/f/c"}, {"stream": "DIR/g"}]}}}
      """#)
    for round in 0..<5 {
      let removing = try Child(["/bin/rm", "-r", board.path("f")], errors: .descriptor(2))
      #expect(removing.wait() == 0, "round \(round)")
      try board.wait("the directory") { access(board.path("f/c"), F_OK) == 0 }
      // Its service has not run since: the next one waits longer.
      #expect(board.command(["start", "d"]).code == 0)
      #expect(board.command(["stop", "d"]).code == 0)
    }
    // A node alone is there again within a tenth of a second, or soon on a machine that is busy.
    let start = Date()
    unlink(board.path("g"))
    try board.wait("the node") { access(board.path("g"), F_OK) == 0 }
    #expect(Date().timeIntervalSince(start) < 1)
  }

  @Test("a daemon that removes its node when it ends is found again each time, and restart helps")
  func removedByDaemon() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "d": {"exec": ["/bin/sh", "-c", "rm DIR/s; exec PROBE once"], "listen": [{"stream": "DIR/s"}]},
        "up": {"exec": ["PROBE", "serve"], "start": "boot", "listen": [{"stream": "DIR/u"}]}}}
      """#)
    for round in 0..<10 {
      try board.wait("an answer, round \(round)") { answers(board, "s") }
      try board.wait(for: "d", "listening")
    }
    try board.wait(for: "up", "ready")
    let node = board.path("u")
    #expect(unlink(node) == 0)
    try board.wait("what list-sockets says") {
      let socket = try board.socket(node)
      return socket["state"] as? String == "error"
        && (socket["reason"] as? String ?? "").contains("bound anew when it ends")
    }
    #expect(inode(node) == nil)
    #expect(board.command(["restart", "up"]).code == 0)
    #expect(answers(board, "u"))
  }

  @Test("a FIFO, a node of an accept service, and a link that is gone, led elsewhere or is a file")
  func kinds() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "fifo": {"exec": ["/bin/sh", "-c", "read line <&3; echo $line >DIR/said"],
          "listen": [{"fifo": "DIR/p"}]},
        "each": {"exec": ["PROBE", "hold"], "accept": true, "stdio": "socket",
          "listen": [{"stream": "DIR/a", "symlinks": ["DIR/l"]}]}}}
      """#)
    #expect(unlink(board.path("p")) == 0)
    try board.wait("another FIFO") { inode(board.path("p")) != nil }
    let pipe = open(board.path("p"), O_WRONLY | O_NONBLOCK)
    #expect(pipe >= 0)
    #expect(write(pipe, "word\n", 5) == 5)
    close(pipe)
    try board.wait("what it has read") {
      (try? String(contentsOfFile: board.path("said"), encoding: .utf8)) == "word\n"
    }
    let first = try #require(Client.connect(unix: board.path("a")))
    #expect(Client.readLine(first).hasPrefix("- "))
    #expect(unlink(board.path("a")) == 0)
    var second: Int32?
    try board.wait("another node beside a connection") {
      second = Client.connect(unix: board.path("a"))
      return second != nil
    }
    #expect(Client.readLine(second ?? -1).hasPrefix("- "))
    close(first)
    close(second ?? -1)
    let files = FileManager.default
    let (link, target) = (board.path("l"), board.path("a"))
    func leads() -> Bool { (try? files.destinationOfSymbolicLink(atPath: link)) == target }
    #expect(leads())
    let before = inode(target)
    #expect(unlink(link) == 0)
    try board.wait("the link") { leads() }
    #expect(symlink("/nowhere", board.path("other")) == 0)
    #expect(rename(board.path("other"), link) == 0)
    try board.wait("the link again") { leads() }
    #expect(inode(target) == before)
    // A file is left alone, and that is said once.
    try "mine".write(toFile: board.path("file"), atomically: true, encoding: .utf8)
    #expect(rename(board.path("file"), link) == 0)
    try board.wait("the word on the log") { board.log.contains("EEXIST") }
    #expect((try? String(contentsOfFile: link, encoding: .utf8)) == "mine")
    #expect(unlink(link) == 0)
    try board.wait("the link after the file") { leads() }
  }

  @Test("200 removals in a row do not keep apus busy, and nothing wakes it when nothing changes")
  func pace() throws {
    // What other tests mount wakes apus: it looks whether that hides a node.
    let apart = ["/usr/bin/unshare", "--mount", "--propagation", "private"]
    let board = try Board(Self.demand, prefix: Board.isRoot ? apart : [])
    let node = board.path("f/s")
    func ticks() -> Int {
      let text =
        (try? String(contentsOfFile: "/proc/\(board.process.pid)/status", encoding: .utf8)) ?? ""
      let line = text.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches") }
      return line.flatMap { Int($0.split(separator: "\t").last ?? "") } ?? -1
    }
    func times() -> Int {
      let text = try? String(contentsOfFile: "/proc/\(board.process.pid)/stat", encoding: .utf8)
      let fields = (text ?? "").split(separator: " ")
      return fields.count > 14 ? (Int(fields[13]) ?? 0) + (Int(fields[14]) ?? 0) : -1
    }
    let start = times()
    var removals = 0
    for _ in 0..<200 {
      if unlink(node) == 0 { removals += 1 }
      usleep(5_000)
    }
    #expect(removals >= 1 && removals <= 3, "\(removals)")
    #expect(times() - start < 10)
    #expect(board.log.contains("next try in"))
    try board.wait("an answer at last") { answers(board) }
    try board.wait(for: "d", "listening")
    usleep(500_000)
    let idle = ticks()
    usleep(1_500_000)
    #expect(ticks() == idle)
  }

  @Test("reexec and apply keep the watches, and find what was lost meanwhile")
  func takeOver() throws {
    let board = try Board(Self.demand)
    let node = board.path("f/s")
    for deed in ["reexec", "apply"] {
      #expect(board.command([deed]).code == 0)
      try board.wait("the next program") { board.command(["status"]).code == 0 }
      #expect(unlink(node) == 0)
      try board.wait("another node after \(deed)") { answers(board) }
      try board.wait(for: "d", "listening")
      // Lost while nobody looks: stopped, so that the next program finds it.
      kill(board.process.pid, SIGSTOP)
      #expect(unlink(node) == 0)
      kill(board.process.pid, SIGHUP)
      kill(board.process.pid, SIGCONT)
      try board.wait("another node after SIGHUP") { answers(board) }
      try board.wait(for: "d", "listening")
    }
  }

  @Test("without inotify it is looked at when its service starts or ends, which is said once")
  func withoutInotify() throws {
    guard Board.isRoot else { return }
    let limit = "/proc/sys/user/max_inotify_instances"
    // In a user namespace of its own, so that nobody else is concerned.
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "a": {"exec": ["PROBE", "serve"], "start": "manual", "listen": [{"stream": "DIR/s"}]}}}
      """#,
      prefix: [
        "/usr/bin/unshare", "-r", "/bin/sh", "-c", "echo 0 >\(limit); exec \"$@\"", "sh",
      ])
    try board.wait("the words") { board.log.contains("cannot watch the directory of a node") }
    #expect(unlink(board.path("s")) == 0)
    #expect(board.command(["start", "a"]).code == 0)
    #expect(inode(board.path("s")) != nil)
    #expect(answers(board, "s"))
  }
}
