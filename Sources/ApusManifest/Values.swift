internal import ApusBase
internal import ApusJSON

/// Single values: each returns nil after it has noted what is wrong.
extension Decoder {
  /// A string with `%i` and `%%` replaced when an instance is being made.
  @inline(never) mutating func string(_ node: JSONNode) -> Bytes? {
    guard document.kind(node) == .string else {
      wrongKind(node, "a string", cure: quoted(node))
      return nil
    }
    var bytes: Bytes = Rows()
    document.string(node, into: &bytes)
    if bytes.place(of: 0) < bytes.count {
      error(node, "a NUL byte is not allowed in a string")
      return nil
    }
    guard !instance.isEmpty else {
      if isPlain { adviseInstance(bytes, node) }
      return bytes
    }
    let expansion = Decoder.expand(bytes, instance)
    expanded += expansion.count + 1
    return hasRoomToExpand(node) ? expansion : nil
  }

  /// Replaces `%i` by the instance and `%%` by a percent sign; any other `%` stays.
  static func expand(_ bytes: Bytes, _ instance: Bytes) -> Bytes {
    var result: Bytes = Rows()
    var index = 0
    while index < bytes.count {
      let next = index + 1 < bytes.count ? bytes[index + 1] : 0
      if bytes[index] == UInt8(ascii: "%"), next == UInt8(ascii: "%") || next == UInt8(ascii: "i") {
        if next == UInt8(ascii: "i") {
          result.append(contentsOf: instance)
        } else {
          result.add(next)
        }
        index += 2
      } else {
        result.add(bytes[index])
        index += 1
      }
    }
    return result
  }

  /// A string that is not empty, kept in the pool.
  @inline(never) mutating func text(_ node: JSONNode) -> Text? {
    guard let bytes = string(node) else { return nil }
    guard !bytes.isEmpty else {
      error(node, "expected a string that is not empty")
      return nil
    }
    return strings.keep(bytes)
  }

