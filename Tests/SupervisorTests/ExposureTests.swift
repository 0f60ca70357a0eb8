import Foundation
import Testing

/// A program whose execve(2) waits: another process holds a write lease on the file.
///
/// So a child of apus stays where it has become the service's user already and still has what it
/// had before: no FIFO, no signal, nothing of the test's own in apus.
final class HeldProgram {
  private let holder: Child

  /// Copies the probe to `path`, unless it is there, and holds it.
  init(_ path: String, _ board: Board) throws {
    if !FileManager.default.fileExists(atPath: path) {
      try FileManager.default.copyItem(atPath: Board.probe, toPath: path)
    }
    let said = path + ".leased"
    try? FileManager.default.removeItem(atPath: said)
    let holder = try Child([Board.probe, "lease", path], output: .file(said))
    self.holder = holder
    try board.wait("the lease") {
      (try? String(contentsOfFile: said, encoding: .utf8)) == "leased\n"
    }
  }

  deinit { release() }

  /// Lets the program be executed.
  func release() {
    holder.kill()
    holder.wait()
  }
}

/// One process as proc(5) shows it to root.
struct Shown {
  let pid: Int32

  /// A file of its folder, read to its end: such a file has no size and gives a page at a time.
  private func file(_ name: String) -> String {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 4096)
    let fd = open("/proc/\(pid)/\(name)", O_RDONLY)
    defer { if fd >= 0 { close(fd) } }
    while true {
      let count = read(fd, &part, part.count)
      if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += part[..<count]
    }
  }

  func field(_ name: String) -> String {
    let line = file("status").split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
    return line.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
  }

  /// True for a child that has become `uid` without a capability and waits in execve(2).
  func waits(as uid: Int) -> Bool {
    // After a new life of its own the kernel calls apus by another name.
    ["apus", "exe"].contains(field("Name")) && field("Uid").hasPrefix("\(uid)\t")
      && field("CapPrm") == "0000000000000000" && field("State").hasPrefix("S")
  }

  /// Where its stack begins, in hexadecimal, and all of its mappings.
  var maps: String { file("maps") }
  var stack: String {
    let line = maps.split(separator: "\n").first { $0.hasSuffix("[stack]") } ?? ""
    return String(line.prefix { $0 != "-" })
  }

  /// True when both are of one memory (kcmp(2), KCMP_VM).
  func sharesMemory(with other: Int32) -> Bool {
    #if arch(x86_64)
      let number = 312
    #elseif arch(arm64)
      let number = 272
    #else
      let number = 378
    #endif
    return syscall(number, pid, other, 1, 0, 0) == 0
  }
}

@_silgen_name("syscall")
private func syscall(_ number: Int, _ a: Int32, _ b: Int32, _ c: Int32, _ d: Int, _ e: Int) -> Int

/// Nobody gets at the memory of apus by way of a child that has changed its identity already.
///
/// fs.suid_dumpable is the machine's: these run one after another and put it back.
@Suite(.serialized, .enabled(if: Board.isRoot, "needs root")) struct ExposureTests {
  private static let setting = "/proc/sys/fs/suid_dumpable"

  @Test(
    "the memory of apus is closed to its children's users, whatever fs.suid_dumpable is",
    arguments: ["0", "1", "2"], [1234, 0])
  func memory(dumpable: String, uid: Int) throws {
    let before = try String(contentsOfFile: Self.setting, encoding: .utf8)
    try dumpable.write(toFile: Self.setting, atomically: false, encoding: .utf8)
    defer { try? before.write(toFile: Self.setting, atomically: false, encoding: .utf8) }
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "p": {"exec": ["DIR/held"], "user": \#(uid), "group": \#(uid), "capabilities": [],
          "start": "manual"},
        "other": {"exec": ["PROBE", "sleep"]}}}
      """#)
    let apus = board.process.pid
    try look(board, dumpable, uid)
    let manifest = try String(contentsOfFile: board.path("apus.json"), encoding: .utf8)
    try manifest.replacingOccurrences(of: "\"sleep\"]", with: "\"sleep\"], \"nice\": 1").write(
      toFile: board.path("apus.json"), atomically: true, encoding: .utf8)
    let applied = board.command(["apply"])
    #expect(applied.code == 0, "\(applied)")
    try board.wait("an answer") { board.command(["status"]).code == 0 }
    try look(board, dumpable, uid)
    #expect(board.command(["reexec"]).code == 0)
    try board.wait("the new program") { board.log.contains("goes on as a new program") }
    try look(board, dumpable, uid)
    kill(apus, SIGSEGV)
    try board.wait("the new program") { board.log.contains("goes on after a crash") }
    try look(board, dumpable, uid)
    #expect(board.process.isRunning)
  }

  /// Starts `p`, looks into it while it waits, and ends it.
  private func look(_ board: Board, _ dumpable: String, _ uid: Int) throws {
    let held = try HeldProgram(board.path("held"), board)
    #expect(board.command(["start", "--no-wait", "p"]).code == 0)
    try board.wait("p to wait in execve") { Shown(pid: try board.pid("p")).waits(as: uid) }
    let child = Shown(pid: try board.pid("p"))
    let stack = Shown(pid: board.process.pid).stack
    #expect(!stack.isEmpty)
    for pid in [child.pid, board.process.pid] {
      let spy = try Child(
        [Board.probe, "spy", "\(uid)", "\(pid)", stack], output: .file(board.path("spied")))
      #expect(spy.wait() == 0)
      let spied = try String(contentsOfFile: board.path("spied"), encoding: .utf8)
      #expect(spied == "done\n", "\(pid == child.pid ? "child" : "apus") of \(uid)")
    }
    if dumpable == "1" {
      // Nobody can be kept out in the moment after the change; so there is nothing to be found.
      #expect(!child.sharesMemory(with: board.process.pid))
      #expect(!child.maps.contains("memfd:"))
    }
    #expect(board.command(["stop", "p"]).code == 0)
    held.release()
  }
}
