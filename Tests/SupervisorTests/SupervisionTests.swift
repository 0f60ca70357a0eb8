import Foundation
import Testing

@Suite struct SupervisionTests {
  @Test("SPA-01 a missing binary names step and errno, and is tried again")
  func missing() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "gone": {"exec": ["/nonexistent/daemon"]},
        "fine": {"exec": ["PROBE", "sleep"]}}}
      """#)
    var service: [String: Any] = [:]
    try board.wait("the back-off") {
      service = try board.service("gone")
      return service["state"] as? String == "backoff"
    }
    let reason = try #require(service["reason"] as? String)
    #expect(reason.contains("exec /nonexistent/daemon: No such file or directory"))
    #expect(service["nextStartUs"] is Int)
    try board.wait(for: "fine", "ready")
    let answer = board.command(["start", "gone"])
    #expect(answer.code == 1)
    #expect(answer.errors.contains("ENOENT (2)"))
  }

  @Test("SPA-07 a child sees declared or default values, whatever apus was given")
  func environment() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"r": {
        "exec": ["PROBE", "report", "DIR/report"], "environment": {"COLOUR": "blue sky"},
        "umask": "0027", "workingDirectory": "/usr", "rlimits": {"nofile": "100:200"}}}}
      """#,
      environment: ["STRAY": "1", "LISTEN_FDS": "3", "NOTIFY_SOCKET": "/x"],
      prefix: [
        "/usr/bin/env", "--ignore-signal=PIPE", "--ignore-signal=USR1", "--block-signal=HUP",
      ])
    let report = try board.report("report")
    let environment = report.filter { $0.hasPrefix("env:") }
    #expect(environment.contains("env:COLOUR=blue sky"))
    #expect(environment.contains { $0.hasPrefix("env:PATH=/") })
    #expect(!environment.contains { $0.hasPrefix("env:STRAY") || $0.hasPrefix("env:LISTEN_") })
    #expect(report.contains("umask=0027"))
    #expect(report.contains("cwd=/usr"))
    #expect(report.contains("nofile=100:200"))
    #expect(!report.contains { $0.hasPrefix("notdefault=") })
    #expect(report.contains("SigBlk:\t0000000000000000"))
    #expect(report.contains { $0.hasPrefix("sid=") && $0.dropFirst(4) == report[0].dropFirst(4) })
    #expect(report.filter { $0.hasPrefix("fd:") }.count == 3)
  }

  @Test("SPA-04 a child stuck before its execve costs no processor time, nor does one killed there")
  func stuck() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "first": {"exec": ["PROBE", "sleep"], "start": "manual", "stdout": "file:DIR/fifo"},
        "second": {"exec": ["PROBE", "sleep"], "start": "manual", "stdout": "file:DIR/fifo"}}}
      """#)
    #expect(mkfifo(board.path("fifo"), 0o600) == 0)
    board.command(["start", "--no-wait", "first"])
    board.command(["start", "--no-wait", "second"])
    try board.wait("both to be on their way") {
      try board.pid("first") > 0 && board.pid("second") > 0
    }
    // The second holds a copy of what apus had open for the first.
    #expect(board.command(["stop", "first"]).code == 0)
    #expect(try board.state("second") == "starting")
    let before = try processorTicks(board.process.pid)
    usleep(1_000_000)
    #expect(try processorTicks(board.process.pid) - before < 20)
  }

  /// User and system time of a process, in hundredths of a second (proc(5)).
  private func processorTicks(_ pid: Int32) throws -> Int {
    let fields = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
      .split(separator: " ")
    return try #require(Int(fields[13])) + (Int(fields[14]) ?? 0)
  }

  @Test("a crash is followed by a growing back-off, a clean end by nothing")
  func restarts() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "bad": {"exec": ["PROBE", "exit", "7"], "restart": {"delay": "20ms", "jitter": 0}},
        "good": {"exec": ["PROBE", "exit", "0"]},
        "never": {"exec": ["PROBE", "exit", "7"], "restart": "no"},
        "limited": {"exec": ["PROBE", "exit", "7"],
          "restart": {"delay": "5ms", "limit": "3/1min"}}}}
      """#)
    try board.wait(for: "good", "stopped")
    try board.wait(for: "never", "failed")
    try board.wait(for: "limited", "failed")
    #expect(try board.service("limited")["restarts"] as? Int == 3)
    try board.wait("three restarts") { try board.service("bad")["restarts"] as? Int ?? 0 >= 3 }
    let last = try #require(try board.service("bad")["lastExit"] as? [String: Any])
    #expect(last["kind"] as? String == "exit")
    #expect(last["code"] as? Int == 7)
  }

  @Test("stop escalates to KILL, start and restart wait for their result")
  func stop() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "deaf": {"exec": ["PROBE", "deaf"], "stop": {"timeout": "200ms"}},
        "calm": {"exec": ["PROBE", "sleep"]}}}
      """#)
    try board.wait(for: "deaf", "ready")
    let pid = try board.pid("deaf")
    try board.wait("it to ignore SIGTERM") {
      let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
      return status.contains("SigIgn:\t0000000000004000")
    }
    #expect(board.command(["stop", "deaf"]).code == 0)
    #expect(try board.state("deaf") == "stopped")
    let last = try #require(try board.service("deaf")["lastExit"] as? [String: Any])
    #expect(last["code"] as? Int == 9)
    try board.wait(for: "calm", "ready")
    let first = try board.pid("calm")
    #expect(board.command(["restart", "calm"]).code == 0)
    #expect(try board.pid("calm") != first)
    #expect(board.command(["start", "deaf"]).code == 0)
    #expect(try board.state("deaf") == "ready")
    #expect(board.command(["stop", "nobody"]).code == 4)
    #expect(board.end() == 0)
  }

  @Test("SHU-04 what needs a service is gone before it is stopped, and starts after it")
  func order() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "app": {"exec": ["/bin/sh", "-c",
          "echo app up >> DIR/order; trap 'sleep 0.2; echo app down >> DIR/order; exit 0' TERM; while :; do sleep 0.05; done"],
          "needs": ["base"]},
        "base": {"exec": ["/bin/sh", "-c",
          "echo base up >> DIR/order; trap 'echo base down >> DIR/order; exit 0' TERM; while :; do sleep 0.05; done"]},
        "once": {"type": "oneshot", "exec": ["/bin/sh", "-c", "sleep 0.1; echo once done >> DIR/order"]},
        "later": {"exec": ["/bin/sh", "-c", "echo later up >> DIR/order; exec sleep 1000"],
          "needs": ["once"]}}}
      """#)
    func lines() -> [String] {
      ((try? String(contentsOfFile: board.path("order"), encoding: .utf8)) ?? "")
        .split(separator: "\n").map(String.init)
    }
    try board.wait("everything to be up") {
      lines().filter { $0.hasSuffix("up") }.count == 3
    }
    let up = lines()
    #expect(try #require(up.firstIndex(of: "once done")) < #require(up.firstIndex(of: "later up")))
    #expect(board.end() == 0)
    // The file is gone with the board's directory only when the test ends.
    let all = lines()
    #expect(
      try #require(all.firstIndex(of: "app down")) < #require(all.firstIndex(of: "base down")))
  }

  @Test("SPA-10 helpers that outlive their service go with it")
  func stragglers() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"f": {"exec": ["PROBE", "fork", "DIR/child"]}}}
      """#)
    let child = try #require(Int32(try board.report("child").first ?? ""))
    try board.wait(for: "f", "ready")
    #expect(kill(child, 0) == 0)
    #expect(board.command(["stop", "f"]).code == 0)
    try board.wait("the helper to be gone") { kill(child, 0) != 0 }
  }

  @Test("PAR-12 nine services run beside an invalid one")
  func invalid() throws {
    let good = (0..<9).map { #""s\#($0)": {"exec": ["PROBE", "sleep"]}"# }
    let board = try Board(
      #"{"apus": 1, "services": {"bad": {"exec": ["relative/path"]}, "#
        + good.joined(separator: ", ") + "}}")
    for index in 0..<9 { try board.wait(for: "s\(index)", "ready") }
    #expect(try board.state("bad") == "invalid")
    #expect(board.log.contains("services.bad.exec"))
  }

  @Test("SPA-12 a thousand start and exit cycles leave nothing behind")
  func cycles() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"c": {"exec": ["PROBE", "exit", "0"], "restart":
        {"policy": "always", "delay": "1ms", "factor": 1, "maxDelay": "1ms"}},
        "steady": {"exec": ["PROBE", "sleep"]}}}
      """#)
    try board.wait("a thousand restarts", 60) {
      try board.service("c")["restarts"] as? Int ?? 0 >= 1000
    }
    #expect(board.command(["stop", "c"]).code == 0)
    let pid = try #require(try supervisorPid(board))
    let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
    // Standard streams, epoll, signalfd, control listener, this one's pidfd, a client, two pipes and a
    // memory file for logs, spares.
    #expect(descriptors.count < 21, "\(descriptors)")
    let children = try String(
      contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
    #expect(children.split(separator: " ").count == 1)
  }

  private func supervisorPid(_ board: Board) throws -> Int? {
    let text = board.command(["status", "--json"]).output
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    return (object?["supervisor"] as? [String: Any])?["pid"] as? Int
  }
}
