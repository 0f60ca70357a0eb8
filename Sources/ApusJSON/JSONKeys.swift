internal import ApusBase

/// Finds duplicate keys by sorting, so that no object can make the search quadratic.
///
/// Keys compare by their decoded bytes (`"a"` and `"\u0061"` are one key). A hash decides most
/// comparisons; keys made to collide cost as much as without it, which is n log n all the same.
struct JSONKeys {
  /// The first duplicates of the objects checked so far, in the order of the text.
  private(set) var duplicates: Rows<JSONError> = Rows()
  private let allowed: Int
  private let members: Int
  private var heap: Rows<UInt64> = Rows()

  /// Keeps up to `allowed` duplicates, and objects of more than `members`, before it throws.
  init(allowed: Int, members: Int) {
    self.allowed = allowed
    self.members = members
  }

  /// Looks at the keys of an object that has just ended; throws the first duplicate in the text once
  /// there are more than allowed.
  @inline(never) mutating func check(_ object: Int, on tape: JSONTape, in bytes: Bytes)
    throws(JSONError)
  {
    heap.removeAll(keepingCapacity: true)
    let order = JSONKeyOrder(tape: tape, bytes: bytes)
    var child = tape.first(object)
    while let key = child {
      heap.append(order.item(key))
      guard let value = tape.next(key) else { break }
      child = tape.next(value)
    }
    guard heap.count > 1 else { return }
    if heap.count > members {
      keep(JSONError(.tooManyMembers, at: tape[object].offset, limit: members))
    } else {
      keepDuplicates(by: order)
    }
    if duplicates.count > allowed, let earliest = duplicates.first { throw earliest }
  }

  /// Notes every key that has been there before.
  private mutating func keepDuplicates(by order: JSONKeyOrder) {
    sort(by: order)
    var first = heap[0]
    for index in 1..<heap.count {
      if order.compare(first, heap[index]) != 0 {
        first = heap[index]
        continue
      }
      let second = order.offset(heap[index])
      keep(JSONError(.duplicateKey, at: second, first: order.offset(first)))
    }
  }

  /// Puts a duplicate in its place; of too many the last in the text are forgotten.
  @inline(never) private mutating func keep(_ error: JSONError) {
    if duplicates.count > allowed {
      guard let last = duplicates.last, error.offset < last.offset else { return }
      duplicates[duplicates.count - 1] = error
    } else {
      duplicates.append(error)
    }
    var index = duplicates.count - 1
    while index > 0, duplicates[index].offset < duplicates[index - 1].offset {
      duplicates.swapAt(index, index - 1)
      index -= 1
    }
  }

  /// Heap sort: in place, no recursion, n log n whatever the input.
  @inline(never) private mutating func sort(by order: JSONKeyOrder) {
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

  @inline(never) private mutating func sink(_ start: Int, below end: Int, by order: JSONKeyOrder) {
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

/// The order of keys: by hash, then by decoded bytes, equal ones by their place in the text.
///
/// An item is a key's hash in the upper and its place on the tape in the lower 32 bits.
struct JSONKeyOrder {
  let tape: JSONTape
  let bytes: Bytes

  /// The item of the key at `index`; the hash is FNV-1a over the decoded bytes.
  @inline(never) func item(_ index: Int) -> UInt64 {
    var hash: UInt32 = 2_166_136_261
    var reader = JSONStringReader(tape[index], in: bytes)
    while let byte = reader.next() { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    return UInt64(hash) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
  }

  func offset(_ item: UInt64) -> Int { entry(item).offset }

  private func entry(_ item: UInt64) -> JSONEntry { tape[Int(UInt32(truncatingIfNeeded: item))] }

  @inline(never) func isLess(_ left: UInt64, _ right: UInt64) -> Bool {
    let order = compare(left, right)
    return order == 0 ? left < right : order < 0
  }

  /// Negative, zero or positive as in memcmp(3).
  @inline(never) func compare(_ left: UInt64, _ right: UInt64) -> Int {
    if left >> 32 != right >> 32 { return left < right ? -1 : 1 }
    var first = JSONStringReader(entry(left), in: bytes)
    var second = JSONStringReader(entry(right), in: bytes)
    while true {
      // A string that ends before the other is the smaller one.
      let one = first.next().map { Int($0) } ?? -1
      let other = second.next().map { Int($0) } ?? -1
      if one != other { return one - other }
      if one < 0 { return 0 }
    }
  }
}
