import Foundation
import Testing

/// A kernel that lacks something: a filter around apus makes one system call fail.
enum Denial {
  #if arch(x86_64)
    static let (unshare, chroot, mknodat, seccomp, mount) = (272, 161, 259, 317, 165)
  #elseif arch(arm64)
    static let (unshare, chroot, mknodat, seccomp, mount) = (97, 51, 33, 277, 40)
  #endif

  /// The words that start a program for which that call fails with that error; with `flags` only
  /// where its fourth argument has that value, with `first` where the first one has.
  static func of(
    _ call: Int, _ error: Int32, flags: Int? = nil, first: Int? = nil, second: Int? = nil
  )
    -> [String]
  {
    let (offset, value) =
      flags.map { (40, $0) } ?? first.map { (16, $0) } ?? second.map { (24, $0) } ?? (0, call)
    let script = """
      import ctypes, os, struct, sys
      def statement(code, yes, no, value): return struct.pack("<HBBI", code, yes, no, value)
      filter = (statement(0x20, 0, 0, 0) + statement(0x15, 0, 3, \(call))
        + statement(0x20, 0, 0, \(offset)) + statement(0x15, 0, 1, \(value))
        + statement(0x06, 0, 0, 0x50000 | \(error)) + statement(0x06, 0, 0, 0x7fff0000))
      class Program(ctypes.Structure):
        _fields_ = [("count", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
      libc = ctypes.CDLL(None, use_errno=True)
      if libc.prctl(22, 2, ctypes.byref(Program(6, filter)), 0, 0) != 0: sys.exit(9)
      os.execv(sys.argv[1], sys.argv[1:])
      """
    return ["/usr/bin/python3", "-c", script]
  }

