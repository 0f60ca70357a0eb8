package import ApusBase

/// A list of words kept in one literal, separated by single spaces; a word's place is its number.
///
/// Every key, enumeration word and kernel name of the manifest stands in one of these: looking up
/// and suggesting are then two small functions instead of a table of pointers for each list.
struct WordList: Sendable {
  private let literal: Literal

  /// Takes words separated by single spaces.
  init(_ literal: Literal) { self.literal = literal }

  /// How many words there are.
  var count: Int {
    @inline(never) get {
      var spaces = 1
      var next = unsafe literal.start
      while unsafe next.pointee != 0 {
        if unsafe next.pointee == 0x20 { spaces &+= 1 }
        unsafe next += 1
      }
      return spaces
    }
  }

  /// The number of a word; nil when it is not one of them.
  ///
  /// Every key of a manifest goes through here, so this walks the literal itself. A word may stand
  /// more than once: the first one from `from` on counts.
  @inline(never) func number(of word: Bytes, from: Int = 0) -> Int? {
    guard !word.isEmpty else { return nil }
    let initial = word[0]
    var number = 0
    var next = unsafe literal.start
    while unsafe next.pointee != 0 {
      var length = unsafe next.pointee == initial ? 1 : 0
      // A key of a manifest may hold a NUL, and one stands behind the last word.
      while length > 0, length < word.count, unsafe next[length] != 0,
        unsafe next[length] == word[length]
      {
        length &+= 1
      }
      unsafe next += length
      if length == word.count, number >= from, unsafe WordList.isEnd(next.pointee) { return number }
      unsafe next = WordList.end(of: next)
      if unsafe next.pointee != 0 { unsafe next += 1 }
      number &+= 1
    }
    return nil
  }

  /// Writes a word, the number itself where there is none; allocates nothing.
  @inline(never) func write(_ wanted: Int, into writer: inout ByteWriter) {
    var next = unsafe start(of: wanted)
    if unsafe next.pointee == 0 { return writer.decimal(Int64(wanted)) }
    while unsafe !WordList.isEnd(next.pointee) {
      unsafe writer.byte(next.pointee)
      unsafe next += 1
    }
  }

  /// The bytes of a word; nothing for a number that is too large.
  @inline(never) func word(_ wanted: Int) -> Bytes {
    var next = unsafe start(of: wanted)
    var word: Bytes = Rows()
    while unsafe !WordList.isEnd(next.pointee) {
      unsafe word.push(next.pointee)
      unsafe next += 1
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
    for number in 0..<count {
      let candidate = self.word(number)
      guard abs(candidate.count - word.count) < bestDistance else { continue }
      let distance = EditDistance.between(word, candidate)
      if distance < bestDistance {
        best = candidate
        bestDistance = distance
      }
    }
    return best
  }

  /// Where a word starts; the NUL at the end for a number that is too large.
  @inline(never) private func start(of wanted: Int) -> UnsafePointer<UInt8> {
    var next = unsafe literal.start
    var number = 0
    while number < wanted, unsafe next.pointee != 0 {
      unsafe next = WordList.end(of: next)
      if unsafe next.pointee != 0 { unsafe next += 1 }
      number &+= 1
    }
    return unsafe next
  }

  /// Where the word ends in which `place` is.
  private static func end(of place: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
    var next = unsafe place
    while unsafe !isEnd(next.pointee) { unsafe next += 1 }
    return unsafe next
  }

  /// True for what stands behind a word.
  private static func isEnd(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0 }
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
