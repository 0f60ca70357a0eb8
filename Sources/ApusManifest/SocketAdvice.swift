internal import ApusBase
internal import ApusJSON

/// What a listener is, as far as its keys have an effect on it.
private struct SocketTraits: OptionSet {
  var rawValue: UInt16

  static let unix = SocketTraits(rawValue: 1)
  /// A node that apus makes in the file system.
  static let path = SocketTraits(rawValue: 1 << 1)
  static let fifo = SocketTraits(rawValue: 1 << 2)
  static let netlink = SocketTraits(rawValue: 1 << 3)
  static let vsock = SocketTraits(rawValue: 1 << 4)
  static let inet = SocketTraits(rawValue: 1 << 5)
  /// IPv6, with IPv4 beside it or without.
  static let six = SocketTraits(rawValue: 1 << 6)
  static let tcp = SocketTraits(rawValue: 1 << 7)
  static let sctp = SocketTraits(rawValue: 1 << 8)
  /// Somebody connects, so that there is a queue.
  static let queue = SocketTraits(rawValue: 1 << 9)
  static let special = SocketTraits(rawValue: 1 << 10)

  static let any = SocketTraits(rawValue: 0b11_1001)

  init(rawValue: UInt16) { self.rawValue = rawValue }

  init(_ listener: Listener, isSCTP: Bool) {
    switch listener.address {
    case .path where listener.kind == .special: self = .special
    case .path where listener.kind == .fifo: self = [.fifo, .path]
    case .path: self = [.unix, .path]
    case .abstract: self = .unix
    case .port: self = [.inet, .six]
    case .ipv4: self = .inet
    case .ipv6: self = [.inet, .six]
    case .vsock: self = .vsock
    case .netlink: self = .netlink
    }
    switch listener.kind {
    case .stream:
      insert(.queue)
      if contains(.inet) { insert(isSCTP ? .sctp : .tcp) }
    case .seqpacket: insert(.queue)
    case .datagram, .fifo, .netlink, .special: break
    }
  }

  /// What a key has an effect on; nil for one that says what every listener has.
  static func needed(by key: SocketKey) -> SocketTraits? {
    switch key {
    case .stream, .datagram, .seqpacket, .fifo, .netlink, .special, .name, .flush: nil
    case .mode, .user, .group, .directoryMode, .symlinks, .removeOnStop: .path
    case .backlog: .queue
    case .ipv6Only: .six
    case .device, .freeBind, .transparent, .reusePort, .tos, .ttl, .broadcast, .protocol: .inet
    case .noDelay, .keepAlive: [.tcp, .sctp]
    case .deferAccept, .fastOpen, .congestion: .tcp
    case .sendBuffer, .receiveBuffer, .priority, .mark, .timestamps: .any
    case .passCredentials: [.unix, .netlink]
    case .passPidfd: .unix
    case .packetInfo: [.inet, .netlink]
    case .pipeSize: .fifo
    case .writable: .special
    }
  }
}

extension Decoder {
  /// Warns of keys that have no effect on a listener of its kind.
  @inline(never) mutating func advise(_ listener: Listener, _ element: JSONNode) {
    if isAdvised { return }
    var isSCTP = false
    for option in listener.options.indices {
      guard let value = tables.values.at(option) else { continue }
      if value >> 32 == Int64(SocketKey.protocol.rawValue) { isSCTP = value & 0xff == 2 }
    }
    let traits = SocketTraits(listener, isSCTP: isSCTP)
    var cursor = Cursor(document.first(element), pathLength: path.count)
    while next(&cursor) {
      guard let number = SocketKey.names.number(of: cursor.name),
        let key = SocketKey(rawValue: UInt8(truncatingIfNeeded: number)),
        let needed = SocketTraits.needed(by: key), needed.isDisjoint(with: traits)
      else { continue }
      warn(
        cursor.value,
        needed == .path
          ? "has no effect: this socket has no path of its own"
          : "has no effect on a socket of this kind")
    }
  }
}
