internal import ApusBase
internal import ApusJSON

/// The keys of one service.
extension Decoder {
  /// Decodes every key that has a value, then checks the keys against each other.
  ///
  /// `slots` says which keys the service itself gave; `base` already holds the others.
  @inline(never) mutating func service(_ slots: Slots, name: Text) {
    draft = base
    draft.service.name = name
    let failures = reports.errors
    for number in 0..<UInt8(64) {
      guard let key = ServiceKey(rawValue: number) else { break }
      if key != .instances, key != .override {
        // The order of the keys says nothing.
        if let site = slots[key] {
          draft.service.digest &+= digest(Int(number), site)
        } else {
          draft.service.digest &+= defaultDigests[Int(number)]
        }
      }
      if let site = slots[key] {
        decode(key, at: site)
      } else if !instance.isEmpty, let site = defaultSlots[key], hasPercent(site) {
        let before = path
        path = Rows()
        path.append("defaults")
        decode(key, at: site)
        path = before
      }
    }
    settle(slots)
    if reports.errors == failures { adviseService(slots) }
  }

  /// The digest of the value of the key of that number.
  @inline(never) func digest(_ number: Int, _ site: Site) -> UInt32 {
    var digest = 2_166_136_261 ^ UInt32(truncatingIfNeeded: number) << 24
    files[site.file].document.digest(site.node, into: &digest)
    return digest
  }

  @inline(never) private mutating func decode(_ key: ServiceKey, at site: Site) {
    let length = enter(site)
    decode(key, site.node)
    leave(length)
  }

  /// Decodes one key into the draft.
  @inline(never) mutating func decode(_ key: ServiceKey, _ node: JSONNode) {
    draft.service.present |= key.bit
    switch key {
    case .exec: draft.service.exec = command(node)
    case .type:
      if let number = word(node, WordList("simple notify oneshot forking")),
        let type = ServiceType(rawValue: number)
      {
        draft.service.type = type
      }
    case .start:
      if let number = word(node, WordList("boot demand timer manual")),
        let start = StartMode(rawValue: number)
      {
        draft.service.start = start
      }
    case .remain: flag(node, .remain)
    case .accept: flag(node, .accept)
    case .critical: flag(node, .critical)
    case .reclaim: flag(node, .reclaim)
    case .main: flag(node, .main)
    case .expand: flag(node, .expand)
    case .stdio:
      if let number = word(node, WordList("fd socket")) {
        draft.service.flags.set(.socketStdio, number == 1)
      }
    case .listen: listen(node)
    case .maxConnections:
      if let most = integer(node, 1, 65535) {
        draft.service.maxConnections = UInt16(truncatingIfNeeded: most)
      }
    case .maxConnectionsPerSource:
      if let most = integer(node, 0, 65535) {
        draft.service.maxConnectionsPerSource = UInt16(truncatingIfNeeded: most)
      }
    case .trigger:
      if let rate = rate(node) {
        if rate.count > 0 {
          draft.service.trigger = rate
        } else {
          error(node, "the rate must allow at least one start")
        }
      }
    case .needs: draft.service.needs = links(node, key)
    case .wants: draft.service.wants = links(node, key)
    case .after: draft.service.after = links(node, key)
    case .partOf: draft.service.partOf = links(node, key)
    case .onFailure: draft.extras.onFailure = links(node, key)
    case .restart: restart(node)
    case .successExit: draft.extras.successExit = exitStatuses(node)
    case .stop: stop(node)
    case .user, .group, .groups, .capabilities, .noNewPrivileges, .secureBits, .umask, .rlimits,
      .nice, .oomScoreAdjust:
      rights(key, node)
    case .environment: draft.service.environment = environment(node)
    case .workingDirectory:
      if let path = path(node) { draft.service.workingDirectory = path }
    case .tty:
      if let path = path(node) { draft.service.terminal = path }
    case .directories: directories(node)
    case .stdin: if let target = stream(node, isInput: true) { draft.streams.input = target }
    case .stdout: if let target = stream(node, isInput: false) { draft.streams.output = target }
    case .stderr: if let target = stream(node, isInput: false) { draft.streams.error = target }
    case .override: _ = bool(node)
    case .instances: break
    case .pidFile, .idleStop, .ready, .health, .reload, .pre, .started, .post, .watchdog,
      .runtimeMax, .fdStore, .timer, .conditions, .scheduler, .ioPriority, .cpuAffinity, .cgroup,
      .sandbox,
      .environmentFile, .log:
      var extras = draft.extras
      rare(key, node, &extras)
      draft.extras = extras
    }
  }

