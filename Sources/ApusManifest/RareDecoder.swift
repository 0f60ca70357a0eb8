internal import ApusBase
internal import ApusJSON

/// Keys few services use; those that are objects become records of `Manifest.values`.
extension Decoder {
  /// Decodes one of the rarer keys.
  mutating func rare(_ key: ServiceKey, _ node: JSONNode, _ extras: inout Extras) {
    switch key {
    case .pidFile: if let path = path(node) { extras.pidFile = path }
    case .idleStop:
      if let time = duration(node, least: .milliseconds(10)) { extras.idleStop = time }
    case .runtimeMax:
      if let time = duration(node, least: .seconds(1)) { extras.runtimeMax = time }
    case .watchdog:
      if let time = duration(node, least: .milliseconds(100)) { extras.watchdog = time }
    case .fdStore:
      if let count = integer(node, 0, 1024) { extras.fdStore = UInt16(truncatingIfNeeded: count) }
    case .environmentFile: extras.environmentFiles = environmentFiles(node)
    case .ready:
      let given = record(
        node, "fd tcp unix exec interval timeout", "fAUciD", &extras.ready,
        like: "an object like {\"tcp\": \"127.0.0.1:80\"} or {\"unix\": \"/run/x\"}")
      if given & 15 & (given & 15 &- 1) != 0 {
        error(node, "only one of fd, tcp, unix and exec can say what ready means")
      }
    case .health:
      let given = record(
        node, "exec tcp unix interval timeout failures", "cAUiiw", &extras.health,
        like: "an object like {\"tcp\": \"127.0.0.1:80\"}")
      exactlyOne(node, given & 7, "exec, tcp and unix")
    case .reload:
      exactlyOne(
        node, record(node, "signal exec", "Sc", &extras.reload, member: "signal"), "signal or exec")
    case .pre: extras.pre = commands(node)
    case .started: extras.started = commands(node)
    case .post: extras.post = commands(node)
    case .timer:
      let given = record(
        node, "jitter afterBoot every calendar", "ddeC", &extras.timer, member: "every")
      if given >> 1 == 0, document.kind(node) == .object {
        error(node, "a timer needs afterBoot, every or calendar")
      }
    case .conditions:
      _ = record(
        node, ConditionKind.words, ConditionKind.rules, &extras.conditions, member: "exists")
    case .scheduler: scheduler(node, &extras)
    case .ioPriority:
      guard let bytes = string(node) else { break }
      if let priority = Scalar.ioPriority(bytes) {
        extras.ioPriority = priority
      } else {
        error(node, "expected \"idle\", \"best-effort:4\" or \"realtime:4\", found ", bytes)
      }
    case .cpuAffinity: extras.processors = processors(node)
    case .cgroup:
      _ = record(
        node, "memoryMax memoryHigh pidsMax cpuMax cpuWeight ioWeight oomGroup x-optional",
        "mmn%wwbb", &extras.cgroup)
    case .sandbox:
      _ = record(
        node, SandboxKeys.names, "bPPbbbbbLFpbVbbbGbbbbb", &extras.sandbox,
        like: "an object like {\"readOnly\": true}")
    case .log: _ = record(node, "ring file fileMax keep rate", "spskr", &extras.log, member: "file")
    default: break
    }
  }

  /// Decodes the members of an object, each by the rule of the same place in `rules`, into a
  /// record of `Manifest.values`.
  ///
  /// Returns the members that were given, as bits.
  private mutating func record(
    _ node: JSONNode, _ words: Literal, _ rules: Literal, _ record: inout Record,
    member: Literal? = nil, like: Literal? = nil
  ) -> UInt32 {
    var given: UInt32 = 0
    // Nested records come to stand behind this one.
    let start = tables.values.count
    for _ in 0..<rules.count { tables.values.append(Record.absent) }
    var cursor = object(node, member: member, like: like)
    while let key = next(&cursor, WordList(words)) {
      given |= 1 << UInt32(key)
      if let value = value(cursor.value, unsafe rules.start[key]) {
        tables.values[start + key] = value
      }
    }
    record = Record(start: UInt32(start))
    return given
  }