  /// A service with that sandbox is refused for that reason, and its program never runs.
  ///
  /// Another one runs beside it, unless it needs the same call.
  static func expect(
    _ sandbox: String, _ prefix: [String], _ reason: String, keys: String = "",
    isAlone: Bool = false, location: SourceLocation = #_sourceLocation
  ) throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "s": {"exec": ["/bin/sh", "-c", "echo x > DIR/ran"], \#(keys) "restart": "no",
          "sandbox": {\#(sandbox)}},
        "plain": {"exec": ["PROBE", "sleep"]}}}
      """#, prefix: prefix)
    if !isAlone { try board.wait(for: "plain", "ready") }
    try board.wait(for: "s", "failed")
    let found = try #require(try board.service("s")["reason"] as? String)
    #expect(found.contains(reason), "\(found)", sourceLocation: location)
    #expect(!FileManager.default.fileExists(atPath: board.path("ran")), sourceLocation: location)
    if !isAlone { try expectNothingLeft(board, location) }
  }

  /// What a refused start has made is gone: its process with its namespaces, its mounts, its group.
  private static func expectNothingLeft(_ board: Board, _ location: SourceLocation) throws {
    func read(_ path: String) throws -> String {
      try String(contentsOfFile: "/proc/\(path)", encoding: .utf8)
    }
    let (own, plain) = (board.process.pid, try board.pid("plain"))
    let mounts = try read("\(own)/mountinfo")
    #expect(board.command(["start", "s"]).code == 1, sourceLocation: location)
    #expect(try read("\(own)/mountinfo") == mounts, sourceLocation: location)
    let children = try read("\(own)/task/\(own)/children").split(separator: " ")
    #expect(children == ["\(plain)"], sourceLocation: location)
    let line = try read("\(plain)/cgroup").split(separator: "\n").first { $0.hasPrefix("0::/") }
    guard let group = line?.dropFirst(3), group.hasSuffix(".plain") else { return }
    for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
    where FileManager.default.fileExists(atPath: root + group) {
      let other = "\(root)\(group.dropLast(5))s"
      #expect(!FileManager.default.fileExists(atPath: other), sourceLocation: location)
    }
  }
}

/// Every step between the clone and the program, but those of the sandbox.
@Suite(.enabled(if: Board.isRoot, "needs root")) struct RightsFailureTests {
  /// A system call that fails, for prctl(2) and prlimit64(2) one of its uses.
  struct Case: Sendable, CustomTestStringConvertible {
    let step: String
    let call: Int
    var first: Int?
    var second: Int?
    var keys = ""
    var isAlone = false
    var testDescription: String { step }

    init(
      _ step: String, _ x86: Int, _ arm: Int, first: Int? = nil, second: Int? = nil,
      _ keys: String = "", isAlone: Bool = false
    ) {
      self.step = step
      #if arch(x86_64)
        call = x86
      #elseif arch(arm64)
        call = arm
      #endif
      self.first = first
      self.second = second
      self.keys = keys
      self.isAlone = isAlone
    }
  }

  private static let user = #""user": 1234, "capabilities": ["net_raw"],"#

  static let cases: [Case] = [
    Case("setsid", 112, 157, isAlone: true),
    Case("set the resource limit nproc", 302, 261, second: 6, #""rlimits": {"nproc": 100},"#),
    Case("set the priority", 141, 140, #""nice": 5,"#),
    Case("set the scheduler", 144, 119, #""scheduler": {"policy": "batch"},"#),
    Case("set the I/O priority", 251, 30, #""ioPriority": "best-effort:6","#),
    Case("set the processors", 203, 122, #""cpuAffinity": "0","#),
    Case("drop the bounding set", 157, 167, first: 24, user),
    Case("keep capabilities", 157, 167, first: 8, user),
    Case("set supplementary groups", 116, 159, user),
    Case("set the gid", 119, 149, user),
    Case("set the uid", 117, 147, user),
    Case("set capabilities", 126, 91, user),
    Case("set the ambient set", 157, 167, first: 47, user),
    Case("set secure bits", 157, 167, first: 28, #""secureBits": ["noroot"],"# + user),
    Case("set no_new_privs", 157, 167, first: 38, user),
    Case("verify the dropped privileges", 118, 148, isAlone: true),
    Case("chdir /", 80, 49, isAlone: true),
  ]

  @Test(
    "PRI-02 each step in turn fails: it is named with its errno, and the program never runs",
    arguments: cases)
  func step(_ given: Case) throws {
    try Denial.expect(
      "", Denial.of(given.call, EPERM, first: given.first, second: given.second),
      "\(given.step): Operation not permitted, EPERM (1)", keys: given.keys, isAlone: given.isAlone)
  }

  @Test("a capability that apus itself lacks refuses the start with its name, a new one its number")
  func lacking() throws {
    let prefix = ["/usr/bin/setpriv", "--bounding-set", "-sys_time"]
    let refused = "Operation not permitted, EPERM (1)"
    let keys = #""user": 1234, "capabilities": "#
    for (list, name) in [
      (#"["net_raw", "sys_time"]"#, "sys_time"), (#""^cap_sys_time,!cap_chown""#, "sys_time"),
      (#""cap_sys_time""#, "sys_time"), (#"["net_raw", "63"]"#, "63"),
    ] {
      try Denial.expect(
        "", prefix, "have the capability \(name): \(refused)", keys: keys + list + ",")
    }
  }
}

@Suite(.enabled(if: Board.isRoot, "needs root")) struct SandboxFailureTests {
  /// The system call a step needs, by its number on this machine.
  struct Case: Sendable, CustomTestStringConvertible {
    let sandbox: String
    let call: Int
    let error: Int32
    let reason: String
    /// The mount flags that tell this step's call from others.
    var flags: Int?
    var testDescription: String { reason }
  }

  static let cases: [Case] = [
    Case(
      sandbox: #""privateTmp": true"#, call: Denial.unshare, error: EPERM,
      reason: "make namespaces: Operation not permitted, EPERM (1)"),
    Case(
      sandbox: #""privateNetwork": true"#, call: Denial.unshare, error: EPERM,
      reason: "make a private network: Operation not permitted, EPERM (1)"),
    Case(
      sandbox: #""root": "/usr""#, call: 428, error: ENOSYS, reason: "enter the root: ENOSYS (38)"),
    Case(
      sandbox: #""root": "/usr""#, call: Denial.chroot, error: EPERM,
      reason: "enter the root: Operation not permitted, EPERM (1)"),
    Case(
      sandbox: #""readOnly": true"#, call: 442, error: ENOSYS,
      reason: "make / read-only: ENOSYS (38)"),
    Case(
      sandbox: #""readOnly": true, "write": ["/tmp"]"#, call: 429, error: ENOSYS,
      reason: "make / read-only: ENOSYS (38)"),
    Case(
      sandbox: #""protectKernel": true"#, call: 442, error: ENOSYS,
      reason: "protect the kernel: ENOSYS (38)"),
    Case(
      sandbox: #""privateDevices": true"#, call: Denial.mknodat, error: EPERM,
      reason: "make a private /dev: Operation not permitted, EPERM (1)"),
    Case(
      sandbox: #""privatePids": true"#, call: Denial.mount, error: EPERM,
      reason: "mount /proc: Operation not permitted, EPERM (1)", flags: 2 | 4 | 8),
    Case(
      sandbox: #""privateTmp": true"#, call: Denial.mount, error: ENODEV,
      reason: "make a private /tmp: ENODEV (19)", flags: 2 | 4),
    Case(
      sandbox: #""hide": ["/etc"]"#, call: Denial.mount, error: ENODEV,
      reason: "hide paths: ENODEV (19)", flags: 1 | 2 | 4 | 8),
    Case(
      sandbox: #""hide": ["/etc/passwd"]"#, call: 428, error: ENOSYS,
      reason: "hide paths: ENOSYS (38)"),
    Case(
      sandbox: #""landlock": {"read": ["/"]}"#, call: 446, error: EPERM,
      reason: "enforce landlock: Operation not permitted, EPERM (1)"),
    Case(
      sandbox: #""seccomp": "default""#, call: Denial.seccomp, error: ENOSYS,
      reason: "load the seccomp filter: ENOSYS (38)"),
  ]

  @Test("a step that fails is named with its errno, and the program never runs", arguments: cases)
  func step(_ given: Case) throws {
    try Denial.expect(
      given.sandbox, Denial.of(given.call, given.error, flags: given.flags), given.reason)
  }

  @Test("without CAP_SYS_ADMIN there are no namespaces, and what needs none still starts")
  func unprivileged() throws {
    let prefix = ["/usr/bin/setpriv", "--bounding-set", "-sys_admin"]
    let refused = "Operation not permitted, EPERM (1)"
    try Denial.expect(#""privatePids": true"#, prefix, "clone: \(refused)")
    try Denial.expect(#""privateTmp": true"#, prefix, "make namespaces: \(refused)")
    try Denial.expect(#""privateNetwork": true"#, prefix, "make a private network: \(refused)")
    // It may not restrict itself where the manifest keeps it from giving up new privileges.
    try Denial.expect(
      #""seccomp": "default""#, prefix, "load the seccomp filter: Permission denied, EACCES (13)",
      keys: #""noNewPrivileges": false,"#)
  }

  @Test("a path that should stay writable, a root or a system call that is not there is no start")
  func missing() throws {
    let noEntry = "No such file or directory, ENOENT (2)"
    try Denial.expect(
      #""readOnly": true, "write": ["DIR/missing"]"#, [], "make / read-only: \(noEntry)")
    try Denial.expect(#""root": "DIR/missing""#, [], "enter the root: \(noEntry)")
  }

  @Test("a system call or @group that there is not makes the service invalid, by its place")
  func unknownCalls() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {"exec": ["PROBE", "sleep"], "sandbox": {
        "seccomp": ["read",
          "raed", "@nothing", "@basic-io", "arm_fadvise64_64", "ugetrlimit"]}}}}
      """#)
    #expect(try board.state("s") == "invalid")
    let checked = board.command(["check", board.path("apus.json")])
    #expect(checked.code == 1)
    let lines = checked.errors.split(separator: "\n")
    let start = "\(board.path("apus.json")):3:"
    #expect(
      lines
        == [
          #"\#(start)5: error: services.s.sandbox.seccomp[1]: not a system call or @group: "raed""#,
          """
          \(start)13: error: services.s.sandbox.seccomp[2]: not a system call or @group: "@nothing"
          """,
        ].map { Substring($0) })
  }

  @Test("a user and a listener's group that are added later are found at the next attempt")
  func laterNames() throws {
    // A user database of its own, laid over the machine's.
    let folder = "/tmp/apus-users-\(UUID().uuidString.prefix(8))"
    let manager = FileManager.default
    try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? manager.removeItem(atPath: folder) }
    for file in ["passwd", "group"] {
      try manager.copyItem(atPath: "/etc/\(file)", toPath: "\(folder)/\(file)")
    }
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "s": {"exec": ["PROBE", "sleep"], "user": "apus-later", "restart": "no"},
        "l": {"exec": ["PROBE", "serve"], "restart": "no",
          "listen": [{"stream": "DIR/socket", "group": "apus-later"}]}}}
      """#,
      prefix: [
        "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
        """
        for file in passwd group; do mount --bind \(folder)/$file /etc/$file || exit; done
        exec "$0" "$@"
        """,
      ])
    try board.wait(for: "s", "failed")
    let reason = try board.service("s")["reason"] as? String
    #expect(reason == "look up the user apus-later: No such file or directory, ENOENT (2)")
    #expect(!manager.fileExists(atPath: board.path("socket")))
    for (file, line) in [("passwd", "apus-later:x:4242:4242::/:"), ("group", "apus-later:x:4243:")]
    {
      let handle = try #require(FileHandle(forWritingAtPath: "\(folder)/\(file)"))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data("\(line)\n".utf8))
      try handle.close()
    }
    #expect(board.command(["start", "s"]).code == 0)
    let status = try String(contentsOfFile: "/proc/\(board.pid("s"))/status", encoding: .utf8)
    #expect(status.contains("Uid:\t4242\t4242\t4242\t4242\n"))
    try board.wait("the listener") {
      let attributes = try? manager.attributesOfItem(atPath: board.path("socket"))
      return attributes?[.groupOwnerAccountID] as? Int == 4243
    }
  }

  @Test("a forbidden system call ends the service with SIGSYS, which is said")
  func forbidden() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "default": {"exec": ["PROBE", "try", "pid:", "ptrace:1"], "restart": "no",
          "stdout": "file:DIR/default", "sandbox": {"seccomp": "default"}},
        "list": {"exec": ["PROBE", "try", "pid:", "raw:"], "restart": "no", "user": 1234,
          "stdout": "file:DIR/list", "sandbox": {
            "seccomp": ["@system-service", "socket", "open"]}},
        "less": {"exec": ["PROBE", "try", "pid:", "raw:"], "restart": "no",
          "stdout": "file:DIR/less", "sandbox": {
            "seccomp": ["@basic-io", "@file-system", "@signal", "@process"]}}}}
      """#)
    for name in ["default", "less"] {
      try board.wait(for: name, "failed")
      let service = try board.service(name)
      let end = try #require(service["lastExit"] as? [String: Any])
      #expect(end["kind"] as? String == "signal")
      #expect(end["code"] as? Int == Int(SIGSYS))
      // Which one is said by PID 1 of a board alone; the kernel's log has that board's pids.
      #expect(service["reason"] as? String == "killed by SIGSYS (a system call it may not make)")
      let said = try String(contentsOfFile: board.path(name), encoding: .utf8)
      #expect(said.hasPrefix("pid:=") && !said.contains("done"), "\(said)")
    }
    try board.wait("the probe") {
      let text = try? String(contentsOfFile: board.path("list"), encoding: .utf8)
      return text?.contains("raw:=\(EPERM) failed\ndone") == true
    }
    #expect(try board.state("list") == "ready")
  }
}
