internal import ApusBase
internal import ApusJSON

/// How a service ends and starts again, and with which rights it runs.
extension Decoder {
  private static var policies: WordList {
    WordList(
      "no on-success on-failure on-abnormal on-watchdog on-abort always")
  }

  /// `restart`: a policy's name or an object.
  @inline(never) mutating func restart(_ node: JSONNode) {
    draft.restart = Restart()
    switch document.kind(node) {
    case .true: wrongKind(node, "a policy", cure: Bytes(quoting: "always"))
    case .false: wrongKind(node, "a policy", cure: Bytes(quoting: "no"))
    case .string: policy(node)
    case .object, .array, .number, .null:
      let words = WordList(
        "policy delay factor maxDelay jitter resetAfter limit onLimit neverOn alwaysOn")
      var limit: JSONNode?
      var cursor = object(node)
      while let key = next(&cursor, words) {
        let node = cursor.value
        switch key {
        case 0: policy(node)
        case 1: if let delay = delay(node) { draft.restart.delay = delay }
        case 2:
          if let factor = permille(node, 1000, 1_000_000) { draft.restart.factorPermille = factor }
        case 3: if let delay = delay(node) { draft.restart.maxDelay = delay }
        case 4: if let jitter = permille(node, 0, 1000) { draft.restart.jitterPermille = jitter }
        case 5: if let reset = duration(node) { draft.restart.resetAfter = reset }
        case 6:
          limit = node
          if let rate = rate(node) { draft.restart.limit = rate }
        case 7:
          if let number = word(node, WordList("stop reboot poweroff rescue")),
            let action = LimitAction(rawValue: number)
          {
            draft.restart.onLimit = action
          }
        case 8: draft.restart.neverOn = exitStatuses(node)
        default: draft.restart.alwaysOn = exitStatuses(node)
        }
      }
      if draft.restart.maxDelay < draft.restart.delay {
        draft.restart.maxDelay = draft.restart.delay
      }
      if let limit {
        let length = enter(WordList("limit").word(0))
        adviseLimit(limit)
        leave(length)
      }
    }
  }

  @inline(never) private mutating func policy(_ node: JSONNode) {
    if let number = word(node, Decoder.policies), let policy = RestartPolicy(rawValue: number) {
      draft.restart.policy = policy
    }
  }

  /// A delay is never zero: a service that dies at once must not keep the processor busy.
  @inline(never) private mutating func delay(_ node: JSONNode) -> Interval? {
    duration(node, never: false, least: .milliseconds(1))
  }

  /// `stop`: how a service is asked to end.
  @inline(never) mutating func stop(_ node: JSONNode) {
    draft.stop = Stop()
    var cursor = object(node, member: "signal")
    while let key = next(&cursor, WordList("signal exec timeout kill")) {
      let node = cursor.value
      switch key {
      case 0: if let signal = signal(node) { draft.stop.signal = signal }
      case 1:
        draft.stop.exec = command(node)
      case 2: if let timeout = duration(node, never: false) { draft.stop.timeout = timeout }
      default:
        if let number = word(node, WordList("all mixed main")),
          let scope = StopScope(rawValue: number)
        {
          draft.stop.scope = scope
        }
      }
    }
  }

  /// The keys that say with which rights a service runs.
  @inline(never) mutating func rights(_ key: ServiceKey, _ node: JSONNode) {
    switch key {
    case .user: if let user = principal(node) { draft.credentials.user = user }
    case .group: if let group = principal(node) { draft.credentials.group = group }
    case .groups:
      let start = tables.principals.count
      var cursor = array(node)
      while let element = element(&cursor) {
        if let group = principal(element) { tables.principals.add(group) }
      }
      draft.credentials.groups = TableRange(from: start, to: tables.principals.count)
    case .capabilities: capabilities(node)
    case .noNewPrivileges: if let value = bool(node) { draft.credentials.noNewPrivileges = value }
    case .secureBits:
      var bits: UInt8 = 0
      var cursor = array(node)
      while let element = element(&cursor) {
        if let bit = word(element, KernelNames.secureBits) { bits |= 1 << bit }
      }
      draft.credentials.secureBits = bits
    case .umask: if let mask = mode(node) { draft.credentials.umask = mask }
    case .rlimits: draft.credentials.limits = resourceLimits(node)
    case .nice:
      if let nice = integer(node, -20, 19) { draft.extras.nice = Int8(truncatingIfNeeded: nice) }
    default:
      if let adjust = integer(node, -1000, 1000) {
        draft.extras.oomScoreAdjust = Int16(truncatingIfNeeded: adjust)
      }
    }
  }

  /// A list of names, or libcap's IAB text.
  @inline(never) private mutating func capabilities(_ node: JSONNode) {
    guard document.kind(node) == .string else {
      draft.credentials.capabilityForm = .list
      draft.credentials.capabilities = list(node, .capability)
      return
    }
    guard let bytes = string(node) else { return }
    guard let text = CapabilityText(bytes) else { return refuseCapabilities(bytes, node) }
    if text.inheritable != 0, text.ambient == 0 {
      warn(
        node, "gives no effective capability; a list like [\"net_raw\"] does, or \"^\" before: ",
        bytes)
    }
    draft.credentials.capabilityForm = .text
    draft.credentials.capabilities = keep(Rows(repeating: strings.keep(bytes), count: 1))
  }