  @inline(never) private mutating func flag(_ node: JSONNode, _ flag: ServiceFlags) {
    if let value = bool(node) { draft.service.flags.set(flag, value) }
  }

  /// Fills in what depends on other keys and refuses what contradicts itself.
  @inline(never) private mutating func settle(_ slots: Slots) {
    let present = draft.service.present
    let hasListeners = slots[.listen] != nil
    if present & ServiceKey.trigger.bit == 0, draft.service.accepts {
      draft.service.trigger.count = 200
    }
    if present & ServiceKey.start.bit == 0 {
      let hasTimer = present & ServiceKey.timer.bit != 0
      draft.service.start = hasListeners ? .demand : hasTimer ? .timer : .boot
    }
    if draft.service.flags.contains(.socketStdio) {
      if slots[.stdin] == nil { draft.streams.input = .socket }
      if slots[.stdout] == nil { draft.streams.output = .socket }
    }
    if !hasListeners {
      conflict(slots, .accept, draft.service.accepts, "without \"listen\"")
      conflict(slots, .start, draft.service.start == .demand, "without \"listen\"")
      conflict(
        slots, .stdio, draft.service.flags.contains(.socketStdio), "without \"listen\"")
      draft.service.flags.remove(.accept)
      draft.service.flags.remove(.socketStdio)
      if draft.service.start == .demand { draft.service.start = .boot }
    }
    conflict(
      slots, .accept, draft.service.accepts && hasOtherListeners,
      "with listeners that take no connections")
    conflict(
      slots, .start, draft.service.start == .timer && present & ServiceKey.timer.bit == 0,
      "without \"timer\"")
    conflict(
      slots, .remain, draft.service.flags.contains(.remain) && draft.service.type != .oneshot,
      "without \"type\": \"oneshot\"")
    if let fd = tables.values.at(Int(draft.extras.ready.start)), draft.extras.ready.isGiven {
      conflict(
        slots, .ready,
        fd >= 0 && fd < 3 + Int64(draft.service.listeners.count) + Int64(draft.extras.fdStore),
        "with a descriptor that is a socket's")
    }
    conflict(
      slots, .health, draft.service.accepts || draft.service.type == .oneshot,
      "without a process that stays")
    conflict(
      slots, .pidFile, draft.service.type != .forking, "without \"type\": \"forking\"")
  }

  /// True when a listener takes no connections.
  private var hasOtherListeners: Bool {
    for index in draft.service.listeners.indices {
      let kind = tables.listeners[index].kind
      if kind != .stream, kind != .seqpacket { return true }
    }
    return false
  }

  /// Notes that a service's own key makes no sense with its others.
  @inline(never) private mutating func conflict(
    _ slots: Slots, _ key: ServiceKey, _ isWrong: Bool, _ why: Literal
  ) {
    guard isWrong, let site = slots[key] else { return }
    let length = enter(site)
    error(site.node, "has no meaning ", nil, why)
    leave(length)
  }

  /// True when the text of a value holds a percent sign, so that it may depend on the instance.
  @inline(never) private func hasPercent(_ site: Site) -> Bool {
    guard files.indices.contains(site.file) else { return false }
    let document = files[site.file].document
    let end = document.next(site.node).map { document.offset($0) } ?? document.bytes.count
    return document.bytes.place(of: UInt8(ascii: "%"), from: document.offset(site.node)) < end
  }
}

extension ServiceFlags {
  /// Sets or clears flags.
  @inline(never) mutating func set(_ flags: ServiceFlags, _ value: Bool) {
    if value {
      insert(flags)
    } else {
      remove(flags)
    }
  }
}
