/// Damages inputs: by bytes, and by tokens so that the damage gets past the first check.
///
/// An input depends on nothing but the seed and its number, so that one number repeats it.
struct Mutator {
  private var generator: SeededGenerator
  private let target: FuzzTarget
  private var bytes: [UInt8] = []
  /// The longest input, so that repetition stays cheap.
  private let maximum = 1 << 14

  /// The mutator of one input.
  init(target: FuzzTarget, seed: UInt64, input: Int) {
    self.target = target
    generator = SeededGenerator(seed: seed &* 0x1_0000_0001 &+ UInt64(input))
  }

  /// An input from the corpus with one to eight mutations, mostly few.
  mutating func make() -> [UInt8] {
    bytes = pick(target.corpus) ?? []
    for _ in 0...below(1 << below(4)) { mutate() }
    return bytes
  }

  private mutating func below(_ count: Int) -> Int {
    count > 1 ? Int.random(in: 0..<count, using: &generator) : 0
  }

  private mutating func pick<Element>(_ elements: [Element]) -> Element? {
    elements.randomElement(using: &generator)
  }

  /// A range that starts anywhere and is mostly short.
  private mutating func range() -> Range<Int> {
    let start = below(bytes.count + 1)
    let length = min(below(1 << below(8)), bytes.count - start)
    return start..<start + length
  }

  /// The range of one token.
  private mutating func token() -> Range<Int> { pick(tokens(of: bytes)) ?? 0..<0 }

  private mutating func mutate() {
    switch below(20) {
    case 0: if !bytes.isEmpty { bytes[below(bytes.count)] ^= 1 << below(8) }
    case 1: if !bytes.isEmpty { bytes[below(bytes.count)] = UInt8(below(256)) }
    case 2: bytes.removeSubrange(range())
    case 3: insert((0...below(4)).map { _ in UInt8(below(256)) }, at: below(bytes.count + 1))
    case 4: bytes.removeSubrange(below(bytes.count + 1)...)
    case 5: insert(pick(target.words) ?? [], at: token().lowerBound)
    case 6: bytes.replaceSubrange(token(), with: pick(target.words) ?? [])
    case 7: bytes.removeSubrange(token())
    case 8:
      let token = token()
      insert(Array(bytes[token]), at: token.upperBound)
    case 9:
      // A token from this or another input, here: keys repeat, brackets stop matching.
      let other = pick(target.corpus) ?? []
      let piece = pick(tokens(of: other)) ?? 0..<0
      bytes.replaceSubrange(token(), with: other[piece])
    case 10:
      let other = pick(target.corpus) ?? []
      bytes = Array(
        bytes[..<token().lowerBound] + other[(pick(tokens(of: other)) ?? 0..<0).lowerBound...])
    case 11..<19: exchange()
    default:
      let piece = pick(target.words) ?? []
      let times = min(1 << below(10), maximum / max(piece.count, 1))
      insert(Array(repeatElement(piece, count: times).joined()), at: token().lowerBound)
    }
    if bytes.count > maximum { bytes.removeSubrange(maximum...) }
  }

  /// Puts a token of this or another input in the place of one of its kind: names repeat, values
  /// change their meaning, and the text stays well-formed.
  private mutating func exchange() {
    let content = tokens(of: bytes).filter { bytes[$0].first.map(kind(of:)) != 3 }
    guard let token = pick(content), let first = bytes[token].first else { return }
    let wanted = kind(of: first)
    if below(3) == 0 {
      let like = target.words.filter {
        $0.first.map(kind(of:)) == wanted && tokens(of: $0).count == 1
      }
      bytes.replaceSubrange(token, with: pick(like) ?? [])
    } else {
      let other = below(2) == 0 ? bytes : pick(target.corpus) ?? []
      let like = tokens(of: other).filter { other[$0].first.map(kind(of:)) == wanted }
      bytes.replaceSubrange(token, with: other[pick(like) ?? 0..<0])
    }
  }

  private mutating func insert(_ piece: [UInt8], at index: Int) {
    bytes.insert(contentsOf: piece, at: min(index, bytes.count))
  }
}

/// Cuts bytes into quoted strings, words and numbers, and single other bytes.
func tokens(of bytes: [UInt8]) -> [Range<Int>] {
  var tokens: [Range<Int>] = []
  var start = 0
  while start < bytes.count {
    var end = start + 1
    if bytes[start] == UInt8(ascii: "\"") {
      while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
        end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
      }
      end = min(end + 1, bytes.count)
    } else if isWord(bytes[start]) {
      while end < bytes.count, isWord(bytes[end]) { end += 1 }
    }
    tokens.append(start..<end)
    start = end
  }
  return tokens
}

/// What may stand for what: words, numbers and strings for their like, other bytes for any other.
private func kind(of byte: UInt8) -> Int {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): 0
  case UInt8(ascii: "\""): 1
  default: isWord(byte) ? 2 : 3
  }
}

private func isWord(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
    true
  default: byte >= 0x80
  }
}

/// A generator that gives the same numbers for the same seed on every machine (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
