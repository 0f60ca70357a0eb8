import Foundation
import Testing

/// A place for control groups on this machine, for one test: apus starts in a group of its own there.
final class GroupPlace {
  /// Where cgroup2 is mounted, as apus looks for it.
  static let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].first {
    FileManager.default.fileExists(atPath: $0 + "/cgroup.controllers")
  }
  static var isThere: Bool { root.map { access($0, W_OK) == 0 } ?? false }

  let path: String

  init() throws {
    path = try #require(Self.root) + "/apus-test-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { rmdir(path) }

  /// Starts what follows in this place.
  var prefix: [String] {
    ["/bin/sh", "-c", "echo $$ > \(path)/cgroup.procs; exec \"$0\" \"$@\""]
  }

  /// The groups that apus has made in it.
  var groups: [String] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return all.filter { $0.hasPrefix("apus-") }.sorted()
  }

  /// The processes in the group of a service.
  func processes(of service: String) -> [Int32] {
    guard let name = groups.first(where: { $0.hasSuffix("." + service) }) else { return [] }
    return text("\(name)/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
  }

  func text(_ name: String) -> String {
    (try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)) ?? ""
  }
}

@Suite(.enabled(if: Board.isRoot && GroupPlace.isThere, "needs root and a writable cgroup2"))
struct GroupTests {
  /// Leaves a process behind in a session of its own, which only a group still holds.
  private static let stray = #"["/bin/sh", "-c", "setsid sleep 1000 & exec sleep 1000"]"#

  @Test("SPA-11 a service is born in its group, shows what it uses, and leaves nothing behind")
  func tree() throws {
    let place = try GroupPlace()
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "stray": {"exec": \#(Self.stray)},
        "spared": {"exec": \#(Self.stray), "stop": {"kill": "main"}},
        "plain": {"exec": ["PROBE", "report", "DIR/report"]}}}
      """#, prefix: place.prefix)
    let name = try #require(
      try board.report("report").first { $0.contains("::/") && $0.hasSuffix(".plain") })
    #expect(name.contains("/apus-test-"))
    #expect(place.groups.count == 3)
    // Of the process, too: two boards of one microsecond would kill each other's services.
    let parts = place.groups.first?.split { "-.".contains($0) } ?? []
    let mark = parts.dropFirst().first.flatMap { UInt64($0) }
    #expect(mark.map { $0 & 0x3f_ffff } == UInt64(board.process.pid))
    try board.wait("the stray processes") {
      place.processes(of: "stray").count == 2 && place.processes(of: "spared").count == 2
    }
    #expect(try board.service("stray")["cpuUs"] is Int)
    #expect(try board.service("stray")["memoryBytes"] is Int)
    #expect(board.command(["status", "stray"]).output.contains("processor: "))
    #expect(board.command(["stop", "stray", "spared"]).code == 0)
    try board.wait("the empty group") { place.processes(of: "stray").isEmpty }
    let spared = place.processes(of: "spared")
    #expect(spared.count == 1)
    for pid in spared { kill(pid, SIGKILL) }
    #expect(board.end() == 0)
    #expect(place.groups == [])
  }

  @Test("a service starts again, time after time, in a group whose processes were killed")
  func again() throws {
    let place = try GroupPlace()
    let board = try Board(
      #"{"apus": 1, "services": {"stray": {"exec": \#(Self.stray)}}}"#, prefix: place.prefix)
    for round in 0..<8 {
      try board.wait("start \(round)") { place.processes(of: "stray").count >= 2 }
      let old = place.processes(of: "stray")
      #expect(board.command(["restart", "stray"]).code == 0)
      #expect(place.processes(of: "stray").contains(try board.pid("stray")))
      try board.wait("the end of the old ones") { old.allSatisfy { kill($0, 0) != 0 } }
    }
    #expect(try board.service("stray")["restarts"] as? Int == 0)
    #expect(board.end() == 0)
    #expect(place.groups == [])
  }

  @Test("a limit that cannot be kept refuses the service, unless it may do without")
  func refused() throws {
    // Nothing is enabled for groups in the place, whatever the machine has.
    let place = try GroupPlace()
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "strict": {"exec": ["PROBE", "sleep"], "cgroup": {"memoryMax": "64M"}},
        "easy": {"exec": ["PROBE", "sleep"],
          "cgroup": {"memoryMax": "64M", "pidsMax": 100, "x-optional": true}},
        "plain": {"exec": ["PROBE", "sleep"], "cgroup": {}}}}
      """#, prefix: place.prefix)
    try board.wait(for: "strict", "backoff")
    let reason = try #require(try board.service("strict")["reason"] as? String)
    #expect(reason.contains("set up the control group: No such file or directory"), "\(reason)")
    try board.wait(for: "easy", "ready")
    try board.wait(for: "plain", "ready")
    #expect(place.processes(of: "easy") == [try board.pid("easy")])
    #expect(place.processes(of: "strict") == [])
    #expect(board.log.contains("cannot enable a controller of control groups: ENOENT"))
    #expect(board.end() == 0)
    #expect(place.groups == [])
  }

