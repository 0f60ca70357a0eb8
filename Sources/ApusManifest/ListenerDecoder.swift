internal import ApusBase
internal import ApusJSON

/// The `listen` key.
extension Decoder {
  /// Decodes the sockets of a service.
  @inline(never) mutating func listen(_ node: JSONNode) {
    let start = tables.listeners.count
    if document.kind(node) != .array {
      wrongKind(
        node, "an array of sockets",
        cure: document.kind(node) == .object
          ? Decoder.array(of: WordList("{...}").word(0))
          : Decoder.array(of: membered(node, "stream")))
      return
    }
    var cursor = array(node)
    while let element = element(&cursor, most: ManifestLimits.sockets) {
      guard expect(.object, element, cure: membered(element, "stream")) else { continue }
      var listener = Listener()
      listener.name = draft.service.name
      listener.service = UInt16(truncatingIfNeeded: tables.services.count)
      document.digest(element, into: &listener.digest)
      let firstOption = tables.values.count
      let failures = reports.errors
      var address: JSONNode?
      var fields = object(element)
      while let number = next(&fields, SocketKey.names) {
        let node = fields.value
        guard let key = SocketKey(rawValue: UInt8(truncatingIfNeeded: number)) else { continue }
        listener.present |= key.bit
        if number < 6, let kind = ListenerKind(rawValue: key.rawValue) {
          if address != nil {
            error(node, "a socket has only one address")
            continue
          }
          address = node
          listener.kind = kind
        }
        decode(key, node, &listener)
      }
      guard let address else {
        error(element, "a socket needs one of stream, datagram, seqpacket, fifo, netlink, special")
        continue
      }
      listener.options = TableRange(from: firstOption, to: tables.values.count)
      if reports.errors == failures { advise(listener, element) }
      tables.listeners.append(listener)
      listenerSites.add(Site(file: file, node: address))
    }
    if document.kind(node) == .array, document.first(node) == nil {
      error(node, "expected at least one socket")
    }
    draft.service.listeners = TableRange(from: start, to: tables.listeners.count)
  }

  /// Decodes one key of a socket.
  @inline(never) private mutating func decode(
    _ key: SocketKey, _ node: JSONNode, _ listener: inout Listener
  ) {
    switch key {
    case .stream, .datagram, .seqpacket, .fifo, .netlink, .special:
      guard let spelling = string(node) else { return }
      listener.spelling = strings.keep(spelling)
      if let address = address(spelling, listener.kind, node) { listener.address = address }
    case .name:
      guard let name = string(node) else { return }
      guard !name.isEmpty, name.count <= 255,
        name.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") })
      else { return error(node, "not a socket name: ", name) }
      listener.name = strings.keep(name)
    case .mode: if let mode = mode(node) { listener.mode = mode }
    case .directoryMode: if let mode = mode(node) { listener.directoryMode = mode }
    case .user: if let user = principal(node) { listener.user = user }
    case .group: if let group = principal(node) { listener.group = group }
    case .backlog:
      if let backlog = integer(node, 0, Int64(Int32.max)) {
        listener.backlog = Int32(truncatingIfNeeded: backlog)
      }
    case .removeOnStop, .freeBind, .transparent, .reusePort, .noDelay, .broadcast,
      .passCredentials, .passPidfd, .packetInfo, .flush, .ipv6Only, .writable:
      flag(key, node, &listener)
    case .keepAlive:
      guard document.kind(node) == .object else { return flag(key, node, &listener) }
      listener.flags.insert(.keepAlive)
      var cursor = object(node)
      while let member = next(&cursor, WordList("time interval probes")) {
        add(
          SocketOption.keepAliveTime.rawValue + UInt8(truncatingIfNeeded: member),
          member == 2 ? integer(cursor.value, 1, 127) : seconds(cursor.value, least: .seconds(1)))
      }
    case .symlinks:
      for index in list(node, .path).indices {
        add(key.rawValue, Int64(tables.texts[index].offset))
      }
    case .device, .congestion:
      guard let name = string(node) else { return }
      guard
        key == .device
          ? Scalar.isInterfaceName(name) : Scalar.isName(name, most: 15, also: "_-")
      else {
        return error(
          node,
          key == .device ? "not an interface name: " : "not a congestion control algorithm: ", name)
      }
      add(key.rawValue, Int64(strings.keep(name).offset))
    case .deferAccept: add(key.rawValue, seconds(node, least: .zero))
    case .sendBuffer, .receiveBuffer, .pipeSize:
      add(key.rawValue, size(node, most: UInt64(Int32.max)).map { Int64($0) })
    case .fastOpen, .priority, .mark, .tos, .ttl:
      let most: Int64 =
        key == .priority
        ? 15 : key == .fastOpen ? Int64(Int32.max) : key == .mark ? 0xffff_ffff : 255
      add(key.rawValue, integer(node, key == .ttl ? 1 : 0, most))
    case .timestamps:
      guard let value = word(node, WordList("off us ns")), value > 0 else { return }
      add(value == 1 ? key.rawValue : SocketOption.nanoseconds.rawValue, 1)
    case .protocol:
      add(key.rawValue, word(node, WordList("default mptcp sctp udplite")).map { Int64($0) })
    }
  }

  /// Notes an option's value.
  @inline(never) private mutating func add(_ key: UInt8, _ value: Int64?) {
    if let value { tables.values.append(Int64(key) << 32 | value) }
  }

  @inline(never) private mutating func flag(
    _ key: SocketKey, _ node: JSONNode, _ listener: inout Listener
  ) {
    guard let value = bool(node) else { return }
    let flag = ListenerFlags(rawValue: key.bit)
    if value {
      listener.flags.insert(flag)
    } else {
      listener.flags.remove(flag)
    }
  }

  /// A duration in whole seconds, rounded up.
  @inline(never) private mutating func seconds(_ node: JSONNode, least: Interval) -> Int64? {
    duration(node, never: false, least: least).map {
      (min($0.microseconds, Int64(Int32.max) * 1_000_000) + 999_999) / 1_000_000
    }
  }
}
