import ApusBase
import ApusCommand
import Testing

private func written(_ write: (inout ByteWriter) -> Void) -> String {
  var writer = ByteWriter(capacity: 100)
  write(&writer)
  return String(decoding: writer.bytes, as: UTF8.self)
}

@Suite struct QuantityTests {
  @Test(
    "times are read with their two largest units",
    arguments: [
      (Int64(-5), "0us"), (0, "0us"), (999, "999us"), (1000, "1ms"), (999_999, "999ms"),
      (1_000_000, "1s"), (59_999_999, "59s"), (60_000_000, "1min"), (123_000_000, "2min 3s"),
      (3_600_000_000, "1h"), (3_661_000_000, "1h 1min"), (86_399_000_000, "23h 59min"),
      (86_400_000_000, "1d"), (500 * 86_400_000_000 + 7_200_000_000, "500d 2h"),
      (.max, "106751991d 4h"),
    ])
  func durations(microseconds: Int64, text: String) {
    #expect(written { $0.duration(microseconds) } == text)
  }

  @Test(
    "lengths of a boot's lines have parts of a second",
    arguments: [
      (Int64(999), "999us"), (999_999, "999ms"), (1_000_000, "1s"), (1_500_000, "1.5s"),
      (1_050_900, "1.05s"), (59_999_999, "59.999s"), (60_000_000, "1min"),
    ])
  func lengths(microseconds: Int64, text: String) {
    #expect(written { $0.length(microseconds) } == text)
  }

  @Test(
    "sizes are read in binary units",
    arguments: [
      (UInt64(0), "0"), (1023, "1023"), (1024, "1.0K"), (1536, "1.5K"), (10240, "10K"),
      (1_258_291, "1.1M"), (1_258_292, "1.2M"), (1 << 30, "1.0G"), (.max, "17179869183G"),
    ])
  func sizes(bytes: UInt64, text: String) {
    #expect(written { $0.size(bytes) } == text)
  }
}
