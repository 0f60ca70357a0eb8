internal import ApusBase
internal import ApusJSON

/// The `system` object.
extension Decoder {
  /// Decodes one key of `system`.
  @inline(never) mutating func decode(_ key: SystemKey, _ node: JSONNode) {
    tables.system.present |= key.bit
    var digest: UInt32 = 2_166_136_261
    document.digest(node, into: &digest)
    tables.system.digests[Int(key.rawValue)] = digest
    switch key {
    case .hostname:
      guard let name = string(node) else { return }
      guard Scalar.isName(name, most: 64, also: ".-") else {
        return error(node, "not a host name: ", name)
      }
      tables.system.hostname = strings.keep(name)
    case .console: if let path = path(node) { tables.system.console = path }
    case .randomSeed: if let path = path(node) { tables.system.randomSeed = path }
    case .coredump:
      guard let pattern = text(node) else { return }
      // The kernel would cut a longer one off (core(5)).
      guard pattern.count < 128 else { return error(node, "more than 127 bytes") }
      tables.system.coredump = pattern
    case .loopback: if let value = bool(node) { tables.system.loopback = value }
    case .fstab: if let value = bool(node) { tables.system.fstab = value }
    case .mounts:
      var cursor = array(node)
      while let element = element(&cursor) {
        mount(element)
      }
    case .modules:
      tables.system.modules = list(node, .module)
    case .sysctl: tables.system.sysctl = sysctl(node)
    case .rescue:
      let failures = reports.errors
      let range = command(node)
      if reports.errors == failures { tables.system.rescue = range }
    case .environment: tables.system.environment = environment(node)
    case .ctrlAltDel:
      if let action = action(node, key) { tables.system.ctrlAltDel = action }
    case .powerFail:
      if let action = action(node, key) { tables.system.powerFail = action }
    case .shutdownTimeout:
      if let time = duration(node, never: false, least: .seconds(1)) {
        tables.system.shutdownTimeout = time
      }
    case .minimumUptime:
      if let time = duration(node, never: false) { tables.system.minimumUptime = time }
    case .logLevel:
      if let level = word(node, WordList("error warning info debug")) {
        tables.system.logLevel = level
      }
    case .controlGroup:
      if let group = principal(node) { tables.system.controlGroup = group }
    case .watchdog: watchdog(node)
    case .memoryPressure: memoryPressure(node)
    case .bootAttempts: bootAttempts(node)
    case .create:
      var cursor = array(node)
      while let element = element(&cursor) { create(element) }
    }
  }

  @inline(never) private mutating func bootAttempts(_ node: JSONNode) {
    let failures = reports.errors
    var cursor = object(node)
    while let key = next(&cursor, WordList("limit state good")) {
      let node = cursor.value
      switch key {
      case 0:
        if let limit = integer(node, 1, 1000) {
          tables.system.bootLimit = UInt16(truncatingIfNeeded: limit)
        }
      case 1: if let path = path(node) { tables.system.bootState = path }
      default:
        var good = object(node)
        while let key = next(&good, WordList("after needs exec")) {
          switch key {
          case 0:
            if let time = duration(good.value, never: false) { tables.system.goodAfter = time }
          case 1: tables.system.goodNeeds = links(good.value, .onFailure, event: .bootAttempts)
          default:
            let failures = reports.errors
            let range = command(good.value)
            if reports.errors == failures { tables.system.goodCommand = range }
          }
        }
      }
    }
    if tables.system.bootState.isEmpty, reports.errors == failures {
      error(node, "the key \"state\" is missing")
    }
  }

  /// Makes a service of what is run when the boot is good, so that it has a log, a state and an end
  /// like any other.
  @inline(never) mutating func addGoodService() {
    guard tables.system.goodCommand.count > 0,
      let site = systemSlots[Int(SystemKey.bootAttempts.rawValue)], hasRoom(site)
    else { return }
    let name = strings.number(of: WordList("boot-good").word(0))
    tables.system.goodService = UInt16(truncatingIfNeeded: tables.services.count)
    own(name, site)
    draft = .blank(strings.text(name))
    draft.service.exec = tables.system.goodCommand
    draft.service.type = .oneshot
    draft.service.start = .manual
    draft.restart.policy = .no
    commit(at: site)
  }

