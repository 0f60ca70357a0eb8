internal import ApusBase
internal import ApusManifest

/// A first-in first-out queue of small numbers, each in it at most once.
struct SlotQueue: Sendable {
  private var ring: Rows<UInt16>
  private var member: Rows<Bool>
  private var head = 0
  private(set) var count = 0

  /// A queue for the numbers `0..<slots`.
  init(slots: Int) {
    ring = Rows<UInt16>(repeating: 0, count: slots)
    member = Rows<Bool>(repeating: false, count: slots)
  }

  /// True while a number waits.
  func contains(_ slot: Int) -> Bool { member.at(slot) ?? false }

  var isEmpty: Bool { count == 0 }

  /// Appends a number unless it waits already.
  mutating func push(_ slot: Int) {
    guard member.at(slot) == false else { return }
    member[slot] = true
    ring[(head + count) % ring.count] = UInt16(truncatingIfNeeded: slot)
    count += 1
  }

  /// Takes the oldest number.
  mutating func pop() -> Int? {
    guard count > 0 else { return nil }
    let slot = Int(ring[head])
    head = (head + 1) % ring.count
    count -= 1
    member[slot] = false
    return slot
  }
}
