internal import ApusBase
internal import ApusJSON

/// Keys whose behaviour is not in force yet: decoded, validated, and kept where that is cheap.
extension Decoder {
  /// Decodes one of the rarer keys.
  mutating func rare(_ key: ServiceKey, _ node: JSONNode, _ extras: inout Extras) {
    switch key {
    case .pidFile: if let path = path(node) { extras.pidFile = path }
    case .idleStop:
      if let time = duration(node, least: .seconds(1)) { extras.idleStop = time }
    case .runtimeMax:
      if let time = duration(node, least: .seconds(1)) { extras.runtimeMax = time }
    case .watchdog:
      if let time = duration(node, least: .milliseconds(100)) { extras.watchdog = time }
    case .fdStore:
      if let count = integer(node, 0, 1024) { extras.fdStore = UInt16(truncatingIfNeeded: count) }
    case .environmentFile: extras.environmentFiles = environmentFiles(node)
    case .ready:
      let given = validate(node, "fd tcp unix exec interval timeout", "fAUcdd")
      if given & 15 & (given & 15 &- 1) != 0 {
        error(node, "only one of fd, tcp, unix and exec can say what ready means")
      }
    case .reload: exactlyOne(node, validate(node, "signal exec", "Sc"), "signal or exec")
    case .pre, .post:
      var cursor = array(node)
      while let element = element(&cursor) { _ = command(element) }
    case .timer:
      let given = validate(node, "jitter afterBoot every calendar", "dddC")
      if given >> 1 == 0 { error(node, "a timer needs afterBoot, every or calendar") }
    case .conditions: _ = validate(node, "exists missing kernelArg architecture", "pptH")
    case .scheduler: scheduler(node)
    case .ioPriority:
      _ = text(node, .ioPriority, "expected \"idle\", \"best-effort:4\" or \"realtime:4\", found ")
    case .cpuAffinity: _ = text(node, .cpus, "expected processors like \"0-1,3\", found ")
    case .cgroup:
      _ = validate(
        node, "memoryMax memoryHigh pidsMax cpuMax cpuWeight ioWeight oomGroup", "mmn%wwb")
    case .sandbox:
      _ = validate(
        node,
        """
        readOnly write hide privateTmp privateDevices privateNetwork privatePids protectKernel \
        landlock seccomp root
        """, "bPPbbbbbLFp")
    case .log: _ = validate(node, "ring file fileMax keep rate", "spskr")
    default: break
    }
  }

  /// Checks the members of an object, each by the rule of the same place in `rules`.
  ///
  /// Returns the members that were given, as bits.
  private mutating func validate(
    _ node: JSONNode, _ words: StaticString, _ rules: StaticString
  ) -> UInt32 {
    var given: UInt32 = 0
    var codes: [UInt8] = []
    codes.append(rules)
    var cursor = object(node)
    while let key = next(&cursor, Words(words)) {
      given |= 1 << UInt32(key)
      validate(cursor.value, codes.at(key) ?? 0)
    }
    return given
  }

  /// Checks a value by a rule's letter.
  private mutating func validate(_ node: JSONNode, _ rule: UInt8) {
    switch rule {
    case UInt8(ascii: "b"): _ = bool(node)
    case UInt8(ascii: "c"): _ = command(node)
    case UInt8(ascii: "d"): _ = duration(node, never: false)
    case UInt8(ascii: "f"): _ = integer(node, 3, 1023)
    case UInt8(ascii: "k"): _ = integer(node, 0, 100)
    case UInt8(ascii: "p"): _ = path(node)
    case UInt8(ascii: "P"): _ = list(node, .path)
    case UInt8(ascii: "r"): _ = rate(node)
    case UInt8(ascii: "s"): _ = size(node)
    case UInt8(ascii: "S"): _ = signal(node)
    case UInt8(ascii: "t"): _ = text(node)
    case UInt8(ascii: "w"): _ = integer(node, 1, 10000)
    case UInt8(ascii: "A"):
      _ = text(node, .internet, "expected port, a.b.c.d:port or [v6]:port, found ")
    case UInt8(ascii: "C"):
      _ = text(node, .calendar, "expected a calendar like \"Mon..Fri *-*-* 03:00\", found ")
    case UInt8(ascii: "F"): filter(node)
    case UInt8(ascii: "H"): _ = word(node, Words("x86_64 aarch64 arm riscv64"))
    case UInt8(ascii: "L"): _ = validate(node, "read write execute", "PPP")
    case UInt8(ascii: "U"): _ = text(node, .unix, "expected /path or @abstract, found ")
    case UInt8(ascii: "%"): _ = text(node, .percent, "expected a share like \"50%\", found ")
    default:
      // m and n: a size or a count, or "max" for none.
      if document.kind(node) == .string, document.equals(node, "max") { return }
      if rule == UInt8(ascii: "m") {
        _ = size(node)
      } else {
        _ = integer(node, 1, 4_194_304)
      }
    }
  }

