/// What will happen when, soonest first; what is due together happens in the order it was entered.
struct Agenda {
  struct Entry {
    var time: Int64
    var number: UInt64
    /// Stands still while the machine is suspended.
    var freezes: Bool
    var body: (World) -> Void

    func isBefore(_ other: Entry) -> Bool {
      time != other.time ? time < other.time : number < other.number
    }
  }

  private var heap: [Entry] = []
  private var number: UInt64 = 0

  var next: Int64? { heap.first?.time }

  mutating func add(at time: Int64, freezes: Bool, _ body: @escaping (World) -> Void) {
    heap.append(Entry(time: time, number: number, freezes: freezes, body: body))
    number += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].isBefore(heap[parent]) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func takeNext() -> Entry? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < heap.count else { break }
      let right = left + 1
      let child = right < heap.count && heap[right].isBefore(heap[left]) ? right : left
      guard heap[child].isBefore(heap[parent]) else { break }
      heap.swapAt(child, parent)
      parent = child
    }
    return first
  }

  /// What processes do is put off while the machine is suspended.
  mutating func suspend(for microseconds: Int64) {
    var rebuilt = Agenda()
    rebuilt.number = number
    while var entry = takeNext() {
      if entry.freezes { entry.time += microseconds }
      rebuilt.insert(entry)
    }
    self = rebuilt
  }

  private mutating func insert(_ entry: Entry) {
    let saved = number
    number = entry.number
    add(at: entry.time, freezes: entry.freezes, entry.body)
    number = saved
  }
}
