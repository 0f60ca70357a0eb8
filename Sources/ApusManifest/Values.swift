internal import ApusBase
internal import ApusJSON

/// What the strings of a list must be.
enum TextRule {
  case path, optionalPath, capability, module, relativePath, systemCall
}

/// Single values: each returns nil after it has noted what is wrong.
extension Decoder {
  /// A string with `%i` and `%%` replaced when an instance is being made.
  @inline(never) mutating func string(_ node: JSONNode) -> Bytes? {
    guard expect(.string, node) else { return nil }
    var bytes: Bytes = Rows()
    document.string(node, into: &bytes)
    if bytes.place(of: 0) < bytes.count {
      error(node, "a NUL byte is not allowed in a string")
      return nil
    }
    guard !instance.isEmpty else { return bytes }
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

  /// An absolute path of at most 4,095 bytes, without `..`.
  @inline(never) mutating func path(_ node: JSONNode) -> Text? {
    guard let bytes = string(node) else { return nil }
    return isPath(bytes, node) ? strings.keep(bytes) : nil
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
      _ = expect(.true, node)
      return nil
    }
  }

  /// A whole number within bounds.
  @inline(never) mutating func integer(_ node: JSONNode, _ least: Int64, _ most: Int64) -> Int64? {
    guard expect(.number, node) else { return nil }
    if let value = document.integer(node), value >= least, value <= most { return value }
    outside(node, least, most, fraction: 0)
    return nil
  }

