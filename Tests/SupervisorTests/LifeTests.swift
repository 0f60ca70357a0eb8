import Foundation
import Testing

@Suite struct LifeTests {
  @Test("a notify service is ready when it says so, reloads, and is ended when it falls silent")
  func notify() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "good": {"exec": ["PROBE", "notify", "READY=1\nSTATUS=fine"], "type": "notify",
          "reload": {"signal": "SIGHUP"}},
        "mute": {"exec": ["PROBE", "sleep"], "type": "notify", "ready": {"timeout": "300ms"},
          "restart": "no"},
        "junk": {"exec": ["PROBE", "notify", "", "no assignment", "=", "MAINPID=1", "READY=1"],
          "type": "notify"},
        "silent": {"exec": ["PROBE", "notify", "READY=1", "WATCHDOG=1"], "type": "notify",
          "watchdog": "300ms", "restart": "on-failure"},
        "trigger": {"exec": ["PROBE", "notify", "READY=1", "WATCHDOG=trigger"], "type": "notify",
          "watchdog": "1h", "restart": "on-success"},
        "after": {"exec": ["PROBE", "sleep"], "needs": ["good"]}}}
      """#)
    try board.wait(for: "good", "ready")
    try board.wait(for: "junk", "ready")
    try board.wait(for: "after", "ready")
    try board.wait(for: "mute", "failed")
    #expect(
      try board.service("mute")["reason"] as? String == "not ready in time, no message came")
    let pid = try board.pid("good")
    #expect(board.command(["reload", "good"]).code == 0)
    #expect(try board.pid("good") == pid)
    #expect(board.command(["reload", "after"]).errors.contains("has no reload"))
    try board.wait("a start after the watchdog") {
      try board.service("silent")["restarts"] as? Int ?? 0 >= 1
    }
    let last = try #require(try board.service("silent")["lastExit"] as? [String: Any])
    #expect(last["kind"] as? String == "signal")
    #expect(last["code"] as? Int == 6)
    try board.wait(for: "trigger", "failed")
    #expect(try board.service("trigger")["reason"] as? String == "the watchdog ran out")
  }

  @Test("NOT-06 nobody but the service itself is heard on its channel")
  func strangers() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "mine": {"exec": ["PROBE", "sleep"], "type": "notify"},
        "other": {"exec": ["PROBE", "notify", "READY=1"],
          "environment": {"NOTIFY_SOCKET": "DIR/control.notify/mine"}}}}
      """#)
    try board.wait(for: "other", "ready")
    try board.wait(for: "mine", "starting")
    Thread.sleep(forTimeInterval: 0.1)
    #expect(try board.state("mine") == "starting")
  }

  @Test("commands before and after a service, for its stop and its reload, with what they are told")
  func helpers() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "web": {"exec": ["PROBE", "sleep"],
          "pre": [["PROBE", "log", "DIR/log.txt", "pre1"], ["PROBE", "log", "DIR/log.txt", "pre2"]],
          "post": [["PROBE", "log", "DIR/log.txt", "post"]],
          "stop": {"exec": ["PROBE", "log", "DIR/log.txt", "stop"]},
          "reload": {"exec": ["PROBE", "log", "DIR/log.txt", "reload"]}},
        "failing": {"exec": ["PROBE", "sleep"], "pre": [["PROBE", "exit", "3"]], "restart": "no"},
        "probed": {"exec": ["PROBE", "sleep"],
          "ready": {"exec": ["/usr/bin/test", "-e", "DIR/flag"], "interval": "20ms"}}}}
      """#)
    try board.wait(for: "web", "ready")
    try board.wait(for: "failing", "failed")
    #expect(
      try board.service("failing")["reason"] as? String == "pre \(Board.probe): exit code 3")
    #expect(board.command(["reload", "web"]).code == 0)
    #expect(board.command(["stop", "web"]).code == 0)
    let log = try String(contentsOfFile: board.path("log.txt"), encoding: .utf8)
      .split(separator: "\n").map(String.init)
    #expect(
      log == [
        "pre1 mainpid=0 result=- status=-", "pre2 mainpid=0 result=- status=-",
        "reload mainpid=1 result=- status=-", "stop mainpid=1 result=- status=-",
        "post mainpid=0 result=signal status=TERM",
      ])
    #expect(try board.state("probed") == "starting")
    FileManager.default.createFile(atPath: board.path("flag"), contents: nil)
    try board.wait(for: "probed", "ready")
  }

  @Test("a run has its limit, a failure its followers, a timer its starts")
  func limits() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "long": {"exec": ["PROBE", "sleep"], "runtimeMax": "1s", "restart": "no",
          "onFailure": ["help"]},
        "help": {"exec": ["PROBE", "sleep"], "start": "manual"},
        "often": {"exec": ["PROBE", "log", "DIR/often", "x"], "type": "oneshot",
          "timer": {"afterBoot": "100ms", "every": "100ms"}}}}
      """#)
    try board.wait(for: "long", "ready")
    try board.wait("three runs") {
      (try? String(contentsOfFile: board.path("often"), encoding: .utf8))?
        .split(separator: "\n").count ?? 0 >= 3
    }
    try board.wait(for: "long", "failed")
    #expect(try board.service("long")["reason"] as? String == "ran for as long as it may")
    try board.wait(for: "help", "ready")
  }

  @Test("wait waits for what somebody else does, and for no longer than it may")
  func waiting() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "slow": {"exec": ["PROBE", "notify", "READY=1"], "type": "notify", "start": "manual",
          "pre": [["/bin/sleep", "0.3"]]},
        "calm": {"exec": ["PROBE", "sleep"]}}}
      """#)
    #expect(board.command(["wait", "calm", "ready"]).code == 0)
    #expect(board.command(["wait", "slow", "stopped"]).code == 0)
    let vain = board.command(["wait", "slow", "ready", "--timeout", "100ms"])
    #expect(vain.code == 1)
    #expect(vain.errors.contains("timed out: "))
    #expect(board.command(["start", "--no-wait", "slow"]).code == 0)
    #expect(board.command(["wait", "--timeout=10s", "slow", "ready"]).code == 0)
    #expect(try board.state("slow") == "ready")
    #expect(board.command(["wait", "slow", "happy"]).code == 2)
    #expect(board.command(["wait", "slow"]).code == 2)
    #expect(board.command(["wait", "nobody", "ready"]).code == 4)
    #expect(board.end() == 0)
    #expect(!FileManager.default.fileExists(atPath: board.control))
    #expect(!FileManager.default.fileExists(atPath: board.control + ".notify"))
  }

  @Test("PID-01 who reports is heard, kept and ended in time by the next program too")
  func reexec() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "good": {"exec": ["PROBE", "notify", "READY=1"], "type": "notify",
          "reload": {"signal": "SIGHUP"}},
        "long": {"exec": ["PROBE", "sleep"], "runtimeMax": "3s", "restart": "no",
          "post": [["PROBE", "log", "DIR/log.txt", "post"]]},
        "often": {"exec": ["PROBE", "log", "DIR/often", "x"], "type": "oneshot",
          "timer": {"afterBoot": "2s"}}}}
      """#)
    try board.wait(for: "good", "ready")
    let pid = try board.pid("good")
    #expect(board.command(["reexec"]).code == 0)
    try board.wait("the next program") { board.command(["status"]).code == 0 }
    #expect(try board.pid("good") == pid)
    #expect(board.command(["reload", "good"]).code == 0)
    try board.wait(for: "long", "failed")
    #expect(try board.service("long")["reason"] as? String == "ran for as long as it may")
    try board.wait("the timer") { FileManager.default.fileExists(atPath: board.path("often")) }
    #expect(FileManager.default.fileExists(atPath: board.path("log.txt")))
  }

  @Test("conditions are looked at by each start, and skip it without failing anybody")
  func conditions() throws {
    let word = try String(contentsOfFile: "/proc/cmdline", encoding: .utf8)
      .split(whereSeparator: { $0 == " " || $0 == "\n" }).first { !$0.contains("\"") }
    let argument = try #require(word)
    let key = argument.split(separator: "=")[0]
    #if arch(x86_64)
      let (own, other) = ("x86_64", "arm")
    #else
      let (own, other) = ("aarch64", "x86_64")
    #endif
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "here": {"exec": ["PROBE", "sleep"], "conditions": {"exists": "/proc/self",
          "missing": "DIR/nothing", "kernelArg": "\#(argument)", "architecture": "\#(own)"}},
        "word": {"exec": ["PROBE", "sleep"], "conditions": {"kernelArg": "\#(key)"}},
        "flag": {"exec": ["PROBE", "sleep"], "conditions": {"exists": "DIR/flag"},
          "pre": [["PROBE", "log", "DIR/log.txt", "pre"]],
          "post": [["PROBE", "log", "DIR/log.txt", "post"]]},
        "present": {"exec": ["PROBE", "sleep"], "conditions": {"missing": "/proc"}},
        "argument": {"exec": ["PROBE", "sleep"], "conditions": {"kernelArg": "\#(key)=nonsense"}},
        "machine": {"exec": ["PROBE", "sleep"], "conditions": {"architecture": "\#(other)"}},
        "all": {"exec": ["PROBE", "sleep"], "conditions": {
          "exists": ["/proc", "/proc/self"], "missing": ["DIR/no", "DIR/none"],
          "directoryNotEmpty": ["/proc", "DIR"], "fileNotEmpty": "DIR/apus.json",
          "executable": ["PROBE"], "capability": "chown"}},
        "second": {"exec": ["PROBE", "sleep"], "conditions": {"exists": ["/proc", "DIR/second"]}},
        "some": {"exec": ["PROBE", "sleep"], "conditions": {"missing": ["DIR/no", "/proc"]}},
        "empty": {"exec": ["PROBE", "sleep"], "conditions": {"directoryNotEmpty": "DIR/empty"}},
        "file": {"exec": ["PROBE", "sleep"], "conditions": {"directoryNotEmpty": "DIR/apus.json"}},
        "size": {"exec": ["PROBE", "sleep"], "conditions": {"fileNotEmpty": "/dev/null"}},
        "mode": {"exec": ["PROBE", "sleep"], "conditions": {"executable": "DIR/apus.json"}},
        "folder": {"exec": ["PROBE", "sleep"], "conditions": {"executable": "/proc"}},
        "inside": {"exec": ["PROBE", "sleep"], "conditions": {"container": true}},
        "outside": {"exec": ["PROBE", "sleep"], "conditions": {"container": false}},
        "strange": {"exec": ["PROBE", "sleep"], "conditions": {"capability": "63"}},
        "after": {"exec": ["PROBE", "sleep"], "needs": ["flag", "machine"]}}}
      """#)
    try FileManager.default.createDirectory(
      atPath: board.path("empty"), withIntermediateDirectories: true)
    try board.wait(for: "here", "ready")
    try board.wait(for: "word", "ready")
    try board.wait(for: "after", "ready")
    try board.wait(for: "all", "ready")
    let isInside =
      try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
      != "pid:[4026531836]"
    try board.wait(for: isInside ? "inside" : "outside", "ready")
    for (name, condition, object) in [
      ("flag", "exists", ": " + board.path("flag")), ("present", "missing", ": /proc"),
      ("argument", "kernelArg", ": \(key)=nonsense"), ("machine", "architecture", ""),
      ("second", "exists", ": " + board.path("second")), ("some", "missing", ": /proc"),
      ("empty", "directoryNotEmpty", ": " + board.path("empty")),
      ("file", "directoryNotEmpty", ": " + board.path("apus.json")),
      ("size", "fileNotEmpty", ": /dev/null"),
      ("mode", "executable", ": " + board.path("apus.json")), ("folder", "executable", ": /proc"),
      (isInside ? "outside" : "inside", "container", ""), ("strange", "capability", ""),
    ] {
      try board.wait(for: name, "skipped")
      let service = try board.service(name)
      #expect(service["reason"] as? String == "condition \(condition) is not met\(object)")
      #expect(service["lastExit"] is NSNull)
    }
    #expect(!FileManager.default.fileExists(atPath: board.path("log.txt")))
    #expect(board.command(["start", "flag"]).code == 0)
    FileManager.default.createFile(atPath: board.path("flag"), contents: nil)
    #expect(board.command(["start", "flag"]).code == 0)
    #expect(try board.state("flag") == "ready")
  }

  @Test("variables come from files, in systemd's grammar, and a mistake is told with its line")
  func environmentFiles() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "web": {"exec": ["PROBE", "report", "DIR/report"], "start": "manual",
          "environment": {"A": "manifest", "KEPT": "manifest"},
          "environmentFile": ["DIR/one", "-DIR/none", "-DIR/two"]},
        "bad": {"exec": ["PROBE", "sleep"], "start": "manual", "restart": "no",
          "environmentFile": ["-DIR/none", "DIR/bad"]},
        "none": {"exec": ["PROBE", "sleep"], "restart": "no", "environmentFile": "DIR/none"},
        "huge": {"exec": ["PROBE", "sleep"], "restart": "no", "start": "manual",
          "environmentFile": "DIR/huge"}}}
      """#)
    try
      (#"""
    # a comment \
    that goes on
    ; another
    A=file
    PLAIN = some words \t
    EMPTY=
    DOUBLE="x \"y\" \z \$H
    next"  'and'more
    SINGLE='a\b "c" $'
    LONG=one \
    two
    ESCAPED=\"q\" \ z
    UTF=ä=b
    TWICE=1
    """# + "\r\n").write(toFile: board.path("one"), atomically: true, encoding: .utf8)
    try "TWICE=2\n\nLAST=x".write(
      toFile: board.path("two"), atomically: true, encoding: .utf8)
    #expect(board.command(["start", "web"]).code == 0)
    let report = try board.report("report")
    let text = try String(contentsOfFile: board.path("report"), encoding: .utf8)
    for entry in [
      "A=file", "KEPT=manifest", #"PLAIN=some words t"#, "EMPTY=", #"SINGLE=a\b "c" $"#,
      "LONG=one two", #"ESCAPED="q"  z"#, "UTF=ä=b", "TWICE=2", "LAST=x",
    ] {
      #expect(report.contains("env:" + entry), "\(entry)")
    }
    #expect(text.contains("env:DOUBLE=x \"y\" \\z $H\nnextandmore\n"))
    #expect(report.filter { $0.hasPrefix("env:A=") || $0.hasPrefix("env:TWICE=") }.count == 2)
    for (line, content) in [
      (3, "A=1\n\nno assignment\n"), (1, "export A=1\n"), (2, "A=1\nB='x\ny\n"),
      (4, "#\n#\\\n\n1A=2"),
      (1, "A=\0"),
    ] {
      try content.write(toFile: board.path("bad"), atomically: true, encoding: .utf8)
      #expect(board.command(["start", "bad"]).code == 1)
      #expect(
        try board.service("bad")["reason"] as? String
          == "read \(board.path("bad")):\(line): cannot be read as NAME=VALUE: EINVAL (22)")
    }
    // It is read by each start.
    try "A=1\n".write(toFile: board.path("bad"), atomically: true, encoding: .utf8)
    #expect(board.command(["start", "bad"]).code == 0)
    try board.wait(for: "none", "failed")
    #expect(
      try board.service("none")["reason"] as? String
        == "read \(board.path("none")): No such file or directory, ENOENT (2)")
    try String(repeating: "#", count: 20_000).write(
      toFile: board.path("huge"), atomically: true, encoding: .utf8)
    #expect(board.command(["start", "huge"]).errors.contains("E2BIG"))
  }

  @Test("what a service says of itself is shown, and only as much as fits")
  func status() throws {
    let long = String(repeating: "x", count: 200)
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "good": {"exec": ["PROBE", "notify", "STATUS=first", "READY=1\nSTATUS=all \u00e4\u001b well"],
          "type": "notify"},
        "long": {"exec": ["PROBE", "notify", "READY=1\nSTATUS=\#(long)"], "type": "notify"},
        "mute": {"exec": ["PROBE", "sleep"]}}}
      """#)
    for name in ["good", "long", "mute"] { try board.wait(for: name, "ready") }
    #expect(try board.service("good")["status"] as? String == "all \u{e4}\u{1b} well")
    #expect(board.command(["status", "good"]).output.contains("status: all ä\\x1b well"))
    #expect(try board.service("long")["status"] as? String == String(long.prefix(80)))
    #expect(try board.service("mute")["status"] as? String == "")
    #expect(!board.command(["status", "mute"]).output.contains("status"))
  }
}
