import CApus
import Testing

@Suite struct RecordTests {
  @Test("no byte of a slot can change unseen, and none can be cut")
  func check() {
    // The shim's state is one per process; a record of its own is what the tests change.
    for count in [0, 1, 40, Int(CAPUS_SLOT_BYTES)] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
      let sum = capus_check(3, bytes, count)
      #expect(capus_check(4, bytes, count) != sum)
      for index in bytes.indices {
        for value in UInt8.min...UInt8.max where value != bytes[index] {
          var changed = bytes
          changed[index] = value
          #expect(capus_check(3, changed, count) != sum)
        }
        #expect(capus_check(3, bytes, index) != sum)
      }
    }
  }
}