  @inline(never) private mutating func mount(_ node: JSONNode) {
    let failures = reports.errors
    var mount = Mount()
    var cursor = object(
      node,
      like: "an object like {\"source\": \"/dev/sda1\", \"target\": \"/data\", \"type\": \"ext4\"}")
    while let key = next(&cursor, WordList("source target type options required")) {
      let node = cursor.value
      switch key {
      case 0: if let text = text(node) { mount.source = text }
      case 1: if let path = path(node) { mount.target = path }
      case 2: if let text = text(node) { mount.type = text }
      case 3: if let text = text(node) { mount.options = text }
      default: if let required = bool(node) { mount.required = required }
      }
    }
    guard reports.errors == failures else { return }
    guard !mount.source.isEmpty, !mount.target.isEmpty, !mount.type.isEmpty else {
      return error(node, "a mount needs source, target and type")
    }
    tables.system.mounts.add(mount)
  }

  /// `key=value` strings; a value is a string or a whole number.
  @inline(never) private mutating func sysctl(_ node: JSONNode) -> TableRange {
    var texts: Rows<Text> = Rows()
    var cursor = object(node)
    while next(&cursor) {
      var setting = cursor.name
      guard Scalar.isName(setting, most: 255, also: "._/-"), !Scalar.climbs(setting),
        setting.first != UInt8(ascii: "/")
      else {
        error(cursor.key, "not a kernel parameter: ", setting)
        continue
      }
      setting.append("=")
      if document.kind(cursor.value) == .number {
        guard document.integer(cursor.value) != nil else {
          error(cursor.value, "expected a whole number or a string")
          continue
        }
        let text = document.text(cursor.value)
        setting.append(contentsOf: document.bytes.part(text.lowerBound, text.upperBound))
      } else {
        guard let bytes = string(cursor.value) else { continue }
        setting.append(contentsOf: bytes)
      }
      texts.add(strings.keep(setting))
    }
    return keep(texts)
  }

  /// A word or the name of a service; `event` is the key.
  @inline(never) private mutating func action(_ node: JSONNode, _ event: SystemKey)
    -> CtrlAltDelAction?
  {
    guard let name = string(node) else { return nil }
    let words = WordList("reboot poweroff ignore")
    switch words.number(of: name) {
    case 0: return .reboot
    case 1: return .poweroff
    case 2: return .ignore
    default: break
    }
    guard Scalar.isServiceName(name) else {
      unknown(node, name, words)
      return nil
    }
    powerLinks.add(
      PendingLink(
        name: strings.number(of: name), site: Site(file: file, node: node), service: nil,
        key: .onFailure, event: event))
    return nil
  }

  @inline(never) private mutating func watchdog(_ node: JSONNode) {
    tables.system.watchdogDevice = strings.keep(WordList("/dev/watchdog").word(0))
    var cursor = object(node, member: "device")
    while let key = next(&cursor, WordList("device timeout rebootTimeout pretimeout")) {
      if key == 0 {
        if let path = path(cursor.value) { tables.system.watchdogDevice = path }
        continue
      }
      guard let time = duration(cursor.value, never: false, least: .seconds(1)) else { continue }
      switch key {
      case 1: tables.system.watchdogTimeout = time
      case 2: tables.system.watchdogRebootTimeout = time
      default: tables.system.watchdogPretimeout = time
      }
    }
    let before = tables.system.watchdogPretimeout
    if before != .never, before >= tables.system.watchdogTimeout {
      error(node, "the pretimeout must be shorter than the timeout")
    }
  }

  /// `some` is a stall and a window as psi(5) triggers take them: window 500 ms to 10 s.
  @inline(never) private mutating func memoryPressure(_ node: JSONNode) {
    var cursor = object(node)
    while let key = next(&cursor, WordList("some idle")) {
      let node = cursor.value
      if key == 1 {
        if let idle = duration(node) { tables.system.pressureIdle = idle }
        continue
      }
      guard let bytes = string(node) else { continue }
      let slash = bytes.place(of: UInt8(ascii: "/"))
      guard slash < bytes.count, let stall = Scalar.duration(bytes.part(0, slash)),
        let window = Scalar.duration(bytes.part(slash + 1)), stall > .zero,
        stall <= window, window >= .milliseconds(500), window <= .seconds(10)
      else {
        error(
          node, "expected a stall and a window of 500ms to 10s like \"150ms/1s\", found ", bytes)
        continue
      }
      tables.system.pressureStall = stall
      tables.system.pressureWindow = window
    }
  }
}
