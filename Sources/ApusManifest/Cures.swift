internal import ApusBase
internal import ApusJSON

/// What to write instead of a value of the wrong kind or in another program's spelling.
extension Decoder {
  /// Notes a value of the wrong kind, and what to write instead where that is clear.
  @inline(never) mutating func wrongKind(
    _ node: JSONNode, _ expected: Literal, cure: Bytes? = nil
  ) {
    if reports.count(unlessShown: .error) { return }
    var message: Bytes = Rows()
    message.append("expected ")
    message.append(expected)
    message.append(", found ")
    message.append(Decoder.name(document.kind(node)))
    if let cure {
      message.append("; write ")
      message.append(contentsOf: cure)
    }
    report(.error, node, message: message)
  }

  /// A scalar's text between quotes, with more behind it; nil for others and for long ones.
  @inline(never) func quoted(_ node: JSONNode, _ unit: Literal = "") -> Bytes? {
    switch document.kind(node) {
    case .number, .true, .false: break
    case .object, .array, .string, .null: return nil
    }
    let range = document.text(node)
    guard range.count <= 40 else { return nil }
    var cure: Bytes = Rows()
    cure.append("\"")
    cure.append(contentsOf: document.bytes.part(range.lowerBound, range.upperBound))
    cure.append(unit)
    cure.append("\"")
    return cure
  }

  /// The same of a share: `"50%"` for 0.5 and for 50.
  @inline(never) func share(_ node: JSONNode) -> Bytes? {
    guard document.integer(node) == nil, let percent = document.scaled(node, digits: 2), percent > 0
    else { return quoted(node, "%") }
    var cure: Bytes = Rows(repeating: UInt8(ascii: "\""), count: 1)
    cure.append(decimal: percent.magnitude)
    cure.append("%\"")
    return cure
  }

  /// A number as a duration: what is large may have been meant in milliseconds.
  @inline(never) func quotedTime(_ node: JSONNode) -> Bytes? {
    guard let cure = quoted(node, "s"), let number = document.integer(node), number >= 1000,
      let short = quoted(node, "ms")
    else { return quoted(node, "s") }
    var both: Bytes = Rows(own: cure)
    both.append(" or ")
    both.append(contentsOf: short)
    return both
  }

  /// The name of a signal that is given by its number, between quotes.
  @inline(never) func signalName(_ node: JSONNode) -> Bytes? {
    guard let number = document.integer(node), 1...31 ~= number else { return nil }
    var cure: Bytes = Rows(repeating: UInt8(ascii: "\""), count: 1)
    cure.append(contentsOf: KernelNames.signals.word(Int(number) - 1))
    cure.append("\"")
    return cure
  }

  /// The same of an octal mode: `"0660"` for 660.
  @inline(never) func quotedMode(_ node: JSONNode) -> Bytes? {
    guard document.kind(node) == .number, let number = document.integer(node), number >= 0
    else { return nil }
    var cure: Bytes = Rows()
    cure.append(number < 1000 ? "\"0" : "\"")
    if number < 100 { cure.append("0") }
    if number < 10 { cure.append("0") }
    cure.append(decimal: UInt64(number))
    cure.append("\"")
    return Scalar.mode(cure.part(1, cure.count - 1)) == nil ? nil : cure
  }

  /// A string as a list of itself, or of its words: `["/usr/sbin/x", "-D"]`; nil for others, and for
  /// one that is long or has characters JSON must escape.
  @inline(never) func listed(_ node: JSONNode, splits: Bool) -> Bytes? {
    guard document.kind(node) == .string else { return nil }
    var text: Bytes = Rows()
    document.string(node, into: &text)
    return Decoder.list(of: text, splits: splits)
  }

  /// See `listed`.
  @inline(never) static func list(of text: Bytes, splits: Bool) -> Bytes? {
    guard !text.isEmpty, text.count <= 200,
      text.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5c && $0 != 0x7f })
    else { return nil }
    var cure: Bytes = Rows()
    cure.append("[")
    var start = 0
    while start < text.count {
      let end = splits ? text.place(of: 0x20, from: start) : text.count
      if end > start {
        cure.append(cure.count > 1 ? ", \"" : "\"")
        cure.append(contentsOf: text.part(start, end))
        cure.append("\"")
      }
      start = end + 1
    }
    cure.append("]")
    return cure.count > 2 ? cure : nil
  }

  /// A string or number as an object of it: `{"signal": "SIGTERM"}`.
  @inline(never) func membered(_ node: JSONNode, _ member: Literal) -> Bytes? {
    guard let text = quoted(node) ?? listed(node, splits: false).map({ $0.part(1, $0.count - 1) })
    else { return nil }
    var cure: Bytes = Rows()
    cure.append("{\"")
    cure.append(member)
    cure.append("\": ")
    cure.append(contentsOf: text)
    cure.append("}")
    return cure
  }

  /// A cure between the brackets of an array.
  @inline(never) static func array(of cure: Bytes?) -> Bytes? {
    guard let cure else { return nil }
    var array: Bytes = Rows(repeating: UInt8(ascii: "["), count: 1)
    array.append(contentsOf: cure)
    array.append("]")
    return array
  }

  /// `true` or `false` for a value that means one of them elsewhere.
  @inline(never) func truth(_ node: JSONNode) -> Bytes? {
    var text: Bytes = Rows()
    if document.kind(node) == .number {
      let range = document.text(node)
      text = document.bytes.part(range.lowerBound, range.upperBound)
    } else {
      document.string(node, into: &text)
    }
    guard let number = WordList("true yes on 1 false no off 0").number(of: text) else { return nil }
    return WordList("true false").word(number / 4)
  }

  static func name(_ kind: JSONKind) -> Literal {
    switch kind {
    case .object: "an object"
    case .array: "an array"
    case .string: "a string"
    case .number: "a number"
    case .true, .false: "true or false"
    case .null: "null"
    }
  }
}

