/// The simulation's own source of randomness, SplitMix64.
///
/// Written here, not taken from the standard library, so that a seed means the same run on every
/// machine and with every toolchain.
public struct Random: Sendable {
  private var state: UInt64

  /// Starts the sequence of `seed`.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  /// A number below `bound`; 0 when `bound` is 0.
  public mutating func below(_ bound: Int) -> Int {
    bound > 0 ? Int(truncatingIfNeeded: next() % UInt64(bound)) : 0
  }

  /// True `permille` times in a thousand.
  public mutating func chance(_ permille: Int) -> Bool { below(1000) < permille }

  /// A length of time from `shortest` to `longest` microseconds, both included.
  public mutating func time(_ shortest: Int64, _ longest: Int64) -> Int64 {
    shortest + Int64(next() % UInt64(longest - shortest + 1))
  }

  /// One of the elements.
  public mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[below(elements.count)]
  }
}
