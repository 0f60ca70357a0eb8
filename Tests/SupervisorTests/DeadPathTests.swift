import Foundation
import TestSockets
import Testing

/// A FUSE file system that never answers some calls.
final class DeadFolder {
  let path: String
  private let server: Child
  private let said: String

  static var isPossible: Bool { Board.isRoot && access("/dev/fuse", R_OK | W_OK) == 0 }

  /// Mounts it on a new folder below another one; `later` answers everything until `die`.
  init(_ calls: [String], below parent: String = "/tmp") throws {
    path = "\(parent)/apus-dead-\(UUID().uuidString.prefix(8))"
    said = "/tmp/\(UUID().uuidString).said"
    mkdir(path, 0o755)
    server = try Child([Board.probe, "fuse-hang", path] + calls, output: .file(said))
    let deadline = Date(timeIntervalSinceNow: 10)
    while (try? String(contentsOfFile: said, encoding: .utf8)) != "mounted\n" {
      try #require(server.isRunning && Date() < deadline)
      usleep(1000)
    }
  }

  /// From now on nothing is answered that it was made not to answer.
  func die() { kill(server.pid, SIGUSR2) }

  /// Whatever waits is answered, and all that comes.
  func revive() { kill(server.pid, SIGUSR1) }

  deinit {
    server.kill()
    server.wait()
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
    unlink(said)
  }
}