  /// Decodes a value by a rule's letter.
  private mutating func value(_ node: JSONNode, _ rule: UInt8) -> Int64? {
    switch rule {
    case UInt8(ascii: "b"): return bool(node).map { $0 ? 1 : 0 }
    case UInt8(ascii: "c"): return Record.pack(command(node))
    case UInt8(ascii: "d"): return duration(node, never: false)?.microseconds
    case UInt8(ascii: "e"):
      return duration(node, never: false, least: ManifestLimits.timer)?.microseconds
    case UInt8(ascii: "i"):
      return duration(node, never: false, least: ManifestLimits.probe)?.microseconds
    case UInt8(ascii: "D"): return duration(node)?.microseconds
    case UInt8(ascii: "f"): return integer(node, 3, 1023)
    case UInt8(ascii: "k"): return integer(node, 0, 100)
    case UInt8(ascii: "p"): return path(node).map { Record.pack($0) }
    case UInt8(ascii: "P"): return Record.pack(list(node, .path))
    case UInt8(ascii: "q"): return oneOrMany(node, .path)
    case UInt8(ascii: "T"): return oneOrMany(node, .notEmpty)
    case UInt8(ascii: "N"):
      guard let bytes = string(node) else { return nil }
      return capability(bytes, node).map { Int64($0) }
    case UInt8(ascii: "r"):
      guard let rate = rate(node) else { return nil }
      tables.values.append(rate.window.microseconds)
      return Int64(rate.count) << 32 | Int64(tables.values.count - 1)
    case UInt8(ascii: "s"): return size(node, most: UInt64(Int64.max)).map { Int64($0) }
    case UInt8(ascii: "S"): return signal(node).map { Int64($0) }
    case UInt8(ascii: "t"): return text(node).map { Record.pack($0) }
    case UInt8(ascii: "w"): return integer(node, 1, 10000)
    case UInt8(ascii: "A"):
      return address(node)
    case UInt8(ascii: "C"):
      guard let bytes = string(node) else { return nil }
      return calendar(bytes, node)
    case UInt8(ascii: "F"): return filter(node)
    case UInt8(ascii: "G"): return families(node)
    case UInt8(ascii: "H"):
      return word(node, WordList("x86_64 aarch64 arm riscv64")).map { Int64($0) }
    case UInt8(ascii: "L"):
      var nested = Record.none
      _ = record(node, "read write execute optional", "PPPb", &nested)
      return Int64(nested.start)
    case UInt8(ascii: "V"): return devices(node)
    case UInt8(ascii: "U"): return kept(node, .unix, "expected /path or @abstract, found ")
    case UInt8(ascii: "%"):
      if document.kind(node) == .number {
        wrongKind(node, "a share like \"50%\"", cure: share(node))
        return nil
      }
      guard let bytes = string(node) else { return nil }
      if let percent = Scalar.percent(bytes) { return Int64(percent) }
      error(node, "expected a share like \"50%\", found ", bytes)
      return nil
    default:
      // m and n: a size or a count, or "max" for none.
      if document.kind(node) == .string, document.equals(node, "max") { return .max }
      return rule == UInt8(ascii: "m")
        ? size(node, most: UInt64(Int64.max - 1)).map { Int64($0) } : integer(node, 1, 4_194_304)
    }
  }

  /// A calendar, as the first of its eight words; one that never comes is refused.
  private mutating func calendar(_ bytes: Bytes, _ node: JSONNode) -> Int64? {
    guard let set = Calendar.parse(bytes) else {
      if let zone = Spelling.zone(bytes) {
        error(node, "a calendar is in UTC, not in ", zone)
      } else {
        error(
          node, "expected a calendar like \"Mon..Fri *-*-* 03:00\", found ", bytes,
          hint: Spelling.calendar(bytes))
      }
      return nil
    }
    let start = Int64(tables.values.count)
    for word in set { tables.values.append(word) }
    guard tables.next(of: start, after: 0) != nil else {
      error(node, "the calendar never comes: ", bytes)
      return nil
    }
    if let now, tables.next(of: start, after: now) == nil {
      warn(node, "the calendar is past and never comes again: ", bytes)
    }
    return start
  }

