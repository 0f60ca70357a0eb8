internal import ApusBase
internal import ApusJSON

/// The `system` object.
extension Decoder {
  /// Decodes one key of `system`.
  mutating func decode(_ key: SystemKey, _ node: JSONNode) {
    tables.system.present |= key.bit
    if !key.isInForce { notInForce(node) }
    switch key {
    case .hostname:
      guard let name = string(node) else { return }
      guard Scalar.isName(name, most: 64, also: ".-") else {
        return error(node, "not a host name: ", name)
      }
      tables.system.hostname = strings.keep(name)
    case .console: if let path = path(node) { tables.system.console = path }
    case .randomSeed: if let path = path(node) { tables.system.randomSeed = path }
    case .coredump: if let pattern = text(node) { tables.system.coredump = pattern }
    case .loopback: if let value = bool(node) { tables.system.loopback = value }
    case .fstab: if let value = bool(node) { tables.system.fstab = value }
    case .mounts:
      elements(node) { decoder, _, element in
        if let mount = decoder.mount(element) { decoder.tables.system.mounts.append(mount) }
      }
    case .modules:
      tables.system.modules = list(node) { decoder, element in
        guard let bytes = decoder.string(element) else { return nil }
        guard Scalar.isName(bytes, most: 63, also: "_-") else {
          decoder.error(element, "not a module name: ", bytes)
          return nil
        }
        return decoder.strings.keep(bytes)
      }
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
      if let level = word(node, Words("error warning info debug")) {
        tables.system.logLevel = level
      }
    case .controlGroup:
      if let group = principal(node) { tables.system.controlGroup = group }
    case .watchdog: watchdog(node)
    case .memoryPressure: memoryPressure(node)
    }
  }

  private mutating func mount(_ node: JSONNode) -> Mount? {
    let failures = reports.errors
    var mount = Mount()
    fields(node, Words("source target type options required")) { decoder, key, node in
      switch key {
      case 0: if let text = decoder.text(node) { mount.source = text }
      case 1: if let path = decoder.path(node) { mount.target = path }
      case 2: if let text = decoder.text(node) { mount.type = text }
      case 3: if let text = decoder.text(node) { mount.options = text }
      default: if let required = decoder.bool(node) { mount.required = required }
      }
    }
    guard reports.errors == failures else { return nil }
    guard !mount.source.isEmpty, !mount.target.isEmpty, !mount.type.isEmpty else {
      error(node, "a mount needs source, target and type")
      return nil
    }
    return mount
  }

  /// `key=value` strings; a value is a string or a whole number.
  private mutating func sysctl(_ node: JSONNode) -> TableRange {
    var texts: [Text] = []
    members(node) { decoder, key, name, value in
      guard Scalar.isName(name, most: 255, also: "._/-"), !Scalar.climbs(name),
        name.first != UInt8(ascii: "/")
      else { return decoder.error(key, "not a kernel parameter: ", name) }
      var setting = name + [UInt8(ascii: "=")]
      if decoder.document.kind(value) == .number {
        guard decoder.document.integer(value) != nil else {
          return decoder.error(value, "expected a whole number or a string")
        }
        setting += decoder.document.bytes[decoder.document.text(value)]
      } else {
        guard let bytes = decoder.string(value) else { return }
        setting += bytes
      }
      texts.append(decoder.strings.keep(setting))
    }
    return keep(texts)
  }

  /// A word or the name of a service; `event` is the key.
  private mutating func action(_ node: JSONNode, _ event: SystemKey) -> CtrlAltDelAction? {
    guard let name = string(node) else { return nil }
    let words = Words("reboot poweroff ignore")
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
    powerLinks.append(
      PendingLink(
        name: strings.number(of: name), site: Site(file: file, node: node), service: nil,
        key: .onFailure, event: event))
    return nil
  }

  private mutating func watchdog(_ node: JSONNode) {
    fields(node, Words("device timeout rebootTimeout pretimeout")) { decoder, key, node in
      if key == 0 {
        if let path = decoder.path(node) { decoder.tables.system.watchdogDevice = path }
        return
      }
      guard let time = decoder.duration(node, never: false, least: .seconds(1)) else { return }
      switch key {
      case 1: decoder.tables.system.watchdogTimeout = time
      case 2: decoder.tables.system.watchdogRebootTimeout = time
      default: decoder.tables.system.watchdogPretimeout = time
      }
    }
  }

  /// `some` is a stall and a window as psi(5) triggers take them: window 500 ms to 10 s.
  private mutating func memoryPressure(_ node: JSONNode) {
    fields(node, Words("some idle")) { decoder, key, node in
      if key == 1 {
        if let idle = decoder.duration(node) { decoder.tables.system.pressureIdle = idle }
        return
      }
      guard let bytes = decoder.string(node) else { return }
      let slash = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.count
      guard slash < bytes.count, let stall = Scalar.duration([UInt8](bytes[..<slash])),
        let window = Scalar.duration([UInt8](bytes[(slash + 1)...])), stall > .zero,
        stall <= window, window >= .milliseconds(500), window <= .seconds(10)
      else {
        return decoder.error(
          node, "expected a stall and a window of 500ms to 10s like \"150ms/1s\", found ", bytes)
      }
      decoder.tables.system.pressureStall = stall
      decoder.tables.system.pressureWindow = window
    }
  }
}
