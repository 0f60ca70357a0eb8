import Foundation
import TestSockets
import Testing

/// Descriptors whose close(2) waits: nobody who can send one holds up apus with it.
@Suite struct HangingDescriptorTests {
  /// A FUSE file system whose one file is never closed; nil where the kernel or the rights lack it.
  private final class DeadFileSystem {
    let folder = "/tmp/apus-dead-\(UUID().uuidString.prefix(8))"
    let server: Child
    var file: String { folder + "/hang" }

    init?() throws {
      guard Board.isRoot, access("/dev/fuse", R_OK | W_OK) == 0 else { return nil }
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      let said = folder + ".said"
      server = try Child([Board.probe, "fuse-hang", folder, "flush", "later"], output: .file(said))
      defer { unlink(said) }
      while server.isRunning, (try? String(contentsOfFile: said, encoding: .utf8)) != "mounted\n" {
        usleep(2000)
      }
      if !server.isRunning { return nil }
      close(open(folder + "/hang", O_CREAT | O_RDWR, 0o666))
      // From now on no close of it is answered.
      kill(server.pid, SIGUSR2)
    }

    deinit {
      // With its server the file system ends, and whatever waits for it.
      server.kill()
      server.wait()
      umount2(folder, Int32(MNT_DETACH))
      rmdir(folder)
    }
  }

  /// Answers come at once.
  private func answers(_ board: Board, _ what: String) {
    for _ in 0..<20 {
      let start = Date()
      #expect(board.command(["status"]).code == 0, "\(what)")
      #expect(Date().timeIntervalSince(start) < 2, "\(what)")
    }
  }

  private func openFiles(_ board: Board) -> [String] {
    let folder = "/proc/\(board.process.pid)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + $0)
    }
  }

  /// Runs the probe beside apus until it has sent.
  private func send(_ what: String, _ door: String, _ path: String, _ board: Board) throws -> Child
  {
    let output = board.path("sent-\(UUID().uuidString.prefix(8))")
    let child = try Child([Board.probe, "hang", what, door, path], output: .file(output))
    try board.wait("the descriptor to be sent") {
      !child.isRunning
        || (try? String(contentsOfFile: output, encoding: .utf8))?.hasSuffix("sent\n") == true
    }
    return child
  }

  @Test("a socket that lingers and a dead file go through notify and the fd store")
  func notify() throws {
    let dead = try DeadFileSystem()
    for what in ["linger", dead?.file].compactMap({ $0 }) {
      let board = try Board(
        #"""
        {"apus": 1, "services": {
          "status": {"exec": ["PROBE", "hang", "\#(what)", "notify"], "type": "notify"},
          "store": {"exec": ["PROBE", "hang", "\#(what)", "store"], "type": "notify", "fdStore": 4,
            "stop": {"timeout": "100ms"}},
          "keep": {"exec": ["PROBE", "hang", "\#(what)", "keep"], "type": "notify", "fdStore": 4,
            "stop": {"timeout": "100ms"}},
          "after": {"exec": ["PROBE", "sleep"], "start": "manual"}}}
        """#)
      answers(board, what)
      for name in ["status", "store", "keep"] { try board.wait(for: name, "ready") }
      // Another process starts with no copy of what hangs.
      #expect(board.command(["start", "after"]).code == 0)
      #expect(board.command(["stop", "keep", "--no-wait"]).code == 0)
      answers(board, what)
      try board.wait("it to be closed") { !openFiles(board).contains(what) }
      // Its programs cannot end before.
      if what != "linger" { dead?.server.kill() }
    }
  }

  @Test("a socket that lingers and a dead file go through the control socket")
  func control() throws {
    let dead = try DeadFileSystem()
    let board = try Board(#"{"apus": 1, "services": {"a": {"exec": ["PROBE", "sleep"]}}}"#)
    var children: [Child] = []
    for what in ["linger", dead?.file].compactMap({ $0 }) {
      for _ in 0..<4 { children.append(try send(what, "control", board.control, board)) }
      answers(board, what)
    }
    for child in children { child.kill() }
    answers(board, "gone")
  }

  @Test("a socket that lingers waits in connections that are refused, fail to start, or are kept")
  func connections() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "over": {"exec": ["PROBE", "sleep"], "accept": true, "maxConnectionsPerSource": 1,
          "listen": [{"stream": "DIR/over"}]},
        "fails": {"exec": ["/nonexistent"], "accept": true, "listen": [{"stream": "DIR/fails"}]},
        "drained": {"exec": ["PROBE", "exit", "1"], "restart": "no",
          "listen": [{"stream": "DIR/drained", "flush": true}]}}}
      """#)
    var children: [Child] = []
    for name in ["over", "over", "over", "fails", "fails", "drained"] {
      children.append(try send("linger", "client", board.path(name), board))
      answers(board, name)
    }
    for child in children { child.kill() }
  }
}
