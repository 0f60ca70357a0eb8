/// Finds duplicate keys by sorting, so that no object can make the search quadratic.
///
/// Keys compare by their decoded bytes (`"a"` and `"\u0061"` are one key). A hash table would be
/// faster on friendly input only: 1 MiB of keys costs at most about 40 passes over them here.
struct JSONKeys {
  private var heap: [UInt32] = []

  /// The error for the first key of an object that repeats an earlier one, nil when all differ.
  mutating func duplicate(of object: Int, on tape: JSONTape, in bytes: [UInt8]) -> JSONError? {
    heap.removeAll(keepingCapacity: true)
    var child = tape.first(object)
    while let key = child {
      heap.append(UInt32(truncatingIfNeeded: key))
      child = tape.next(key).flatMap { tape.next($0) }
    }
    guard heap.count > 1 else { return nil }
    let order = JSONKeyOrder(tape: tape, bytes: bytes)
    sort(by: order)
    var error: JSONError?
    for index in 1..<heap.count where order.compare(heap[index - 1], heap[index]) == 0 {
      let second = order.offset(heap[index])
      if let earlier = error, earlier.offset < second { continue }
      error = JSONError(.duplicateKey, at: second, first: order.offset(heap[index - 1]))
    }
    return error
  }

  /// Heap sort: in place, no recursion, n log n whatever the input.
  private mutating func sort(by order: JSONKeyOrder) {
    var start = heap.count / 2
    while start > 0 {
      start -= 1
      sink(start, below: heap.count, by: order)
    }
    var end = heap.count
    while end > 1 {
      end -= 1
      heap.swapAt(0, end)
      sink(0, below: end, by: order)
    }
  }

  private mutating func sink(_ start: Int, below end: Int, by order: JSONKeyOrder) {
    var parent = start
    while 2 * parent + 1 < end {
      var child = 2 * parent + 1
      if child + 1 < end, order.isLess(heap[child], heap[child + 1]) { child += 1 }
      guard order.isLess(heap[parent], heap[child]) else { return }
      heap.swapAt(parent, child)
      parent = child
    }
  }
}

/// The order of keys: by decoded bytes, equal ones by their place in the text.
struct JSONKeyOrder {
  let tape: JSONTape
  let bytes: [UInt8]

  func offset(_ key: UInt32) -> Int { tape[Int(truncatingIfNeeded: key)].offset }

  func isLess(_ left: UInt32, _ right: UInt32) -> Bool {
    let order = compare(left, right)
    return order == 0 ? left < right : order < 0
  }

  /// Negative, zero or positive as in memcmp(3).
  func compare(_ left: UInt32, _ right: UInt32) -> Int {
    guard var first = JSONStringReader(tape[Int(truncatingIfNeeded: left)], in: bytes),
      var second = JSONStringReader(tape[Int(truncatingIfNeeded: right)], in: bytes)
    else { return 0 }
    while true {
      switch (first.next(), second.next()) {
      case (nil, nil): return 0
      case (nil, _): return -1
      case (_, nil): return 1
      case (let one?, let other?):
        if one != other { return Int(one) - Int(other) }
      }
    }
  }
}
