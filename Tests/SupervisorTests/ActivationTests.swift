import Foundation
import Testing

@Suite struct ActivationTests {
  @Test("SOC-01 a waiting client is served by the process it started")
  func firstConnection() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"echo": {
        "exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/echo.sock", "mode": "0600"}]}}}
      """#)
    #expect(try board.state("echo") == "listening")
    #expect(try board.pid("echo") == 0)
    let answer = board.talk("echo.sock")
    try board.wait(for: "echo", "ready")
    #expect(try answer == "\(board.pid("echo")) echo\n")
    #expect(try board.service("echo")["restarts"] as? Int == 0)
  }

  @Test("SOC-01 kill -9 and the next request is served by a new process")
  func killed() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {"echo": {
        "exec": ["PROBE", "serve"], "listen": [{"stream": "127.0.0.1:\#(port)", "name": "tcp"}]}}}
      """#)
    #expect(Client.talk(port: port).hasSuffix(" tcp\n"))
    try board.wait(for: "echo", "ready")
    let first = try board.pid("echo")
    kill(first, SIGKILL)
    try board.wait("a new process") { Client.talk(port: port) != "" }
    try board.wait(for: "echo", "ready")
    #expect(try board.pid("echo") != first)
    let last = try #require(try board.service("echo")["lastExit"] as? [String: Any])
    #expect(last["kind"] as? String == "signal")
    #expect(last["code"] as? Int == 9)
  }

  @Test("SOC-12 descriptors come in manifest order with their names")
  func order() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"many": {
        "exec": ["PROBE", "report", "DIR/report"],
        "listen": [{"stream": "DIR/a.sock", "name": "a"}, {"stream": "@apus-DIR"},
                   {"stream": "DIR/c.sock", "name": "c"}]}}}
      """#)
    let client = try #require(Client.connect(unix: board.path("c.sock")))
    defer { close(client) }
    let report = try board.report("report")
    let pid = try board.pid("many")
    #expect(report.contains("env:LISTEN_FDS=3"))
    #expect(report.contains("env:LISTEN_PID=\(pid)"))
    #expect(report.contains("env:LISTEN_FDNAMES=a:many:c"))
    let descriptors = report.filter { $0.hasPrefix("fd:") }
    #expect(descriptors.count == 6, "SPA-06: \(descriptors)")
    #expect(descriptors.dropFirst(3).allSatisfy { $0.contains("=socket:") })
  }

  @Test("a daemon that serves one connection and exits is started for each")
  func once() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"one": {
        "exec": ["PROBE", "once"], "listen": [{"stream": "DIR/one.sock"}]}}}
      """#)
    var pids: Set<String> = []
    for _ in 0..<5 {
      pids.insert(board.talk("one.sock"))
      try board.wait(for: "one", "listening")
    }
    #expect(pids.count == 5)
    #expect(try board.socket(board.path("one.sock"))["triggers"] as? Int == 5)
  }

  @Test("accept: one process for each connection, on its standard streams")
  func inetd() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {"inetd": {
        "exec": ["PROBE", "inetd"], "accept": true, "stdio": "socket",
        "listen": [{"stream": "\#(port)"}]}}}
      """#)
    var answers: Set<String> = []
    for _ in 0..<8 { answers.insert(Client.talk(port: port)) }
    #expect(answers.count == 8)
    #expect(answers.allSatisfy { $0.hasSuffix(" 127.0.0.1\n") }, "\(answers)")
    #expect(try board.socket("\(port)")["accepted"] as? Int == 8)
    #expect(try board.state("inetd") == "listening")
  }

  @Test("SOC-03 a daemon that never accepts is started ever more slowly, and its socket comes back")
  func neverAccepts() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"idle": {
        "exec": ["PROBE", "exit", "0"], "listen": [{"stream": "DIR/idle.sock"}]}}}
      """#)
    let client = try #require(Client.connect(unix: board.path("idle.sock")))
    try board.wait("a pause with an end") {
      let socket = try board.socket(board.path("idle.sock"))
      return socket["state"] as? String == "paused" && socket["pausedUntilUs"] is Int
    }
    close(client)
  }

  @Test("SOC-09 a busy port is retried and delays nobody")
  func busyPort() throws {
    let port = Client.freePort()
    let blocker = try Board(
      #"{"apus": 1, "services": {"b": {"exec": ["PROBE", "serve"], "listen": [{"stream": "\#(port)"}]}}}"#
    )
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "late": {"exec": ["PROBE", "serve"], "listen": [{"stream": "\#(port)"}]},
        "other": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/o.sock"}]}}}
      """#)
    let socket = try board.socket("\(port)")
    #expect(socket["state"] as? String == "error")
    #expect((socket["reason"] as? String)?.contains("EADDRINUSE (98)") == true)
    #expect(board.talk("o.sock").hasSuffix(" other\n"))
    #expect(blocker.end() == 0)
    try board.wait("the port to be bound") {
      try board.socket("\(port)")["state"] as? String == "listening"
    }
    #expect(Client.talk(port: port).hasSuffix(" late\n"))
  }

  @Test("a connection for which there is no descriptor left is served once there is")
  func held() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"one": {
        "exec": ["PROBE", "inetd"], "accept": true, "stdio": "socket",
        "listen": [{"stream": "DIR/one.sock"}]}}}
      """#)
    try board.wait(for: "one", "listening")
    #expect(board.talk("one.sock").contains("-"))
    try board.wait(for: "one", "listening")
    // Room for the connection, and for nothing else.
    let pid = board.process.pid
    let taken = try Set(
      FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").compactMap { UInt64($0) })
    let first = try #require((0...).first { !taken.contains($0) })
    try limit(pid, first + 1)
    let client = try #require(Client.connect(unix: board.path("one.sock")))
    try board.wait("two starts that fail") {
      board.log.components(separatedBy: "make the report pipe: EMFILE").count > 2
    }
    try limit(pid, 1024)
    #expect(Client.readAll(client).contains("-"))
  }

  /// Sets the soft limit of a process's descriptors, by prlimit(1).
  private func limit(_ pid: pid_t, _ descriptors: UInt64) throws {
    let process = try Process.run(
      URL(fileURLWithPath: "/usr/bin/prlimit"),
      arguments: ["--pid", "\(pid)", "--nofile=\(descriptors):"])
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}
