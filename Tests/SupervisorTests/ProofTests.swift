import Foundation
import Testing

/// What holds however long apus runs: no memory, no descriptor, no zombie and no wake-up more.
///
/// One test after the other: setting the clock wakes what another measures.
@Suite(.serialized) struct ProofTests {
  /// Four programs that end at once, each with another exit code; static, so that thousands are
  /// quick.
  private static let ends: [(name: String, words: [String], code: Int)] = [
    ("done", ["version"], 0), ("failed", ["check", "/nonexistent"], 1),
    ("usage", ["nonsense"], 2), ("alone", ["status", "--control", "/nonexistent"], 6),
  ]

  private func board(_ services: String = "", helpers: String = "") throws -> Board {
    let cycles = Self.ends.map { end in
      let exec = ([Board.binary] + end.words).map { "\"\($0)\"" }.joined(separator: ", ")
      return #"""
        "\#(end.name)": {"exec": [\#(exec)], "start": "manual", "stdout": "null", "stderr": "null",
          "restart": {"policy": "always", "delay": "2ms", "factor": 1, "maxDelay": "2ms"}\#(helpers)}
        """#
    }
    return try Board(
      #"{"apus": 1, "services": {\#(services)\#(cycles.joined(separator: ", "))}}"#)
  }

  /// Every start and end of the four, told by `events`, until each has ended `count` times.
  private func cycle(_ board: Board, _ count: Int) throws -> [String: [String: Int]] {
    let client = try #require(Client.connect(unix: board.control, type: SOCK_SEQPACKET))
    defer { close(client) }
    #expect(send(client, [1, 15, 6, 0, 0, 0] as [UInt8], 6, 0) == 6)
    #expect(board.command(["start", "--no-wait"] + Self.ends.map(\.name)).code == 0)
    // Frames are looked at afterwards: who reads too slowly is cut off.
    var ends: [[UInt8]] = []
    var frame = [UInt8](repeating: 0, count: 2048)
    while ends.count < Self.ends.count * count {
      let size = recv(client, &frame, frame.count, 0)
      try #require(size > 18, "events ended")
      // An event to the state `backoff`.
      if frame[1] == 137, frame[13] == 7 { ends.append(Array(frame[14..<size])) }
    }
    var reasons: [String: [String: Int]] = [:]
    for end in ends {
      let name = Int(end[0])
      reasons[String(decoding: end[2..<(2 + name)], as: UTF8.self), default: [:]][
        String(decoding: end[(4 + name)...], as: UTF8.self), default: 0] += 1
    }
    for end in Self.ends { #expect(board.command(["stop", end.name]).code == 0) }
    return reasons
  }

  /// Descriptors of apus and what is behind each; sockets and pipes with their numbers.
  private func descriptors(_ board: Board) throws -> [String: String] {
    let folder = "/proc/\(board.process.pid)/fd"
    var found: [String: String] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      found[name] = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
    }
    return found
  }

  private func children(_ board: Board) throws -> Int {
    let pid = board.process.pid
    return try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
      .split(separator: " ").count
  }

  @Test("EXH-03 ten thousand starts, ends, messages and requests cost no memory and no descriptor")
  func load() throws {
    let board = try board(
      #"""
      "flash": {"exec": ["PROBE", "inetd"], "accept": true, "stdio": "socket",
        "listen": [{"stream": "DIR/flash.sock"}], "trigger": "100000/1s"},
      "chatter": {"exec": ["PROBE", "chatter", "3000"], "type": "notify", "watchdog": "1h",
        "start": "manual", "reload": {"exec": ["\#(Board.binary)", "version"]},
        "stop": {"exec": ["\#(Board.binary)", "version"]}},
      """#,
      helpers:
        #", "pre": [["\#(Board.binary)", "version"]], "post": [["\#(Board.binary)", "version"]]"#)
    // The channel of a service that may speak is made with its first start, and stays.
    for deed in ["start", "stop"] { #expect(board.command([deed, "chatter"]).code == 0) }
    // So is the pipe of each service's log.
    #expect(board.talk("flash.sock").hasSuffix("\n"))
    _ = try cycle(board, 1)
    try board.waitUntilAlone()
    let before = try descriptors(board)
    // Each wait for readiness counts the messages: the last one is READY=1.
    for deed in ["start", "reload", "stop"] { #expect(board.command([deed, "chatter"]).code == 0) }
    for _ in 0..<300 { #expect(board.talk("flash.sock").hasSuffix("\n")) }
    var frame = [UInt8](repeating: 0, count: 2048)
    for command in 0..<3000 {
      // status and list-sockets in turn, each to its end, with which the connection ends.
      let client = try #require(Client.connect(unix: board.control, type: SOCK_SEQPACKET))
      #expect(send(client, [1, UInt8(1 + command % 2), 6, 0, 0, 0] as [UInt8], 6, 0) == 6)
      repeat { try #require(recv(client, &frame, frame.count, 0) > 0) } while frame[1] != 135
      close(client)
    }
    _ = try cycle(board, 1000)
    let answer = board.command(["status", "--json"]).output
    let status = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
    let supervisor = try #require(status?["supervisor"] as? [String: Any])
    #expect(supervisor["allocations"] as? Int == 0)
    try board.waitUntilAlone()
    #expect(try descriptors(board) == before)
    #expect(try children(board) == 0)
  }

  @Test("PID-03 of ten thousand ends every status is exact, and no zombie is left")
  func statuses() throws {
    let board = try board()
    let reasons = try cycle(board, 2500)
    for end in Self.ends {
      let found = try #require(reasons[end.name])
      #expect(found.count == 1)
      #expect(found["exit code \(end.code)"] ?? 0 > 1000)
    }
    #expect(reasons.values.reduce(0) { $0 + $1.values.reduce(0, +) } == 10_000)
    #expect(try children(board) == 0)
  }

  @Test("PID-03 five thousand orphans that end at once leave no zombie and no service alone")
  func orphans() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "stays": {"exec": ["PROBE", "sleep"]},
        "leaves": {"exec": ["PROBE", "orphans", "5000"], "type": "oneshot", "restart": "no",
          "start": "manual"}}}
      """#)
    try board.wait(for: "stays", "ready")
    let pid = try board.pid("stays")
    #expect(board.command(["start", "leaves"]).code == 0)
    try board.wait("the last orphan to be buried", 60) { try children(board) == 1 }
    #expect(try board.pid("stays") == pid)
    let end = try #require(try board.service("leaves")["lastExit"] as? [String: Any])
    #expect(end["kind"] as? String == "exit" && end["code"] as? Int == 0)
  }

  @Test("EXH-05 a hundred services and a hundred listeners that rest cost no wake-up in 30 s")
  func rest() async throws {
    let services = (0..<100).map {
      #"""
      "run\#($0)": {"exec": ["/bin/sleep", "100000"]},
      "wait\#($0)": {"exec": ["/bin/sleep", "100000"], "listen": [{"stream": "DIR/\#($0).sock"}],
        "timer": {"calendar": "*-02-29 03:00"}, "start": "demand"}
      """#
    }
    // In mounts of its own: what other tests mount would have it look at its listeners.
    let board = try Board(
      #"{"apus": 1, "services": {\#(services.joined(separator: ","))}}"#,
      prefix: Board.isRoot ? ["/usr/bin/unshare", "--mount"] : [])
    try board.wait("all to run") {
      let states = board.command(["status"]).output
      return states.components(separatedBy: " ready ").count == 101
    }
    try board.waitUntilAlone()
    // Until it sleeps, the turn that let the last client go is not over.
    let pid = board.process.pid
    try board.wait("apus to sleep") {
      try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8).contains(") S ")
    }
    // The clock is the machine's, and who sets it wakes every apus with a calendar.
    var (clock, before) = (try SetClock(), 0)
    repeat {
      clock = try SetClock()
      before = try board.count("voluntary_ctxt_switches:")
      // The one thing under test here is that nothing happens.
      try await Task.sleep(for: .seconds(30))
    } while clock.wasSet
    #expect(try board.count("voluntary_ctxt_switches:") == before)
  }

  @Test(
    "apus hears that the clock is set only where there is a calendar",
    .enabled(if: Board.isRoot))
  func clockIsSet() throws {
    func board(_ timer: String) throws -> Board {
      try Board(
        #"{"apus": 1, "services": {"a": {"exec": ["PROBE", "sleep"], "timer": {\#(timer)}}}}"#)
    }
    let (deaf, hearing) = (try board(#""every": "1h""#), try board(#""calendar": "*-02-29""#))
    let (quiet, before) = (try wakeUps(deaf), try wakeUps(hearing))
    var time = timespec()
    // Set to what it is: nobody else is troubled.
    clock_gettime(CLOCK_REALTIME, &time)
    try #require(clock_settime(CLOCK_REALTIME, &time) == 0)
    try hearing.wait("apus to wake up") { try wakeUps(hearing) > before }
    #expect(try wakeUps(deaf) == quiet)
  }

  private func wakeUps(_ board: Board) throws -> Int {
    try board.count("voluntary_ctxt_switches:")
  }
}

// sys/timerfd.h is in no module of the toolchain.
@_silgen_name("timerfd_create")
private func timerfd(_ clock: Int32, _ flags: Int32) -> Int32
@_silgen_name("timerfd_settime")
private func setTimerfd(
  _ timer: Int32, _ flags: Int32, _ new: UnsafePointer<itimerspec>,
  _ old: UnsafeMutablePointer<itimerspec>?
) -> Int32

/// Knows whether CLOCK_REALTIME of the machine was set since it was made.
private final class SetClock {
  private let timer: Int32

  init() throws {
    timer = timerfd(CLOCK_REALTIME, O_NONBLOCK)
    try #require(timer >= 0)
    // Never up; but see TFD_TIMER_CANCEL_ON_SET in timerfd_create(2).
    var never = itimerspec()
    never.it_value.tv_sec = .max / 2_000_000_000
    // TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET
    try #require(setTimerfd(timer, 1 | 2, &never, nil) == 0)
  }

  deinit { close(timer) }

  var wasSet: Bool {
    var count: UInt64 = 0
    return read(timer, &count, 8) < 0 && errno == ECANCELED
  }
}

extension Board {
  /// Waits until apus has closed the last control client: the listener alone has the socket's path.
  func waitUntilAlone() throws {
    try wait("the last client to be gone") {
      // Line by line: the kernel gives such a file in parts, and others' names may be any bytes.
      guard let file = fopen("/proc/net/unix", "r") else { return false }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 512)
      var count = 0
      while fgets(&line, Int32(line.count), file) != nil {
        if strstr(&line, " \(control)\n") != nil { count += 1 }
      }
      return count == 1
    }
  }
}
