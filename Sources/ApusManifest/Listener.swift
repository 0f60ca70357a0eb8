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

/// Yes-or-no keys of a listener.
public struct ListenerFlags: OptionSet, Sendable {
  /// One bit a flag.
  public var rawValue: UInt16
  /// Takes the bits as they are.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let freeBind = ListenerFlags(rawValue: 1)
  public static let ipv6Only = ListenerFlags(rawValue: 2)
  public static let removeOnStop = ListenerFlags(rawValue: 4)
  public static let transparent = ListenerFlags(rawValue: 8)
  public static let reusePort = ListenerFlags(rawValue: 16)
  public static let noDelay = ListenerFlags(rawValue: 32)
  public static let keepAlive = ListenerFlags(rawValue: 64)
  public static let broadcast = ListenerFlags(rawValue: 128)
  public static let passCredentials = ListenerFlags(rawValue: 256)
  public static let passPidfd = ListenerFlags(rawValue: 512)
  public static let packetInfo = ListenerFlags(rawValue: 1024)
  public static let flush = ListenerFlags(rawValue: 2048)
  public static let ipv6OnlyGiven = ListenerFlags(rawValue: 4096)
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
  /// Index into `Manifest.socketOptions`: keys few listeners use.
  public var options: UInt16 = 0
  /// Yes-or-no keys.
  public var flags = ListenerFlags.freeBind
  /// The kind.
  public var kind = ListenerKind.stream

  /// A listener with every default.
  public init() {}
}