/// Paths of the manifest on a file system that never answers: apus and the other services go on, and
/// what waits is named.
@Suite(.enabled(if: DeadFolder.isPossible, "needs root and /dev/fuse")) struct DeadPathTests {
  /// A key with a path, and what is said of it.
  struct Place: Sendable, CustomTestStringConvertible {
    let keys: String
    let words: String
    var parent = "/tmp"
    var calls = ["lookup"]
    var testDescription: String { words + " " + calls.joined(separator: " ") }
  }

  /// apus answers at once: `status` within 100 ms, whatever else the machine does.
  private func answersAtOnce(_ board: Board) {
    var best = TimeInterval.infinity
    for _ in 0..<10 {
      let start = Date()
      #expect([0, 3].contains(board.command(["status"]).code))
      best = min(best, Date().timeIntervalSince(start))
      #expect(Date().timeIntervalSince(start) < 5)
    }
    #expect(best < 0.1)
  }

  /// The others are served, and the board ends in its time.
  private func othersGoOn(_ board: Board) throws {
    answersAtOnce(board)
    #expect(board.talk("echo").hasSuffix(" e\n"))
    #expect(board.command(["start", "other"]).code == 0)
  }

  private func ends(_ board: Board) {
    let start = Date()
    #expect(board.end() == 0)
    #expect(Date().timeIntervalSince(start) < 8)
  }

  private func board(_ service: String) throws -> Board {
    try Board(
      #"""
      {"apus": 1, "system": {"shutdownTimeout": "4s"},
        "defaults": {"stop": {"timeout": "200ms"}}, "services": {
        "dead": {\#(service)},
        "echo": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/echo", "name": "e"}]},
        "other": {"exec": ["PROBE", "sleep"], "start": "manual"}}}
      """#)
  }

  static let starts = [
    Place(keys: #""exec": ["DEAD/x"]"#, words: "exec DEAD/x"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "pre": [{"exec": ["DEAD/x"], "timeout": "1s"}]"#,
      words: "pre: exec DEAD/x"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "environmentFile": ["/dev/null", "DEAD/x"]"#,
      words: "read DEAD/x"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "workingDirectory": "DEAD/x""#, words: "chdir DEAD/x"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "conditions": {"exists": ["/dev/null", "DEAD/x"]}"#,
      words: "check a condition: DEAD/x"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "conditions": {"fileNotEmpty": "DEAD/x"}"#,
      words: "check a condition: DEAD/x"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "stdout": "append:DEAD/x""#, words: "open DEAD/x"),
    Place(keys: #""exec": ["PROBE", "sleep"], "stdin": "file:DEAD/x""#, words: "open DEAD/x"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "tty": "DEAD/x""#, words: "open the terminal DEAD/x"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "directories": {"runtime": ["NAME/x"]}"#,
      words: "make the directory DEAD/x", parent: "/run"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "directories": {"runtime": ["NAME/x"]}"#,
      words: "make the directory DEAD/x", parent: "/run", calls: ["mkdir"]),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "started": [{"exec": ["DEAD/x"], "timeout": "1s"}]"#,
      words: "started: exec DEAD/x"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "sandbox": {"root": "DEAD/x"}"#, words: "enter the root"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "sandbox": {"readOnly": true, "write": ["DEAD/x"]}"#,
      words: "make / read-only"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "sandbox": {"hide": ["DEAD/x"]}"#, words: "hide paths"),
    Place(
      keys: #""exec": ["PROBE", "sleep"], "sandbox": {"landlock": {"read": ["DEAD/x"]}}"#,
      words: "enforce landlock"),
  ]

  @Test("a start that a path holds up ends with its step, in D state, too", arguments: starts)
  func start(_ place: Place) throws {
    let dead = try DeadFolder(place.calls, below: place.parent)
    func fill(_ text: String) -> String {
      text.replacingOccurrences(of: "DEAD", with: dead.path)
        .replacingOccurrences(of: "NAME", with: (dead.path as NSString).lastPathComponent)
    }
    let board = try board(fill(place.keys) + #", "ready": {"timeout": "1s"}, "restart": "no""#)
    try othersGoOn(board)
    let words = fill(place.words) + ": Timed out, ETIMEDOUT (110)"
    try board.wait("the step") {
      (try board.service("dead")["reason"] as? String)?.hasSuffix(words) == true
    }
    try othersGoOn(board)
    ends(board)
    // What it waited for has gone: it is killed at last.
    #expect(!board.log.contains("did not start in time"))
  }

  /// Runs a board whose service has a listener with these words at paths of a dead folder.
  private func listenerBoard(_ listen: String, _ dead: DeadFolder) throws -> Board {
    let listen = listen.replacingOccurrences(of: "DEAD", with: dead.path)
    return try board(
      #""exec": ["PROBE", "serve"], "listen": [{\#(listen)}], "stop": {"timeout": "200ms"}"#)
  }

  static let listeners = [
    Place(keys: #""stream": "DEAD/x""#, words: "cannot probe DEAD/x: DEAD"),
    Place(keys: #""stream": "DEAD/y/x""#, words: "cannot make the directory of DEAD/y/x: DEAD"),
    Place(
      keys: #""stream": "DEAD/x""#, words: "cannot make the directory of DEAD/x: DEAD",
      calls: ["getattr"]),
    Place(
      keys: #""stream": "DEAD/x""#, words: "cannot bind DEAD/x: DEAD", calls: ["mknod"]),
    Place(
      keys: #""stream": "DEAD/x""#, words: "cannot set the owner of DEAD/x: DEAD",
      calls: ["setattr"]),
    Place(
      keys: #""stream": "DEAD/y/x""#, words: "cannot make the directory of DEAD/y/x: DEAD",
      calls: ["mkdir"]),
    Place(keys: #""datagram": "DEAD/x""#, words: "cannot probe DEAD/x: DEAD"),
    Place(keys: #""seqpacket": "DEAD/x""#, words: "cannot probe DEAD/x: DEAD"),
    Place(keys: #""fifo": "DEAD/x""#, words: "cannot probe DEAD/x: DEAD"),
    Place(keys: #""fifo": "DEAD/x""#, words: "cannot bind DEAD/x: DEAD", calls: ["mknod"]),
    Place(keys: #""special": "DEAD/x""#, words: "cannot bind DEAD/x: DEAD"),
    Place(keys: #""special": "DEAD/x""#, words: "cannot bind DEAD/x: DEAD", calls: ["getattr"]),
  ]

  @Test(
    "a listener on a path that never answers is in error, named with its step and path",
    arguments: listeners)
  func listener(_ place: Place) throws {
    let dead = try DeadFolder(place.calls)
    let board = try listenerBoard(place.keys + #", "user": 7, "mode": "0640""#, dead)
    let words = place.words.replacingOccurrences(of: "DEAD", with: dead.path)
    #expect(board.log.contains("dead: " + words + ": ETIMEDOUT (110)"))
    try othersGoOn(board)
    let path = board.command(["list-sockets", "--json"]).output
    #expect(path.contains(#""state":"error""#))
    // Another look at the same path changes nothing.
    try board.wait("the next try") {
      board.log.components(separatedBy: words).count > 2
    }
    try othersGoOn(board)
    let apus = try #require(board.apus)
    #expect(errands(of: apus).count == 1)
    ends(board)
  }

  /// The processes that wait in the place of apus.
  private func errands(of apus: Int32) -> [Int32] {
    let children =
      (try? String(contentsOfFile: "/proc/\(apus)/task/\(apus)/children", encoding: .utf8)) ?? ""
    return children.split(separator: " ").compactMap { Int32($0) }.filter {
      (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)) == "apus-path\n"
    }
  }

  @Test("a listener whose path answers at last is bound at once, and its clients are served")
  func late() throws {
    let dead = try DeadFolder(["lookup"])
    let board = try listenerBoard(#""stream": "DEAD/x", "name": "late""#, dead)
    try board.wait("the third try to be due later") {
      board.log.components(separatedBy: "next try in 4000 ms").count > 1
    }
    dead.revive()
    // What was asked meanwhile fails, and all that follows is answered.
    try board.wait("the socket") {
      try board.socket(dead.path + "/x")["state"] as? String == "listening"
    }
    let client = try #require(Client.connect(unix: dead.path + "/x"))
    #expect(Client.readAll(client).hasSuffix(" late\n"))
    try board.wait("all errands to be over") {
      errands(of: try #require(board.apus)).allSatisfy {
        !Shown(pid: $0).field("State").hasPrefix("D")
      }
    }
    #expect(board.end() == 0)
  }

  /// Keys whose path is only looked at beside the program, or after it.
  static let besides = [
    Place(keys: #""pidFile": "DEAD/x", "type": "forking""#, words: "not ready in time"),
    Place(keys: #""ready": {"unix": "DEAD/x", "timeout": "1s"}"#, words: "not ready in time"),
  ]

  @Test("a look at a path that never answers keeps nobody but its service", arguments: besides)
  func look(_ place: Place) throws {
    let dead = try DeadFolder(place.calls)
    let keys = place.keys.replacingOccurrences(of: "DEAD", with: dead.path)
    let ready = keys.contains("ready") ? "" : #", "ready": {"timeout": "1s"}"#
    let exec =
      keys.contains("forking") ? #"["/bin/sh", "-c", "sleep 1000 &"]"# : #"["PROBE", "sleep"]"#
    let board = try board(#""exec": \#(exec), "restart": "no", \#(keys)\#(ready)"#)
    try othersGoOn(board)
    try board.wait("the reason") {
      (try board.service("dead")["reason"] as? String)?.hasPrefix(place.words) == true
    }
    try othersGoOn(board)
    ends(board)
  }

  @Test("commands of a stop and a reload on a path that never answers end in their time")
  func commands() throws {
    let dead = try DeadFolder(["lookup"])
    let board = try board(
      #""exec": ["PROBE", "sleep"], "stop": {"exec": ["\#(dead.path)/x"], "timeout": "300ms"}, "#
        + #""reload": {"exec": ["\#(dead.path)/x"]}"#)
    try board.wait(for: "dead", "ready")
    #expect(board.command(["reload", "--no-wait", "dead"]).code == 0)
    try othersGoOn(board)
    #expect(board.command(["stop", "--no-wait", "dead"]).code == 0)
    try board.wait("its end") { try board.pid("dead") == 0 }
    try othersGoOn(board)
    ends(board)
  }

  @Test("links to a socket and its removal on a path that never answers leave the socket alone")
  func links() throws {
    let (dead, later) = (try DeadFolder(["lookup"]), try DeadFolder(["unlink", "lookup", "later"]))
    let board = try board(
      #""exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/own", "name": "own", "#
        + #""symlinks": ["\#(dead.path)/x", "DIR/link"]}, {"stream": "\#(later.path)/x", "#
        + #""name": "later", "removeOnStop": true}]"#)
    #expect(board.log.contains("dead: cannot link to \(board.path("own")): ETIMEDOUT (110)"))
    #expect(board.talk("link").hasSuffix(" own:later\n"))
    #expect(Client.talk(unix: later.path + "/x").hasSuffix(" own:later\n"))
    #expect(!board.log.contains(later.path))
    later.die()
    // Each end and each start looks at the nodes.
    for _ in 0..<2 {
      #expect(board.command(["restart", "dead"]).code == 0)
      try othersGoOn(board)
      #expect(board.talk("own").hasSuffix(" own:later\n"))
    }
    // One that has gone from a folder that does answer is made anew all the same.
    unlink(board.path("link"))
    try board.wait("the link") { access(board.path("link"), F_OK) == 0 }
    #expect(errands(of: try #require(board.apus)).count <= 2)
    ends(board)
  }

  @Test(
    "a socket on a file system that answers after all is bound before anything starts, and looked at"
  )
  func remote() throws {
    let folder = try DeadFolder(["later"])
    let path = folder.path + "/deep/x"
    let board = try board(
      #""exec": ["PROBE", "serve"], "listen": [{"stream": "\#(path)", "name": "far", "#
        + #""mode": "0640", "user": 7, "symlinks": ["\#(folder.path)/link"]}]"#)
    #expect(!board.log.contains("ETIMEDOUT"))
    #expect(Client.talk(unix: folder.path + "/link").hasSuffix(" far\n"))
    var status = stat()
    #expect(lstat(path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o640)
    #expect(status.st_uid == 7)
    // Removed behind its back: no inotify tells of it, the end of the service does.
    unlink(path)
    #expect(board.command(["stop", "dead"]).code == 0)
    #expect(board.command(["start", "dead"]).code == 0)
    try board.wait("the socket") { access(path, F_OK) == 0 }
    #expect(Client.talk(unix: path).hasSuffix(" far\n"))
    #expect(board.end() == 0)
  }

  @Test(
    "mounts of a service's own beside a dead one are made, or end in their time",
    arguments: [
      #""privateTmp": true"#, #""privateDevices": true"#, #""readOnly": true"#,
      #""protectKernel": true"#, #""privatePids": true"#,
    ])
  func mounts(_ keys: String) throws {
    let dead = try DeadFolder(["lookup", "getattr", "statfs", "open", "opendir"])
    let board = try board(
      #""exec": ["PROBE", "sleep"], "restart": "no", "ready": {"timeout": "2s"}, "#
        + #""sandbox": {\#(keys)}"#)
    try othersGoOn(board)
    try board.wait("the start to come to its end") {
      let state = try board.state("dead")
      let reason = try board.service("dead")["reason"] as? String ?? ""
      return state == "ready" || reason.hasSuffix(": Timed out, ETIMEDOUT (110)")
    }
    try othersGoOn(board)
    ends(board)
    _ = dead
  }

  @Test(
    "many services on a dead path keep nobody else from starting, and are given up in their time")
  func crowd() throws {
    let dead = try DeadFolder(["lookup"])
    let crowd = (0..<24).map {
      #""dead\#($0)": {"exec": ["\#(dead.path)/x"], "ready": {"timeout": "1s"}, "restart": "no"}"#
    }
    let board = try board(
      #""exec": ["\#(dead.path)/x"], "ready": {"timeout": "1s"}}, \#(crowd.joined(separator: ", ")), "last": {"exec": ["PROBE", "sleep"]"#
    )
    try othersGoOn(board)
    try board.wait(for: "last", "ready")
    try board.wait("the reasons") {
      try (0..<24).allSatisfy {
        (try board.service("dead\($0)")["reason"] as? String)?.hasSuffix("ETIMEDOUT (110)") == true
      }
    }
    #expect(board.command(["restart", "other", "last"]).code == 0)
    ends(board)
  }

  @Test("a probe that hangs is told after ready.timeout, and its service is not starting for ever")
  func probe() throws {
    let dead = try DeadFolder(["lookup"])
    let board = try board(
      #""exec": ["PROBE", "sleep"], "restart": "no", "ready": {"exec": ["\#(dead.path)/x"], "timeout": "1s"}"#
    )
    try board.wait("it to be given up") { try board.state("dead") == "stopping" }
    #expect(
      (try board.service("dead")["reason"] as? String)?.hasPrefix("not ready in time") == true)
    #expect(board.log.contains("dead: cannot end a command, going on without it"))
    try othersGoOn(board)
    dead.revive()
    try board.wait("its end") { try board.state("dead") == "failed" }
    #expect(board.end() == 0)
  }

  @Test("what waits on a dead path is not forgotten by the programs that take over")
  func takeover() throws {
    let dead = try DeadFolder(["lookup"])
    let board = try listenerBoard(#""stream": "DEAD/x", "name": "late""#, dead)
    let apus = try #require(board.apus)
    let first = try #require(errands(of: apus).first)
    for _ in 0..<3 {
      #expect(board.command(["reexec"]).code == 0)
      try board.wait("the next look") { board.command(["status"]).code == 3 }
    }
    // Whatever was on its way is killed: it does nothing any more once the path answers.
    #expect(Shown(pid: first).field("SigPnd") != "" && errands(of: apus).contains(first))
    #expect(pending(first) || pending(first, "ShdPnd"))
    try othersGoOn(board)
    dead.revive()
    try board.wait("the socket") {
      try board.socket(dead.path + "/x")["state"] as? String == "listening"
    }
    try board.wait("all errands to be over") {
      errands(of: apus).allSatisfy { !Shown(pid: $0).field("State").hasPrefix("D") }
    }
    #expect(board.end() == 0)
  }

  /// True when SIGKILL waits for a process.
  private func pending(_ pid: Int32, _ field: String = "SigPnd") -> Bool {
    (UInt64(Shown(pid: pid).field(field), radix: 16) ?? 0) >> 8 & 1 == 1
  }

  @Test("many listeners on dead paths hold up a boot no longer than one")
  func many() throws {
    let dead = try DeadFolder(["lookup"])
    let listen = (0..<60).map { #"{"stream": "\#(dead.path)/\#($0)", "name": "n\#($0)"}"# }
    let start = Date()
    let board = try board(
      #""exec": ["PROBE", "serve"], "listen": [\#(listen.joined(separator: ", "))]"#)
    #expect(Date().timeIntervalSince(start) < 3)
    try othersGoOn(board)
    ends(board)
  }
}
