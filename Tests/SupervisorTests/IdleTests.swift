import Foundation
import TestSockets
import Testing

@Suite struct IdleTests {
  /// Connects at random moments around the idle limit; gives how many were not answered.
  private func connect(_ count: Int, gap: ClosedRange<UInt32>, _ talk: () -> String) async -> Int {
    var failures = 0
    for _ in 0..<count {
      if ["", "refused"].contains(talk()) { failures += 1 }
      // The experiment itself: no condition is waited for.
      try? await Task.sleep(for: .microseconds(UInt32.random(in: gap)))
    }
    return failures
  }

  @Test("thousands of connections around the idle limit are all answered, and daemons come and go")
  func nothingLost() async throws {
    let (port, dual) = (Client.freePort(), Client.freePort())
    let common = #""idleStop": "20ms", "trigger": "100000/1s""#
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "path": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/path.sock"}], \#(common)},
        "drain": {"exec": ["PROBE", "drain"], "listen": [{"stream": "DIR/drain.sock"}], \#(common)},
        "threads": {"exec": ["PROBE", "threads", "16"], "listen": [{"stream": "DIR/threads.sock"}],
          \#(common)},
        "tcp": {"exec": ["PROBE", "serve"], "listen": [{"stream": "127.0.0.1:\#(port)"}], \#(common)},
        "dual": {"exec": ["PROBE", "drain"], "listen": [{"stream": "\#(dual)"}], \#(common)}}}
      """#)
    let talks: [@Sendable () -> String] = [
      { board.talk("path.sock") }, { board.talk("drain.sock") }, { board.talk("threads.sock") },
      { Client.talk(port: port) },
      { Client.talk(port: dual) },
    ]
    let failures = await withTaskGroup(of: Int.self) { group in
      for talk in talks {
        group.addTask { await self.connect(1000, gap: 10_000...45_000, talk) }
      }
      return await group.reduce(0, +)
    }
    #expect(failures == 0, "log:\n\(board.log)")
    let addresses = [
      board.path("path.sock"), board.path("drain.sock"), "127.0.0.1:\(port)", "\(dual)",
    ]
    for (service, address) in zip(["path", "drain", "tcp", "dual"], addresses) {
      let triggers = try #require(try board.socket(address)["triggers"] as? Int)
      #expect(triggers > 50, "\(service): \(triggers)")
      try board.wait(for: service, "listening")
      #expect(try board.service(service)["reason"] as? String == "idle")
    }
  }

  @Test("lighttpd is stopped and started under its clients, and each of thousands gets its page")
  func lighttpd() async throws {
    let ports = (0..<3).map { _ in Client.freePort() }
    // The first stays open for another request, which the client does not make.
    let requests = ports.indices.map {
      $0 == 0 ? "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" : "GET / HTTP/1.0\r\n\r\n"
    }
    let services = ports.indices.map {
      #"""
      "web\#($0)": {"exec": ["CLIENTS/lighttpd", "-D", "-f", "DIR/conf\#($0)", "-m",
          "\#(RealClients.folder)/tree/usr/lib/lighttpd"],
        "listen": [{"stream": "127.0.0.1:\#(ports[$0])"}],
        "idleStop": "20ms", "trigger": "100000/1s"}
      """#
    }
    let board = try RealClients.board(
      #"{"apus": 1, "services": {\#(services.joined(separator: ", "))}}"#)
    let page = "<p>the page of lighttpd</p>\n"
    try page.write(toFile: board.path("index.html"), atomically: true, encoding: .utf8)
    for (index, port) in ports.enumerated() {
      try #"""
      server.systemd-socket-activation = "enable"
      server.bind = "127.0.0.1"
      server.port = \#(port)
      server.document-root = "\#(board.directory.path)"
      server.modules = ("mod_indexfile", "mod_staticfile")
      server.compat-module-load = "disable"
      index-file.names = ("index.html")
      """#.write(toFile: board.path("conf\(index)"), atomically: true, encoding: .utf8)
    }
    let first = Client.ask(.port(ports[0]), requests[0])
    try #require(first.hasSuffix("\r\n\r\n\(page)"), "\(first)\n\(board.log)")
    let failures = await withTaskGroup(of: Int.self) { group in
      for (port, request) in zip(ports, requests) {
        group.addTask {
          await self.connect(1000, gap: 10_000...45_000) {
            let answer = Client.ask(.port(port), request)
            return answer.hasPrefix("HTTP/1.") && answer.hasSuffix(page) ? answer : ""
          }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(failures == 0, "log:\n\(board.log)")
    for (index, port) in ports.enumerated() {
      let triggers = try #require(try board.socket("127.0.0.1:\(port)")["triggers"] as? Int)
      #expect(triggers > 50, "\(triggers)")
      try board.wait(for: "web\(index)", "listening")
      #expect(try board.service("web\(index)")["reason"] as? String == "idle")
    }
  }

  @Test("no TCP client is lost by a daemon that accepts after its stop signal: it is held off")
  func heldOff() async throws {
    let ports = [Client.freePort(), Client.freePort()]
    let common = #""exec": ["PROBE", "linger"], "idleStop": "20ms", "trigger": "100000/1s""#
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "one": {"listen": [{"stream": "127.0.0.1:\#(ports[0])"}], \#(common)},
        "two": {"listen": [{"stream": "\#(ports[1])"}], \#(common)}}}
      """#)
    let failures = await withTaskGroup(of: Int.self) { group in
      for number in 0..<16 {
        group.addTask {
          await self.connect(20, gap: 20_000...200_000) { Client.talk(port: ports[number % 2]) }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(failures == 0, "log:\n\(board.log)")
    for address in ["127.0.0.1:\(ports[0])", "\(ports[1])"] {
      let triggers = try #require(try board.socket(address)["triggers"] as? Int)
      #expect(triggers > 3, "\(triggers)")
    }
  }

  @Test("an open connection keeps a service; with its end the service goes")
  func connected() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"hold": {"exec": ["PROBE", "keep"], "idleStop": "50ms",
        "listen": [{"stream": "DIR/hold.sock"}]}}}
      """#)
    let client = try #require(Client.connect(unix: board.path("hold.sock")))
    try board.wait(for: "hold", "ready")
    let pid = try board.pid("hold")
    // A client that comes and goes every so often, for long beyond the limit.
    for _ in 0..<20 {
      let other = try #require(Client.connect(unix: board.path("hold.sock")))
      usleep(20_000)
      close(other)
    }
    #expect(try board.pid("hold") == pid)
    let status = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    #expect(!status.contains(") T"), "not left stopped")
    close(client)
    try board.wait(for: "hold", "listening")
    #expect(kill(pid, 0) != 0)
    let last = try #require(try board.service("hold")["lastExit"] as? [String: Any])
    #expect(last["code"] as? Int == 15)
  }

  @Test("a daemon that ignores SIGTERM is killed only while nobody is connected")
  func deaf() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"deaf": {"exec": ["PROBE", "deaf"], "idleStop": "50ms",
        "stop": {"timeout": "100ms"}, "listen": [{"stream": "DIR/deaf.sock"}]}}}
      """#)
    #expect(board.command(["start", "deaf"]).code == 0)
    let pid = try board.pid("deaf")
    try board.wait(for: "deaf", "listening")
    #expect(kill(pid, 0) != 0)
    let last = try #require(try board.service("deaf")["lastExit"] as? [String: Any])
    #expect(last["code"] as? Int == 9)
  }
}
