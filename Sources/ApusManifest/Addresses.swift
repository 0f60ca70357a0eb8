internal import ApusBase
internal import ApusJSON

/// The address of a listener.
extension Decoder {
  /// Reads an address for a kind of listener.
  @inline(never) mutating func address(
    _ text: Bytes, _ kind: ListenerKind, _ node: JSONNode
  ) -> ListenerAddress? {
    switch kind {
    case .special:
      return isPath(text, node) ? .path(strings.keep(text)) : nil
    case .fifo: return nodePath(text, node)
    case .netlink:
      if let address = Decoder.netlink(text) { return address }
      error(node, "expected a netlink family and groups like \"kobject-uevent 1\", found ", text)
      return nil
    case .stream, .datagram, .seqpacket: break
    }
    if text.first == UInt8(ascii: "/") {
      guard text.count <= ManifestLimits.socketPath else {
        error(node, "the socket path is longer than 107 bytes")
        return nil
      }
      return nodePath(text, node)
    }
    if text.first == UInt8(ascii: "@"), text.count > 1 {
      guard text.count - 1 <= ManifestLimits.socketPath else {
        error(node, "the abstract socket name is longer than 107 bytes")
        return nil
      }
      return .abstract(strings.keep(text.part(1)))
    }
    if let address = Decoder.vsock(text) { return address }
    if kind != .seqpacket, let address = internet(text) { return address }
    error(
      node,
      kind == .seqpacket
        ? "expected /path, @abstract or vsock:cid:port, found "
        : "expected /path, @abstract, port, a.b.c.d:port, [v6]:port or vsock:cid:port, found ",
      text)
    return nil
  }

  /// The path of a node that is to be made, in its shortest spelling, so that two spellings are one
  /// address; it must end in a name.
  private mutating func nodePath(_ text: Bytes, _ node: JSONNode) -> ListenerAddress? {
    guard isPath(text, node) else { return nil }
    var path: Bytes = Rows()
    var start = 1
    var isNamed = false
    while start <= text.count {
      let end = text.place(of: UInt8(ascii: "/"), from: start)
      isNamed = end > start && !(end == start + 1 && text[start] == UInt8(ascii: "."))
      if isNamed {
        path.append("/")
        path.append(contentsOf: text.part(start, end))
      }
      start = end + 1
    }
    guard isNamed else {
      error(node, "the path names a folder, not what is to be made in it: ", text)
      return nil
    }
    if path.count < text.count { warn(node, "taken as the path ", path) }
    return .path(strings.keep(path))
  }

  /// `port`, `a.b.c.d:port`, `[v6]:port` or `[v6%device]:port`.
  @inline(never) mutating func internet(_ text: Bytes) -> ListenerAddress? {
    var colon = text.count - 1
    while colon >= 0, text[colon] != UInt8(ascii: ":") { colon -= 1 }
    guard let port = Decoder.port(text.part(colon + 1)) else { return nil }
    if colon < 0 { return .port(port) }
    guard text[0] == UInt8(ascii: "[") else {
      return InternetAddress.ipv4(text.part(0, colon)).map { .ipv4($0, port) }
    }
    guard colon > 2, text[colon - 1] == UInt8(ascii: "]") else { return nil }
    var host = text.part(1, colon - 1)
    let percent = host.place(of: UInt8(ascii: "%"))
    let scope = host.part(percent + 1)
    if percent < host.count {
      guard Scalar.isInterfaceName(scope) else { return nil }
      host.shorten(to: percent)
    }
    guard let (high, low) = InternetAddress.ipv6(host) else { return nil }
    return .ipv6(high, low, port, scope: strings.keep(scope))
  }

  @inline(never) private static func port(_ text: Bytes) -> UInt16? {
    guard let port = Scalar.number(text, most: 65535), port > 0 else { return nil }
    return UInt16(port)
  }

  /// `vsock:cid:port`; an empty cid is any.
  @inline(never) private static func vsock(_ text: Bytes) -> ListenerAddress? {
    let colon = text.place(of: UInt8(ascii: ":"), from: 6)
    guard WordList("vsock:").number(of: text.part(0, 6)) != nil,
      let port = Scalar.number(text.part(colon + 1), most: 0xffff_fffe),
      let cid = colon == 6
        ? 0xffff_ffff : Scalar.number(text.part(6, colon), most: 0xffff_ffff)
    else { return nil }
    return .vsock(UInt32(cid), UInt32(port))
  }

