internal import ApusBase
internal import ApusJSON

/// What the strings of a list must be.
enum TextRule {
  case path, notEmpty, optionalPath, capability, module, systemCall
}

/// Lists and maps: each is decoded as far as it goes, after noting what is wrong.
extension Decoder {
  /// A list of strings as a run of `Manifest.texts`.
  @inline(never) mutating func list(
    _ node: JSONNode, _ rule: TextRule, most: Int = ManifestLimits.entries
  ) -> TableRange {
    var texts: Rows<Text> = Rows()
    var cursor = array(node)
    while let element = element(&cursor, most: most) {
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
    case .notEmpty:
      if !bytes.isEmpty { return strings.keep(bytes) }
      error(node, "expected a string that is not empty")
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
  @inline(never) mutating func links(
    _ node: JSONNode, _ key: ServiceKey, event: SystemKey? = nil
  ) -> TableRange {
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
          service: target, key: key, index: cursor.index - 1, event: event))
      tables.links.add(0)
    }
    return TableRange(from: start, to: tables.links.count)
  }

  /// An argv: a list that is not empty whose first entry is an absolute path without `..`.
  @inline(never) mutating func command(_ node: JSONNode) -> TableRange {
    let failures = reports.errors
    var isFirst = true
    var texts: Rows<Text> = Rows()
    var arguments: Rows<JSONNode> = Rows()
    var cursor = array(node, splits: true)
    while let element = element(&cursor, most: ManifestLimits.arguments) {
      if let bytes = string(element), !isFirst || isPath(bytes, element) {
        texts.add(strings.keep(bytes))
      }
      arguments.append(element)
      isFirst = false
    }
    if reports.errors == failures { adviseCommand(arguments) }
    if isFirst, reports.errors == failures { error(node, "expected a program and its arguments") }
    return keep(texts)
  }

  /// `KEY=VALUE` strings of an object.
  @inline(never) mutating func environment(_ node: JSONNode) -> TableRange {
    var texts: Rows<Text> = Rows()
    var total = 0
    if document.kind(node) == .array {
      wrongKind(node, "an object like {\"NAME\": \"value\"}")
      return .none
    }
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