/// Spellings of other programs, and of people, as manifests write them.
enum Spelling {
  /// `5m`, `5 min`, `5 minutes`, `600`: one number and a unit of another name.
  static func duration(_ text: Bytes) -> Bytes? {
    guard let (number, unit) = split(text) else { return nil }
    if unit.isEmpty { return number.followed(by: "s") }
    let units = WordList(
      """
      s sec secs second seconds m min mins minute minutes h hr hrs hour hours d day days dy dys \
      ms msec msecs millisecond milliseconds
      """)
    guard let place = units.number(of: unit) else { return nil }
    return number.followed(
      by: place < 5 ? "s" : place < 10 ? "min" : place < 15 ? "h" : place < 20 ? "d" : "ms")
  }

  /// `16MB`, `16 MiB`, `16m`: the same of a size.
  static func size(_ text: Bytes) -> Bytes? {
    guard let (number, unit) = split(text) else { return nil }
    let units = WordList("k kb kib m mb mib g gb gib t tb tib b bytes")
    guard let place = units.number(of: unit) else { return nil }
    return place >= 12
      ? number
      : number.followed(by: place < 3 ? "K" : place < 6 ? "M" : place < 9 ? "G" : "T")
  }

  /// `5 / 10 s`, `5/10`, `5/min`: the same of a rate.
  static func rate(_ text: Bytes) -> Bytes? {
    let slash = text.place(of: UInt8(ascii: "/"))
    guard slash < text.count, let (count, unit) = split(text.part(0, slash)), unit.isEmpty
    else { return nil }
    var window = text.part(slash + 1)
    if let first = window.first, Scalar.digit(first) == nil, first != 0x20 {
      var one: Bytes = Rows(repeating: UInt8(ascii: "1"), count: 1)
      one.append(contentsOf: window)
      window = one
    }
    guard let length = duration(window) else { return nil }
    var rate = count.followed(by: "/")
    rate.append(contentsOf: length)
    return Scalar.rate(rate) == nil ? nil : rate
  }

  /// The five fields of crontab(5) as a calendar.
  static func calendar(_ text: Bytes) -> Bytes? {
    var fields: Rows<Bytes> = Rows()
    var start = 0
    while start < text.count {
      let end = text.place(of: 0x20, from: start)
      if end > start { fields.append(text.part(start, end)) }
      start = end + 1
    }
    guard fields.count == 5 else { return nil }
    var calendar: Bytes = Rows()
    if !fields[4].equalsStar {
      for byte in fields[4] {
        if let digit = Scalar.digit(byte) {
          calendar.append(
            contentsOf: WordList("Sun Mon Tue Wed Thu Fri Sat Sun").word(Int(digit)))
        } else {
          cron(byte, into: &calendar)
        }
      }
      calendar.add(0x20)
    }
    calendar.append("*-")
    for place in 0..<4 {
      let field = fields[place < 2 ? 3 - place : place == 2 ? 1 : 0]
      if field.count == 1, field.first.flatMap({ Scalar.digit($0) }) != nil { calendar.append("0") }
      for byte in field { cron(byte, into: &calendar) }
      if place < 3 { calendar.append(place == 0 ? "-" : place == 1 ? " " : ":") }
    }
    return Calendar.parse(calendar) == nil ? nil : calendar
  }

  private static func cron(_ byte: UInt8, into calendar: inout Bytes) {
    if byte == UInt8(ascii: "-") { calendar.append("..") } else { calendar.add(byte) }
  }

  /// The time zone at the end of a calendar that would be one without it.
  static func zone(_ text: Bytes) -> Bytes? {
    var start = text.count
    while start > 0, text[start - 1] != 0x20 { start -= 1 }
    guard start > 1, Calendar.parse(text.part(0, start - 1)) != nil else { return nil }
    let zone = text.part(start)
    let hasLetter = zone.contains { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a }
    return hasLetter ? zone : nil
  }

  /// The number at the start, and the unit behind it in lower case without blanks.
  private static func split(_ text: Bytes) -> (number: Bytes, unit: Bytes)? {
    var start = 0
    while start < text.count, text[start] == 0x20 { start += 1 }
    var position = start
    guard Scalar.number(text, &position) != nil, position - start <= 18 else { return nil }
    let number = text.part(start, position)
    var unit: Bytes = Rows()
    for byte in text.part(position) where byte != 0x20 {
      unit.add(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)
    }
    return (number, unit)
  }
}

extension Rows where Element == UInt8 {
  /// These bytes and those of a literal.
  @inline(never) fileprivate func followed(by literal: Literal) -> Bytes {
    var bytes: Bytes = Rows(own: self)
    bytes.append(literal)
    return bytes
  }

  /// A literal between quotes.
  @inline(never) init(quoting literal: Literal) {
    self = Rows(repeating: UInt8(ascii: "\""), count: 1)
    append(literal)
    append("\"")
  }

  fileprivate var equalsStar: Bool { count == 1 && first == UInt8(ascii: "*") }
}