  /// Says what to write instead of a text that libcap refuses: a list of names, or `cap_` before each.
  @inline(never) private mutating func refuseCapabilities(_ bytes: Bytes, _ node: JSONNode) {
    if reports.count(unlessShown: .error) { return }
    var list: Bytes = Rows()
    var text: Bytes = Rows()
    var isPlain = true
    var start = 0
    while start < bytes.count {
      let end = bytes.place(of: UInt8(ascii: ","), from: start)
      var from = start
      while from < end, WordList("! ^ %").number(of: bytes.part(from, from + 1)) != nil {
        from += 1
      }
      guard let number = capability(bytes.part(from, end), node) else { return }
      let name = KernelNames.capabilities.word(number)
      isPlain = isPlain && from == start
      list.append(list.isEmpty ? "[\"" : ", \"")
      list.append(contentsOf: name)
      list.append("\"")
      if !text.isEmpty { text.append(",") }
      text.append(contentsOf: bytes.part(start, from))
      text.append("cap_")
      text.append(contentsOf: name)
      start = end + 1
    }
    list.append("]")
    var message: Bytes = Rows()
    message.append("libcap reads no such text: \"")
    message.append(printable: bytes)
    message.append("\"; write ")
    if isPlain {
      message.append(contentsOf: list)
    } else {
      message.append("\"")
      message.append(contentsOf: text)
      message.append("\"")
    }
    report(.error, node, message: message)
  }

  @inline(never) mutating func capability(_ name: Bytes, _ node: JSONNode) -> Int? {
    if let number = KernelNames.capability(name) { return number }
    if reports.count(unlessShown: .error) { return nil }
    let hasPrefix = name.count > 4 && WordList("cap_ CAP_").number(of: name.part(0, 4)) != nil
    let stem = name.part(hasPrefix ? 4 : 0)
    error(node, "unknown capability ", name, hint: KernelNames.capabilities.nearest(to: stem))
    return nil
  }

  /// `{"nofile": "1024:4096", "core": 0, "as": "64M"}`; `infinity` is no limit.
  @inline(never) private mutating func resourceLimits(_ node: JSONNode) -> TableRange {
    let start = tables.resourceLimits.count
    var cursor = object(node, like: "an object like {\"nofile\": 1024}")
    while let resource = next(&cursor, KernelNames.limits) {
      guard let limit = resourceLimit(cursor.value) else { continue }
      tables.resourceLimits.add(
        ResourceLimit(
          resource: UInt8(truncatingIfNeeded: resource), soft: limit.soft, hard: limit.hard))
    }
    return TableRange(from: start, to: tables.resourceLimits.count)
  }

  @inline(never) private mutating func resourceLimit(_ node: JSONNode) -> (
    soft: UInt64, hard: UInt64
  )? {
    if document.kind(node) == .number {
      if let value = document.integer(node), value < 0 {
        error(node, "a limit is not negative; write \"infinity\" for none")
        return nil
      }
      return size(node).map { ($0, $0) }
    }
    guard let bytes = string(node) else { return nil }
    let colon = bytes.place(of: UInt8(ascii: ":"))
    let soft = Decoder.limit(bytes.part(0, colon))
    let hard = colon == bytes.count ? soft : Decoder.limit(bytes.part(colon + 1))
    guard let soft, let hard else {
      error(node, "expected a limit like 1024, \"64M\" or \"1024:4096\", found ", bytes)
      return nil
    }
    guard soft <= hard else {
      error(node, "the soft limit is above the hard limit")
      return nil
    }
    return (soft, hard)
  }

  @inline(never) private static func limit(_ text: Bytes) -> UInt64? {
    WordList("infinity").number(of: text) != nil ? .max : Scalar.size(text)
  }

  /// Where a standard stream goes.
  @inline(never) mutating func stream(_ node: JSONNode, isInput: Bool) -> StreamTarget? {
    guard let bytes = string(node) else { return nil }
    let colon = bytes.place(of: UInt8(ascii: ":"))
    if colon < bytes.count, let kind = WordList("file append").number(of: bytes.part(0, colon)),
      !isInput || kind == 0
    {
      let rest = bytes.part(colon + 1)
      guard isPath(rest, node) else { return nil }
      return kind == 0 ? .file(strings.keep(rest)) : .append(strings.keep(rest))
    }
    let words =
      isInput
      ? WordList("null console inherit socket file:PATH")
      : WordList("null console inherit socket log kmsg file:PATH append:PATH")
    switch words.number(of: bytes) {
    case 0: return .null
    case 1: return .console
    case 2: return .inherit
    case 3: return .socket
    case 4 where !isInput: return .log
    case 5 where !isInput: return .kmsg
    default: unknown(node, bytes, words)
    }
    return nil
  }
}