  /// A netlink(7) family, a space, and multicast groups as a bit mask; no groups is 0.
  @inline(never) private static func netlink(_ text: Bytes) -> ListenerAddress? {
    let families = WordList(
      """
      route usersock firewall sock-diag nflog xfrm selinux iscsi audit fib-lookup connector \
      netfilter ip6-fw dnrtmsg kobject-uevent generic scsitransport ecryptfs rdma crypto
      """)
    let space = text.place(of: 0x20)
    let name = text.part(0, space)
    let named = families.number(of: name).map {
      // The numbers skip 1 (unused) and 17.
      UInt64($0 == 0 ? 0 : $0 < 16 ? $0 + 1 : $0 + 2)
    }
    guard let family = named ?? Scalar.number(name, most: 31),
      let groups = space == text.count
        ? 0 : Scalar.number(text.part(space + 1), most: 0xffff_ffff)
    else { return nil }
    return .netlink(UInt8(family), UInt32(groups))
  }
}

/// Numeric internet addresses; names are never looked up.
enum InternetAddress {
  /// Four decimal numbers without leading zeros, as a big-endian number.
  @inline(never) static func ipv4(_ text: Bytes) -> UInt32? {
    var address: UInt32 = 0
    var position = 0
    for part in 0..<4 {
      if part > 0 {
        guard position < text.count, text[position] == UInt8(ascii: ".") else { return nil }
        position += 1
      }
      guard let value = Scalar.number(text, &position), value <= 255 else { return nil }
      address = address << 8 | UInt32(value)
    }
    return position == text.count ? address : nil
  }

  /// The text form of RFC 4291 section 2.2, as two big-endian halves.
  @inline(never) static func ipv6(_ text: Bytes) -> (UInt64, UInt64)? {
    var halves: (UInt64, UInt64) = (0, 0)
    var count = 0
    var gap: Int?
    var position = 0
    if text.count >= 2, text[0] == UInt8(ascii: ":"), text[1] == UInt8(ascii: ":") {
      gap = 0
      position = 2
    }
    while position < text.count {
      if count >= 8 { return nil }
      let end = text.place(of: UInt8(ascii: ":"), from: position)
      let part = text.part(position, end)
      if end == text.count, let last = ipv4(part) {
        shift(&halves, UInt64(last >> 16))
        shift(&halves, UInt64(last & 0xffff))
        count += 2
        break
      }
      guard let group = group(part) else { return nil }
      shift(&halves, UInt64(group))
      count += 1
      if end == text.count { break }
      position = end + 1
      if position == text.count { return nil }
      if text[position] == UInt8(ascii: ":") {
        if gap != nil { return nil }
        gap = count
        position += 1
      }
    }
    if count > 8 || (gap == nil) != (count == 8) { return nil }
    guard let gap else { return halves }
    // The groups behind the gap stand where they belong, those before it move to the front.
    var result: (UInt64, UInt64) = (0, 0)
    for index in 0..<8 {
      let isZero = index >= gap && index < gap + 8 - count
      let place = index < gap ? index + 8 - count : index
      let half = place < 4 ? halves.0 : halves.1
      shift(&result, isZero ? 0 : half >> UInt64(48 - 16 * (place & 3)) & 0xffff)
    }
    return result
  }

  /// Puts a group behind those in both halves.
  @inline(never) private static func shift(_ halves: inout (UInt64, UInt64), _ group: UInt64) {
    halves.0 = halves.0 << 16 | halves.1 >> 48
    halves.1 = halves.1 << 16 | group
  }

  @inline(never) private static func group(_ text: Bytes) -> UInt16? {
    guard !text.isEmpty, text.count <= 4 else { return nil }
    var value: UInt16 = 0
    for byte in text {
      let letter = byte | 0x20
      if let digit = Scalar.digit(byte) {
        value = value << 4 | UInt16(digit)
      } else if letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "f") {
        value = value << 4 | UInt16(letter - UInt8(ascii: "a") + 10)
      } else {
        return nil
      }
    }
    return value
  }
}

extension Scalar {
  /// A network interface name: 1 to 15 bytes without `/`, blanks and controls (netdevice(7)).
  @inline(never) static func isInterfaceName(_ text: Bytes) -> Bool {
    !text.isEmpty && text.count <= 15 && !isDots(text)
      && text.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
  }
}
