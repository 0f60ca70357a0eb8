import Foundation
import Testing

/// apus as PID 1 of a container of its own, with nothing but a manifest where it looks for one.
@Suite(.enabled(if: Board.isRoot)) struct InitTests {
  /// Starts it by that name and with those words; the folder is the one of its files.
  private func start(
    _ name: String, _ words: [String], _ manifest: String, prefix: [String] = []
  ) throws -> (Child, URL) {
    let folder = URL(fileURLWithPath: "/tmp/apus-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let text = manifest.replacingOccurrences(of: "DIR", with: folder.path)
      .replacingOccurrences(of: "PROBE", with: Board.probe)
    try text.write(
      to: folder.appendingPathComponent("apus.json"), atomically: true, encoding: .utf8)
    let script = #"""
      set -e; folder=$1 program=$2 name=$3; shift 3
      mount -t tmpfs none /run
      cp -L /etc/ld.so.cache "$folder" || true
      mount -t tmpfs none /etc
      cp "$folder"/* /etc
      exec -a "$name" "$program" "$@"
      """#
    let log = folder.appendingPathComponent("log").path
    let child = try Child(
      [
        "/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--mount",
      ] + prefix + ["/bin/bash", "-c", script, "bash", folder.path, Board.binary, name]
        + words, output: .file(log), errors: .descriptor(1))
    return (child, folder)
  }

  @Test(
    "whatever its name and its words, PID 1 is init",
    arguments: [
      ["apus", "splash"], ["apus", "quiet", "splash"], ["apus", "single"], ["apus", "--", "x"],
      ["/sbin/init"], ["reboot"], ["x", "-z"],
    ])
  func words(line: [String]) throws {
    let (child, folder) = try start(
      line[0], Array(line.dropFirst()),
      #"""
      {"apus": 1, "services": {"x": {"exec": ["/bin/sh", "-c", "echo up; exec sleep 1000"],
                                     "stdout": "append:DIR/x"}}}
      """#)
    defer { try? FileManager.default.removeItem(at: folder) }
    defer { child.kill() }
    let read = { (name: String) in
      (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)) ?? ""
    }
    let deadline = Date(timeIntervalSinceNow: 20)
    while read("x") != "up\n", child.isRunning, Date() < deadline { usleep(3000) }
    #expect(child.isRunning && read("x") == "up\n", "\(read("log"))")
  }

  @Test("where reboot(2) is not permitted a SIGTERM ends the services, and then init itself")
  func noReboot() throws {
    let (child, folder) = try start(
      "init", [],
      #"""
      {"apus": 1, "services": {"x": {
        "exec": ["/bin/bash", "-c",
          "grep CapBnd /proc/1/status; trap 'echo ended; exit' TERM; kill -TERM 1; while :; do :; done"],
        "stdout": "append:DIR/x"}}}
      """#, prefix: ["/usr/bin/setpriv", "--bounding-set=-sys_boot"])
    defer { try? FileManager.default.removeItem(at: folder) }
    defer { child.kill() }
    let deadline = Date(timeIntervalSinceNow: 20)
    while child.isRunning, Date() < deadline { usleep(3000) }
    try #require(!child.isRunning, "it goes on without any service")
    #expect(child.wait() == 0)
    let said = try String(contentsOf: folder.appendingPathComponent("x"), encoding: .utf8)
    let words = said.split { $0.isWhitespace }
    let set = try #require(words.count == 3 ? UInt64(words[1], radix: 16) : nil, "\(said)")
    // CAP_SYS_BOOT is 22.
    #expect(set & 1 << 22 == 0)
    #expect(words[2] == "ended")
  }

  @Test("a command that a container is given is run")
  func command() throws {
    let (child, folder) = try start("apus", ["version"], "{}")
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(child.wait() == 0)
    let log = try String(contentsOf: folder.appendingPathComponent("log"), encoding: .utf8)
    #expect(log.hasPrefix("apus "))
  }

  @Test(
    "a program file that gives rights is refused",
    // A program with shared libraries does not even find them then.
    .enabled(if: ProcessInfo.processInfo.environment["APUS_BINARY"] != nil))
  func secure() throws {
    let folder = URL(fileURLWithPath: "/var/tmp/apus-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let program = folder.appendingPathComponent("apus").path
    try FileManager.default.copyItem(atPath: Board.binary, toPath: program)
    chmod(folder.path, 0o755)
    for (mode, code) in [(0o4755, Int32(1)), (0o2755, 1), (0o755, 0)] {
      chmod(program, mode_t(mode))
      let log = folder.appendingPathComponent("log").path
      let child = try Child(
        [
          "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program,
          "version",
        ],
        output: .file(log), errors: .descriptor(1))
      #expect(child.wait() == code)
      let said = try String(contentsOfFile: log, encoding: .utf8)
      #expect(said.contains("refuses to run: set-user-ID") == (code == 1), "\(said)")
    }
  }
}
