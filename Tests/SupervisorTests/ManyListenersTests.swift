import Foundation
import Testing

/// What an activation costs with few listeners and with two thousand.
@Suite struct ManyListenersTests {
  /// One service that answers once for each activation, and others with `count - 1` listeners.
  ///
  /// Started with the limits that the kernel gives PID 1, which are too few descriptors.
  private func board(_ count: Int) throws -> Board {
    var services = [
      #"""
      "once": {"exec": ["PROBE", "once"], "listen": [{"stream": "DIR/once"}],
        "restart": {"policy": "no", "delay": "1ms", "factor": 1, "jitter": 0, "resetAfter": "0s"},
        "trigger": "100000/1s"}
      """#
    ]
    for first in stride(from: 1, to: count, by: 50) {
      let listeners = (first..<min(count, first + 50)).map { #"{"stream": "DIR/\#($0)"}"# }
      services.append(
        #"""
        "from\#(first)": {"exec": ["PROBE", "serve"], "listen": [\#(listeners.joined(separator: ","))]}
        """#)
    }
    return try Board(
      #"{"apus": 1, "services": {\#(services.joined(separator: ", "))}}"#,
      prefix: ["/usr/bin/prlimit", "--nofile=1024:4096"])
  }

  /// Activates the service that many times, each time up to the end of its process.
  private func activate(_ board: Board, _ count: Int) throws {
    for _ in 0..<count {
      let answer = board.talk("once")
      let pid = try #require(
        answer.split(separator: " ").first.flatMap { Int32($0) }, "\(answer)\n\(board.log)")
      try board.wait("the process to be reaped") { kill(pid, 0) != 0 }
    }
  }

  /// The names of the system calls of apus in one activation, up to its next look at the sockets.
  private func trace(_ board: Board) throws -> [Substring] {
    let (file, said) = (board.path("trace"), board.path("strace"))
    let strace = try Child(
      ["/usr/bin/strace", "-o", file, "-p", String(board.process.pid)], errors: .file(said))
    try board.wait("strace") {
      try String(contentsOfFile: said, encoding: .utf8).contains("attached")
    }
    try activate(board, 1)
    // The next thing apus is asked for, which marks the end.
    #expect(board.command(["status"]).code == 0)
    // It may have come to life with other signals blocked.
    strace.kill()
    strace.wait()
    let calls = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    let end = try #require(calls.firstIndex { $0.hasPrefix("accept4(") })
    // Each turn reads the clock and waits, and turns differ with what has come together by chance.
    return calls[..<end].compactMap { $0.split(separator: "(").first }
      .filter { !["epoll_wait", "epoll_pwait", "epoll_pwait2", "clock_gettime"].contains($0) }
  }

  /// Nanoseconds on a processor so far (/proc/PID/schedstat).
  private func time(_ board: Board) throws -> Int {
    let text = try String(
      contentsOfFile: "/proc/\(board.process.pid)/schedstat", encoding: .utf8)
    return try #require(text.split(separator: " ").first.flatMap { Int($0) })
  }

  /// What some activations cost on a processor.
  private func spent(_ board: Board, _ count: Int) throws -> Int {
    let start = try time(board)
    try activate(board, count)
    return try time(board) - start
  }

  private func anonymous(_ board: Board) throws -> Int {
    let text = try String(
      contentsOfFile: "/proc/\(board.process.pid)/smaps_rollup", encoding: .utf8)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("Anonymous:") })
    return try #require(line.split(separator: " ").dropLast().last.flatMap { Int($0) })
  }

  @Test("two thousand listeners are bound, and an activation costs no more than with twenty")
  func costs() throws {
    let (few, many) = (try board(20), try board(2000))
    for (board, count) in [(few, 20), (many, 2000)] {
      try board.wait("all to be bound") {
        let states = board.command(["list-sockets", "--json"]).output
        return states.components(separatedBy: #""state":"listening""#).count == count + 1
      }
    }
    // The limit of apus itself is no limit of its services.
    #expect(many.talk("1999").hasSuffix("\n"))
    let limits = try String(contentsOfFile: "/proc/\(many.pid("from1951"))/limits", encoding: .utf8)
    #expect(limits.contains(try Regex("Max open files +1024 +4096 ")))
    let memory = try (few: anonymous(few), many: anonymous(many))
    // In turn, so that both have the same machine; the least of twenty, as it is shared with others.
    var least = (few: Int.max, many: Int.max)
    for _ in 0..<20 {
      least.few = min(least.few, try spent(few, 10))
      least.many = min(least.many, try spent(many, 10))
    }
    print(
      "an activation: \(least.few / 10) ns with 20 listeners, \(least.many / 10) with 2000;",
      "memory: \(memory.few) and \(memory.many) kB")
    // Memory that lies apart takes up to half as much again; a walk over all would be ten times that.
    #expect(least.many < 2 * least.few)
    #expect(memory.many - memory.few < 1500)
    // The least of three: what comes together by chance makes more or another order.
    let calls = try [few, many].map { board in
      try (0..<3).map { _ in try trace(board) }.min { $0.count < $1.count } ?? []
    }
    #expect(calls[0].sorted() == calls[1].sorted() && calls[0].count > 5, "\(calls)")
  }
}
