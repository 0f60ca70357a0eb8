/// The kinds of listener.
public enum ListenerKind: UInt8, Sendable {
  case stream
  case datagram
  case seqpacket
  case fifo
  case netlink
  case special
}

/// Where a listener is bound.
public enum ListenerAddress: Equatable, Sendable {
  /// A unix(7), FIFO or special file path.
  case path(Text)
  /// An abstract unix(7) name, without the leading `@`.
  case abstract(Text)
  /// A port on every address; IPv6 with IPv4 mapped, unless `ipv6Only`.
  case port(UInt16)
  /// An IPv4 address in network byte order (as a big-endian number) and a port.
  case ipv4(UInt32, UInt16)
  /// An IPv6 address as two big-endian halves, a port, and the scope's interface name.
  case ipv6(UInt64, UInt64, UInt16, scope: Text)
  /// vsock(7): context id and port.
  case vsock(UInt32, UInt32)
  /// netlink(7): family and multicast groups.
  case netlink(UInt8, UInt32)
}

/// Yes-or-no keys of a listener, each at the bit of its key.
public struct ListenerFlags: OptionSet, Sendable {
  /// Bits of keys (`SocketKey.bit`).
  public var rawValue: UInt64
  /// Takes the bits as they are.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let removeOnStop = ListenerFlags(rawValue: 1 << 12)
  public static let ipv6Only = ListenerFlags(rawValue: 1 << 14)
  public static let freeBind = ListenerFlags(rawValue: 1 << 16)
  public static let transparent = ListenerFlags(rawValue: 1 << 17)
  public static let reusePort = ListenerFlags(rawValue: 1 << 18)
  public static let noDelay = ListenerFlags(rawValue: 1 << 19)
  public static let keepAlive = ListenerFlags(rawValue: 1 << 20)
  public static let broadcast = ListenerFlags(rawValue: 1 << 30)
  public static let passCredentials = ListenerFlags(rawValue: 1 << 31)
  public static let passPidfd = ListenerFlags(rawValue: 1 << 32)
  public static let packetInfo = ListenerFlags(rawValue: 1 << 33)
  public static let flush = ListenerFlags(rawValue: 1 << 37)
  public static let writable = ListenerFlags(rawValue: 1 << 38)
  /// Not of an entry: as that of services.
  public static let leaving = ListenerFlags(rawValue: 1 << 63)
}

/// Numbers of options that are no keys of their own, beside those of `SocketKey`.
public enum SocketOption: UInt8, Sendable {
  /// `keepAlive`: `time`, TCP_KEEPIDLE in seconds.
  case keepAliveTime = 40
  /// TCP_KEEPINTVL in seconds.
  case keepAliveInterval
  /// TCP_KEEPCNT.
  case keepAliveProbes
  /// `timestamps`: `ns`, SO_TIMESTAMPNS.
  case nanoseconds
}

/// One pre-bound socket of a service.
public struct Listener: Sendable {
  /// The LISTEN_FDNAMES entry.
  public var name = Text.none
  /// The address as the manifest spells it, for people.
  public var spelling = Text.none
  /// Where it is bound.
  public var address = ListenerAddress.port(0)
  /// The service it belongs to.
  public var service: UInt16 = 0
  /// Which keys the entry gave (`SocketKey.bit`).
  public var present: UInt64 = 0
  /// Owner of the node.
  public var user = Principal.none
  /// Group of the node.
  public var group = Principal.none
  /// listen(2) backlog; the kernel clamps it to net.core.somaxconn.
  public var backlog: Int32 = Int32.max
  /// Mode of the node.
  public var mode: UInt16 = 0o660
  /// Mode of directories made on the way to the node.
  public var directoryMode: UInt16 = 0o755
  /// Entries of `Manifest.values`: options that have a value, in the order of the file. The upper
  /// half is the number of the key (`SocketOption`), the lower one the value, or where its text lies
  /// in the pool.
  public var options = TableRange.none
  /// Yes-or-no keys.
  public var flags = ListenerFlags.freeBind
  /// The kind.
  public var kind = ListenerKind.stream
  /// The same for the same keys with the same values.
  public var digest: UInt32 = 0

  /// A listener with every default.
  public init() {}
}
