import Foundation
import Testing

/// Programs that were not written for apus, from Debian's packages (board/lib/clients.py).
enum RealClients {
  /// Where `board/setup` has put them (`APUS_CLIENTS`, else the place in this tree).
  static let folder =
    ProcessInfo.processInfo.environment["APUS_CLIENTS"]
    ?? URL(fileURLWithPath: #filePath).appendingPathComponent("../../../.build/board/clients")
    .standardized.path
  /// What runs the tests' own scripts.
  static let scripts =
    URL(fileURLWithPath: #filePath).appendingPathComponent("../../Clients").standardized.path

  /// A board whose manifest may say `CLIENTS` and `SCRIPTS`; without the programs the test fails.
  static func board(_ manifest: String) throws -> Board {
    try #require(
      FileManager.default.fileExists(atPath: folder + "/made-of"),
      "no real clients in \(folder): run board/setup")
    return try Board(
      manifest.replacingOccurrences(of: "CLIENTS", with: folder + "/bin")
        .replacingOccurrences(of: "SCRIPTS", with: scripts))
  }
}

@Suite struct RealClientTests {
  /// The words of the daemon's answer, after its pid.
  private func ask(_ path: String, _ text: String = "bye") throws -> [String] {
    let client = try #require(Client.connect(unix: path))
    let line = Client.readLine(client)
    #expect(write(client, text, text.utf8.count) == text.utf8.count)
    #expect(Client.readAll(client) == "")
    return line.split(separator: " ").map(String.init)
  }

  @Test("libsystemd finds its listeners and names, is ready, and keeps a descriptor over its hang")
  func libsystemd() throws {
    let port = Client.freePort()
    let board = try RealClients.board(
      #"""
      {"apus": 1, "services": {"python": {"exec": ["CLIENTS/python3", "SCRIPTS/daemon.py"],
        "type": "notify", "watchdog": "1s", "fdStore": 1, "restart": {"delay": "10ms"},
        "listen": [{"stream": "DIR/first.sock", "name": "first"},
          {"datagram": "DIR/second.sock", "name": "second"},
          {"stream": "127.0.0.1:\#(port)", "name": "third"}, {"fifo": "DIR/fourth"}]}}}
      """#)
    let path = board.path("first.sock")
    let first = try ask(path)
    let known = ["3=first:stream", "4=second:datagram", "5=third:tcp", "6=python:fifo"]
    try #require(first.count > 1, "\(board.log)")
    #expect(Array(first.dropFirst()) == ["nothing", "left=0"] + known)
    #expect(try board.pid("python") == Int32(first[0]))
    try board.wait(for: "python", "ready")
    try board.wait("its status") {
      try board.service("python")["status"] as? String == "served 1"
    }
    // It lives for long beyond the watchdog's time, by what it sends.
    Thread.sleep(forTimeInterval: 2)
    let again = try ask(path, "hang")
    #expect(again == first)
    try board.wait("the watchdog") { try board.service("python")["restarts"] as? Int == 1 }
    let next = try ask(path)
    #expect(next.first != first.first)
    #expect(
      Array(next.dropFirst()) == ["by-\(first[0])", "left=0"] + known + ["7=parked:other"])
    let last = try #require(try board.service("python")["lastExit"] as? [String: Any])
    #expect(last["kind"] as? String == "signal" && last["code"] as? Int == 6)
    #expect(Client.talk(port: port).hasPrefix(next[0] + " "))
  }

  @Test("systemd-notify is heard, and returns when what it said has been taken in")
  func systemdNotify() throws {
    let script = [
      "mkfifo DIR/fifo",
      #"say() { CLIENTS/systemd-notify "$@"; echo $? > DIR/said.new; mv DIR/said.new DIR/said; "#
        + "read x < DIR/fifo; }", "say --status=early", "say --ready --status=up",
      "say --no-block STATUS=odd", "say WATCHDOG=1", "say --pid=$$ --status=late",
      "exec sleep 100000",
    ].joined(separator: "; ").replacingOccurrences(of: #"""#, with: #"\""#)
    let board = try RealClients.board(
      #"""
      {"apus": 1, "services": {
        "script": {"type": "notify", "exec": ["/bin/sh", "-c", "\#(script)"]}}}
      """#)
    for (status, state) in [
      ("early", "starting"), ("up", "ready"), ("odd", "ready"), ("odd", "ready"), ("late", "ready"),
    ] {
      #expect(try board.report("said") == ["0"], "exit status")
      // The barrier: no waiting here. What was sent without one may still be on its way.
      if status == "odd" {
        try board.wait(status) { try board.service("script")["status"] as? String == status }
      }
      let service = try board.service("script")
      #expect(service["status"] as? String == status)
      #expect(service["state"] as? String == state)
      try FileManager.default.removeItem(atPath: board.path("said"))
      let pipe = open(board.path("fifo"), O_WRONLY)
      #expect(write(pipe, "x\n", 2) == 2)
      close(pipe)
    }
    #expect(try board.service("script")["restarts"] as? Int == 0)
  }

  @Test("go-systemd finds its listeners by name, its packet sockets, and says READY")
  func goSystemd() throws {
    let port = Client.freePort()
    let board = try RealClients.board(
      #"""
      {"apus": 1, "services": {
        "stream": {"exec": ["CLIENTS/go-server", "stream"], "type": "notify",
          "listen": [{"stream": "DIR/first.sock", "name": "first"},
            {"stream": "127.0.0.1:\#(port)", "name": "second"}]},
        "packets": {"exec": ["CLIENTS/go-server", "datagram"], "type": "notify",
          "listen": [{"datagram": "127.0.0.1:\#(port)"}]}}}
      """#)
    let first = board.talk("first.sock").split(separator: " ")
    try #require(first.count == 3, "\(board.log)")
    try board.wait(for: "stream", "ready")
    #expect(try board.pid("stream") == Int32(first[0]))
    #expect(first[1...] == ["first", "0\n"])
    #expect(Client.talk(port: port) == "\(first[0]) second 0\n")
    let answer = try #require(Client.exchange(port: port))
    #expect(answer.hasSuffix(" datagram 0\n"), "\(answer)")
    try board.wait(for: "packets", "ready")
    #expect(answer.hasPrefix("\(try board.pid("packets")) "))
  }
}
