import Foundation
import Testing

/// The manifest on the disk comes into force while services run.
@Suite struct ApplyTests {
  private static let stays = #"""
    "plain": {"exec": ["PROBE", "sleep"]},
    "echo": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/echo.sock", "name": "e"}]},
    "cat": {"exec": ["/bin/cat"], "accept": true, "stdio": "socket",
            "listen": [{"stream": "DIR/cat.sock"}]},
    "deaf": {"exec": ["PROBE", "sleep"], "start": "boot", "listen": [{"stream": "DIR/deaf.sock"}]}
    """#

  private static func manifest(_ before: String, _ after: String) -> String {
    "{\"apus\": 1, \"services\": {\(before)\n\(stays)\n\(after)}}"
  }

  /// The changed service moves all others, and one that leaves takes their numbers with it.
  private static let first = manifest(
    #"""
    "gone": {"exec": ["PROBE", "hold"], "accept": true, "stdio": "socket",
             "listen": [{"stream": "DIR/gone.sock"}]},
    "web": {"exec": ["PROBE", "serve"], "start": "boot",
            "listen": [{"stream": "DIR/web.sock", "name": "old"},
                       {"stream": "DIR/kept.sock", "name": "kept"}]},
    """#,
    #", "last": {"exec": ["PROBE", "sleep"], "needs": ["plain"]}"#)
  private static let second = manifest(
    #"""
    "web": {"exec": ["PROBE", "serve"], "start": "boot",
            "listen": [{"stream": "DIR/kept.sock", "name": "kept"},
                       {"stream": "DIR/web.sock", "name": "new"}]},
    """#,
    #"""
    , "new": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/new.sock", "name": "n"}]},
    "last": {"exec": ["PROBE", "sleep"], "needs": ["plain"]},
    "more": {"exec": ["PROBE", "sleep"], "needs": ["new", "last"]}
    """#)

  @Test(
    "unchanged services keep process, connection and queue; the others follow the manifest",
    arguments: ["command", "SIGHUP", "crash"])
  func changes(how: String) throws {
    let board = try Board(Self.first)
    for name in ["plain", "web", "deaf", "last"] { try board.wait(for: name, "ready") }
    #expect(board.talk("echo.sock").hasSuffix(" e\n"))
    try board.wait(for: "echo", "ready")
    let cat = try #require(Client.connect(unix: board.path("cat.sock")))
    #expect(exchange(cat, "one") == "one")
    let leaving = try #require(Client.connect(unix: board.path("gone.sock")))
    #expect(Client.readLine(leaving).hasPrefix("- "))
    // These two wait in a queue that nobody serves.
    let queued = try #require(Client.connect(unix: board.path("deaf.sock")))
    defer { for fd in [cat, leaving, queued] { close(fd) } }
    let names = ["plain", "echo", "deaf", "last"]
    let before = try names.map(board.pid)
    let (web, apus) = (try board.pid("web"), try #require(board.process.pid as Int32?))

    try write(Self.second, board)
    if how == "SIGHUP" {
      kill(apus, SIGHUP)
      try board.wait("the manifest") { board.log.contains("goes on with another manifest") }
      try board.wait(for: "more", "ready")
    } else {
      let answer = board.command(["apply"])
      #expect(answer.code == 0 && answer.errors.isEmpty, "\(answer) \(board.log)")
      #expect(
        Set(answer.output.split(separator: "\n"))
          == ["gone: removed", "web: changed", "new: added", "more: added"])
    }
    if how == "crash" {
      kill(apus, SIGSEGV)
      try board.wait("the new program") { board.log.contains("goes on after a crash") }
    }

    #expect(try names.map(board.pid) == before)
    #expect(exchange(cat, "two") == "two")
    #expect(try board.service("cat@1")["state"] as? String == "ready")
    #expect(try board.socket(board.path("deaf.sock"))["queued"] as? Int == 1)
    // The changed one is another process with its sockets in the new order.
    try board.wait(for: "web", "ready")
    #expect(try board.pid("web") != web && kill(web, 0) != 0)
    #expect(board.talk("web.sock").hasSuffix(" kept:new\n"))
    #expect(board.talk("kept.sock").hasSuffix(" kept:new\n"))
    // The removed one is gone with its connection and its node.
    #expect(Client.readAll(dup(leaving)) == "")
    #expect(!FileManager.default.fileExists(atPath: board.path("gone.sock")))
    #expect(board.command(["status", "gone"]).code == 4)
    // The new ones are there, and what needs them.
    #expect(board.talk("new.sock").hasSuffix(" n\n"))
    try board.wait(for: "more", "ready")
    let other = try #require(Client.connect(unix: board.path("cat.sock")))
    #expect(exchange(other, "three") == "three")
    close(other)
    try board.wait("no second connection") {
      !board.command(["status", "--json"]).output.contains("cat@2")
    }
    #expect(board.end() == 0)
  }

  @Test("what has not changed is left alone, twice in a row, and back again")
  func again() throws {
    let board = try Board(Self.first)
    for name in ["plain", "web", "last"] { try board.wait(for: name, "ready") }
    let before = try ["plain", "web", "last"].map(board.pid)
    for _ in 0..<2 {
      let answer = board.command(["apply"])
      #expect(
        answer.code == 0 && answer.output == "nothing changes\n" && answer.errors.isEmpty,
        "\(answer)")
    }
    #expect(try ["plain", "web", "last"].map(board.pid) == before)
    try write(Self.second, board)
    #expect(board.command(["apply"]).code == 0)
    let web = try board.pid("web")
    #expect(try board.state("web") == "ready" && web != before[1])
    try write(Self.first, board)
    #expect(board.command(["apply"]).code == 0)
    #expect(board.command(["status", "more"]).code == 4)
    #expect(try board.pid("web") != web)
    #expect(try board.pid("plain") == before[0])
    #expect(try board.pid("last") == before[2])
    let client = try #require(Client.connect(unix: board.path("gone.sock")))
    #expect(Client.readLine(client).hasPrefix("- "))
    close(client)
    #expect(board.end() == 0)
    #expect(!FileManager.default.fileExists(atPath: board.path("new.sock")))
  }

  @Test("what does not come up is told with its reason, and what waits for the next boot")
  func failures() throws {
    let board = try Board(Self.first)
    for name in ["plain", "web", "last"] { try board.wait(for: name, "ready") }
    let text = Self.manifest(
      #"""
      "bad": {"exec": ["PROBE", "exit", "3"], "restart": "no"},
      "none": {"exec": ["/nonexistent"]},
      "done": {"exec": ["PROBE", "exit", "0"], "type": "oneshot"},
      "later": {"exec": ["PROBE", "exit", "3"], "start": "manual"},
      """#, "")
    try write(
      text.replacingOccurrences(
        of: #"{"apus": 1,"#,
        with: #"{"apus": 1, "system": {"hostname": "x", "shutdownTimeout": "20s"},"#), board)
    for isDry in [true, false] {
      let answer = board.command(isDry ? ["apply", "--dry-run"] : ["apply"])
      let said = answer.output.split(separator: "\n").map(String.init)
      #expect(said.contains("system.hostname: changed, in force at the next boot"), "\(answer)")
      #expect(said.contains("system.shutdownTimeout: changed"), "\(answer)")
      #expect(said.contains("bad: added") && said.contains("web: removed"), "\(answer)")
      #expect(answer.code == (isDry ? 0 : 1))
      let failed = answer.errors.split(separator: "\n").map(String.init)
      #expect(failed.contains("apus: bad: failed: exit code 3") == !isDry, "\(failed)")
      #expect(failed.contains { $0.hasPrefix("apus: none: ") } == !isDry, "\(failed)")
      #expect(failed.count == (isDry ? 0 : 2), "\(failed)")
    }
    let again = board.command(["apply"])
    #expect(again.code == 0 && again.output == "nothing changes\n", "\(again)")
    #expect(board.end() == 0)
  }

  @Test("a mistake changes nothing and is told with its place", arguments: [false, true])
  func mistake(signal: Bool) throws {
    let board = try Board(Self.first)
    for name in ["plain", "web"] { try board.wait(for: name, "ready") }
    let before = try ["plain", "web"].map(board.pid)
    let text = try String(contentsOfFile: board.path("apus.json"), encoding: .utf8)
    let wrong = text.replacingOccurrences(
      of: "\"last\": {", with: "\"last\": {\n\"restart\": \"sometimes\", ")
    try wrong.write(toFile: board.path("apus.json"), atomically: true, encoding: .utf8)
    let line = wrong.prefix(upTo: wrong.range(of: "\"sometimes\"")!.lowerBound)
      .split(separator: "\n", omittingEmptySubsequences: false).count
    let message = "\(board.path("apus.json")):\(line):12: error: services.last.restart: "
    if signal {
      kill(board.process.pid, SIGHUP)
      try board.wait("the message") { board.log.contains(message) }
    } else {
      let answer = board.command(["apply"])
      #expect(answer.code == 1 && answer.output.isEmpty)
      #expect(answer.errors.hasPrefix(message), "\(answer)")
      #expect(
        answer.errors.hasSuffix(
          "nothing was changed: errors in " + board.path("apus.json") + "\n"), "\(answer)")
    }
    #expect(try ["plain", "web"].map(board.pid) == before)
    #expect(try board.state("last") == "ready")
    try text.write(toFile: board.path("apus.json"), atomically: true, encoding: .utf8)
    #expect(board.command(["apply"]).code == 0)
    #expect(try ["plain", "web"].map(board.pid) == before)
    // The mistake is forgotten.
    try write(Self.second, board)
    #expect(board.command(["apply"]).code == 0)
    #expect(board.command(["status", "gone"]).code == 4)
    #expect(try board.pid("plain") == before[0] && board.pid("web") != before[1])
  }

  @Test("errors name the drop-ins they are in, and not the main file")
  func dropIn() throws {
    let board = try Board(Self.first)
    try board.wait(for: "plain", "ready")
    let folder = board.path("apus.d")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let bad = #"{"apus": 1, "services": {"NAME": {"exec": ["/x"], "nice": "x", "start": 7}}}"#
    for name in ["b", "a"] {
      try bad.replacingOccurrences(of: "NAME", with: name)
        .write(toFile: folder + "/\(name).json", atomically: true, encoding: .utf8)
    }
    for dry in [["apply", "--dry-run"], ["apply"]] {
      let answer = board.command(dry)
      #expect(answer.code == 1 && answer.output.isEmpty, "\(answer)")
      let last = answer.errors.split(separator: "\n").last.map(String.init)
      #expect(
        last == "apus: nothing was changed: errors in \(folder)/a.json, \(folder)/b.json",
        "\(answer)")
    }
  }

  @Test("--dry-run tells the plan and changes nothing; a file that is gone changes nothing either")
  func plan() throws {
    let board = try Board(Self.first)
    for name in ["plain", "web"] { try board.wait(for: name, "ready") }
    let web = try board.pid("web")
    try write(Self.second, board)
    let answer = board.command(["apply", "--dry-run"])
    #expect(answer.code == 0 && answer.errors.isEmpty)
    #expect(
      answer.output.split(separator: "\n").sorted()
        == ["gone: removed", "more: added", "new: added", "web: changed"])
    #expect(try board.pid("web") == web)
    #expect(board.command(["status", "new"]).code == 4)
    try FileManager.default.removeItem(atPath: board.path("apus.json"))
    #expect(board.command(["apply"]).code == 1)
    #expect(try board.pid("web") == web)
  }

  @Test(
    "a changed service that is slow to end is waited for, and a crash meanwhile is one more life")
  func slow() throws {
    let slow = #"""
      {"apus": 1, "services": {
        "user": {"exec": ["PROBE", "sleep"], "needs": ["slow"]},
        "slow": {"exec": ["PROBE", "deaf"], "start": "boot",
          "listen": [{"stream": "DIR/slow.sock"}], "stop": {"timeout": "TIME"}}}}
      """#
    let board = try Board(slow.replacingOccurrences(of: "TIME", with: "2s"))
    for name in ["slow", "user"] { try board.wait(for: name, "ready") }
    let (old, user) = (try board.pid("slow"), try board.pid("user"))
    let client = try #require(Client.connect(unix: board.path("slow.sock")))
    defer { close(client) }
    try write(slow.replacingOccurrences(of: "TIME", with: "300ms"), board)
    kill(board.process.pid, SIGHUP)
    // Who asks while the program is replaced is not answered.
    try board.wait("slow to be stopping") { (try? board.state("slow")) == "stopping" }
    kill(board.process.pid, SIGSEGV)
    #expect(board.command(["apply"]).code == 0)
    #expect(try board.state("slow") == "ready" && board.pid("slow") != old)
    // What needs it has not changed.
    #expect(try board.pid("user") == user)
    // Its socket has not either, nor who waits there.
    #expect(try board.socket(board.path("slow.sock"))["queued"] as? Int == 1)
  }

  private func write(_ manifest: String, _ board: Board) throws {
    try manifest.replacingOccurrences(of: "DIR", with: board.directory.path)
      .replacingOccurrences(of: "PROBE", with: Board.probe)
      .write(toFile: board.path("apus.json"), atomically: true, encoding: .utf8)
  }

  /// Sends a text and reads the same count of bytes back.
  private func exchange(_ fd: Int32, _ text: String) -> String {
    _ = Foundation.write(fd, text, text.utf8.count)
    var answer: [UInt8] = []
    var byte: UInt8 = 0
    var waited = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    while answer.count < text.utf8.count, poll(&waited, 1, 10_000) == 1, read(fd, &byte, 1) == 1 {
      answer.append(byte)
    }
    return String(decoding: answer, as: UTF8.self)
  }
}