  private mutating func exactlyOne(_ node: JSONNode, _ given: UInt32, _ what: StaticString) {
    if given & (given &- 1) != 0 || given == 0, document.kind(node) == .object {
      error(node, "expected exactly one of ", nil, what)
    }
  }

  /// One path or a list of them; a `-` before a path makes the file optional.
  private mutating func environmentFiles(_ node: JSONNode) -> TableRange {
    if document.kind(node) == .array { return list(node, .optionalPath) }
    return text(node, .optionalPath).map { keep([$0]) } ?? .none
  }

  /// `{"policy": "fifo", "priority": 10}`: a priority is of the real-time policies only.
  private mutating func scheduler(_ node: JSONNode) {
    var policy: UInt8?
    var hasPriority = false
    var cursor = object(node)
    while let key = next(&cursor, Words("policy priority")) {
      if key == 0 {
        policy = word(cursor.value, Words("other batch idle fifo rr"))
      } else {
        hasPriority = integer(cursor.value, 1, 99) != nil
      }
    }
    let isRealTime = policy.map { $0 > 2 } ?? false
    if isRealTime != hasPriority {
      error(node, isRealTime ? "a priority is missing" : "a priority needs policy fifo or rr")
    }
  }

  /// `"default"`, or a list of system call names and @groups.
  private mutating func filter(_ node: JSONNode) {
    if document.kind(node) == .string {
      _ = word(node, Words("default"))
    } else {
      _ = list(node, .systemCall)
    }
  }

  /// A string that follows a rule, else an error with `message`.
  private mutating func text(_ node: JSONNode, _ rule: TextForm, _ message: StaticString) -> Bool {
    guard let bytes = string(node) else { return false }
    let isRight =
      switch rule {
      case .calendar: Calendar.isValid(bytes)
      case .cpus: Scalar.isCPUList(bytes)
      case .internet: internet(bytes) != nil
      case .ioPriority: Scalar.isIOPriority(bytes)
      case .percent: Scalar.isPercent(bytes)
      case .unix:
        bytes.count > 1 && bytes.count <= ManifestLimits.socketPath
          && (bytes[0] == UInt8(ascii: "/") || bytes[0] == UInt8(ascii: "@"))
          && !Scalar.climbs(bytes)
      }
    if !isRight { error(node, message, bytes) }
    return isRight
  }
}

/// Forms of strings that are checked but not kept yet.
private enum TextForm {
  case calendar, cpus, internet, ioPriority, percent, unix
}

extension Scalar {
  /// `0-1,3`: processor numbers below 1,024 and ranges of them.
  static func isCPUList(_ text: [UInt8]) -> Bool {
    var position = 0
    while true {
      guard let first = number(text, &position), first < 1024 else { return false }
      if position < text.count, text[position] == UInt8(ascii: "-") {
        position += 1
        guard let last = number(text, &position), last < 1024, last >= first else { return false }
      }
      if position == text.count { return true }
      guard text[position] == UInt8(ascii: ",") else { return false }
      position += 1
    }
  }

  /// `idle`, or a class and a level from 0 to 7 (ioprio_set(2)).
  static func isIOPriority(_ text: [UInt8]) -> Bool {
    if Words("idle best-effort realtime").number(of: text) != nil { return true }
    guard text.count > 2, text[text.count - 2] == UInt8(ascii: ":"),
      let level = digit(text[text.count - 1]), level <= 7
    else { return false }
    return Words("best-effort realtime").number(of: [UInt8](text[..<(text.count - 2)])) != nil
  }

  /// `50%`: a share of one processor, 1 % to 102,400 %.
  static func isPercent(_ text: [UInt8]) -> Bool {
    guard text.last == UInt8(ascii: "%"),
      let value = number([UInt8](text[..<(text.count - 1)]), most: 102_400)
    else { return false }
    return value > 0
  }
}
