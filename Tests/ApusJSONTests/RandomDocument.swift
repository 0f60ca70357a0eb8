/// Writes random valid documents: every kind of value, escape, spacing and number.
struct RandomDocument {
  var generator: SeededGenerator
  private var text: [UInt8] = []
  private var budget = 0

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// One document of at most `values` values.
  mutating func next(values: Int) -> [UInt8] {
    text = []
    budget = values
    space()
    value(depth: 0)
    space()
    return text
  }

  private mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }

  private mutating func put(_ string: String) { text += Array(string.utf8) }

  private mutating func space() {
    for _ in 0..<max(0, pick(6) - 3) { put([" ", "\n", "\t", "\r"][pick(4)]) }
  }

  private mutating func value(depth: Int) {
    budget -= 1
    switch depth < 8 && budget > 0 ? pick(10) : 4 + pick(6) {
    case 0, 1: container("[", "]", depth: depth) { _, _ in }
    case 2, 3:
      container("{", "}", depth: depth) { document, index in
        document.string(prefix: "\(index)")
        document.space()
        document.put(":")
        document.space()
      }
    case 4, 5: number()
    case 6, 7: string(prefix: "")
    default: put(["true", "false", "null"][pick(3)])
    }
  }

  private mutating func container(
    _ open: String, _ close: String, depth: Int, key: (inout RandomDocument, Int) -> Void
  ) {
    put(open)
    space()
    for index in 0..<pick(6) {
      if index > 0 { put(",") }
      space()
      key(&self, index)
      value(depth: depth + 1)
      space()
    }
    put(close)
  }

  private mutating func digits(upTo count: Int) {
    for _ in 0...pick(count) { put(String(pick(10))) }
  }

  private mutating func number() {
    if pick(3) == 0 { put("-") }
    if pick(4) == 0 {
      put("0")
    } else {
      put(String(1 + pick(9)))
      if pick(2) == 0 { digits(upTo: 16) }
    }
    if pick(3) == 0 {
      put(".")
      digits(upTo: 12)
    }
    if pick(4) == 0 {
      put(["e", "E", "e+", "E-", "e-"][pick(5)])
      digits(upTo: 2)
    }
  }

  private mutating func string(prefix: String) {
    put("\"" + prefix)
    for _ in 0..<pick(12) { character() }
    put("\"")
  }

  private mutating func character() {
    switch pick(8) {
    case 0: put(["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"][pick(8)])
    case 1: escape(UInt16(pick(0xd800)))
    case 2:
      escape(UInt16(0xd800 + pick(0x400)))
      escape(UInt16(0xdc00 + pick(0x400)))
    case 3:
      let scalar = Unicode.Scalar(UInt32([0x80 + pick(0xd780), 0x10000 + pick(0x100000)][pick(2)]))
      put(scalar.map { String(Character($0)) } ?? "?")
    default:
      let byte = UInt8(0x20 + pick(0x5f))
      text.append(byte == 0x22 || byte == 0x5c ? 0x2e : byte)
    }
  }

  private mutating func escape(_ unit: UInt16) {
    let digits = String(unit, radix: 16, uppercase: pick(2) == 0)
    put("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
  }
}
