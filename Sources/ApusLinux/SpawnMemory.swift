internal import ApusBase
internal import CApus

/// The stacks and plans of children on their way to execve(2).
///
/// One reservation for all of them, made at the start; memory is only touched where a child really
/// used it, and the slot that was given back last is taken first, so that a board that starts its
/// services one after another pays for one slot. A slot stays untouched from `take` until the
/// child has left the memory.
@safe struct SpawnMemory: ~Copyable {
  /// A guard page, then the stack, then the plan.
  private let base: UnsafeMutableRawPointer?
  private let pageBytes: Int
  private let stackBytes: Int
  /// Bytes for the plan of one slot.
  let planBytes: Int
  private let count: Int
  private var free: Bytes = Rows()
  /// How many slots have been used at all; those have their guard page.
  private var used = 0
  /// The first so many keep their memory for the next child.
  private static let kept = 16

  /// Reserves `count` slots with room for plans of `planBytes`.
  init(count: Int, planBytes: Int) {
    pageBytes = Int(capus_page_size())
    stackBytes = max(16384, pageBytes)
    self.planBytes = (planBytes + pageBytes - 1) / pageBytes * pageBytes
    let stride = pageBytes + stackBytes + self.planBytes
    self.count = count
    unsafe base = capus_reserve(count * stride)
    free.reserveCapacity(count)
    for slot in (0..<count).reversed() { free.push(UInt8(truncatingIfNeeded: slot)) }
  }

  /// A free slot, or nil when all are in flight.
  mutating func take() -> UInt8? {
    guard unsafe base != nil, let slot = free.popLast() else { return nil }
    if Int(slot) == used, let start = unsafe start(of: slot) {
      _ = unsafe capus_guard(start, pageBytes)
      used += 1
    }
    return slot
  }

  /// Gives a slot back whose child has left the memory.
  mutating func giveBack(_ slot: UInt8) {
    free.append(slot)
    guard slot >= Self.kept, let start = unsafe start(of: slot) else { return }
    unsafe capus_discard(start, pageBytes + stackBytes + planBytes)
  }

  /// True while a child is on its way.
  var isUsed: Bool { free.count < count }

  /// Gives the memory that a burst of starts has touched back to the kernel, when no child uses it.
  func trim() {
    guard !isUsed, let base = unsafe base else { return }
    unsafe capus_discard(base, count * (pageBytes + stackBytes + planBytes))
  }

  private func start(of slot: UInt8) -> UnsafeMutableRawPointer? {
    unsafe base.map { unsafe $0 + Int(slot) * (pageBytes + stackBytes + planBytes) }
  }

  /// Where the slot's stack begins, and its size.
  func stack(of slot: UInt8) -> (low: UnsafeMutableRawPointer?, count: Int) {
    unsafe (start(of: slot).map { unsafe $0 + pageBytes }, stackBytes)
  }

  /// Where the slot's plan lies.
  func plan(of slot: UInt8) -> UnsafeMutableRawPointer? {
    unsafe start(of: slot).map { unsafe $0 + pageBytes + stackBytes }
  }
}

/// Hands out pieces of a slot's plan memory, front to back.
@safe struct PlanWriter {
  private var cursor: UnsafeMutableRawPointer
  private let end: UnsafeMutableRawPointer
  /// True once something did not fit: the plan must not be used.
  private(set) var isFull = false

  /// Starts at the front of `count` bytes.
  init(_ memory: UnsafeMutableRawPointer, count: Int) {
    unsafe cursor = memory
    unsafe end = memory + count
  }

  /// A piece of `count` bytes, aligned for anything; nil when it does not fit.
  @inline(never)
  mutating func piece(_ count: Int) -> UnsafeMutableRawPointer? {
    let aligned = unsafe UnsafeMutableRawPointer(
      bitPattern: (UInt(bitPattern: cursor) + 7) & ~7)
    guard let aligned = unsafe aligned, count >= 0, unsafe end - aligned >= count else {
      isFull = true
      return nil
    }
    unsafe cursor = aligned + count
    return unsafe aligned
  }

  /// Appends one byte right behind the last one.
  @inline(never)
  mutating func byte(_ value: UInt8) {
    guard unsafe cursor < end else {
      isFull = true
      return
    }
    unsafe cursor.storeBytes(of: value, as: UInt8.self)
    unsafe cursor += 1
  }

  /// Where the next byte goes.
  var position: UnsafeMutablePointer<CChar> {
    unsafe cursor.assumingMemoryBound(to: CChar.self)
  }

  /// Appends a literal.
  @inline(never)
  mutating func text(_ literal: Literal) {
    unsafe string(literal.cString)
  }

  /// Appends a string that ends in a NUL, without the NUL.
  @inline(never)
  mutating func string(_ string: UnsafePointer<CChar>) {
    var index = 0
    while unsafe string[index] != 0 {
      unsafe byte(UInt8(bitPattern: string[index]))
      index += 1
    }
  }

  /// Appends a number in decimal.
  @inline(never)
  mutating func decimal(_ value: UInt64) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      byte(UInt8(truncatingIfNeeded: value / divisor % 10) + UInt8(ascii: "0"))
      divisor /= 10
    }
  }
}
