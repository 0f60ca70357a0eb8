import Foundation
import Testing

/// Commands of a service that run while apus is executed anew: each runs once, and what waits for it
/// goes on waiting.
@Suite struct TakeoverTests {
  enum Way: String, CaseIterable { case reexec, apply, crash }

  /// Has another program take over, and waits until it has.
  private func replace(_ board: Board, _ way: Way) throws {
    switch way {
    case .reexec:
      #expect(board.command(["reexec"]).code == 0)
      try board.wait("the new program") { board.log.contains("goes on as a new program") }
    case .apply:
      let text = try String(contentsOfFile: board.path("apus.json"), encoding: .utf8)
      try text.replacingOccurrences(
        of: "\"services\": {",
        with: "\"services\": {\"more\": {\"exec\": [\"\(Board.probe)\", \"sleep\"]},"
      ).write(toFile: board.path("apus.json"), atomically: true, encoding: .utf8)
      // The command would wait for what starts with the board.
      kill(try #require(board.apus), SIGHUP)
      try board.wait("the new manifest") { board.log.contains("goes on with another manifest") }
    case .crash:
      kill(try #require(board.apus), SIGSEGV)
      try board.wait("the new program") { board.log.contains("goes on after a crash") }
    }
    try board.wait("an answer") { board.command(["status"]).code == 0 }
  }

  /// A command that leaves a line in `DIR/lines`, then waits for `DIR/NAME.go`, for ten seconds.
  private func command(_ name: String) -> String {
    #"["/bin/sh", "-c", "echo \#(name) >>DIR/lines; n=0; while [ ! -e DIR/\#(name).go ] && [ $n -lt 1000 ]; do n=$((n+1)); sleep 0.01; done; echo \#(name)-end >>DIR/lines"]"#
  }

  private func lines(_ board: Board) -> [String] {
    let text = (try? String(contentsOfFile: board.path("lines"), encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  private func letGo(_ board: Board, _ name: String) throws {
    try Data().write(to: URL(fileURLWithPath: board.path("\(name).go")))
  }

  private let main = #"["/bin/sh", "-c", "echo main >>DIR/lines; exec sleep 1000"]"#

  @Test("pre goes on, once, and the main process waits for it", arguments: Way.allCases)
  func pre(way: Way) throws {
    let board = try Board(
      #"{"apus": 1, "services": {"x": {"exec": \#(main), "pre": [\#(command("a")), \#(command("b"))]}}}"#
    )
    try board.wait("the first command") { lines(board) == ["a"] }
    try replace(board, way)
    #expect(try board.state("x") == "starting")
    #expect(lines(board) == ["a"])
    try letGo(board, "a")
    try board.wait("the second command") { lines(board) == ["a", "a-end", "b"] }
    try letGo(board, "b")
    try board.wait(for: "x", "ready")
    try board.wait("main") { lines(board) == ["a", "a-end", "b", "b-end", "main"] }
    #expect(board.end() == 0)
  }

  @Test(
    "stop.exec and post go on, once, before the signal and the next start", arguments: Way.allCases)
  func stop(way: Way) throws {
    for command in ["s", "p"] {
      let board = try Board(
        #"""
        {"apus": 1, "services": {"x": {"exec": \#(main), "restart": "no",
          "stop": {"exec": \#(self.command("s")), "timeout": "20s"}, "post": [\#(self.command("p"))]}}}
        """#)
      try board.wait(for: "x", "ready")
      let pid = try board.pid("x")
      try board.wait("main") { lines(board) == ["main"] }
      if command == "p" { try letGo(board, "s") }
      #expect(board.command(["stop", "--no-wait", "x"]).code == 0)
      try board.wait("the command") { lines(board).last == command }
      try replace(board, way)
      #expect(lines(board).last == command)
      #expect(try board.state("x") == "stopping")
      #expect((kill(pid, 0) == 0) == (command == "s"))
      try letGo(board, "s")
      try board.wait("the last command") { lines(board).last == "p" }
      #expect(kill(pid, 0) != 0)
      try letGo(board, "p")
      try board.wait(for: "x", "stopped")
      #expect(lines(board) == ["main", "s", "s-end", "p", "p-end"])
      #expect(board.end() == 0)
    }
  }

  @Test("started goes on, once, and the service is ready after it", arguments: Way.allCases)
  func started(way: Way) throws {
    for type in ["simple", "oneshot"] {
      let exec = type == "simple" ? main : #"["/bin/sh", "-c", "echo main >>DIR/lines"]"#
      let remain = type == "oneshot" ? #", "remain": true"# : ""
      let board = try Board(
        #"""
        {"apus": 1, "services": {"x": {"exec": \#(exec), "type": "\#(type)"\#(remain),
          "started": [\#(command("a")), {"exec": \#(command("b"))}]}}}
        """#)
      try board.wait("the first command") { lines(board).sorted() == ["a", "main"] }
      try replace(board, way)
      #expect(try board.state("x") == "starting")
      try letGo(board, "a")
      try board.wait("the second command") { lines(board).last == "b" }
      #expect(try board.state("x") == "starting")
      try letGo(board, "b")
      try board.wait(for: "x", "ready")
      #expect(lines(board).filter { $0 != "main" } == ["a", "a-end", "b", "b-end"])
      #expect(lines(board).count == 5)
      #expect(board.end() == 0)
    }
  }

  @Test("reload.exec goes on, once, and the service stays up", arguments: Way.allCases)
  func reload(way: Way) throws {
    let board = try Board(
      #"{"apus": 1, "services": {"x": {"exec": \#(main), "reload": {"exec": \#(command("r"))}}}}"#)
    try board.wait(for: "x", "ready")
    #expect(board.command(["reload", "--no-wait", "x"]).code == 0)
    try board.wait("the command") { lines(board).last == "r" }
    try replace(board, way)
    try letGo(board, "r")
    try board.wait("its end") { lines(board).last == "r-end" }
    // There may be one command at a time: the next one is taken once that has been seen.
    try board.wait("another") { board.command(["reload", "x"]).code == 0 }
    #expect(lines(board) == ["main", "r", "r-end", "r", "r-end"])
    #expect(try board.service("x")["restarts"] as? Int == 0)
    #expect(board.end() == 0)
  }

  @Test("READY=1 that nobody has read is heard afterwards", arguments: [Way.reexec, .crash])
  func queued(way: Way) throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"x": {"exec": ["/bin/sh", "-c",
          "until [ -e DIR/go ]; do sleep 0.01; done; exec PROBE store DIR/said"],
        "type": "notify", "restart": "no", "ready": {"timeout": "60s"}}}}
      """#)
    try board.wait("its process") { try board.pid("x") > 0 }
    let (pid, apus) = (try board.pid("x"), try #require(board.apus))
    kill(apus, SIGSTOP)
    try Data().write(to: URL(fileURLWithPath: board.path("go")))
    // Made after it has said so.
    _ = try board.report("said.done")
    if way == .crash {
      kill(apus, SIGSEGV)
      kill(apus, SIGCONT)
      try board.wait("the new program") { board.log.contains("goes on after a crash") }
    } else {
      // It hears the order and the message in one turn.
      let order = try Child([Board.binary, "reexec", "--control", board.control])
      kill(apus, SIGCONT)
      #expect(order.wait() == 0)
      try board.wait("the new program") { board.log.contains("goes on as a new program") }
    }
    try board.wait(for: "x", "ready")
    #expect(try board.pid("x") == pid)
  }

  @Test("ready.exec goes on looking, between two looks and in one", arguments: Way.allCases)
  func ready(way: Way) throws {
    for look in ["exit 1", "sleep 0.3; exit 1"] {
      let board = try Board(
        #"""
        {"apus": 1, "services": {"x": {"exec": \#(main), "restart": "no",
          "ready": {"exec": ["/bin/sh", "-c", "echo look >>DIR/lines; [ -e DIR/go ] || { \#(look); }"],
                    "interval": "400ms", "timeout": "60s"}}}}
        """#)
      try board.wait("two looks") { lines(board).filter { $0 == "look" }.count == 2 }
      let pid = try board.pid("x")
      try replace(board, way)
      let seen = lines(board).count
      try board.wait("two more") { lines(board).count >= seen + 2 }
      #expect(try board.state("x") == "starting")
      try Data().write(to: URL(fileURLWithPath: board.path("go")))
      try board.wait(for: "x", "ready")
      #expect(try board.pid("x") == pid)
      #expect(board.end() == 0)
    }
  }
}
