internal import ApusBase
internal import ApusJSON

/// The `listen` key.
extension Decoder {
  /// Decodes the sockets of a service.
  @inline(never) mutating func listen(_ node: JSONNode) {
    let start = tables.listeners.count
    var cursor = array(node)
    while let element = element(&cursor, most: ManifestLimits.sockets) {
      guard expect(.object, element) else { continue }
      var listener = Listener()
      listener.name = draft.service.name
      listener.service = UInt16(truncatingIfNeeded: tables.services.count)
      var options = SocketOptions()
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
        if !key.isInForce { notInForce(node) }
        decode(key, node, &listener, &options)
      }
      guard let address else {
        error(element, "a socket needs one of stream, datagram, seqpacket, fifo, netlink, special")
        continue
      }
      listener.options = Decoder.share(options, &tables.socketOptions)
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
    _ key: SocketKey, _ node: JSONNode, _ listener: inout Listener, _ options: inout SocketOptions
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
    case .removeOnStop: flag(node, .removeOnStop, &listener)
    case .freeBind: flag(node, .freeBind, &listener)
    case .transparent: flag(node, .transparent, &listener)
    case .reusePort: flag(node, .reusePort, &listener)
    case .noDelay: flag(node, .noDelay, &listener)
    case .broadcast: flag(node, .broadcast, &listener)
    case .passCredentials: flag(node, .passCredentials, &listener)
    case .passPidfd: flag(node, .passPidfd, &listener)
    case .packetInfo: flag(node, .packetInfo, &listener)
    case .flush: flag(node, .flush, &listener)
    case .ipv6Only:
      flag(node, .ipv6Only, &listener)
      listener.flags.insert(.ipv6OnlyGiven)
    case .keepAlive:
      if document.kind(node) == .object {
        listener.flags.insert(.keepAlive)
        notInForce(node)
        keepAlive(node, &options)
      } else {
        flag(node, .keepAlive, &listener)
      }
    case .symlinks, .device, .deferAccept, .fastOpen, .sendBuffer, .receiveBuffer, .priority,
      .mark, .tos, .ttl, .congestion, .timestamps, .pipeSize, .protocol:
      option(key, node, &options)
    }
  }

  @inline(never) private mutating func flag(
    _ node: JSONNode, _ flag: ListenerFlags, _ listener: inout Listener
  ) {
    guard let value = bool(node) else { return }
    if value {
      listener.flags.insert(flag)
    } else {
      listener.flags.remove(flag)
    }
  }

  @inline(never) private mutating func keepAlive(_ node: JSONNode, _ options: inout SocketOptions) {
    var value = options
    var cursor = object(node)
    while let key = next(&cursor, Words("time interval probes")) {
      let node = cursor.value
      switch key {
      case 0:
        if let time = duration(node, never: false, least: .seconds(1)) {
          value.keepAliveTime = time
        }
      case 1:
        if let interval = duration(node, never: false, least: .seconds(1)) {
          value.keepAliveInterval = interval
        }
      default:
        if let probes = integer(node, 1, 127) {
          value.keepAliveProbes = UInt8(truncatingIfNeeded: probes)
        }
      }
    }
    options = value
  }

  @inline(never) private mutating func option(
    _ key: SocketKey, _ node: JSONNode, _ options: inout SocketOptions
  ) {
    let most = Int64(Int32.max)
    switch key {
    case .symlinks: options.symlinks = list(node, .path)
    case .device:
      guard let name = string(node) else { return }
      guard Scalar.isInterfaceName(name) else {
        return error(node, "not an interface name: ", name)
      }
      options.device = strings.keep(name)
    case .congestion:
      guard let name = string(node) else { return }
      guard Scalar.isName(name, most: 15, also: "_-") else {
        return error(node, "not a congestion control algorithm: ", name)
      }
      options.congestion = strings.keep(name)
    case .deferAccept:
      if let time = duration(node, never: false) { options.deferAccept = time }
    case .fastOpen: if let value = integer(node, 0, most) { options.fastOpen = UInt32(value) }
    case .sendBuffer:
      if let value = size(node, most: UInt64(most)) { options.sendBuffer = UInt32(value) }
    case .receiveBuffer:
      if let value = size(node, most: UInt64(most)) { options.receiveBuffer = UInt32(value) }
    case .pipeSize:
      if let value = size(node, most: UInt64(most)) { options.pipeSize = UInt32(value) }
    case .priority: if let value = integer(node, 0, 15) { options.priority = UInt8(value) }
    case .mark: if let value = integer(node, 0, 0xffff_ffff) { options.mark = UInt32(value) }
    case .tos: if let value = integer(node, 0, 255) { options.tos = UInt8(value) }
    case .ttl: if let value = integer(node, 1, 255) { options.ttl = UInt8(value) }
    case .timestamps:
      if let value = word(node, Words("off us ns")) { options.timestamps = value }
    default:
      if let value = word(node, Words("default mptcp sctp udplite")) { options.protocol = value }
    }
  }
}
