import Foundation
import Testing

/// What the small members of `sandbox` refuse, tried by a program that knows nothing of them.
@Suite(.enabled(if: Board.isRoot, "needs root")) struct RestrictionTests {
  /// Each deed prints its name and the errno it failed with, 0 for none.
  private static let deeds = #"""
    import ctypes, errno, mmap, os, socket, sys
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.uname().nodename.encode()
    def call(result):
        return 0 if result != -1 else ctypes.get_errno()
    def python(act):
        try:
            act()
            return 0
        except OSError as error:
            return error.errno
    def chmod():
        open(sys.argv[1] + "/mode", "w").close()
        os.chmod(sys.argv[1] + "/mode", 0o4755)
    def made():
        os.close(os.open(sys.argv[1] + "/made", os.O_CREAT | os.O_WRONLY, 0o4755))
    deeds = {
        "hostname": lambda: call(libc.sethostname(own, len(own))),
        "clock": lambda: call(libc.adjtimex(ctypes.create_string_buffer(512))),
        "writeExecute": lambda: python(lambda: mmap.mmap(-1, 4096, prot=7)),
        "write": lambda: python(lambda: mmap.mmap(-1, 4096, prot=3)),
        "unix": lambda: python(lambda: socket.socket(socket.AF_UNIX)),
        "inet": lambda: python(lambda: socket.socket(socket.AF_INET)),
        "unshare": lambda: call(libc.unshare(0x04000000)),
        "realtime": lambda: python(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))),
        "batch": lambda: python(lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))),
        "setuid": lambda: python(chmod),
        "made": lambda: python(made),
        "personality": lambda: call(libc.personality(0x0040000)),
    }
    for name, deed in deeds.items():
        print(name, deed(), flush=True)
    print("devices", " ".join(sorted(os.listdir("/dev"))), flush=True)
    print("name", os.uname().nodename, flush=True)
    print("processes", len([name for name in os.listdir("/proc") if name.isdigit()]), flush=True)
    """#

  /// What came of each deed.
  private func attempt(_ sandbox: String, _ keys: String = "") throws -> [String: String] {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {"exec": ["/usr/bin/python3", "DIR/deeds.py", "DIR/own"],
        "type": "oneshot", "start": "manual", "restart": "no", "noNewPrivileges": true, \#(keys)
        "sandbox": {\#(sandbox)}}}}
      """#)
    try Self.deeds.write(toFile: board.path("deeds.py"), atomically: true, encoding: .utf8)
    try FileManager.default.createDirectory(
      atPath: board.path("own"), withIntermediateDirectories: true)
    chmod(board.path("own"), 0o777)
    chmod(board.directory.path, 0o755)
    let start = board.command(["start", "s"])
    #expect(start.code == 0, "\(start.errors)\(board.command(["logs", "s"]).output)")
    var results: [String: String] = [:]
    for line in board.command(["logs", "s"]).output.split(separator: "\n") {
      let words = line.dropFirst(27).split(separator: " ", maxSplits: 1).map(String.init)
      if words.count == 2 { results[words[0]] = words[1] }
    }
    return results
  }

  private static let everything = [
    "clock", "hostname", "writeExecute", "write", "unix", "inet", "unshare", "realtime", "batch",
    "setuid", "made", "personality",
  ]

  @Test(
    "each member refuses what it says, and nothing else",
    arguments: [
      (#""protectClock": true"#, ["clock"]),
      (#""denyWriteExecute": true"#, ["writeExecute"]),
      (#""denyNamespaces": true"#, ["unshare"]),
      (#""denyRealtime": true"#, ["realtime"]),
      (#""denySetuid": true"#, ["setuid", "made"]),
      (#""lockPersonality": true"#, ["personality"]),
      (#""nativeCallsOnly": true"#, []),
      (#""protectHostname": true"#, ["hostname"]),
    ])
  func refuses(_ member: String, _ refused: [String]) throws {
    // In a name space of host names of its own, whatever is done to it.
    let results = try attempt(member)
    for deed in Self.everything where deed != "hostname" || member.contains("protectHostname") {
      #expect(
        results[deed] == (refused.contains(deed) ? "\(EPERM)" : "0"), "\(deed) with \(member)")
    }
  }

  @Test("sockets of the families that are named, and of none")
  func families() throws {
    let some = try attempt(#""addressFamilies": ["unix", "netlink"]"#)
    #expect(some["unix"] == "0")
    #expect(some["inet"] == "\(EAFNOSUPPORT)")
    let none = try attempt(#""addressFamilies": []"#)
    #expect(none["unix"] == "\(EAFNOSUPPORT)")
  }

  @Test("a /dev with the devices that are named and the harmless ones")
  func devices() throws {
    let results = try attempt(#""devices": ["/dev/kmsg", "/dev/missing"]"#)
    let names = try #require(results["devices"]).split(separator: " ").map(String.init)
    #expect(Set(names).isSuperset(of: ["kmsg", "null", "zero", "urandom"]))
    #expect(!names.contains("missing") && !names.contains("mem"))
  }

  @Test("processes of other users are out of sight")
  func processes() throws {
    let seen = try #require(Int(try attempt("", #""user": 1234,"#)["processes"] ?? ""))
    let hidden = try attempt(#""hideProcesses": true"#, #""user": 1234,"#)
    #expect(seen > 2)
    #expect(hidden["processes"] == "1")
  }

  @Test("all of them together, for an ordinary user")
  func together() throws {
    let results = try attempt(
      #"""
      "protectClock": true, "protectHostname": true, "hideProcesses": true, "denyWriteExecute": true,
      "addressFamilies": ["unix"], "denyNamespaces": true, "denyRealtime": true, "denySetuid": true,
      "lockPersonality": true, "nativeCallsOnly": true, "devices": [], "readOnly": true,
      "write": ["DIR/own"], "privateTmp": false, "seccomp": ["@known"]
      """#, #""user": 1234,"#)
    for deed in Self.everything {
      let expected =
        ["write", "unix", "batch"].contains(deed)
        ? "0" : deed == "inet" ? "\(EAFNOSUPPORT)" : "\(EPERM)"
      #expect(results[deed] == expected, "\(deed)")
    }
  }
}
