import Foundation
import Testing

/// Main processes that are not the one apus has started, and readiness that is found out.
@Suite struct DaemonTests {
  @Test("a daemon is what is left of its own tree, through one fork or two, and is ended with it")
  func forking() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "one": {"exec": ["PROBE", "daemon", "-"], "type": "forking"},
        "two": {"exec": ["PROBE", "double", "-"], "type": "forking"},
        "none": {"exec": ["PROBE", "exit", "0"], "type": "forking"},
        "bad": {"exec": ["PROBE", "exit", "3"], "type": "forking", "restart": "no"},
        "stays": {"exec": ["PROBE", "sleep"], "type": "forking", "restart": "no",
          "ready": {"timeout": "300ms"}},
        "after": {"exec": ["PROBE", "sleep"], "needs": ["one", "two"]}}}
      """#)
    try board.wait(for: "after", "ready")
    try board.wait("a start without a daemon to have failed") {
      board.log.contains("none: exit code 0 before it was ready")
    }
    try board.wait(for: "bad", "failed")
    try board.wait(for: "stays", "failed")
    #expect(try board.service("stays")["reason"] as? String == "not ready in time")
    for name in ["one", "two"] {
      // The second has its last process once the child between has gone.
      try board.wait("the daemon of \(name)") {
        daemon(try board.pid(name), isLeader: name == "one")
      }
      let pid = try board.pid(name)
      kill(pid, SIGUSR1)
      try board.wait("another \(name)") {
        try board.pid(name) != pid && board.state(name) == "ready"
      }
      let last = try #require(try board.service(name)["lastExit"] as? [String: Any])
      #expect(last["code"] as? Int == 10)
      let next = try board.pid(name)
      #expect(board.command(["stop", name]).code == 0)
      #expect(kill(next, 0) == -1)
    }
  }

  /// True for a process that is there and leads its session, or not.
  private func daemon(_ pid: Int32, isLeader: Bool) -> Bool {
    pid > 0 && kill(pid, 0) == 0 && (getsid(pid) == pid) == isLeader
  }

  @Test("a pid file is waited for, and believed only within the service's own tree")
  func pidFile() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "good": {"exec": ["PROBE", "daemon", "DIR/good.pid"], "type": "forking",
          "pidFile": "DIR/good.pid", "ready": {"interval": "20ms"}},
        "other": {"exec": ["PROBE", "sleep"]},
        "liar": {"exec": ["PROBE", "daemon", "-"], "type": "forking", "restart": "no",
          "pidFile": "DIR/liar.pid", "start": "manual",
          "ready": {"interval": "20ms", "timeout": "500ms"}}}}
      """#)
    try board.wait(for: "good", "ready")
    let text = try String(contentsOfFile: board.path("good.pid"), encoding: .utf8)
    #expect(text == "\(try board.pid("good"))\n")
    try board.wait(for: "other", "ready")
    for pid in [getpid(), 1, try board.pid("other"), try board.pid("good")] {
      try "\(pid)\n".write(toFile: board.path("liar.pid"), atomically: true, encoding: .utf8)
      #expect(board.command(["start", "liar"]).code == 1)
      #expect(
        try board.service("liar")["reason"] as? String
          == "not ready in time: the pid file names process \(pid), which is not the service's")
    }
    #expect(try board.state("good") == "ready")
    #expect(try board.state("other") == "ready")
  }

  @Test("a pid file without a newline is believed, one that is no regular file is not even opened")
  func pidFileKinds() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "plain": {"exec": ["PROBE", "daemon", "DIR/plain.own"], "type": "forking",
          "pidFile": "DIR/plain.pid", "ready": {"interval": "20ms"}},
        "link": {"exec": ["PROBE", "daemon", "DIR/link.own"], "type": "forking", "restart": "no",
          "pidFile": "DIR/link.pid", "ready": {"interval": "20ms", "timeout": "1s"}},
        "fifo": {"exec": ["PROBE", "daemon", "DIR/fifo.own"], "type": "forking", "restart": "no",
          "pidFile": "DIR/fifo.pid", "ready": {"interval": "20ms", "timeout": "1s"}}}}
      """#)
    mkfifo(board.path("fifo.pid"), 0o600)
    // Whoever opens it would let this end be opened for writing without waiting.
    symlink(board.path("link.own"), board.path("link.pid"))
    let pid = try board.report("plain.own").first ?? ""
    try pid.write(toFile: board.path("plain.pid"), atomically: true, encoding: .utf8)
    try board.wait(for: "plain", "ready")
    #expect(try board.pid("plain") == Int32(pid))
    while try board.state("fifo") == "starting" {
      #expect(open(board.path("fifo.pid"), O_WRONLY | O_NONBLOCK) == -1)
    }
    for name in ["link", "fifo"] { try board.wait(for: name, "failed") }
  }

  @Test("a pid file is read with the rights of the service", .enabled(if: Board.isRoot))
  func pidFileRights() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "p": {"exec": ["PROBE", "daemon", "-"], "type": "forking", "user": 7311,
          "pidFile": "DIR/p.pid", "restart": "no", "start": "manual",
          "ready": {"interval": "20ms", "timeout": "1s"}}}}
      """#)
    for mode: mode_t in [0o644, 0o600] {
      try "\(getpid())".write(toFile: board.path("p.pid"), atomically: true, encoding: .utf8)
      chmod(board.path("p.pid"), mode)
      #expect(board.command(["start", "p"]).code == 1)
      let reason = try board.service("p")["reason"] as? String ?? ""
      #expect(reason.contains("names process \(getpid())") == (mode == 0o644), "\(reason)")
    }
  }

  @Test(
    "a daemon that changes its user and session is known by its control group",
    .enabled(if: Board.isRoot && GroupPlace.isThere, "needs cgroup v2"))
  func dropping() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"d": {"exec": ["PROBE", "drop"], "type": "forking"}}}
      """#)
    try board.wait(for: "d", "ready")
    let pid = try board.pid("d")
    try board.wait("the change of user") { Shown(pid: pid).field("Uid").hasPrefix("65534") }
    #expect(try board.state("d") == "ready")
    #expect(try board.pid("d") == pid)
    #expect(board.command(["stop", "d"]).code == 0)
    #expect(kill(pid, 0) == -1)
  }

  @Test(
    "the mark of a service's processes, which anybody can copy, counts for nothing beside a group",
    .enabled(if: Board.isRoot && GroupPlace.isThere, "needs cgroup v2"))
  func forged() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"n": {"exec": ["PROBE", "notify", "READY=1"], "type": "notify"}}}
      """#)
    try board.wait(for: "n", "ready")
    let pid = try board.pid("n")
    let other = try Child([Board.probe, "forge", "\(pid)", board.path("control.notify/n")])
    defer { other.kill() }
    // What it said has been read when what is said after it has been.
    try board.wait("its word to be read") {
      (try? String(contentsOfFile: "/proc/\(other.pid)/wchan", encoding: .utf8)) != nil
        && Shown(pid: other.pid).field("State").hasPrefix("S")
    }
    for _ in 0..<20 { #expect(board.command(["status"]).code == 0) }
    #expect(try board.pid("n") == pid)
    #expect(try board.state("n") == "ready")
    #expect(kill(pid, 0) == 0)
    #expect(other.isRunning)
  }

  @Test("NOT-05 MAINPID is believed of the service's own processes only")
  func mainPid() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "other": {"exec": ["PROBE", "sleep"]},
        "leave": {"exec": ["PROBE", "leave"], "type": "notify"},
        "name": {"exec": ["PROBE", "name"], "type": "notify", "restart": "always"},
        "liar": {"exec": ["PROBE", "notify", "MAINPID=0", "MAINPID=-1", "MAINPID=1",
          "MAINPID=\#(getpid())", "MAINPID=99999999999", "READY=1"], "type": "notify"}}}
      """#)
    for name in ["leave", "name", "liar", "other"] { try board.wait(for: name, "ready") }
    let session = getsid(try board.pid("liar"))
    #expect(session == (try board.pid("liar")))
    for name in ["leave", "name"] {
      try board.wait("the child of \(name)") {
        let pid = try board.pid(name)
        return pid > 0 && getsid(pid) != pid
      }
      let pid = try board.pid(name)
      kill(pid, SIGKILL)
      try board.wait("another \(name)") {
        try board.pid(name) != pid && board.service(name)["restarts"] as? Int == 1
          && board.state(name) == "ready"
      }
    }
    // Who has named another goes with it.
    let leader = getsid(try board.pid("name"))
    #expect(board.command(["stop", "name"]).code == 0)
    try board.wait("the end of the other") { kill(leader, 0) == -1 }
  }

  @Test("PID-01 daemons are kept over another program, their own child or not")
  func reexec() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "daemon": {"exec": ["PROBE", "daemon", "-"], "type": "forking"},
        "name": {"exec": ["PROBE", "name"], "type": "notify", "restart": "always"},
        "slow": {"exec": ["PROBE", "daemon", "DIR/slow.pid"], "type": "forking",
          "pidFile": "DIR/other.pid"},
        "quiet": {"exec": ["/bin/sh", "-c", "read x < DIR/fifo; echo >&3; read x < DIR/fifo"],
          "ready": {"fd": 3}}}}
      """#)
    mkfifo(board.path("fifo"), 0o600)
    try board.wait(for: "daemon", "ready")
    try board.wait("the child") {
      let pid = try board.pid("name")
      return pid > 0 && getsid(pid) != pid
    }
    try board.wait(for: "slow", "starting")
    try board.wait("the daemon") { FileManager.default.fileExists(atPath: board.path("slow.pid")) }
    #expect(try board.state("quiet") == "starting")
    let pids = try ["daemon", "name", "quiet"].map { try board.pid($0) }
    #expect(board.command(["reexec"]).code == 0)
    try board.wait("the next program") { board.command(["status"]).code == 0 }
    #expect(try ["daemon", "name", "quiet"].map { try board.pid($0) } == pids)
    try FileManager.default.copyItem(
      atPath: board.path("slow.pid"), toPath: board.path("other.pid"))
    try board.wait(for: "slow", "ready")
    let pipe = open(board.path("fifo"), O_WRONLY)
    #expect(write(pipe, "x\n", 2) == 2)
    try board.wait(for: "quiet", "ready")
    close(pipe)
    for (name, pid) in zip(["daemon", "name"], pids) {
      kill(pid, SIGKILL)
      try board.wait("another \(name)") {
        try board.pid(name) != pid && board.state(name) == "ready"
      }
    }
  }

  @Test("ready is said on a descriptor, or found out at an address")
  func ready() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "says": {"exec": ["PROBE", "ready", "7"], "ready": {"fd": 7}},
        "silent": {"exec": ["PROBE", "sleep"], "ready": {"fd": 3, "timeout": "300ms"},
          "restart": "no"},
        "beside": {"exec": ["PROBE", "report", "DIR/report"], "start": "boot",
          "listen": [{"stream": "DIR/beside"}], "ready": {"fd": 5}},
        "unix": {"exec": ["PROBE", "listen", "DIR/flag", "DIR/unix"],
          "ready": {"unix": "DIR/unix", "interval": "20ms"}},
        "tcp": {"exec": ["PROBE", "listen", "DIR/flag", "\#(port)"],
          "ready": {"tcp": "127.0.0.1:\#(port)", "interval": "20ms"}},
        "port": {"exec": ["PROBE", "sleep"], "needs": ["tcp"],
          "ready": {"tcp": "\#(port)", "interval": "20ms"}},
        "after": {"exec": ["PROBE", "sleep"], "needs": ["unix", "port", "says"]}}}
      """#)
    try board.wait(for: "says", "ready")
    try board.wait(for: "silent", "failed")
    #expect(try board.service("silent")["reason"] as? String == "not ready in time")
    let report = try board.report("report")
    #expect(report.contains { $0.hasPrefix("fd:3=socket:") })
    #expect(!report.contains { $0.hasPrefix("fd:4=") || $0.hasPrefix("fd:6=") })
    #expect(report.contains { $0.hasPrefix("fd:5=pipe:") })
    #expect(report.contains("env:LISTEN_FDS=1"))
    #expect(try board.state("unix") == "starting")
    #expect(try board.state("tcp") == "starting")
    FileManager.default.createFile(atPath: board.path("flag"), contents: nil)
    try board.wait(for: "after", "ready")
  }
}