  /// An internet address: the index of its two halves and its scope, and in the lower half whether
  /// it is of IPv6, and the port. A port alone is one of this machine.
  private mutating func address(_ node: JSONNode) -> Int64? {
    guard text(node, .internet, "expected port, a.b.c.d:port or [v6]:port, found "),
      let bytes = string(node), let address = internet(bytes)
    else { return nil }
    var (high, low, port, scope) = (UInt64(0), UInt64(0x7f00_0001), UInt16(0), Text.none)
    var family: Int64 = 0
    switch address {
    case .port(let number): port = number
    case .ipv4(let host, let number): (low, port) = (UInt64(host), number)
    case .ipv6(let first, let second, let number, let device):
      (high, low, port, scope) = (first, second, number, device)
      family = 1
    default: return nil
    }
    let start = Int64(tables.values.count)
    tables.values.append(Int64(bitPattern: high))
    tables.values.append(Int64(bitPattern: low))
    tables.values.append(Record.pack(scope))
    return start << 32 | family << 16 | Int64(port)
  }

  /// A list of commands, each an argv or an object with it.
  private mutating func commands(_ node: JSONNode) -> TableRange {
    let start = tables.commands.count
    if document.kind(node) == .string {
      wrongKind(node, "an array", cure: Decoder.array(of: listed(node, splits: true)))
      return .none
    }
    if let cure = oneCommand(node) {
      wrongKind(node, "an array of commands", cure: cure)
      return .none
    }
    var cursor = array(node)
    while let element = element(&cursor, most: ManifestLimits.commands) {
      var result = ServiceCommand()
      if document.kind(element) == .object {
        var exec: JSONNode?
        var members = object(element)
        while let key = next(&members, WordList("exec mayFail timeout")) {
          switch key {
          case 0:
            exec = members.value
            result.exec = command(members.value)
          case 1: if let value = bool(members.value) { result.mayFail = value }
          default:
            if let time = duration(members.value, least: .milliseconds(1)) { result.timeout = time }
          }
        }
        if exec == nil { error(element, "the key \"exec\" is missing") }
      } else {
        result.exec = command(element)
      }
      tables.commands.append(result)
    }
    return TableRange(from: start, to: tables.commands.count)
  }

  /// An array of strings, as the one command that it surely is; nil for anything else.
  private func oneCommand(_ node: JSONNode) -> Bytes? {
    guard document.kind(node) == .array, var next = document.first(node) else { return nil }
    var cure: Bytes = Rows()
    while let item = listed(next, splits: false), cure.count < 200 {
      cure.append(cure.isEmpty ? "[[" : ", ")
      cure.append(contentsOf: item.part(1, item.count - 1))
      guard let following = document.next(next) else {
        cure.append("]]")
        return cure
      }
      next = following
    }
    return nil
  }

  /// One string or a list of them, as a packed run of `Manifest.texts`.
  private mutating func oneOrMany(_ node: JSONNode, _ rule: TextRule) -> Int64? {
    guard document.kind(node) == .array else {
      return text(node, rule).map { Record.pack(keep(Rows(repeating: $0, count: 1))) }
    }
    let list = list(node, rule, most: ConditionKind.entries)
    if document.first(node) == nil { error(node, "expected at least one entry") }
    return Record.pack(list)
  }

  private mutating func exactlyOne(_ node: JSONNode, _ given: UInt32, _ what: Literal) {
    if given & (given &- 1) != 0 || given == 0, document.kind(node) == .object {
      error(node, "expected exactly one of ", nil, what)
    }
  }

  /// One path or a list of them; a `-` before a path makes the file optional.
  private mutating func environmentFiles(_ node: JSONNode) -> TableRange {
    if document.kind(node) == .array { return list(node, .optionalPath) }
    return text(node, .optionalPath).map { keep(Rows(repeating: $0, count: 1)) } ?? .none
  }

