package import ApusBase

/// A list of words kept in one literal, separated by single spaces; a word's place is its number.
///
/// Every key, enumeration word and kernel name of the manifest stands in one of these: looking up
/// and suggesting are then two small functions instead of a table of pointers for each list.
struct Words: Sendable {
  private let literal: StaticString

  /// Takes words separated by single spaces.
  init(_ literal: StaticString) { self.literal = literal }

  /// How many words there are.
  var count: Int {
    var spaces = 1
    for index in 0..<literal.utf8CodeUnitCount where byte(index) == 0x20 { spaces += 1 }
    return spaces
  }

  /// The number of a word; nil when it is not one of them.
  ///
  /// Every key of a manifest goes through here, so this walks the literal itself. A word may stand
  /// more than once: the first one from `from` on counts.
  @inline(never) func number(of word: Bytes, from: Int = 0) -> Int? {
    guard literal.hasPointerRepresentation, !word.isEmpty else { return nil }
    let bytes = unsafe UnsafeBufferPointer(
      start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    let initial = word[0]
    var number = 0
    var index = 0
    while unsafe index < bytes.count {
      var length = unsafe bytes[index] == initial ? 1 : 0
      while length > 0, length < word.count, unsafe index &+ length < bytes.count,
        unsafe bytes[index &+ length] == word[length]
      {
        length &+= 1
      }
      index &+= length
      if length == word.count, number >= from, unsafe index == bytes.count || bytes[index] == 0x20 {
        return number
      }
      while unsafe index < bytes.count, unsafe bytes[index] != 0x20 { index &+= 1 }
      index &+= 1
      number &+= 1
    }
    return nil
  }

  /// Writes a word, the number itself where there is none; allocates nothing.
  @inline(never) func write(_ wanted: Int, into writer: inout ByteWriter) {
    var number = 0
    for index in 0..<literal.utf8CodeUnitCount {
      let byte = byte(index)
      if byte == 0x20 { number &+= 1 } else if number == wanted { writer.byte(byte) }
    }
    if number < wanted { writer.decimal(Int64(wanted)) }
  }

  /// The bytes of a word; nothing for a number that is too large.
  @inline(never) func word(_ wanted: Int) -> Bytes {
    guard literal.hasPointerRepresentation else { return Rows() }
    let bytes = unsafe UnsafeBufferPointer(
      start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    var start = 0
    var number = 0
    while number < wanted, unsafe start < bytes.count {
      if unsafe bytes[start] == 0x20 { number &+= 1 }
      start &+= 1
    }
    var word: Bytes = Rows()
    while unsafe start < bytes.count, unsafe bytes[start] != 0x20 {
      unsafe word.add(bytes[start])
      start &+= 1
    }
    return word
  }

  /// The word nearest to a misspelt one, nil when none is near enough to be worth a hint.
  ///
  /// Letter case and the usual prefixes count little: `CAP_NET_RAW` suggests `net_raw`.
  @inline(never) func nearest(to word: Bytes) -> Bytes? {
    guard word.count <= EditDistance.longest else { return nil }
    var best: Bytes?
    var bestDistance = EditDistance.most(for: word) + 1
    var number = 0
    var start = 0
    while let end = end(of: start) {
      if abs(end - start - word.count) < bestDistance {
        let candidate = self.word(number)
        let distance = EditDistance.between(word, candidate)
        if distance < bestDistance {
          best = candidate
          bestDistance = distance
        }
      }
      number += 1
      start = end + 1
    }
    return best
  }

  /// Where the word that starts at `start` ends; nil behind the last one.
  private func end(of start: Int) -> Int? {
    guard start < literal.utf8CodeUnitCount else { return nil }
    var end = start
    while end < literal.utf8CodeUnitCount, byte(end) != 0x20 { end += 1 }
    return end
  }

  private func byte(_ index: Int) -> UInt8 {
    guard literal.hasPointerRepresentation, index < literal.utf8CodeUnitCount else { return 0 }
    return unsafe literal.utf8Start[index]
  }
}

/// How many letters one must insert, drop, replace or swap to make one word another.
package enum EditDistance {
  /// The longest word that is compared at all.
  static let longest = 40

  /// How far a suggestion may be from a word: nothing is like a word of one or two letters.
  static func most(for word: Bytes) -> Int { min(word.count / 3, 3) }

  /// The distance without regard to letter case; large for words longer than `longest`.
  @inline(never) package static func between(_ left: Bytes, _ right: Bytes) -> Int {
    guard left.count <= longest, right.count <= longest else { return .max }
    // Three rows of the table of distances, used in turn, in memory that ends with the call.
    let width = right.count + 1
    var table = InlineArray<123, Int>(repeating: 0)
    for column in 0..<width { table[column] = column }
    var (before, last, row) = (2 * width, width, 0)
    for line in left.indices {
      (before, last, row) = (last, row, before)
      table[row] = line + 1
      for column in right.indices {
        let isSame = lower(left[line]) == lower(right[column])
        var best = min(
          table[last + column] + (isSame ? 0 : 1), table[last + column + 1] + 1,
          table[row + column] + 1)
        if line > 0, column > 0, lower(left[line]) == lower(right[column - 1]),
          lower(left[line - 1]) == lower(right[column])
        {
          best = min(best, table[before + column - 1] + 1)
        }
        table[row + column + 1] = best
      }
    }
    return table[row + right.count]
  }

  private static func lower(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }
}