  /// An absolute path of at most 4,095 bytes, without `..`; slashes at its end are left out.
  @inline(never) mutating func path(_ node: JSONNode) -> Text? {
    guard var bytes = string(node), isPath(bytes, node) else { return nil }
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.shorten(to: bytes.count - 1) }
    return strings.keep(bytes)
  }

  /// Checks an absolute path without `..`.
  @inline(never) mutating func isPath(_ bytes: Bytes, _ node: JSONNode) -> Bool {
    if bytes.first != UInt8(ascii: "/") {
      error(node, "expected an absolute path, found ", bytes)
    } else if bytes.count > ManifestLimits.path {
      error(node, "the path is longer than 4095 bytes")
    } else if Scalar.climbs(bytes) {
      error(node, "\"..\" is not allowed in a path")
    } else {
      return true
    }
    return false
  }

  /// `true` or `false`.
  mutating func bool(_ node: JSONNode) -> Bool? {
    switch document.kind(node) {
    case .true: return true
    case .false: return false
    default:
      wrongKind(node, "true or false", cure: truth(node))
      return nil
    }
  }

  /// A whole number within bounds.
  @inline(never) mutating func integer(_ node: JSONNode, _ least: Int64, _ most: Int64) -> Int64? {
    guard expectNumber(node) else { return nil }
    if let value = document.integer(node), value >= least, value <= most { return value }
    outside(node, least, most, fraction: 0)
    return nil
  }

  /// A number in thousandths (`0.1` is 100) within bounds.
  @inline(never) mutating func permille(_ node: JSONNode, _ least: Int64, _ most: Int64) -> UInt32?
  {
    guard expectNumber(node) else { return nil }
    if let value = document.scaled(node, digits: 3), value >= least, value <= most {
      return UInt32(truncatingIfNeeded: value)
    }
    outside(node, least, most, fraction: 3)
    return nil
  }

  /// True for a number; a string that holds one is cured of its quotes.
  @inline(never) private mutating func expectNumber(_ node: JSONNode) -> Bool {
    if document.kind(node) == .number { return true }
    var text: Bytes = Rows()
    document.string(node, into: &text)
    wrongKind(node, "a number", cure: Scalar.number(text, most: 0xffff_ffff) == nil ? nil : text)
    return false
  }

  @inline(never) private mutating func outside(
    _ node: JSONNode, _ least: Int64, _ most: Int64, fraction: Int
  ) {
    let unit: Int64 = fraction == 0 ? 1 : 1000
    var message: Bytes = Rows()
    message.append(fraction == 0 ? "expected a whole number" : "expected a number of 3 decimals")
    message.append(" from ")
    if least < 0 { message.append("-") }
    message.append(decimal: (least / unit).magnitude)
    message.append(" to ")
    if most < 0 { message.append("-") }
    message.append(decimal: (most / unit).magnitude)
    report(.error, node, message: message)
  }

  /// One of some words; returns its number.
  @inline(never) mutating func word(_ node: JSONNode, _ words: WordList) -> UInt8? {
    // Quotes alone would cure nothing else.
    guard expect(.string, node), let bytes = string(node) else { return nil }
    if let number = words.number(of: bytes) { return UInt8(truncatingIfNeeded: number) }
    unknown(node, bytes, words)
    return nil
  }

  /// Notes a word that is none of some words.
  mutating func unknown(_ node: JSONNode, _ found: Bytes, _ words: WordList) {
    if reports.count(unlessShown: .error) { return }
    unknown(
      node, "unknown word ", found, words,
      near: ForeignWords.meaning(of: found, in: words) ?? words.nearest(to: found))
  }

  /// Notes something unknown with what is near it or, of few words, all that there are.
  @inline(never) mutating func unknown(
    _ node: JSONNode, _ what: Literal, _ found: Bytes?, _ words: WordList, near: Bytes?
  ) {
    if near != nil || words.count > 16 { return error(node, what, found, hint: near) }
    var message: Bytes = Rows()
    message.append(what)
    if let found {
      message.append("\"")
      message.append(printable: found)
      message.append("\"")
    }
    message.append("; expected ")
    for number in 0..<words.count {
      if number > 0 { message.append(number == words.count - 1 ? " or " : ", ") }
      message.append(contentsOf: words.word(number))
    }
    report(.error, node, message: message)
  }

  /// A length of time; `never` only where it makes sense.
  @inline(never) mutating func duration(
    _ node: JSONNode, never: Bool = true, least: Interval = .zero
  ) -> Interval? {
    if document.kind(node) == .number {
      wrongKind(node, "a duration like \"5s\" or \"1min 30s\"", cure: quotedTime(node))
      return nil
    }
    guard let bytes = string(node) else { return nil }
    guard let value = Scalar.duration(bytes) else {
      error(
        node, "expected a duration like \"5s\" or \"1min 30s\", found ", bytes,
        hint: Spelling.duration(bytes))
      return nil
    }
    if value == .never, !never {
      error(node, "\"never\" is not allowed here")
      return nil
    }
    if value < least {
      tooShort(node, bytes, least)
      return nil
    }
    return value
  }

  @inline(never) private mutating func tooShort(
    _ node: JSONNode, _ found: Bytes, _ least: Interval
  ) {
    let isWhole = least.microseconds % 1_000_000 == 0
    var message: Bytes = Rows()
    message.append("the duration is too short: \"")
    message.append(printable: found)
    message.append("\"; the minimum is ")
    message.append(decimal: least.microseconds.magnitude / (isWhole ? 1_000_000 : 1000))
    message.append(isWhole ? "s" : "ms")
    report(.error, node, message: message)
  }

  /// A number of bytes: a JSON number or text like `64K`.
  @inline(never) mutating func size(_ node: JSONNode, most: UInt64 = UInt64.max) -> UInt64? {
    if document.kind(node) == .number {
      if let value = document.integer(node), value >= 0, UInt64(value) <= most {
        return UInt64(value)
      }
      error(node, "the size is out of range")
      return nil
    }
    guard let bytes = string(node) else { return nil }
    guard let value = Scalar.size(bytes) else {
      error(
        node, "expected a size like 4096 or \"64K\", found ", bytes, hint: Spelling.size(bytes))
      return nil
    }
    if value <= most { return value }
    error(node, "the size is out of range: ", bytes)
    return nil
  }

  /// A rate like `5/10s`.
  @inline(never) mutating func rate(_ node: JSONNode) -> Rate? {
    if document.kind(node) != .string {
      wrongKind(node, "a rate like \"5/10s\"")
      return nil
    }
    guard let bytes = string(node) else { return nil }
    if let rate = Scalar.rate(bytes) { return rate }
    error(node, "expected a rate like \"5/10s\", found ", bytes, hint: Spelling.rate(bytes))
    return nil
  }

  /// Permission bits like `0660`.
  @inline(never) mutating func mode(_ node: JSONNode, most: UInt16 = 0o777) -> UInt16? {
    if document.kind(node) == .number {
      wrongKind(node, "an octal mode like \"0660\"", cure: quotedMode(node))
      return nil
    }
    guard let bytes = string(node) else { return nil }
    if let mode = Scalar.mode(bytes), mode <= most { return mode }
    error(node, "expected an octal mode like \"0660\", found ", bytes)
    return nil
  }

  /// A user or group: a name as a string, an id as a number; the two never mix.
  @inline(never) mutating func principal(_ node: JSONNode) -> Principal? {
    if document.kind(node) == .number {
      guard let id = integer(node, 0, 0xffff_fffe) else { return nil }
      return .id(UInt32(truncatingIfNeeded: id))
    }
    if document.kind(node) != .string {
      wrongKind(node, "a name or an id")
      return nil
    }
    guard let bytes = string(node) else { return nil }
    if Scalar.isAccountName(bytes) { return .name(strings.keep(bytes)) }
    let isNumber = bytes.first.map { Scalar.digit($0) != nil } ?? false
    error(
      node, "not a user or group name: ", bytes,
      bytes.place(of: UInt8(ascii: ":")) < bytes.count
        ? " (the key \"group\" takes the group)"
        : isNumber ? " (an id is a number without quotes)" : "")
    return nil
  }

  /// A signal by its name.
  @inline(never) mutating func signal(_ node: JSONNode) -> UInt8? {
    if document.kind(node) == .number {
      wrongKind(node, "the name of a signal", cure: signalName(node))
      return nil
    }
    guard let bytes = string(node) else { return nil }
    if let number = KernelNames.signal(bytes) { return number }
    var prefixed: Bytes = Rows()
    prefixed.append("SIG")
    prefixed.append(contentsOf: bytes)
    if reports.count(unlessShown: .error) { return nil }
    let isPrefixed = KernelNames.signals.number(of: prefixed) != nil
    error(
      node, "unknown signal ", bytes,
      hint: isPrefixed ? prefixed : KernelNames.signals.nearest(to: bytes))
    return nil
  }
}
