import Foundation
import Testing

/// A cgroup with so little memory that a program in it makes the kernel look for some.
private struct TightGroup {
  let folder: String

  /// Nil where there is no such cgroup or no pressure is measured: not root, no memory controller.
  init?() {
    let files = FileManager.default
    guard Board.isRoot, files.fileExists(atPath: "/proc/pressure/memory") else { return nil }
    let isOld = files.fileExists(atPath: "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    if !isOld {
      try? "+memory".write(
        toFile: "/sys/fs/cgroup/cgroup.subtree_control", atomically: false, encoding: .utf8)
    }
    folder =
      (isOld ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup") + "/apus-\(UUID().uuidString.prefix(8))"
    let limit = folder + (isOld ? "/memory.limit_in_bytes" : "/memory.max")
    guard mkdir(folder, 0o755) == 0 else { return nil }
    guard let file = FileHandle(forWritingAtPath: limit),
      (try? file.write(contentsOf: Data("4194304".utf8))) != nil
    else {
      rmdir(folder)
      return nil
    }
  }

  static let isThere: Bool = {
    guard let group = TightGroup() else { return false }
    return rmdir(group.folder) == 0
  }()
}

@Suite struct PressureTests {
  @Test(
    "when memory is short an idle service is stopped, and comes back with its traffic",
    .enabled(if: TightGroup.isThere))
  func reclaimed() throws {
    let group = try #require(TightGroup())
    // A window of 2 s is the one that Linux grants without CAP_SYS_RESOURCE.
    let board = try Board(
      #"""
      {"apus": 1, "system": {"memoryPressure": {"some": "1ms/2s", "idle": "200ms"}}, "services": {
        "idle": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/idle.sock"}]},
        "hold": {"exec": ["PROBE", "keep"], "listen": [{"stream": "DIR/hold.sock"}]},
        "kept": {"exec": ["PROBE", "serve"], "reclaim": false,
                 "listen": [{"stream": "DIR/kept.sock"}]}}}
      """#)
    let first = board.talk("idle.sock")
    let kept = board.talk("kept.sock")
    let client = try #require(Client.connect(unix: board.path("hold.sock")))
    for service in ["idle", "hold", "kept"] { try board.wait(for: service, "ready") }
    let file = board.path("big")
    let hungry = try Child([
      "/bin/sh", "-c",
      "echo $$ > \(group.folder)/cgroup.procs; until [ -e \(file).stop ]; do "
        + "dd if=/dev/zero of=\(file) bs=1M count=16 conv=fsync 2>/dev/null; done",
    ])
    defer {
      FileManager.default.createFile(atPath: file + ".stop", contents: nil)
      hungry.wait()
      rmdir(group.folder)
    }
    try board.wait("the idle service to go", 60) {
      try board.service("idle")["reason"] as? String == "reclaimed"
        && board.state("idle") == "listening"
    }
    #expect(try board.state("hold") == "ready", "somebody is connected")
    #expect(board.talk("kept.sock") == kept, "reclaim is false")
    let second = board.talk("idle.sock")
    #expect(!second.isEmpty && second != first)
    close(client)
  }
}
