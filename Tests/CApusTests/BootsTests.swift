import CApus
import Foundation
import Testing

/// The file that counts boots which ended before they were good (`system.bootAttempts`), read and
/// written by a child with a deadline.
@Suite struct BootsTests {
  private let folder = "/tmp/apus-boots-\(UUID().uuidString.prefix(8))"
  private var path: String { folder + "/boots" }

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func read(_ path: String, _ limit: Int32 = 5000) -> Int32 {
    capus_attempt(CAPUS_READ_BOOTS, path, limit)
  }

  private func count(_ path: String, _ limit: Int32 = 5000) -> Int32 {
    capus_attempt(CAPUS_COUNT_BOOT, path, limit)
  }

  @Test("boots are counted from the first on, until one is good")
  func counts() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(read(path) == -ENOENT)
    for number in Int32(1)...12 {
      #expect(count(path) == 0)
      #expect(read(path) == number)
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "\(number)\n")
    }
    #expect(capus_attempt(CAPUS_GOOD_BOOT, path, 5000) == 0)
    #expect(read(path) == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["boots"])
    // Folders that are not there yet are made.
    #expect(count(folder + "/a/b/boots") == 0)
    #expect(read(folder + "/a/b/boots") == 1)
  }

  @Test(
    "what is no number counts as none, and is written anew",
    arguments: ["", "7", "x\n", "-1\n", "99999999999\n", "3 \n"])
  func torn(_ content: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try content.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(read(path) == 0)
    #expect(count(path) == 0)
    #expect(read(path) == 1)
  }

  @Test("a file that cannot be read or written is an error, and stays as it is")
  func unwritable() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(count("/proc/boots") < 0)
    #expect(count(folder) < 0)
    // Anything but a file is not replaced.
    mkfifo(path, 0o600)
    #expect(count(path) == -EEXIST && read(path) == -EEXIST)
    #expect(capus_attempt(CAPUS_GOOD_BOOT, path, 5000) == -EEXIST)
    unlink(path)
    try "4\n".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(count(path + "/boots") == -ENOTDIR)
    // Half of a write of another boot is in the way, and goes.
    try "torn".write(toFile: path + ".new", atomically: true, encoding: .utf8)
    #expect(count(path) == 0)
    #expect(read(path) == 5)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["boots"])
    try FileManager.default.createDirectory(
      atPath: path + ".new/x", withIntermediateDirectories: true)
    #expect(count(path) < 0)
    #expect(read(path) == 5)
  }

  @Test(
    "a disk that never answers is waited for until the deadline",
    .enabled(if: getuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0, "needs root and FUSE"),
    arguments: ["lookup", "open", "create", "write", "fsync", "rename"])
  func dead(_ call: String) throws {
    let output = folder + ".said"
    let server = Process()
    server.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appending(path: "probe")
    server.arguments = ["fuse-hang", folder, call]
    FileManager.default.createFile(atPath: output, contents: nil)
    server.standardOutput = FileHandle(forWritingAtPath: output)
    try server.run()
    defer {
      kill(server.processIdentifier, SIGKILL)
      server.waitUntilExit()
      umount2(folder, Int32(MNT_DETACH))
      rmdir(folder)
      unlink(output)
    }
    while server.isRunning, (try? String(contentsOfFile: output, encoding: .utf8)) != "mounted\n" {
      usleep(2000)
    }
    try #require(server.isRunning, "no FUSE file system can be mounted")
    let start = Date()
    let answers = [count(path, 300), read(path, 300)]
    #expect(answers.contains(-ETIMEDOUT), "\(answers)")
    #expect(Date().timeIntervalSince(start) < 10)
  }
}
