import ApusWire
import Testing

@Suite struct NoticeTests {
  private func notice(_ text: String) -> Notice? { Notice(decoding: Array(text.utf8).span) }

  @Test("what sd_notify(3) lists is understood, and what nobody knows is let pass")
  func assignments() throws {
    let all = try #require(
      notice("READY=1\nSTATUS=fine\nMAINPID=42\nWATCHDOG_USEC=250000\nEXTEND_TIMEOUT_USEC=7\nX_Y=z")
    )
    #expect(all.flags == .ready)
    #expect(all.mainPid == 42)
    #expect(all.watchdogUs == 250_000)
    #expect(all.extendUs == 7)
    #expect(notice("RELOADING=1\nMONOTONIC_USEC=1\n")?.flags == .reloading)
    #expect(notice("WATCHDOG=1")?.flags == .alive)
    #expect(notice("WATCHDOG=trigger")?.flags == .trigger)
    #expect(notice("STOPPING=1\nRESTART_RESET=1")?.flags == [.stopping, .restartReset])
    #expect(notice("FDSTORE=1")?.flags == .store)
    #expect(notice("BARRIER=1")?.flags == [])
  }

  @Test("NOT-01 NOT-02 NOT-07 what is malformed is refused, and no value is half believed")
  func malformed() {
    for text in ["", "\n", "READY", "=", "=1", "\n\n\n", "\0"] { #expect(notice(text) == nil) }
    for text in ["READY=0", "READY=11", "READY= 1", " READY=1", "ready=1", "READY=1\0"] {
      #expect(notice(text)?.flags == [], "\(text)")
    }
    for pid in ["0", "1", "-1", "", "4294967296", "99999999999999999999", "1x", "+2"] {
      #expect(notice("MAINPID=\(pid)")?.mainPid == -1, "\(pid)")
    }
    #expect(notice("WATCHDOG_USEC=1234567890123456")?.watchdogUs == -1)
    #expect(notice(String(repeating: "READY=1\n", count: 10_000))?.flags == .ready)
  }

  @Test("NOT-01 any bytes give a notice or none, the same one each time")
  func anyBytes() {
    var random = SystemRandomNumberGenerator()
    let seed = Array("READY=1\nWATCHDOG_USEC=12\nMAINPID=77\nFDNAME=a=b\nSTATUS=\u{e4}\n".utf8)
    for _ in 0..<20_000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
      }
      bytes.removeLast(.random(in: 0..<bytes.count, using: &random))
      let first = Notice(decoding: bytes.span)
      #expect(first == Notice(decoding: bytes.span))
      if let pid = first?.mainPid { #expect(pid == 0 || pid == -1 || pid > 1) }
    }
  }
}
