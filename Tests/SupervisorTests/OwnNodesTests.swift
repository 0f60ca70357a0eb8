import Foundation
import Testing

/// The nodes that commands and services reach apus by.
@Suite struct OwnNodesTests {
  private static let manifest =
    #"{"apus": 1, "services": {"n": {"exec": ["PROBE", "notify", "READY=1"], "type": "notify"}}}"#

  @Test("a control socket that is removed, or whose folder is, is bound anew")
  func control() throws {
    let board = try Board(Self.manifest)
    try board.wait(for: "n", "ready")
    for round in 0..<2 {
      #expect(unlink(board.control) == 0)
      try board.wait("the control socket, round \(round)") { board.command(["status"]).code == 0 }
      // Two in a row come a second apart.
    }
    let (folder, moved) = (board.directory.path, board.directory.path + ".moved")
    try FileManager.default.moveItem(atPath: folder, toPath: moved)
    defer { try? FileManager.default.removeItem(atPath: moved) }
    try board.wait("the socket in another folder") {
      FileManager.default.fileExists(atPath: board.control)
    }
    #expect(board.command(["status"]).code == 0)
    #expect(
      try String(contentsOfFile: moved + "/log", encoding: .utf8).contains(
        "the control socket's node is gone, binding it anew"))
    // And by a signal, where nothing else tells.
    kill(board.process.pid, SIGHUP)
    try board.wait("an answer") { board.command(["status"]).code == 0 }
  }

  @Test("a first bind that fails is tried again")
  func firstBind() throws {
    let folder = "/tmp/apus-\(UUID().uuidString.prefix(8))"
    let control = folder + "/deep/control"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try #"{"apus": 1, "services": {}}"#.write(
      toFile: folder + "/apus.json", atomically: true, encoding: .utf8)
    // Nobody's folder, so that it cannot be made.
    try "".write(toFile: folder + "/deep", atomically: true, encoding: .utf8)
    let child = try Child(
      [Board.binary, "run", "--manifest", folder + "/apus.json", "--control", control],
      errors: .file(folder + "/log"))
    defer {
      child.kill()
      child.wait()
    }
    while (try? String(contentsOfFile: folder + "/log", encoding: .utf8))?
      .contains("cannot bind the control socket, trying again") != true
    { usleep(3000) }
    let log = try String(contentsOfFile: folder + "/log", encoding: .utf8)
    #expect(log.contains("trying again: \(control): ENOTDIR (20); --control PATH or"), "\(log)")
    try FileManager.default.removeItem(atPath: folder + "/deep")
    let deadline = Date(timeIntervalSinceNow: 20)
    while !FileManager.default.fileExists(atPath: control), Date() < deadline { usleep(3000) }
    #expect(FileManager.default.fileExists(atPath: control))
  }

  @Test("a second supervisor on the same control socket ends, and a stale one is replaced")
  func second() throws {
    let board = try Board(Self.manifest)
    try board.wait(for: "n", "ready")
    let log = board.path("second")
    let second = try Child(
      [Board.binary, "run", "--manifest", board.path("apus.json"), "--control", board.control],
      errors: .file(log))
    #expect(second.wait() == 1)
    let text = try String(contentsOfFile: log, encoding: .utf8)
    #expect(text == "apus: a supervisor already answers at \(board.control)\n")
    #expect(board.command(["status"]).code == 0)
    let pid = try board.pid("n")
    #expect(kill(pid, 0) == 0)
    // What a killed supervisor leaves behind is no supervisor.
    board.process.kill()
    board.process.wait()
    kill(pid, SIGKILL)
    let third = try Child(
      [Board.binary, "run", "--manifest", board.path("apus.json"), "--control", board.control])
    try board.wait("an answer") { board.command(["status"]).code == 0 }
    third.terminate()
    #expect(third.wait() == 0)
  }

  @Test("the node of a notify channel, and its folder, are made anew")
  func channels() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"n": {"type": "notify", "restart": "no",
        "exec": ["/bin/sh", "-c", "PROBE notify READY=1 & trap 'PROBE notify STATUS=again &' USR1; while :; do sleep 0.1; done"]}}}
      """#)
    try board.wait(for: "n", "ready")
    let node = board.control + ".notify/n"
    #expect(unlink(node) == 0)
    try board.wait("another node") { FileManager.default.fileExists(atPath: node) }
    kill(try board.pid("n"), SIGUSR1)
    try board.wait("the status") {
      try board.service("n")["statusText"] as? String == "again"
        || board.command(["status", "n"]).output.contains("again")
    }
    usleep(1_100_000)
    // At once: what is taken out of it one by one is made anew meanwhile.
    #expect(rename(board.control + ".notify", board.path("gone")) == 0)
    try board.wait("another folder") { FileManager.default.fileExists(atPath: node) }
  }

  @Test("a notify folder that is not apus's own is refused, and nothing in it is removed")
  func foreignFolder() throws {
    guard Board.isRoot else { return }
    let folder = "/tmp/apus-\(UUID().uuidString.prefix(8))"
    let target = folder + "/target"
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try #"""
    {"apus": 1, "services": {"n": {"exec": ["\#(Board.probe)", "notify", "READY=1"],
      "type": "notify", "restart": "no"}}}
    """#.write(toFile: folder + "/apus.json", atomically: true, encoding: .utf8)
    for kind in ["owner", "mode", "link"] {
      let control = folder + "/" + kind
      let nodes = control + ".notify"
      if kind == "link" {
        symlink(target, nodes)
      } else {
        try FileManager.default.createDirectory(atPath: nodes, withIntermediateDirectories: true)
        chmod(nodes, kind == "mode" ? 0o777 : 0o755)
        chown(nodes, kind == "owner" ? 65534 : 0, 0)
      }
      let file = (kind == "link" ? target : nodes) + "/n"
      try "keep".write(toFile: file, atomically: true, encoding: .utf8)
      let log = folder + "/log"
      let child = try Child(
        [Board.binary, "run", "--manifest", folder + "/apus.json", "--control", control],
        errors: .file(log))
      var state = ""
      let deadline = Date(timeIntervalSinceNow: 20)
      while state != "failed", Date() < deadline {
        usleep(3000)
        let output = folder + "/status"
        guard
          let status = try? Child(
            [Board.binary, "status", "--control", control, "--json"], output: .file(output))
        else { continue }
        status.wait()
        let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        if text.contains(#""state":"failed""#) { state = "failed" }
      }
      child.terminate()
      child.wait()
      #expect(state == "failed", "\(kind)")
      #expect((try? String(contentsOfFile: file, encoding: .utf8)) == "keep", "\(kind)")
      if kind != "link" {
        let text = try String(contentsOfFile: log, encoding: .utf8)
        #expect(text.contains("the notify folder is not used"), "\(text)")
      }
    }
  }

  @Test("a program that has given up root says READY=1, and who is refused is counted")
  func dropped() throws {
    guard Board.isRoot else { return }
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "drops": {"type": "notify", "ready": {"timeout": "10s"}, "restart": "no",
          "exec": ["/usr/bin/setpriv", "--reuid", "65534", "--clear-groups", "PROBE", "notify",
            "READY=1"]},
        "silent": {"type": "notify", "ready": {"timeout": "400ms"}, "restart": "no",
          "exec": ["PROBE", "sleep"]},
        "junk": {"type": "notify", "ready": {"timeout": "400ms"}, "restart": "no",
          "exec": ["PROBE", "notify", "no assignment", "STATUS=x"]},
        "target": {"type": "notify", "ready": {"timeout": "3s"}, "restart": "no",
          "exec": ["PROBE", "sleep"]},
        "stranger": {"exec": ["PROBE", "notify", "READY=1", "READY=1"],
          "environment": {"NOTIFY_SOCKET": "DIR/control.notify/target"}, "start": "manual"}}}
      """#)
    try board.wait(for: "target", "starting")
    #expect(board.command(["start", "stranger"]).code == 0)
    try board.wait(for: "drops", "ready")
    for (name, words) in [
      ("silent", "not ready in time, no message came"),
      (
        "junk",
        "not ready in time, 2 messages came, refused as malformed: 1"
      ),
      (
        "target",
        "not ready in time, 2 messages came, refused because the sender is not of the service: 2"
      ),
    ] {
      try board.wait(for: name, "failed")
      #expect(try board.service(name)["reason"] as? String == words)
    }
  }

  @Test("what waits in a notify channel is heard by the next program, and senders notice nothing")
  func kept() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "n": {"type": "notify", "restart": "no", "ready": {"timeout": "15s"},
          "exec": ["/bin/sh", "-c", "while ! [ -e DIR/go ]; do sleep 0.01; done; PROBE notify READY=1"]},
        "other": {"exec": ["PROBE", "sleep"]}}}
      """#)
    let node = board.control + ".notify/n"
    try board.wait("the channel") { FileManager.default.fileExists(atPath: node) }
    var before = stat()
    #expect(stat(node, &before) == 0)
    // What it says while apus is away waits in the channel.
    kill(board.process.pid, SIGSTOP)
    FileManager.default.createFile(atPath: board.path("go"), contents: nil)
    usleep(300_000)
    kill(board.process.pid, SIGCONT)
    #expect(board.command(["reexec"]).code == 0)
    try board.wait(for: "n", "ready")
    var after = stat()
    #expect(stat(node, &after) == 0)
    #expect(before.st_ino == after.st_ino)
    try board.wait("the next program") { board.command(["status"]).code == 0 }
    #expect(board.command(["apply"]).code == 0)
    try board.wait("the one after") { board.command(["status"]).code == 0 }
    #expect(stat(node, &after) == 0)
    #expect(before.st_ino == after.st_ino)
    #expect(try board.state("n") == "ready")
  }

  @Test(
    "a control socket given relative to the folder of apus run leads services to their channels")
  func relative() throws {
    let folder = "/tmp/apus-\(UUID().uuidString.prefix(8))"
    mkdir(folder, 0o755)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let exec = #""exec": ["\#(Board.probe)", "notify", "READY=1"]"#
    try #"{"apus": 1, "services": {"n": {"type": "notify", \#(exec)}}}"#.write(
      toFile: folder + "/m.json", atomically: true, encoding: .utf8)
    let apus = try Child([
      "/bin/sh", "-c", #"cd "$0" && exec "$1" run --manifest m.json --control c"#, folder,
      Board.binary,
    ])
    defer { apus.wait() }
    defer { apus.terminate() }
    // 6 until the socket is there.
    let deadline = Date(timeIntervalSinceNow: 20)
    var code: Int32 = 6
    while code == 6, Date() < deadline {
      usleep(10_000)
      code = try Child([
        Board.binary, "wait", "n", "ready", "--timeout", "10s", "--control", folder + "/c",
      ]).wait()
    }
    #expect(code == 0)
  }
}
