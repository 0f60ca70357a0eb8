internal import ApusBase

/// A number for each string of the pool, by the string's own number; -1 where none was set.
struct NameTable: Sendable {
  private var numbers: Rows<Int32> = Rows()

  /// The number of a name.
  subscript(name: Int) -> Int {
    @inline(never) get { Int(numbers.at(name) ?? -1) }
  }

  /// Sets the number of a name.
  @inline(never) mutating func set(_ name: Int, _ number: Int) {
    while numbers.count <= name { numbers.add(-1) }
    numbers[name] = Int32(truncatingIfNeeded: number)
  }
}

/// The strings of a manifest under construction, each kept once.
///
/// Equal strings have equal numbers, so that names are compared as integers. The table is open
/// addressed and dropped with the pool's owner; only `bytes` stays.
struct StringPool: Sendable {
  /// What becomes `Manifest.pool`.
  private(set) var bytes: Bytes = Rows(repeating: 0, count: 1)
  private var texts: Rows<Text> = Rows()
  private var slots: Rows<UInt32> = Rows()

  /// Makes a pool with room for `count` strings before the table grows.
  init() { slots = Rows<UInt32>(repeating: 0, count: 256) }

  /// How many different strings there are.
  var count: Int { texts.count }

  /// The text of a string's number.
  func text(_ number: Int) -> Text { texts.at(number) ?? .none }

  /// The number of a string, adding it when it is new.
  @inline(never) mutating func number(of word: Bytes) -> Int {
    if let found = find(word) { return found }
    if 2 * (texts.count + 1) > slots.count { grow() }
    let number = texts.count
    texts.add(Text(offset: UInt32(bytes.count), count: UInt32(word.count)))
    bytes.append(contentsOf: word)
    bytes.add(0)
    place(number)
    return number
  }

  /// The number of a string that is there already.
  @inline(never) func find(_ word: Bytes) -> Int? {
    var slot = StringPool.hash(word, 0..<word.count) & (slots.count - 1)
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if equals(number, word) { return number }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// Keeps a string and returns where it stands.
  @inline(never) mutating func keep(_ word: Bytes) -> Text {
    if word.isEmpty { return .none }
    let number = number(of: word)
    return text(number)
  }

  /// The bytes of a text.
  @inline(never) func bytes(of text: Text) -> Bytes {
    let start = Int(text.offset)
    return bytes.part(start, start + Int(text.count))
  }

  private func equals(_ number: Int, _ word: Bytes) -> Bool {
    let text = texts[number]
    guard Int(text.count) == word.count else { return false }
    for index in word.indices where bytes[Int(text.offset) + index] != word[index] { return false }
    return true
  }

  private mutating func place(_ number: Int) {
    let text = texts[number]
    let range = Int(text.offset)..<Int(text.offset) + Int(text.count)
    var slot = StringPool.hash(bytes, range) & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = UInt32(number + 1)
  }

  private mutating func grow() {
    slots = Rows<UInt32>(repeating: 0, count: 2 * slots.count)
    for number in texts.indices { place(number) }
  }

  /// FNV-1a, folded so that the low bits depend on all of them; 31 bits, for 32-bit machines.
  private static func hash(_ bytes: Bytes, _ range: Range<Int>) -> Int {
    var hash: UInt32 = 2_166_136_261
    for index in range { hash = (hash ^ UInt32(bytes[index])) &* 16_777_619 }
    return Int(truncatingIfNeeded: (hash ^ hash >> 15) & 0x7fff_ffff)
  }
}
