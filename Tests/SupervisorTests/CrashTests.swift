import Foundation
import Testing

@Suite struct CrashTests {
  /// A simple service, an idle daemon of a demand service, a process for each connection, and a
  /// service that waits for its next start.
  private static let manifest = #"""
    {"apus": 1, "services": {
      "plain": {"exec": ["PROBE", "sleep"]},
      "echo": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/echo.sock", "name": "e"}]},
      "cat": {"exec": ["/bin/cat"], "accept": true, "stdio": "socket",
              "listen": [{"stream": "DIR/cat.sock"}]},
      "idle": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/idle.sock", "name": "i"}]},
      "false": {"exec": ["PROBE", "exit", "3"], "restart": {"delay": "60s", "jitter": 0}}}}
    """#

  private static let signals = [SIGSEGV, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGTRAP, SIGSYS]

  @Test("PID-01 services, sockets, connections and back-off survive a crash", arguments: signals)
  func crash(signal: Int32) throws {
    try survives(isolated: false) { board, pid in
      kill(pid, signal)
      try board.wait("the new program") { board.log.contains("goes on after a crash") }
      #expect(board.log.contains("fault, signal \(signal)"))
    }
  }

  @Test("PID-01 the same as PID 1 of a namespace", .enabled(if: Board.isRoot))
  func crashOfInit() throws {
    try survives(isolated: true) { board, pid in
      kill(pid, SIGSEGV)
      try board.wait("the new program") { board.log.contains("goes on after a crash") }
    }
  }

  @Test("reexec keeps the same")
  func reexec() throws {
    try survives(isolated: false) { board, _ in
      let answer = board.command(["reexec"])
      #expect(answer.code == 0)
      #expect(answer.output.isEmpty && answer.errors.isEmpty)
      try board.wait("the new program") { board.log.contains("goes on as a new program") }
    }
  }

  /// What a deliberate crash is like (DeliberateCrash.swift): the signal that orders it, the fault.
  private static let deliberate: [(order: Int32, fault: [Int32])] = [
    (54, [SIGILL, SIGTRAP]), (55, [SIGILL, SIGTRAP]), (56, [SIGILL, SIGTRAP, SIGSEGV]),
    (57, [SIGSEGV]), (58, [SIGABRT]), (59, [SIGSEGV]),
  ]

  @Test(
    "PID-01 PID-02 the same after a trap, a failed allocation, an overflow of the stack, an abort",
    arguments: deliberate.indices)
  func fromInside(index: Int) throws {
    let crash = Self.deliberate[index]
    try survives(isolated: false, program: Board.crashing) { board, pid in
      kill(pid, crash.order)
      try board.wait("the new program") { board.log.contains("goes on after a crash") }
      #expect(
        crash.fault.contains { board.log.contains("fault, signal \($0), ") }, "\(board.log)")
      #expect(board.log.contains(", at 0x"))
    }
  }

  @Test("reexec into another build keeps the same")
  func otherBuild() throws {
    try survives(isolated: false, ownProgram: true) { board, pid in
      // Into place in one step, as an upgrade has to: a running program cannot be written.
      try FileManager.default.copyItem(atPath: Board.crashing, toPath: board.path("new"))
      #expect(rename(board.path("new"), board.path("apus")) == 0)
      #expect(board.command(["reexec"]).code == 0)
      try board.wait("the new program") { board.log.contains("goes on as a new program") }
      // Only the other build obeys this, and lives on as itself.
      kill(pid, 54)
      try board.wait("its crash") { board.log.contains("goes on after a crash") }
    }
  }

  private func survives(
    isolated: Bool, ownProgram: Bool = false, program: String = Board.binary,
    _ happens: (Board, Int32) throws -> Void
  ) throws {
    let board = try Board(
      Self.manifest, isolated: isolated, ownProgram: ownProgram, program: program)
    try board.wait(for: "plain", "ready")
    #expect(board.talk("echo.sock").hasSuffix(" e\n"))
    try board.wait(for: "echo", "ready")
    try board.wait(for: "false", "backoff")
    let client = try #require(Client.connect(unix: board.path("cat.sock")))
    #expect(exchange(client, "one") == "one")
    let apus = try #require(board.apus)
    // After an answer a connection has been handed over; its client's own socket comes and goes.
    let before = try picture(board)
    var inodes = try sockets(of: apus)
    _ = try picture(board)
    inodes.formIntersection(try sockets(of: apus))
    #expect(inodes.count >= 4, "three listeners and the control socket")

    try happens(board, apus)

    #expect(try picture(board) == before)
    #expect(try sockets(of: apus).isSuperset(of: inodes))
    #expect(exchange(client, "two") == "two")
    // New connections are served: by the daemon, by a new process, by a new daemon.
    #expect(try board.talk("echo.sock") == "\(board.pid("echo")) e\n" || isolated)
    let other = try #require(Client.connect(unix: board.path("cat.sock")))
    #expect(exchange(other, "three") == "three")
    #expect(board.talk("idle.sock").hasSuffix(" i\n"))
    close(other)
    close(client)
    // The ends of old and new processes are collected.
    try board.wait("no connection") { try board.connections("cat") == 0 }
    if !isolated {
      let first = try board.pid("plain")
      kill(first, SIGKILL)
      try board.wait("another process") { ![0, first].contains(try board.pid("plain")) }
      #expect(try board.service("plain")["restarts"] as? Int == 1)
    }
    #expect(board.end() == 0)
  }

  @Test("PID-01 what ends while nobody supervises is seen afterwards")
  func missedEnd() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"plain": {"exec": ["PROBE", "sleep"], "restart": "no"}}}
      """#)
    try board.wait(for: "plain", "ready")
    let pid = try #require(board.apus)
    // The end and the crash are both pending when apus runs again.
    kill(pid, SIGSTOP)
    kill(try service(of: pid), SIGTERM)
    kill(pid, SIGSEGV)
    kill(pid, SIGCONT)
    try board.wait("the end") { try board.state("plain") != "ready" }
    let end = try #require(try board.service("plain")["lastExit"] as? [String: Any])
    #expect(end["kind"] as? String == "signal")
    #expect(end["code"] as? Int == 15)
  }

  @Test(
    "PID-03 three crashes within a minute: apus run ends with 1, and so does all it has started")
  func often() throws {
    for isIsolated in [false, true] where !isIsolated || Board.isRoot {
      let board = try Board(Self.manifest, isolated: isIsolated)
      try board.wait(for: "plain", "ready")
      let apus = try #require(board.apus)
      let services = try children(of: apus)
      #expect(!services.isEmpty)
      for count in 1...3 {
        kill(apus, SIGSEGV)
        let line = count < 3 ? "lost, number \(count)" : "three crashes within a minute"
        try board.wait("crash \(count)") { board.log.contains(line) }
      }
      #expect(board.process.wait() == 1)
      try board.wait("the end of the services") { services.allSatisfy { kill($0, 0) != 0 } }
      #expect(board.command(["status"]).code == 6)
    }
  }

  private func children(of pid: Int32) throws -> [Int32] {
    try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
      .split(separator: " ").compactMap { Int32($0) }
  }

  @Test("PID-03 many faults at once are one or few crashes, and none of them the end")
  func storm() throws {
    let board = try Board(Self.manifest)
    try board.wait(for: "plain", "ready")
    let apus = try #require(board.apus)
    kill(apus, SIGSTOP)
    for signal in Self.signals { kill(apus, signal) }
    kill(apus, SIGCONT)
    try board.wait("the new program") { board.log.contains("goes on after a crash") }
    #expect(board.process.isRunning)
  }

  @Test("reexec looks at the new program before anything is given up")
  func broken() throws {
    let board = try Board(Self.manifest, ownProgram: true)
    try board.wait(for: "plain", "ready")
    let pid = try board.pid("plain")
    let program = URL(fileURLWithPath: board.path("apus"))
    let sound = try Data(contentsOf: program)
    try FileManager.default.removeItem(at: program)
    #expect(board.command(["reexec"]).errors.contains("ENOENT (2)"))
    for (content, mode, errno) in [
      (Data(), 0o755, "ENOEXEC (8)"), (Data("#!/bin/sh\n".utf8), 0o755, "ENOEXEC (8)"),
      (sound.prefix(sound.count / 2), 0o755, "ENOEXEC (8)"), (sound, 0o644, "EACCES (13)"),
    ] {
      try content.write(to: program)
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: program.path)
      let answer = board.command(["reexec"])
      #expect(answer.code == 1)
      #expect(answer.errors.contains(errno), "\(answer.errors)")
      #expect(try board.pid("plain") == pid)
    }
    // A crash does not care for what is at the path.
    kill(try #require(board.apus), SIGSEGV)
    try board.wait("the new program") { board.log.contains("goes on after a crash") }
    #expect(try board.pid("plain") == pid)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
    #expect(board.command(["reexec"]).code == 0)
    try board.wait("the new program") { board.log.contains("goes on as a new program") }
    #expect(try board.pid("plain") == pid)
    let link = "/proc/\(try #require(board.apus))/exe"
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == program.path)
  }

  @Test("the manifest stays the one of the start, whatever the disk says")
  func changedManifest() throws {
    let board = try Board(Self.manifest)
    try board.wait(for: "plain", "ready")
    try board.wait(for: "false", "backoff")
    let before = try picture(board)
    try "no manifest".write(toFile: board.path("apus.json"), atomically: true, encoding: .utf8)
    #expect(board.command(["reexec"]).code == 0)
    try board.wait("the new program") { board.log.contains("goes on as a new program") }
    #expect(try picture(board) == before)
  }

  @Test("descriptors do not add up")
  func descriptors() throws {
    let board = try Board(Self.manifest)
    try board.wait(for: "plain", "ready")
    try board.wait(for: "false", "backoff")
    let apus = try #require(board.apus)
    var counts: [Int] = []
    for round in 1...4 {
      #expect(board.command(["reexec"]).code == 0)
      try board.wait("program \(round)") {
        board.log.components(separatedBy: "goes on as a new program").count == round + 1
      }
      try board.waitUntilAlone()
      counts.append(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(apus)/fd").count)
    }
    #expect(Set(counts.dropFirst()).count == 1, "\(counts)")
  }

  /// Sends a word to a process that gives it back.
  private func exchange(_ client: Int32, _ word: String) -> String {
    _ = Array(word.utf8).withUnsafeBytes {
      send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    var waited = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
    guard poll(&waited, 1, 10_000) == 1 else { return "" }
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = read(client, &buffer, buffer.count)
    return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
  }

  /// Everything that must not change. Wall-clock times are made from the time since the kernel's start
  /// each time, so they come apart by some microseconds.
  private struct Picture: Equatable {
    var text = ""
    var times: [Int] = []

    static func == (left: Picture, right: Picture) -> Bool {
      left.text == right.text && left.times.count == right.times.count
        && zip(left.times, right.times).allSatisfy { abs($0 - $1) < 50_000 }
    }
  }

  private func picture(_ board: Board) throws -> Picture {
    var picture = Picture()
    for (command, list) in [("status", "services"), ("list-sockets", "sockets")] {
      let answer = board.command([command, "--json"]).output
      let object = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
      for entry in try #require(object?[list] as? [[String: Any]]) {
        for key in entry.keys.sorted()
        where !["memoryBytes", "cpuUs", "tasks"].contains(key) && !(entry[key] is NSNull) {
          if let time = entry[key] as? Int, time > 1 << 40 {
            picture.times.append(time)
          } else if let end = entry[key] as? [String: Any] {
            picture.text += "\(key)=\(end["kind"] ?? "") \(end["code"] ?? "") "
            picture.times.append(end["atUs"] as? Int ?? 0)
          } else {
            picture.text += "\(key)=\(entry[key] ?? "") "
          }
        }
        picture.text += "\n"
      }
    }
    return picture
  }

  /// The sockets that a process holds.
  private func sockets(of pid: Int32) throws -> Set<String> {
    let folder = "/proc/\(pid)/fd"
    let links = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
    }
    return Set(links.filter { $0.hasPrefix("socket:") })
  }

  private func service(of apus: Int32) throws -> Int32 {
    let text = try String(contentsOfFile: "/proc/\(apus)/task/\(apus)/children", encoding: .utf8)
    return try #require(text.split(separator: " ").first.flatMap { Int32($0) })
  }
}

extension Board {
  /// The pid of apus, as the tests see it.
  var apus: Int32? {
    let pid = process.pid
    guard isIsolated else { return pid }
    let children = try? String(
      contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
    return children?.split(separator: " ").first.flatMap { Int32($0) }
  }

  /// How many connections a service has, as its line says.
  func connections(_ name: String) throws -> Int {
    try service(name)["reason"].map { "\($0)" }?.contains("connection") == true ? 1 : 0
  }
}
