internal import ApusBase
internal import ApusManifest

/// Deadlines of a fixed set of keys, each with at most one, the earliest at hand.
///
/// An indexed binary heap: setting, clearing and taking are O(log n) and never allocate, so that
/// two thousand listeners cost an event no more than two.
struct DeadlineHeap: Sendable {
  private static let absent = UInt16.max
  /// Keys in heap order.
  private var heap: Rows<UInt16> = Rows()
  /// Place of each key in `heap`, or `absent`.
  private var place: Rows<UInt16>
  /// Moment of each key.
  private var moments: Rows<Instant>

  /// A heap for keys `0..<keys`.
  init(keys: Int) {
    place = Rows<UInt16>(repeating: Self.absent, count: keys)
    moments = Rows<Instant>(repeating: .never, count: keys)
    heap.reserveCapacity(keys)
  }

  /// The earliest moment.
  var earliest: Instant? {
    guard let key = heap.first else { return nil }
    return moments[Int(key)]
  }

  /// The moment of a key.
  func moment(of key: Int) -> Instant? {
    guard let spot = place.at(key), spot != Self.absent else { return nil }
    return moments[key]
  }

  /// Gives a key a moment, in place of the one it had; `never` clears it.
  mutating func set(_ key: Int, to moment: Instant) {
    guard moment < .never else { return clear(key) }
    guard let spot = place.at(key) else { return }
    moments[key] = moment
    if spot == Self.absent {
      place[key] = UInt16(truncatingIfNeeded: heap.count)
      heap.append(UInt16(truncatingIfNeeded: key))
      rise(heap.count - 1)
    } else {
      sink(Int(spot))
      rise(Int(place[key]))
    }
  }

  /// Takes a key's moment away.
  mutating func clear(_ key: Int) {
    guard let spot = place.at(key), spot != Self.absent else { return }
    let hole = Int(spot)
    place[key] = Self.absent
    let last = heap.removeLast()
    guard hole < heap.count else { return }
    heap[hole] = last
    place[Int(last)] = spot
    sink(hole)
    rise(Int(place[Int(last)]))
  }

  /// Takes the earliest key whose moment is not after `now`.
  mutating func pop(until now: Instant) -> Int? {
    guard let key = heap.first, moments[Int(key)] <= now else { return nil }
    clear(Int(key))
    return Int(key)
  }

  private func isBefore(_ left: Int, _ right: Int) -> Bool {
    let (first, second) = (heap[left], heap[right])
    let (firstMoment, secondMoment) = (moments[Int(first)], moments[Int(second)])
    // Ties in key order keep traces the same whatever the history of the heap.
    return firstMoment == secondMoment ? first < second : firstMoment < secondMoment
  }

  private mutating func exchange(_ left: Int, _ right: Int) {
    heap.swapAt(left, right)
    place[Int(heap[left])] = UInt16(truncatingIfNeeded: left)
    place[Int(heap[right])] = UInt16(truncatingIfNeeded: right)
  }

  private mutating func rise(_ start: Int) {
    var spot = start
    while spot > 0, isBefore(spot, (spot - 1) / 2) {
      exchange(spot, (spot - 1) / 2)
      spot = (spot - 1) / 2
    }
  }

  private mutating func sink(_ start: Int) {
    var spot = start
    while true {
      var least = spot
      let child = 2 * spot + 1
      if child < heap.count, isBefore(child, least) { least = child }
      if child + 1 < heap.count, isBefore(child + 1, least) { least = child + 1 }
      guard least != spot else { return }
      exchange(spot, least)
      spot = least
    }
  }
}
