import Foundation
import TestSockets
import Testing

/// Services of all kinds serve clients while apus crashes, is executed anew and applies manifests,
/// again and again.
///
/// `APUS_CRASH_SOAK` is how often: crashes, re-executions and manifests, like `200/500/200`.
@Suite struct CrashSoakTests {
  private enum Deed { case crash, reexec, apply }

  private static let deeds: [Deed] = {
    let given = ProcessInfo.processInfo.environment["APUS_CRASH_SOAK"] ?? "10/20/10"
    let counts = given.split(separator: "/").compactMap { Int($0) }
    return zip([Deed.crash, .reexec, .apply], counts).flatMap { Array(repeating: $0, count: $1) }
      .shuffled()
  }()

  /// Signals of a fault from outside, at any moment, and those that order one between two events
  /// (DeliberateCrash.swift).
  private static let faults: [Int32] = [SIGSEGV, SIGBUS, SIGABRT, SIGILL, 54, 55, 56, 57, 58, 59]

  /// Services that run from the start to the end.
  private static let lasting = [
    "simple", "notify", "forking", "ready", "store", "log", "datagram", "fifo", "watchdog",
    "sandbox",
  ]

  private static func manifest(port: UInt16, sandbox: UInt16, extra: Int) -> String {
    #"""
    {"apus": 1, "services": {
      "simple": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/simple.sock"}]},
      "accept": {"exec": ["PROBE", "inetd"], "accept": true, "stdio": "socket",
        "listen": [{"stream": "DIR/accept.sock"}], "trigger": "100000/1s"},
      "notify": {"exec": ["PROBE", "notify", "READY=1"], "type": "notify"},
      "forking": {"exec": ["PROBE", "daemon", "DIR/forking.pid"], "type": "forking",
        "pidFile": "DIR/forking.pid"},
      "oneshot": {"exec": ["PROBE", "log", "DIR/once", "oneshot"], "type": "oneshot",
        "remain": true},
      "tick": {"exec": ["/bin/sh", "-c", "date +%s%3N >>DIR/ticks"], "type": "oneshot",
        "timer": {"afterBoot": "0s", "every": "1s"}},
      "hooks": {"exec": ["/bin/sh", "-c", "echo main >>DIR/hooks; exec sleep 1000"],
        "pre": [["/bin/sh", "-c", "echo pre >>DIR/hooks"]],
        "post": [["/bin/sh", "-c", "echo post >>DIR/hooks"]],
        "stop": {"exec": ["/bin/sh", "-c", "echo stop >>DIR/hooks"]},
        "ready": {"exec": ["/bin/sh", "-c", "tail -n 1 DIR/hooks | grep -q main"],
          "interval": "20ms"}},
      "ready": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/ready.sock"}],
        "start": "boot", "ready": {"exec": ["/bin/true"]}},
      "store": {"exec": ["PROBE", "store", "DIR/store", "FDSTORE=1"], "type": "notify", "fdStore": 2},
      "log": {"exec": ["/bin/sh", "-c",
          "n=0; while sleep 0.005; do n=$((n+1)); echo $n; done"],
        "log": {"file": "DIR/lines", "fileMax": "64M", "rate": "100000/1s"}},
      "datagram": {"exec": ["PROBE", "echo"], "listen": [{"datagram": "127.0.0.1:\#(port)"}],
        "start": "boot"},
      "fifo": {"exec": ["PROBE", "pour", "DIR/piped"], "start": "boot",
        "listen": [{"fifo": "DIR/fifo"}]},
      "idle": {"exec": ["PROBE", "drain"], "listen": [{"stream": "DIR/idle.sock"}],
        "idleStop": "40ms", "trigger": "100000/1s"},
      "watchdog": {"exec": ["PROBE", "pet", "200"], "type": "notify", "watchdog": "5s"},
      "sandbox": {"exec": ["PROBE", "serve"], "listen": [{"stream": "127.0.0.1:\#(sandbox)"}],
        "sandbox": {"seccomp": "default"\#(Board.isRoot ? #", "readOnly": true"# : "")}},
      "extra": {"exec": ["PROBE", "sleep"], "environment": {"NUMBER": "\#(extra)"}}}}
    """#
  }

  /// What the clients have seen, from many threads.
  private final class Traffic: @unchecked Sendable {
    private let lock = NSLock()
    private var ended = false
    private var running = 0
    private var answers: [String: Int] = [:]
    private(set) var lost: [String] = []

    var isOver: Bool { lock.withLock { ended } }
    var counts: [String: Int] { lock.withLock { answers } }

    /// Has a client ask again and again until the end, each time after a moment of its own.
    func ask(_ name: String, every pause: ClosedRange<UInt32>, _ body: @escaping () -> String?) {
      lock.withLock { running += 1 }
      nonisolated(unsafe) let body = body
      Thread.detachNewThread {
        while !self.isOver {
          let wrong = body()
          self.lock.withLock {
            self.answers[name, default: 0] += 1
            if let wrong { self.lost.append("\(name): \(wrong)") }
          }
          usleep(UInt32.random(in: pause))
        }
        self.lock.withLock { self.running -= 1 }
      }
    }

    /// Ends them all.
    func end() {
      lock.withLock { ended = true }
      while lock.withLock({ running }) > 0 { usleep(1000) }
    }
  }

  @Test("PID-01 whatever replaces apus, how often and when: nothing is lost and nobody restarted")
  func soak() throws {
    var environment = ProcessInfo.processInfo.environment
    environment["APUS_CRASH_WINDOW_MS"] = "1"
    let (port, sandbox) = (Client.freePort(), Client.freePort())
    let board = try Board(
      Self.manifest(port: port, sandbox: sandbox, extra: 0), environment: environment,
      program: Board.crashing)
    let apus = try #require(board.apus)
    // Demand services are started by their first clients.
    #expect(board.talk("simple.sock").hasSuffix(" simple\n"))
    #expect(Client.talk(port: sandbox).hasSuffix(" sandbox\n"))
    #expect(board.talk("idle.sock").hasSuffix(" idle\n"))
    try board.wait(for: "idle", "listening")
    for name in Self.lasting + ["oneshot", "hooks"] { try board.wait(for: name, "ready") }
    let pids = try Self.lasting.map(board.pid)
    try board.waitUntilAlone()
    let descriptors = try openDescriptors(of: apus)
    let start = Date()

    let traffic = Traffic()
    let piped = open(board.path("fifo"), O_WRONLY)
    startClients(traffic, board, pids: pids, port: port, sandbox: sandbox, piped: piped)
    var (crashes, manifests) = (0, 0)
    for deed in Self.deeds {
      switch deed {
      case .crash:
        crashes += 1
        kill(apus, try #require(Self.faults.randomElement()))
        try board.wait("crash \(crashes)", 60) { board.log.contains("lost, number \(crashes)\n") }
      case .reexec:
        let answer = board.command(["reexec"])
        #expect(answer.code == 0, "\(answer)")
      case .apply:
        manifests += 1
        try Self.manifest(port: port, sandbox: sandbox, extra: manifests)
          .replacingOccurrences(of: "DIR", with: board.directory.path)
          .replacingOccurrences(of: "PROBE", with: Board.probe)
          .write(toFile: board.path("apus.json"), atomically: true, encoding: .utf8)
        let answer = board.command(["apply"])
        #expect(answer.code == 0, "\(answer)")
      }
      // Not before it is there again: nobody survives a fault between execve(2) and its handler.
      try board.wait("an answer") { board.command(["status"]).code == 0 }
      usleep(UInt32.random(in: 0...60_000))
    }
    traffic.end()
    close(piped)
    print("clients: \(traffic.counts.sorted { $0.key < $1.key })")

    #expect(traffic.lost == [], "log:\n\(board.log.suffix(8000))")
    #expect(board.log.components(separatedBy: "goes on after a crash").count == crashes + 1)
    for (name, pid) in zip(Self.lasting, pids) {
      let service = try board.service(name)
      #expect(service["mainPid"] as? Int32 == pid, "\(name): \(service)")
      #expect(service["restarts"] as? Int == 0, "\(name): \(service)")
      #expect(service["state"] as? String == "ready", "\(name): \(service)")
    }
    #expect(try board.report("once").count == 1)
    #expect(try board.state("oneshot") == "ready")
    try checkHooks(board)
    try checkTicks(board, since: start)
    try checkLines(board)
    // What was parked is still there, behind no listener.
    #expect(board.command(["restart", "store"]).code == 0)
    #expect(try board.report("store").last == "stored FDSTORE=1")
    try board.waitUntilAlone()
    let left = try openDescriptors(of: apus)
    // Perhaps of one idle daemon that has not been stopped yet.
    #expect(left.count <= descriptors.count + 3, "\(descriptors)\n\(left)")
    let dead = try zombies(of: apus)
    #expect(dead.count <= 2, "\(dead)")
    #expect(board.end() == 0)
  }

  /// What of a process's children has ended and is not reaped.
  private func zombies(of pid: Int32) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
      guard Int32(name) != nil,
        let line = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
        let end = line.lastIndex(of: ")")
      else { return nil }
      let words = line[end...].split(separator: " ")
      return words.count > 2 && words[1] == "Z" && words[2] == "\(pid)" ? line : nil
    }
  }

  private func startClients(
    _ traffic: Traffic, _ board: Board, pids: [Int32], port: UInt16, sandbox: UInt16, piped: Int32
  ) {
    let pid = Dictionary(uniqueKeysWithValues: zip(Self.lasting, pids))
    func expect(_ answer: String, _ name: String) -> String? {
      answer == "\(pid[name] ?? 0) \(name)\n" ? nil : answer
    }
    for _ in 0..<2 {
      traffic.ask("simple", every: 0...20_000) { expect(board.talk("simple.sock"), "simple") }
      traffic.ask("accept", every: 0...20_000) {
        let answer = board.talk("accept.sock")
        return answer.hasSuffix(" -\n") ? nil : "accept: \(answer)"
      }
      traffic.ask("idle", every: 30_000...70_000) {
        let answer = board.talk("idle.sock")
        return answer.hasSuffix(" idle\n") ? nil : answer
      }
    }
    traffic.ask("ready", every: 0...20_000) { expect(board.talk("ready.sock"), "ready") }
    traffic.ask("sandbox", every: 0...20_000) { expect(Client.talk(port: sandbox), "sandbox") }
    traffic.ask("datagram", every: 0...20_000) {
      let answer = Client.exchange(port: port)
      return answer == "3 datagram x\n" ? nil : answer ?? "no answer"
    }
    nonisolated(unsafe) var sent = 0
    traffic.ask("fifo", every: 1_000...20_000) {
      sent += 1
      let text = "\(sent)\n"
      return write(piped, text, text.utf8.count) == text.utf8.count ? nil : "errno \(errno)"
    }
    // Its answer may be lost with the connection; what it does may not.
    traffic.ask("restart", every: 0...100_000) {
      board.command(["restart", "hooks"])
      return nil
    }
  }

  /// Every command once, in its turn, each time. The main process may be asked to end before it has
  /// said anything.
  private func checkHooks(_ board: Board) throws {
    try board.wait(for: "hooks", "ready")
    let words = try board.report("hooks")
    let commands = words.filter { $0 != "main" }
    let turns = ["pre", "stop", "post"]
    let wrong = commands.indices.first { commands[$0] != turns[$0 % 3] }
    #expect(wrong == nil, "\(commands[max(0, (wrong ?? 0) - 6)...].prefix(12))")
    #expect(commands.count % 3 == 1 && commands.count > 6, "\(commands.count)")
    #expect(words.split(separator: "pre").allSatisfy { $0.filter { $0 == "main" }.count <= 1 })
  }

  /// Once a second.
  private func checkTicks(_ board: Board, since start: Date) throws {
    let moments = try board.report("ticks").compactMap { Int($0) }
    let shortest = zip(moments, moments.dropFirst()).map { $1 - $0 }.min() ?? 0
    #expect(shortest > 500, "\(shortest): \(moments)")
    #expect(moments.count >= Int(Date().timeIntervalSince(start) * 0.7), "\(moments)")
  }

  /// Every line once: of the service's output, and of what came through the FIFO.
  private func checkLines(_ board: Board) throws {
    #expect(board.command(["stop", "log"]).code == 0)
    for name in ["lines", "piped"] {
      let numbers = try board.report(name).map { Int($0.split(separator: " ").last ?? "") }
      #expect(numbers.count > 10)
      let wrong = numbers.indices.first { numbers[$0] != $0 + 1 }
      #expect(wrong == nil, "\(name): \(numbers[max(0, (wrong ?? 0) - 3)...].prefix(8))")
    }
  }

  private func openDescriptors(of pid: Int32) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
    }
  }
}
