import ApusManifest
import CCapability
import Testing

/// The manifest's reader of libcap's texts reads what libcap itself reads.
@Suite struct CapabilityTextTests {
  /// The vectors libcap reads; nil for what it refuses.
  private func libcap(_ text: String) -> [UInt64]? {
    guard let parsed = cap_iab_from_text(text) else { return nil }
    defer { cap_free(UnsafeMutableRawPointer(parsed)) }
    return [CAP_IAB_INH, CAP_IAB_AMB, CAP_IAB_BOUND].map { vector in
      (0..<cap_max_bits()).reduce(UInt64(0)) { bits, number in
        cap_iab_get_vector(parsed, vector, number) == CAP_SET ? bits | 1 << UInt64(number) : bits
      }
    }
  }

  private func own(_ text: String) -> [UInt64]? {
    CapabilityText(Array(text.utf8)).map { [$0.inheritable, $0.ambient, $0.dropped] }
  }

  @Test(arguments: [
    "", "cap_net_raw", "net_raw", "CAP_Net_Raw", "^cap_net_raw", "!cap_net_raw", "%cap_net_raw",
    "^!cap_chown", "!%cap_chown", "^^cap_chown", "cap_chown,", ",cap_chown", "cap_chown,,cap_kill",
    "cap_chown cap_kill", " cap_chown", "cap_chown ", "!", "^", "cap_chown,!", "13", "0x0d", "013",
    "0", "08", "0x", "0xg", "40", "41", "63", "64", "99999999999999999999", "-1", "12a", "all",
    "!all", "cap_all", "cap_foo", "cap_chown\n", "cap_net_raw1", "!cap_chown,^cap_chown", "%13,!0",
  ])
  func `What libcap reads and refuses`(_ text: String) {
    #expect(own(text) == libcap(text))
  }

  @Test func `Random texts`() {
    var random = SystemRandomNumberGenerator()
    let parts = [
      "cap_", "net_raw", "cap_chown", "CAP_SYS_ADMIN", "cap_bpf", ",", ",", "!", "^", "%", "0", "7",
      "13", "0x", "f", "_", " ", "=", "cap_checkpoint_restore", "64", "z",
    ]
    for _ in 0..<20_000 {
      let count = Int.random(in: 0..<8, using: &random)
      let text = (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
      #expect(own(text) == libcap(text), "\(text)")
    }
  }
}
