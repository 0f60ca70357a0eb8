import ApusBase
import ApusWire
import Testing

@Suite struct LineTests {
  private func encoded(_ line: [UInt8]?, level: UInt8 = 3) -> [UInt8] {
    var writer = ByteWriter(capacity: Frame.replyLimit)
    writer.lineFrame(
      at: Instant(microseconds: 0x0102), lost: 7, level: level, service: Array("web".utf8),
      line: line)
    return writer.bytes
  }

  @Test("a line's frame, byte by byte")
  func golden() throws {
    let bytes = encoded([0x61, 0, 0xff])
    #expect(
      bytes
        == [1, 140, 28, 0, 1, 3, 2, 1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0x77, 0x65, 0x62]
        + [3, 0, 0x61, 0, 0xff])
    let back = try LineReply(decoding: bytes)
    #expect(back.isLine && back.level == 3 && back.lost == 7)
    #expect(back.at == Instant(microseconds: 0x0102))
    #expect(back.service == Array("web".utf8) && back.text == [0x61, 0, 0xff])
    let lost = try LineReply(decoding: encoded(nil))
    #expect(!lost.isLine && lost.lost == 7 && lost.text.isEmpty)
  }

  @Test("the longest line fits a frame, and nothing longer does")
  func longest() throws {
    let most = [UInt8](repeating: 0x78, count: Frame.lineLimit)
    #expect(try LineReply(decoding: encoded(most)).text == most)
    #expect(try LineReply(decoding: encoded(most + [0x79])).text == most)
  }

  @Test("what is no line is refused")
  func refusals() {
    let good = encoded([0x61])
    #expect(throws: FrameError.self) { try LineReply(decoding: Array(good.dropLast())) }
    #expect(throws: FrameError.self) { try LineReply(decoding: encoded([0x61], level: 8)) }
  }
}
