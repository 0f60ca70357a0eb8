internal import ApusBase
internal import ApusJSON

/// How a service ends and starts again, and with which rights it runs.
extension Decoder {
  private static let policies = Words(
    "no on-success on-failure on-abnormal on-watchdog on-abort always")

  /// `restart`: a policy's name or an object.
  mutating func restart(_ node: JSONNode, _ restart: inout Restart) {
    var value = Restart()
    if document.kind(node) == .string {
      policy(node, &value)
    } else {
      let words = Words(
        "policy delay factor maxDelay jitter resetAfter limit onLimit neverOn alwaysOn")
      var cursor = object(node)
      while let key = next(&cursor, words) {
        let node = cursor.value
        switch key {
        case 0: policy(node, &value)
        case 1: delay(node, &value.delay)
        case 2:
          if let factor = permille(node, 1000, 1_000_000) { value.factorPermille = factor }
        case 3: delay(node, &value.maxDelay)
        case 4: if let jitter = permille(node, 0, 1000) { value.jitterPermille = jitter }
        case 5: if let reset = duration(node) { value.resetAfter = reset }
        case 6: if let limit = rate(node) { value.limit = limit }
        case 7:
          if let number = word(node, Words("stop reboot poweroff rescue")),
            let action = LimitAction(rawValue: number)
          {
            value.onLimit = action
          }
        case 8: value.neverOn = exitStatuses(node)
        default: value.alwaysOn = exitStatuses(node)
        }
      }
    }
    if value.maxDelay < value.delay { value.maxDelay = value.delay }
    restart = value
  }

  private mutating func policy(_ node: JSONNode, _ restart: inout Restart) {
    if let number = word(node, Decoder.policies), let policy = RestartPolicy(rawValue: number) {
      restart.policy = policy
    }
  }

  /// A delay is never zero: a service that dies at once must not keep the processor busy.
  private mutating func delay(_ node: JSONNode, _ delay: inout Interval) {
    if let value = duration(node, never: false, least: .milliseconds(1)) { delay = value }
  }

  /// `stop`: how a service is asked to end.
  mutating func stop(_ node: JSONNode, _ stop: inout Stop) {
    var value = Stop()
    var cursor = object(node)
    while let key = next(&cursor, Words("signal exec timeout kill")) {
      let node = cursor.value
      switch key {
      case 0: if let signal = signal(node) { value.signal = signal }
      case 1:
        value.exec = command(node)
        notInForce(node)
      case 2: if let timeout = duration(node, never: false) { value.timeout = timeout }
      default:
        if let number = word(node, Words("all mixed main")),
          let scope = StopScope(rawValue: number)
        {
          value.scope = scope
        }
      }
    }
    stop = value
  }

  /// The keys that say with which rights a service runs.
  mutating func rights(_ key: ServiceKey, _ node: JSONNode, _ draft: inout Draft) {
    switch key {
    case .user: if let user = principal(node) { draft.credentials.user = user }
    case .group: if let group = principal(node) { draft.credentials.group = group }
    case .groups:
      let start = tables.principals.count
      var cursor = array(node)
      while let element = element(&cursor) {
        if let group = principal(element) { tables.principals.append(group) }
      }
      draft.credentials.groups = TableRange(
        start: UInt32(start), count: UInt32(tables.principals.count - start))
    case .capabilities: capabilities(node, &draft.credentials)
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
  private mutating func capabilities(_ node: JSONNode, _ credentials: inout Credentials) {
    guard document.kind(node) == .string else {
      credentials.capabilityForm = .list
      credentials.capabilities = list(node, .capability)
      return
    }
    guard let bytes = string(node) else { return }
    var start = 0
    for index in 0...bytes.count where index == bytes.count || bytes[index] == UInt8(ascii: ",") {
      var name = [UInt8](bytes[start..<index])
      while let first = name.first, Words("! ^ %").number(of: [first]) != nil { name.removeFirst() }
      start = index + 1
      if bytes.isEmpty { break }
      _ = capability(name, node)
    }
    credentials.capabilityForm = .text
    credentials.capabilities = keep([strings.keep(bytes)])
  }

  mutating func capability(_ name: [UInt8], _ node: JSONNode) -> Int? {
    if let number = KernelNames.capability(name) { return number }
    var stem = name
    if stem.count > 4, Words("cap_ CAP_").number(of: [UInt8](stem[..<4])) != nil {
      stem.removeFirst(4)
    }
    error(node, "unknown capability ", name, hint: KernelNames.capabilities.nearest(to: stem))
    return nil
  }

  /// `{"nofile": "1024:4096", "core": 0, "as": "64M"}`; `infinity` is no limit.
  private mutating func resourceLimits(_ node: JSONNode) -> TableRange {
    let start = tables.resourceLimits.count
    var cursor = object(node)
    while let resource = next(&cursor, KernelNames.limits) {
      guard let limit = resourceLimit(cursor.value) else { continue }
      tables.resourceLimits.append(
        ResourceLimit(
          resource: UInt8(truncatingIfNeeded: resource), soft: limit.soft, hard: limit.hard))
    }
    return TableRange(
      start: UInt32(start), count: UInt32(tables.resourceLimits.count - start))
  }

  private mutating func resourceLimit(_ node: JSONNode) -> (soft: UInt64, hard: UInt64)? {
    if document.kind(node) == .number {
      return size(node).map { ($0, $0) }
    }
    guard let bytes = string(node) else { return nil }
    let colon = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
    let soft = Decoder.limit([UInt8](bytes[..<colon]))
    let hard = colon == bytes.count ? soft : Decoder.limit([UInt8](bytes[(colon + 1)...]))
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

  private static func limit(_ text: [UInt8]) -> UInt64? {
    Words("infinity").number(of: text) != nil ? .max : Scalar.size(text)
  }

  /// `directories`: names below /run, /var/lib, /var/cache and /var/log.
  mutating func directories(_ node: JSONNode, _ directories: inout Directories) {
    var value = Directories()
    var cursor = object(node)
    while let key = next(&cursor, Words("runtime state cache log")) {
      let range = list(cursor.value, .relativePath)
      switch key {
      case 0: value.runtime = range
      case 1: value.state = range
      case 2: value.cache = range
      default: value.log = range
      }
    }
    directories = value
  }

  /// A standard stream.
  mutating func stream(_ node: JSONNode, isInput: Bool, _ target: inout StreamTarget) {
    guard let bytes = string(node) else { return }
    let colon = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
    if colon < bytes.count, let kind = Words("file append").number(of: [UInt8](bytes[..<colon])),
      !isInput || kind == 0
    {
      let rest = [UInt8](bytes[(colon + 1)...])
      guard isPath(rest, node) else { return }
      target = kind == 0 ? .file(strings.keep(rest)) : .append(strings.keep(rest))
      return
    }
    let words =
      isInput
      ? Words("null console inherit socket file:PATH")
      : Words("null console inherit socket log kmsg file:PATH append:PATH")
    switch words.number(of: bytes) {
    case 0: target = .null
    case 1: target = .console
    case 2: target = .inherit
    case 3: target = .socket
    case 4 where !isInput: target = .log
    case 5 where !isInput: target = .kmsg
    default: unknown(node, bytes, words)
    }
  }
}