  @Test("PID-01 after a crash the groups are found again")
  func crash() throws {
    let place = try GroupPlace()
    let board = try Board(
      #"{"apus": 1, "services": {"stray": {"exec": \#(Self.stray)}}}"#, prefix: place.prefix)
    try board.wait("both") { place.processes(of: "stray").count == 2 }
    let groups = place.groups
    kill(try #require(board.apus), SIGSEGV)
    try board.wait("the next program") { board.log.contains("goes on after a crash") }
    #expect(board.command(["restart", "stray"]).code == 0)
    #expect(place.groups == groups)
    #expect(board.command(["stop", "stray"]).code == 0)
    try board.wait("the empty group") { place.processes(of: "stray").isEmpty }
    #expect(board.end() == 0)
    #expect(place.groups == [])
  }

  @Test("without control groups the session of a service ends with it")
  func withoutGroups() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "jobs": {"exec": ["/bin/bash", "-c", "set -m; sleep 1000 & echo $! > DIR/child; exec sleep 1000"]},
        "strict": {"exec": ["PROBE", "sleep"], "cgroup": {"pidsMax": 9}}}}
      """#,
      prefix: [
        "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
        "mount -t tmpfs none /sys/fs/cgroup; exec \"$0\" \"$@\"",
      ])
    try board.wait("the child's pid") { try board.report("child").first != nil }
    let child = try #require(Int32(try board.report("child").first ?? ""))
    try board.wait(for: "jobs", "ready")
    #expect(getpgid(child) == child)
    try board.wait(for: "strict", "backoff")
    #expect(board.log.contains("no control groups: "))
    #expect(board.command(["stop", "jobs"]).code == 0)
    try board.wait("the child to be gone") { kill(child, 0) != 0 }
    #expect(board.end() == 0)
  }
}

@Suite(.enabled(if: Board.isRoot, "needs root")) struct SchedulingTests {
  @Test(
    "PRI-01 policy, I/O priority, processors and OOM score are as declared, and inherited by none")
  func declared() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "own": {"exec": ["PROBE", "report", "DIR/own"], "cpuAffinity": "0", "oomScoreAdjust": 500,
          "scheduler": {"policy": "batch"}, "ioPriority": "best-effort:6"},
        "bound": {"exec": ["PROBE", "report", "DIR/bound"],
          "scheduler": {"policy": "fifo", "priority": 3}},
        "none": {"exec": ["PROBE", "sleep"]}}}
      """#)
    let own = try board.report("own")
    #expect(own.contains("scheduler=3:0"))
    #expect(own.contains("ioprio=\(2 << 13 | 6)"))
    #expect(own.contains("Cpus_allowed_list:\t0"))
    #expect(own.contains("oom=500"))
    #expect(try board.report("bound").contains("scheduler=1:3"))
    for (name, score) in [("own", "500"), ("none", "0")] {
      try board.wait(for: name, "ready")
      let file = "/proc/\(try board.pid(name))/oom_score_adj"
      #expect(try String(contentsOfFile: file, encoding: .utf8) == score + "\n", "\(name)")
    }
    #expect(sched_getscheduler(try board.pid("none")) == SCHED_OTHER)
  }

  @Test("SPA-07 the OOM score of apus is not inherited, and that of a child not taken over")
  func score() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "higher": {"exec": ["PROBE", "report", "DIR/higher"], "oomScoreAdjust": 500},
        "lower": {"exec": ["PROBE", "report", "DIR/lower"], "oomScoreAdjust": 100},
        "spared": {"exec": ["PROBE", "report", "DIR/spared"], "oomScoreAdjust": -500},
        "same": {"exec": ["PROBE", "report", "DIR/same"], "oomScoreAdjust": 300},
        "none": {"exec": ["PROBE", "sleep"], "user": 65534},
        "missing": {"exec": ["/no/such/program"], "oomScoreAdjust": 500}}}
      """#,
      prefix: ["/bin/sh", "-c", "echo 300 > /proc/self/oom_score_adj; exec \"$0\" \"$@\""])
    // One that apus may not give is not had, as in a container without CAP_SYS_RESOURCE.
    let spared = try board.report("spared")
    #expect(spared.contains("oom=-500") || spared.contains("oom=300") && !Board.mayRaiseLimits)
    for (name, score) in [("higher", 500), ("lower", 100), ("same", 300)] {
      #expect(try board.report(name).contains("oom=\(score)"), "\(name)")
    }
    try board.wait(for: "none", "ready")
    #expect(
      try String(contentsOfFile: "/proc/\(board.pid("none"))/oom_score_adj", encoding: .utf8)
        == "0\n")
    // A child with memory of its own has to tell what failed, too.
    try board.wait(for: "missing", "backoff")
    #expect(
      try board.service("missing")["reason"] as? String
        == "exec /no/such/program: No such file or directory, ENOENT (2)")
    #expect(
      try String(contentsOfFile: "/proc/\(board.process.pid)/oom_score_adj", encoding: .utf8)
        == "300\n")
    #expect(board.end() == 0)
  }
}
