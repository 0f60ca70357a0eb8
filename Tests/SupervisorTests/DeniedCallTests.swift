import Foundation
import Testing

/// Filters of containers, and kernels, that answer a system call with an error.
@Suite struct DeniedCallTests {
  /// What apus can do without, by number.
  #if arch(x86_64)
    private static let calls: [(name: String, number: Int)] = [
      ("close_range", 436), ("statx", 332), ("clone3", 435), ("pidfd_open", 434),
      ("pidfd_send_signal", 424), ("memfd_create", 319), ("timerfd_create", 283),
      ("timerfd_settime", 286), ("fallocate", 285), ("inotify_init1", 294), ("eventfd2", 290),
      ("syslog", 103), ("fstatfs", 138), ("openat2", 437), ("faccessat2", 439),
      ("setpriority", 141), ("getpriority", 140), ("landlock_create_ruleset", 444), ("kcmp", 312),
      ("fchownat", 260),
    ]
    private static let needed: [(name: String, number: Int)] = [
      ("epoll_create1", 291), ("signalfd4", 289), ("rt_sigprocmask", 14), ("getsockopt", 55),
    ]
  #else
    private static let calls: [(name: String, number: Int)] = [
      ("close_range", 436), ("statx", 291), ("clone3", 435), ("pidfd_open", 434),
      ("pidfd_send_signal", 424), ("memfd_create", 279), ("timerfd_create", 85),
      ("timerfd_settime", 86), ("fallocate", 47), ("inotify_init1", 26), ("eventfd2", 19),
      ("syslog", 116), ("fstatfs", 44), ("openat2", 437), ("faccessat2", 439), ("setpriority", 140),
      ("getpriority", 141), ("landlock_create_ruleset", 444), ("kcmp", 272),
      ("fchownat", 54),
    ]
    private static let needed: [(name: String, number: Int)] = [
      ("epoll_create1", 20), ("signalfd4", 74), ("rt_sigprocmask", 135), ("getsockopt", 209),
    ]
  #endif

  @Test(
    "services of each kind start and are served without any one call that can be done without",
    arguments: [EPERM, ENOSYS], calls.indices)
  func denied(error: Int32, index: Int) throws {
    let call = Self.calls[index]
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "simple": {"exec": ["PROBE", "sleep"]},
        "notify": {"exec": ["PROBE", "notify", "READY=1"], "type": "notify"},
        "forking": {"exec": ["PROBE", "daemon", "DIR/pid"], "type": "forking", "pidFile": "DIR/pid"},
        "oneshot": {"exec": ["/bin/true"], "type": "oneshot", "remain": true},
        "demand": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/demand.sock"}]},
        "accept": {"exec": ["PROBE", "inetd"], "accept": true, "stdio": "socket",
          "listen": [{"stream": "DIR/accept.sock"}]}}}
      """#, prefix: [Board.probe, "filter", "\(error)", "\(call.number)"])
    for name in ["simple", "notify", "forking", "oneshot"] { try board.wait(for: name, "ready") }
    #expect(board.talk("demand.sock").hasSuffix(" demand\n"), "\(call.name)")
    #expect(board.talk("accept.sock").hasSuffix(" -\n"), "\(call.name)")
    let first = try board.pid("simple")
    kill(first, SIGKILL)
    try board.wait("the next one") { try board.pid("simple") != first }
    try board.wait(for: "simple", "ready")
    #expect(board.command(["stop", "simple"]).code == 0, "\(call.name)")
    #expect(board.end() == 0, "\(call.name)")
  }

  @Test("a call that cannot be done without is named", arguments: [EPERM, ENOSYS], 0..<4)
  func needed(error: Int32, index: Int) throws {
    let call = Self.needed[index]
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("apus-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let manifest = folder.appendingPathComponent("m.json").path
    let said = folder.appendingPathComponent("said").path
    try #"{"apus": 1, "services": {}}"#.write(
      toFile: manifest, atomically: true, encoding: .utf8)
    let apus = try Child(
      [
        Board.probe, "filter", "\(error)", "\(call.number)", Board.binary, "run", "--manifest",
        manifest, "--control", folder.appendingPathComponent("control").path,
      ], errors: .file(said))
    #expect(apus.wait() == 1)
    let text = try String(contentsOfFile: said, encoding: .utf8)
    #expect(text.contains("cannot supervise without \(call.name): "), "\(text)")
  }
}
