import CApus
import Foundation
import Testing

/// One test, because the shim has one watchdog.
@Suite struct WatchdogTests {
  @Test("a device that comes late is opened, put off, asked to stop, and complained about once")
  func life() throws {
    let path = NSTemporaryDirectory() + "apus-watchdog-\(UUID().uuidString.prefix(8))"
    defer { unlink(path) }
    capus_watchdog_set(Array(path.utf8), path.utf8.count, 8, 2, 20)
    var seconds: Int32 = -1
    #expect(capus_watchdog_keep(60_000) == 60_000)
    #expect(capus_watchdog_pet(&seconds) == -ENOENT)
    #expect(seconds == 0)
    #expect(capus_watchdog_pet(&seconds) == 0, "an error that stays is said once")
    // A FIFO takes what a watchdog takes, but for its timeouts.
    #expect(mkfifo(path, 0o600) == 0)
    #expect(capus_watchdog_pet(&seconds) == -ENXIO)
    let reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    defer { close(reader) }
    #expect(capus_watchdog_pet(&seconds) == -ENOTTY)
    #expect(seconds == 8)
    #expect(read(reader) == [0])
    #expect(capus_watchdog_pet(&seconds) == 0)
    #expect(seconds == 0)
    #expect(read(reader) == [0])
    #expect(capus_watchdog_keep(60_000) == 4_000)
    #expect(capus_watchdog_keep(100) == 100)
    #expect(read(reader) == [0, 0])
    capus_watchdog_end()
    #expect(capus_watchdog_keep(60_000) == 10_000)
    #expect(read(reader) == [0, 0])
    capus_watchdog_disarm()
    #expect(read(reader) == [UInt8(ascii: "V")])
    #expect(capus_watchdog_keep(60_000) == 60_000)
    #expect(read(reader) == [])
  }

  private func read(_ fd: Int32) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = Foundation.read(fd, &bytes, bytes.count)
    return Array(bytes.prefix(max(0, count)))
  }
}
