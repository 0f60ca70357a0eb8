internal import ApusBase

/// What a value is.
public enum JSONKind: UInt8, Sendable {
  case object, array, string, number, `true`, `false`, null
}

/// One value or key of a document, eight bytes.
///
/// Values stand on the tape in the order of the text, a container before what it holds, so that
/// walking needs neither pointers nor recursion.
struct JSONEntry {
  /// Kind in 3 bits, whether it is the last of its siblings in 1, where it starts in 27.
  private var head: UInt32
  /// Of a container the entries it holds at any depth, else the bytes of text from its start on.
  var extent: UInt32

  init(_ kind: JSONKind, offset: Int, extent: Int = 0) {
    head = UInt32(kind.rawValue) << 29 | UInt32(truncatingIfNeeded: offset) & 0x7ff_ffff
    self.extent = UInt32(truncatingIfNeeded: extent)
  }

  var kind: JSONKind { JSONKind(rawValue: UInt8(truncatingIfNeeded: head >> 29)) ?? .null }
  var offset: Int { Int(head & 0x7ff_ffff) }
  var isLast: Bool {
    get { head >> 28 & 1 == 1 }
    set { head = newValue ? head | 1 << 28 : head & ~(1 << 28) }
  }
  var isContainer: Bool { kind == .object || kind == .array }
  /// How many entries on the next sibling stands, if there is one.
  var stride: Int { isContainer ? Int(extent) + 1 : 1 }
}

/// The entries of one document.
struct JSONTape: Sendable {
  private(set) var entries: Rows<JSONEntry> = Rows()

  /// Room for `capacity` entries, the only allocation of a tape.
  init(capacity: Int) { entries.reserveCapacity(capacity) }

  var count: Int { entries.count }

  /// The entry at `index`; a null one when there is none.
  subscript(index: Int) -> JSONEntry {
    @inline(never) get {
      guard index >= 0, index < entries.count else { return JSONEntry(.null, offset: 0) }
      return entries[index]
    }
  }

  @inline(never) mutating func append(_ entry: JSONEntry) { entries.append(entry) }

  /// Notes that `index` has no sibling after it.
  mutating func markLast(_ index: Int) {
    guard index >= 0, index < entries.count else { return }
    entries[index].isLast = true
  }

  /// Notes that the container at `index` ends with the last entry of the tape.
  mutating func close(_ index: Int) {
    guard index >= 0, index < entries.count else { return }
    entries[index].extent = UInt32(truncatingIfNeeded: entries.count - index - 1)
  }

  /// The first child of `index`, nil when it holds none.
  @inline(never) func first(_ index: Int) -> Int? {
    let entry = self[index]
    return entry.isContainer && entry.extent > 0 ? index + 1 : nil
  }

  /// The next sibling of `index`.
  @inline(never) func next(_ index: Int) -> Int? {
    let entry = self[index]
    let after = index + entry.stride
    return entry.isLast || after >= entries.count ? nil : after
  }
}