  /// A number in thousandths (`0.1` is 100) within bounds.
  @inline(never) mutating func permille(_ node: JSONNode, _ least: Int64, _ most: Int64) -> UInt32?
  {
    guard expect(.number, node) else { return nil }
    if let value = document.scaled(node, digits: 3), value >= least, value <= most {
      return UInt32(truncatingIfNeeded: value)
    }
    outside(node, least, most, fraction: 3)
    return nil
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
  @inline(never) mutating func word(_ node: JSONNode, _ words: Words) -> UInt8? {
    guard let bytes = string(node) else { return nil }
    if let number = words.number(of: bytes) { return UInt8(truncatingIfNeeded: number) }
    unknown(node, bytes, words)
    return nil
  }

  /// Notes a word that is none of some words.
  mutating func unknown(_ node: JSONNode, _ found: Bytes, _ words: Words) {
    if reports.count(unlessShown: .error) { return }
    unknown(node, "unknown word ", found, words, near: words.nearest(to: found))
  }

  /// Notes something unknown with what is near it or, of few words, all that there are.
  @inline(never) mutating func unknown(
    _ node: JSONNode, _ what: StaticString, _ found: Bytes?, _ words: Words, near: Bytes?
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
    guard let bytes = string(node) else { return nil }
    guard let value = Scalar.duration(bytes) else {
      error(node, "expected a duration like \"5s\" or \"1min 30s\", found ", bytes)
      return nil
    }
    if value == .never, !never {
      error(node, "\"never\" is not allowed here")
      return nil
    }
    if value < least {
      error(node, "the duration is too short: ", bytes)
      return nil
    }
    return value
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
    guard let value = Scalar.size(bytes), value <= most else {
      error(node, "expected a size like 4096 or \"64K\", found ", bytes)
      return nil
    }
    return value
  }

  /// A rate like `5/10s`.
  @inline(never) mutating func rate(_ node: JSONNode) -> Rate? {
    guard let bytes = string(node) else { return nil }
    if let rate = Scalar.rate(bytes) { return rate }
    error(node, "expected a rate like \"5/10s\", found ", bytes)
    return nil
  }

  /// Permission bits like `0660`.
  @inline(never) mutating func mode(_ node: JSONNode) -> UInt16? {
    guard let bytes = string(node) else { return nil }
    if let mode = Scalar.mode(bytes) { return mode }
    error(node, "expected an octal mode like \"0660\", found ", bytes)
    return nil
  }

  /// A user or group: a name as a string, an id as a number; the two never mix.
  @inline(never) mutating func principal(_ node: JSONNode) -> Principal? {
    if document.kind(node) == .number {
      guard let id = integer(node, 0, 0xffff_fffe) else { return nil }
      return .id(UInt32(truncatingIfNeeded: id))
    }
    guard let bytes = string(node) else { return nil }
    if Scalar.isAccountName(bytes) { return .name(strings.keep(bytes)) }
    let isNumber = bytes.first.map { Scalar.digit($0) != nil } ?? false
    error(
      node, "not a user or group name: ", bytes,
      isNumber ? " (an id is a number without quotes)" : "")
    return nil
  }

  /// A signal by its name.
  @inline(never) mutating func signal(_ node: JSONNode) -> UInt8? {
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

  // MARK: Lists

  /// A list of strings as a run of `Manifest.texts`.
  @inline(never) mutating func list(_ node: JSONNode, _ rule: TextRule) -> TableRange {
    var texts: Rows<Text> = Rows()
    var cursor = array(node)
    while let element = element(&cursor) {
      if let text = text(element, rule) { texts.add(text) }
    }
    return keep(texts)
  }

  @inline(never) private func isKnownCall(_ bytes: Bytes) -> Bool {
    guard let knowsCall = unsafe knowsCall else { return true }
    var name = bytes
    name.add(0)
    return unsafe name.withUnsafeBufferPointer { name in
      unsafe knowsCall(
        UnsafeRawPointer(name.baseAddress)?.assumingMemoryBound(to: CChar.self)) != 0
    }
  }

  /// One string of a list.
  @inline(never) mutating func text(_ node: JSONNode, _ rule: TextRule) -> Text? {
    guard let bytes = string(node) else { return nil }
    switch rule {
    case .path: return isPath(bytes, node) ? strings.keep(bytes) : nil
    case .optionalPath:
      let path = bytes.first == UInt8(ascii: "-") ? bytes.part(1) : bytes
      return isPath(path, node) ? strings.keep(bytes) : nil
    case .systemCall:
      let name = bytes.first == UInt8(ascii: "@") ? bytes.part(1) : bytes
      if Scalar.isName(name, most: 32, also: "_-"), isKnownCall(bytes) {
        return strings.keep(bytes)
      }
      error(node, "not a system call or @group: ", bytes)
    case .capability:
      guard let number = capability(bytes, node) else { return nil }
      let word = KernelNames.capabilities.word(number)
      return strings.keep(word.isEmpty ? bytes : word)
    case .module:
      if Scalar.isName(bytes, most: 63, also: "_-") { return strings.keep(bytes) }
      error(node, "not a module name: ", bytes)
    case .relativePath:
      if !bytes.isEmpty, bytes.first != UInt8(ascii: "/"), bytes.last != UInt8(ascii: "/"),
        !Scalar.climbs(bytes), bytes.count <= 255
      {
        return strings.keep(bytes)
      }
      error(node, "expected a relative path without \"..\", found ", bytes)
    }
    return nil
  }

  /// Puts a list behind the others, or finds it among the last of them.
  @inline(never) mutating func keep(_ list: Rows<Text>) -> TableRange {
    guard !list.isEmpty else { return .none }
    let count = tables.texts.count
    var start = max(0, count - 256)
    while start + list.count <= count {
      var index = 0
      while index < list.count, tables.texts[start + index] == list[index] { index += 1 }
      if index == list.count { return TableRange(from: start, to: start + index) }
      start += 1
    }
    for text in list { tables.texts.add(text) }
    return TableRange(from: count, to: tables.texts.count)
  }

  /// Exit codes and signals.
  @inline(never) mutating func exitStatuses(_ node: JSONNode) -> TableRange {
    let start = tables.exitStatuses.count
    var cursor = array(node)
    while let element = element(&cursor) {
      if document.kind(element) == .number {
        if let code = integer(element, 0, 255) {
          tables.exitStatuses.add(
            ExitStatus(isSignal: false, number: UInt8(truncatingIfNeeded: code)))
        }
      } else if let signal = signal(element) {
        tables.exitStatuses.add(ExitStatus(isSignal: true, number: signal))
      }
    }
    return TableRange(from: start, to: tables.exitStatuses.count)
  }

  /// Names of services, resolved when all are known.
  @inline(never) mutating func links(_ node: JSONNode, _ key: ServiceKey) -> TableRange {
    let start = tables.links.count
    var cursor = array(node)
    while let element = element(&cursor) {
      guard let name = string(element) else { continue }
      guard Scalar.isServiceName(name) else {
        error(element, "not a service name: ", name)
        continue
      }
      pending.add(
        PendingLink(
          name: strings.number(of: name), site: Site(file: file, node: element),
          service: target, key: key, index: cursor.index - 1))
      tables.links.add(0)
    }
    return TableRange(from: start, to: tables.links.count)
  }

  /// An argv: a list that is not empty whose first entry is an absolute path without `..`.
  @inline(never) mutating func command(_ node: JSONNode) -> TableRange {
    let failures = reports.errors
    var isFirst = true
    var texts: Rows<Text> = Rows()
    var cursor = array(node)
    while let element = element(&cursor, most: ManifestLimits.arguments) {
      if let bytes = string(element), !isFirst || isPath(bytes, element) {
        texts.add(strings.keep(bytes))
      }
      isFirst = false
    }
    if isFirst, reports.errors == failures { error(node, "expected a program and its arguments") }
    return keep(texts)
  }

  /// `KEY=VALUE` strings of an object.
  @inline(never) mutating func environment(_ node: JSONNode) -> TableRange {
    var texts: Rows<Text> = Rows()
    var total = 0
    var cursor = object(node)
    while next(&cursor) {
      guard Decoder.isVariable(cursor.name) else {
        error(cursor.key, "not a name of an environment variable: ", cursor.name)
        continue
      }
      guard let bytes = string(cursor.value) else { continue }
      var setting = cursor.name
      setting.append("=")
      setting.append(contentsOf: bytes)
      total += setting.count + 1
      if total <= ManifestLimits.environmentBytes {
        texts.add(strings.keep(setting))
      } else if total - setting.count - 1 <= ManifestLimits.environmentBytes {
        error(cursor.value, "the environment is larger than 65536 bytes")
      }
    }
    return keep(texts)
  }

  /// True for a name without `=`, control characters and NUL that is not empty.
  private static func isVariable(_ name: Bytes) -> Bool {
    !name.isEmpty && name.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "=") }
  }
}
