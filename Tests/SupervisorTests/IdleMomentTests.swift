import Foundation
import TestSockets
import Testing

/// Clients that come just when an idle daemon of many threads is stopped, each blocked in accept(2):
/// one of them may take a connection while the others die.
///
/// `APUS_IDLE_CONNECTIONS` is how many there are in all.
@Suite struct IdleMomentTests {
  private static let connections =
    ProcessInfo.processInfo.environment["APUS_IDLE_CONNECTIONS"].flatMap { Int($0) } ?? 1500
  private static let threads = [1, 4, 16, 64]

  /// With control groups a service is frozen as a whole; without, it is stopped by SIGSTOP.
  enum Freezing: String, CaseIterable {
    case groups, signals

    static var possible: [Freezing] {
      Board.isRoot && GroupPlace.isThere ? allCases : [.signals]
    }
  }

  /// What has become of the connections of one client.
  private struct Tally {
    var answered = 0
    var lost: [String] = []
    /// Before and after the stop, as the process number in the answer tells.
    var early = 0
    var late = 0
  }

  @Test(
    "clients at the moment at which an idle daemon is stopped are all answered",
    arguments: Freezing.possible)
  func nothingLost(_ freezing: Freezing) async throws {
    let ports = Self.threads.map { _ in Client.freePort() }
    let services = zip(Self.threads, ports).flatMap { count, port in
      [("unix\(count)", "DIR/\(count).sock"), ("tcp\(count)", "127.0.0.1:\(port)")].map {
        #"""
        "\#($0)": {"exec": ["PROBE", "threads", "\#(count)"], "listen": [{"stream": "\#($1)"}],
          "idleStop": "20ms", "trigger": "100000/1s"}
        """#
      }
    }
    let place = freezing == .groups ? try GroupPlace() : nil
    let board = try board(services, freezing, place)
    let endpoints: [Endpoint] = zip(Self.threads, ports).flatMap {
      [.path(board.path("\($0).sock")), .port($1)]
    }
    let each = Self.connections / Freezing.possible.count / endpoints.count
    let tallies = await aim(at: endpoints, each)
    for tally in tallies {
      #expect(tally.lost == [], "log:\n\(board.log.suffix(4000))")
      #expect(tally.answered >= each)
      // Both sides of the moment were met, so it lies between them.
      #expect(min(tally.early, tally.late) > each / 20, "\(tally.early), \(tally.late)")
    }
    let sums = tallies.reduce(into: (0, 0, 0)) {
      $0 = ($0.0 + $1.answered, $0.1 + $1.early, $0.2 + $1.late)
    }
    print("idle stop by \(freezing): \(sums.0) answered, \(sums.1) before, \(sums.2) after it")
  }

  @Test(
    "the command of an idle stop talks to the daemon, and no client is lost before the signal",
    arguments: Freezing.possible)
  func command(_ freezing: Freezing) async throws {
    let kinds = ["\"drain\"", "\"serve\"", "\"threads\", \"4\""]
    let ports = kinds.map { _ in Client.freePort() }
    let place = freezing == .groups ? try GroupPlace() : nil
    let board = try board(
      zip(kinds, ports).map { kind, port in
        #"""
        "s\#(port)": {"exec": ["PROBE", \#(kind)], "listen": [{"stream": "127.0.0.1:\#(port)"}],
          "idleStop": "20ms", "trigger": "100000/1s", "stop": {"timeout": "5s", "exec":
            ["/bin/bash", "-c", "cat </dev/tcp/127.0.0.1/\#(port) >>DIR/asked\#(port)"]}}
        """#
      }, freezing, place)
    let each = max(60, Self.connections / 15)
    let tallies = await aim(at: ports.map { .port($0) }, each)
    for tally in tallies { #expect(tally.lost == [], "log:\n\(board.log.suffix(4000))") }
    for port in ports {
      try board.wait(for: "s\(port)", "listening")
      #expect(try board.service("s\(port)")["reason"] as? String == "idle")
      let asked = try String(contentsOfFile: board.path("asked\(port)"), encoding: .utf8)
      let answers = asked.split(separator: "\n")
      #expect(!answers.isEmpty && answers.allSatisfy { $0.hasSuffix(" s\(port)") }, "\(asked)")
    }
    #expect(!board.log.contains("did not stop in time"), "log:\n\(board.log.suffix(4000))")
  }

  private func board(_ services: [String], _ freezing: Freezing, _ place: GroupPlace?) throws
    -> Board
  {
    let hidden = [
      "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
      "mount -t tmpfs none /sys/fs/cgroup; exec \"$0\" \"$@\"",
    ]
    let board = try Board(
      #"{"apus": 1, "services": {\#(services.joined(separator: ", "))}}"#,
      prefix: place?.prefix ?? (Board.isRoot ? hidden : []))
    #expect(board.log.contains("no control groups") == (freezing == .signals))
    return board
  }

  /// A client for each endpoint, all at once.
  private func aim(at endpoints: [Endpoint], _ each: Int) async -> [Tally] {
    await withTaskGroup(of: Tally.self) { group in
      for endpoint in endpoints {
        group.addTask {
          await withCheckedContinuation { done in
            // Of its own: a task would wait for others that wait for their answers.
            Thread.detachNewThread { done.resume(returning: Self.aim(at: endpoint, each)) }
          }
        }
      }
      return await group.reduce(into: [Tally]()) { $0.append($1) }
    }
  }

  /// Connects again and again, later when the daemon has not been stopped since the last answer and
  /// sooner when it has, in steps that keep the client at the moment of the stop.
  private static func aim(at endpoint: Endpoint, _ count: Int) -> Tally {
    var tally = Tally()
    var last = ""
    var pause = 20_000.0
    while tally.answered + tally.lost.count < count {
      let clients = (0..<Int.random(in: 1...3)).map { _ in endpoint.connect() }
      let answers = clients.map { $0 < 0 ? "refused" : Client.readAll($0) }
      let pids = answers.map { $0.split(separator: " ").first.map(String.init) ?? "" }
      for (answer, pid) in zip(answers, pids) {
        if Int32(pid) ?? 0 > 0 { tally.answered += 1 } else { tally.lost.append(answer) }
      }
      if !last.isEmpty {
        if pids[0] == last { tally.early += 1 } else { tally.late += 1 }
        let step = Double.random(in: 0...2_000)
        pause = min(max(5_000, pause + (pids[0] == last ? step : -step)), 200_000)
      }
      last = pids.last ?? ""
      // The experiment itself: no condition is waited for.
      usleep(UInt32(pause))
    }
    return tally
  }
}
