internal import ApusBase

/// The text forms of the manifest's scalars, as pure functions over bytes.
///
/// Every one reads its whole input or gives nil: no prefix of a value is ever used.
enum Scalar {
  /// `250ms`, `5s`, `2min`, `1h`, `1d`, sums like `1min 30s` with units from large to small, `never`.
  static func duration(_ text: Bytes) -> Interval? {
    if WordList("never").number(of: text) != nil { return .never }
    var total: Int64 = 0
    var lastUnit = -1
    var position = 0
    while true {
      guard let value = number(text, &position) else { return nil }
      let start = position
      position = text.place(of: 0x20, from: position)
      guard let unit = WordList("d h min s ms").number(of: text.part(start, position)),
        unit > lastUnit, value <= Int64.max
      else { return nil }
      let (product, tooLarge) = Int64(value).multipliedReportingOverflow(by: microseconds(unit))
      let (sum, overflow) = total.addingReportingOverflow(product)
      guard !tooLarge, !overflow, sum < Int64.max else { return nil }
      total = sum
      lastUnit = unit
      if position == text.count { return Interval(microseconds: total) }
      position += 1
    }
  }

  /// How long a unit is, from days down.
  private static func microseconds(_ unit: Int) -> Int64 {
    switch unit {
    case 0: 86_400_000_000
    case 1: 3_600_000_000
    case 2: 60_000_000
    case 3: 1_000_000
    default: 1000
    }
  }

  /// `4096`, `64K`, `16M`, `1G`, `1T`: powers of 1,024.
  static func size(_ text: Bytes) -> UInt64? {
    var position = 0
    guard let value = number(text, &position) else { return nil }
    if position == text.count { return value }
    guard position == text.count - 1,
      let unit = WordList("K M G T").number(of: text.part(position))
    else { return nil }
    let (size, overflow) = value.multipliedReportingOverflow(by: 1 << UInt64(10 * (unit + 1)))
    return overflow ? nil : size
  }

  /// `5/10s`: a count and the window it is counted in.
  static func rate(_ text: Bytes) -> Rate? {
    var position = 0
    guard let count = number(text, &position), count <= UInt64(UInt32.max), position < text.count,
      text[position] == UInt8(ascii: "/"),
      let window = duration(text.part(position + 1)), window > .zero
    else { return nil }
    return Rate(count: UInt32(count), window: window)
  }

  /// `0660`, `660` or `1777`: permission bits in octal.
  static func mode(_ text: Bytes) -> UInt16? {
    guard text.count == 3 || text.count == 4 else { return nil }
    var mode: UInt16 = 0
    for byte in text {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "7") else { return nil }
      mode = mode << 3 | UInt16(byte & 7)
    }
    return mode
  }

  /// The decimal digits at `position`, which moves behind them; nil for none, a leading zero, or
  /// more than 64 bits.
  @inline(never) static func number(_ text: Bytes, _ position: inout Int) -> UInt64? {
    let start = position
    var value: UInt64 = 0
    while position < text.count, let digit = digit(text[position]) {
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(digit)
      if tooLarge || overflow { return nil }
      value = sum
      position += 1
    }
    if position == start || (position > start + 1 && text[start] == UInt8(ascii: "0")) {
      return nil
    }
    return value
  }

  /// A whole text that is one decimal number up to `most`.
  @inline(never) static func number(_ text: Bytes, most: UInt64) -> UInt64? {
    var position = 0
    guard let value = number(text, &position), position == text.count, value <= most else {
      return nil
    }
    return value
  }

  static func digit(_ byte: UInt8) -> UInt64? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? UInt64(byte & 15) : nil
  }

  /// A service name: 1 to 64 bytes of `[A-Za-z0-9_.@-]`; not `.` and not `..`, which are folders.
  static func isServiceName(_ text: Bytes) -> Bool {
    isName(text, most: 64, also: "_.@-") && !isDots(text)
  }

  /// A user or group name: 1 to 32 bytes of `[A-Za-z0-9_.-]`, a `$` at the end allowed, and no
  /// digit or `-` first, so that nothing that looks like a number is ever looked up as a name.
  static func isAccountName(_ text: Bytes) -> Bool {
    guard let first = text.first, digit(first) == nil, first != UInt8(ascii: "-"),
      first != UInt8(ascii: ".")
    else { return false }
    let stem =
      text.count > 1 && text.last == UInt8(ascii: "$") ? text.part(0, text.count - 1) : text
    return isName(stem, most: 32, also: "_.-")
  }

  /// Letters, digits, and the characters of `also`.
  @inline(never) static func isName(_ text: Bytes, most: Int, also: Literal) -> Bool {
    guard !text.isEmpty, text.count <= most else { return false }
    var others: Bytes = Rows()
    others.append(also)
    for byte in text {
      let letter = byte | 0x20
      let isLetter = letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z")
      guard isLetter || digit(byte) != nil || others.place(of: byte) < others.count else {
        return false
      }
    }
    return true
  }

  /// True for `.` and `..`.
  @inline(never) static func isDots(_ text: Bytes) -> Bool {
    text.count <= 2 && text.allSatisfy { $0 == UInt8(ascii: ".") }
  }

  /// True when a component of the path is `..`.
  @inline(never) static func climbs(_ path: Bytes) -> Bool {
    var start = 0
    while start < path.count {
      let end = path.place(of: UInt8(ascii: "/"), from: start)
      if end - start == 2, isDots(path.part(start, end)) { return true }
      start = end + 1
    }
    return false
  }
}