  /// `{"policy": "fifo", "priority": 10}`: a priority is of the real-time policies only.
  private mutating func scheduler(_ node: JSONNode, _ extras: inout Extras) {
    var policy: UInt8?
    var priority: Int64?
    var cursor = object(node)
    while let key = next(&cursor, WordList("policy priority")) {
      if key == 0 {
        policy = word(cursor.value, WordList("other batch idle fifo rr"))
      } else {
        priority = integer(cursor.value, 1, 99)
      }
    }
    let isRealTime = policy.map { $0 > 2 } ?? false
    if isRealTime != (priority != nil) {
      error(node, isRealTime ? "a priority is missing" : "a priority needs policy fifo or rr")
    }
    // SCHED_* in the order of the words, four bits each.
    extras.scheduler = UInt8(truncatingIfNeeded: 0x21530 >> (4 * Int(policy ?? 0))) & 15
    extras.schedulerPriority = UInt8(truncatingIfNeeded: priority ?? 0)
  }

  /// `0-1,3`: processor numbers below 1,024 and ranges of them, as bits.
  private mutating func processors(_ node: JSONNode) -> TableRange {
    let start = tables.values.count
    for _ in 0..<16 { tables.values.append(0) }
    guard document.kind(node) == .string else {
      wrongKind(node, "processors like \"0-1,3\"")
      return .none
    }
    guard let bytes = string(node) else { return .none }
    var position = -1
    while position < bytes.count {
      position += 1
      guard let first = Scalar.number(bytes, &position) else { break }
      var last = first
      if position < bytes.count, bytes[position] == UInt8(ascii: "-") {
        position += 1
        last = Scalar.number(bytes, &position) ?? .max
      }
      guard first <= last, last < 1024,
        position == bytes.count || bytes[position] == UInt8(ascii: ",")
      else { break }
      for number in first...last {
        tables.values[start + Int(number >> 6)] |= 1 << Int64(number & 63)
      }
      if position == bytes.count { return TableRange(from: start, to: start + 16) }
    }
    error(node, "expected processors like \"0-1,3\", found ", bytes)
    return .none
  }

  /// A string that follows a rule, kept in the pool.
  private mutating func kept(_ node: JSONNode, _ rule: TextForm, _ message: Literal) -> Int64? {
    guard text(node, rule, message), let bytes = string(node) else { return nil }
    return Record.pack(strings.keep(bytes))
  }

  /// A string that follows a rule, else an error with `message`.
  private mutating func text(_ node: JSONNode, _ rule: TextForm, _ message: Literal) -> Bool {
    guard let bytes = string(node) else { return false }
    let isRight =
      switch rule {
      case .internet: internet(bytes) != nil
      case .unix:
        bytes.count > 1 && bytes.count <= ManifestLimits.socketPath
          && (bytes[0] == UInt8(ascii: "/") || bytes[0] == UInt8(ascii: "@"))
          && !Scalar.climbs(bytes)
      }
    if !isRight { error(node, message, bytes) }
    return isRight
  }
}

/// Forms of strings with a grammar of their own.
private enum TextForm {
  case internet, unix
}

extension Scalar {
  /// `idle`, or a class and a level from 0 to 7, as ioprio_set(2) has them.
  static func ioPriority(_ text: Bytes) -> UInt16? {
    let colon = text.place(of: UInt8(ascii: ":"))
    guard let kind = WordList("realtime best-effort idle").number(of: text.part(0, colon))
    else { return nil }
    var level: UInt64 = kind == 2 ? 0 : 4
    if colon < text.count {
      guard kind < 2, text.count == colon + 2, let given = digit(text[colon + 1]), given <= 7
      else { return nil }
      level = given
    }
    return UInt16(truncatingIfNeeded: (kind + 1) << 13 | Int(level))
  }

  /// `50%`: a share of one processor, 1 % to 102,400 %.
  static func percent(_ text: Bytes) -> UInt64? {
    guard text.last == UInt8(ascii: "%"),
      let value = number(text.part(0, text.count - 1), most: 102_400), value > 0
    else { return nil }
    return value
  }
}
