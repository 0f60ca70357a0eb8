internal import ApusBase
internal import ApusJSON

/// An address has one owner.
extension Decoder {
  /// Refuses a listener at an address that another one has, and warns of one whose address overlaps;
  /// sharing a port needs `reusePort`, netlink groups and special files are for everybody.
  @inline(never) mutating func refuseSharedAddresses() {
    var table = AddressTable(room: tables.listeners.count)
    for index in tables.listeners.indices where isOwned(index) {
      if let other = table.insert(index, address(of: index)) { refuse(index, sharing: other) }
    }
    for index in tables.listeners.indices where isOwned(index) {
      let own = address(of: index)
      for wide in own.wider {
        guard let other = table.find(wide), other != index, isOwned(other),
          !wide.isFor6(than: own) || !tables.listeners[other].flags.contains(.ipv6Only)
        else { continue }
        advise(index, overlapping: other)
        break
      }
    }
  }

  /// True for a listener of a service that will be.
  private func isOwned(_ index: Int) -> Bool {
    let service = tables.services.at(Int(tables.listeners[index].service))
    return service.map { !$0.flags.contains(.invalid) } ?? false
  }

  private func address(of index: Int) -> AddressKey {
    let listener = tables.listeners[index]
    var (device, kind) = (UInt32(0), listener.kind.rawValue)
    for option in listener.options.indices {
      guard let value = tables.values.at(option) else { continue }
      if value >> 32 == Int64(SocketKey.device.rawValue) {
        device = UInt32(truncatingIfNeeded: value)
      } else if value >> 32 == Int64(SocketKey.protocol.rawValue), value & 0xff > 1 {
        // SCTP and UDP-Lite have ports of their own; MPTCP has those of TCP.
        kind = 16 + UInt8(truncatingIfNeeded: value)
      }
    }
    return AddressKey(listener, device: device, kind: kind)
  }

  private mutating func advise(_ index: Int, overlapping other: Int) {
    let flags = tables.listeners[index].flags.intersection(tables.listeners[other].flags)
    if flags.contains(.reusePort) { return }
    let (first, second) = (min(index, other), max(index, other))
    stand(atListener: second)
    if reports.count(unlessShown: .warning) { return }
    report(
      .warning, listenerSites[second].node,
      message: taken("the address overlaps with that of ", by: first, ": only one can be bound"))
  }

  /// Stands at the address of a listener.
  private mutating func stand(atListener index: Int) {
    let owner = Int(tables.listeners[index].service)
    open(listenerSites[index].file)
    subject = owner
    standAtService(strings.bytes(of: tables.services[owner].name))
    path.append(".listen")
    enter(index: index - Int(tables.services[owner].listeners.start))
    _ = enter(SocketKey.names.word(Int(tables.listeners[index].kind.rawValue)))
  }

  private mutating func taken(
    _ text: Literal, by other: Int, _ more: Literal = ""
  ) -> Bytes {
    var message: Bytes = Rows()
    message.append(text)
    message.append(
      printable: strings.bytes(of: tables.services[Int(tables.listeners[other].service)].name))
    message.append(" at ")
    append(listenerSites[other], to: &message)
    message.append(more)
    return message
  }

  @inline(never) private mutating func refuse(_ index: Int, sharing other: Int) {
    let flags = tables.listeners[index].flags.intersection(tables.listeners[other].flags)
    // Each has its own copy of what netlink groups and special files tell.
    let kind = tables.listeners[index].kind
    if flags.contains(.reusePort) || kind == .netlink || kind == .special { return }
    stand(atListener: index)
    report(
      .error, listenerSites[index].node, message: taken("the address is taken by ", by: other))
    invalidate(Int(tables.listeners[index].service))
  }
}

/// The first listener of each address, open addressed: 65,536 of them must not make this quadratic.
private struct AddressTable {
  private var slots: Rows<UInt32>
  private var keys: Rows<AddressKey>

  init(room: Int) {
    var size = 64
    while size < 2 * room { size *= 2 }
    slots = Rows<UInt32>(repeating: 0, count: size)
    keys = Rows(repeating: AddressKey(), count: size)
  }

  /// The listener that has the address already; else this one has it from now on.
  mutating func insert(_ index: Int, _ key: AddressKey) -> Int? {
    let slot = place(of: key)
    if slots[slot] != 0 { return Int(slots[slot]) - 1 }
    slots[slot] = UInt32(truncatingIfNeeded: index + 1)
    keys[slot] = key
    return nil
  }

  func find(_ key: AddressKey) -> Int? {
    let slot = place(of: key)
    return slots[slot] == 0 ? nil : Int(slots[slot]) - 1
  }

  private func place(of key: AddressKey) -> Int {
    var slot = key.hash & (slots.count - 1)
    while slots[slot] != 0, keys[slot] != key { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }
}

/// A listener's kind and address as three numbers; a port alone is the same as `[::]` with it, and an
/// IPv4 address mapped into IPv6 the same as itself. Paths are the same for every kind of node.
private struct AddressKey: Equatable {
  /// The form of the address, the kind, and what is short of it.
  private var head: UInt64 = 0
  private var high: UInt64 = 0
  private var low: UInt64 = 0
  /// The interface it is bound to, by the place of its name in the pool.
  private var device: UInt32 = 0

  private static let four: UInt64 = 3
  private static let six: UInt64 = 2

  init() {}

  @inline(never) init(_ listener: Listener, device: UInt32, kind: UInt8) {
    self.device = device
    var kind = kind
    let form: UInt64
    switch listener.address {
    case .path(let text):
      (form, low) = (0, UInt64(text.offset))
      if listener.kind != .special { kind = 0 }
    case .abstract(let text): (form, low) = (1, UInt64(text.offset))
    case .port(let port): (form, head) = (AddressKey.six, UInt64(port))
    case .ipv4(let address, let port):
      (form, low, head) = (AddressKey.four, UInt64(address), UInt64(port))
    case .ipv6(0, let second, let port, _) where second >> 32 == 0xffff:
      (form, low, head) = (AddressKey.four, second & 0xffff_ffff, UInt64(port))
    case .ipv6(let first, let second, let port, let scope):
      (form, high, low) = (AddressKey.six, first, second)
      head = UInt64(port) | UInt64(scope.offset) << 16
    case .vsock(let cid, let port): (form, low, head) = (4, UInt64(cid), UInt64(port))
    case .netlink(let family, let groups):
      (form, low, head) = (5, UInt64(family), UInt64(groups))
    }
    head |= form << 56 | UInt64(kind) << 48
  }

  private var form: UInt64 { head >> 56 }

  /// The addresses that take in this one, bound to the same interface or to all.
  var wider: Rows<AddressKey> {
    var keys: Rows<AddressKey> = Rows()
    guard form == AddressKey.four || form == AddressKey.six else { return keys }
    for form in [AddressKey.four, AddressKey.six] where form == AddressKey.six || form == self.form
    {
      var key = self
      (key.high, key.low) = (0, 0)
      key.head = head & 0x00ff_0000_0000_ffff | form << 56
      if key != self { keys.append(key) }
      key.device = 0
      if device != 0 { keys.append(key) }
    }
    return keys
  }

  /// True for an address of IPv6 beside one of IPv4: bound to IPv6 only, it does not take in the other.
  func isFor6(than other: AddressKey) -> Bool { form != other.form }

  var hash: Int {
    var mixed = head ^ high &* 3 ^ low &<< 24 ^ low &>> 40 ^ UInt64(device) &<< 8
    mixed = mixed &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: mixed >> 40)
  }
}
