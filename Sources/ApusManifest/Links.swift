internal import ApusBase
internal import ApusJSON

/// Checks that need every service: names, addresses, order.
extension Decoder {
  /// Replaces names by services; an unknown one makes its service invalid.
  mutating func resolveLinks() {
    for index in pending.indices {
      let link = pending[index]
      if let service = find(link) {
        tables.links[index] = UInt16(service)
      } else if let service = link.service {
        invalidate(service)
      } else {
        forgetDefault(holding: UInt32(index))
      }
    }
    for link in powerLinks {
      guard let service = find(link) else { continue }
      if link.event == .ctrlAltDel {
        tables.system.ctrlAltDel = .service(UInt16(service))
      } else {
        tables.system.powerFail = .service(UInt16(service))
      }
    }
    dropSelfLinks()
  }

  /// The service a link names; nil after an error when there is none.
  private mutating func find(_ link: PendingLink) -> Int? {
    let owner = link.name < owners.count ? Int(owners[link.name]) : -1
    let isTemplate = tables.services.at(owner)?.flags.contains(.template) ?? false
    if owner >= 0, !isTemplate { return owner }
    stand(at: link)
    let name = strings.bytes(of: strings.text(link.name))
    if isTemplate {
      error(link.site.node, "a template has no process of its own: ", name)
    } else {
      error(link.site.node, "unknown service ", name, hint: nearestService(to: name))
    }
    return nil
  }

  /// The path and subject of a link, for a diagnostic.
  mutating func stand(at link: PendingLink) {
    open(link.site.file)
    subject = link.service
    path = []
    if let event = link.event {
      path.append("system.")
      path.append(contentsOf: SystemKey.names.word(Int(event.rawValue)))
      return
    }
    if let service = link.service.flatMap({ tables.services.at($0) }) {
      path.append("services.")
      path.append(printable: strings.bytes(of: service.name))
    } else {
      path.append("defaults")
    }
    path.append(UInt8(ascii: "."))
    path.append(contentsOf: link.key.name)
    path.append(UInt8(ascii: "["))
    path.append(decimal: UInt64(link.index))
    path.append(UInt8(ascii: "]"))
  }

  private func nearestService(to name: [UInt8]) -> [UInt8]? {
    var best: [UInt8]?
    var bestDistance = EditDistance.most(for: name) + 1
    for service in tables.services.prefix(256) where !service.flags.contains(.template) {
      guard abs(Int(service.name.count) - name.count) < bestDistance else { continue }
      let candidate = strings.bytes(of: service.name)
      let distance = EditDistance.between(name, candidate)
      if distance < bestDistance {
        best = candidate
        bestDistance = distance
      }
    }
    return best
  }

  /// Takes links of `defaults` that can not be resolved away from every service that has them.
  private mutating func forgetDefault(holding link: UInt32) {
    func holds(_ range: TableRange) -> Bool {
      link >= range.start && link < range.start + range.count
    }
    for index in tables.services.indices {
      if holds(tables.services[index].needs) { tables.services[index].needs = .none }
      if holds(tables.services[index].wants) { tables.services[index].wants = .none }
      if holds(tables.services[index].after) { tables.services[index].after = .none }
    }
    for index in tables.extras.indices where holds(tables.extras[index].onFailure) {
      tables.extras[index].onFailure = .none
    }
  }

  /// A service that its own defaults make depend on itself does not.
  private mutating func dropSelfLinks() {
    for index in tables.services.indices {
      let service = tables.services[index]
      tables.services[index].needs = without(index, service.needs)
      tables.services[index].wants = without(index, service.wants)
      tables.services[index].after = without(index, service.after)
    }
  }

  private mutating func without(_ service: Int, _ range: TableRange) -> TableRange {
    guard range.count > 0, pending[Int(range.start)].service == nil,
      tables.links[range.indices].contains(UInt16(service))
    else { return range }
    let start = tables.links.count
    for index in range.indices where tables.links[index] != UInt16(service) {
      tables.links.append(tables.links[index])
      pending.append(pending[index])
    }
    return TableRange(start: UInt32(start), count: UInt32(tables.links.count - start))
  }

  /// Makes a service one that is only shown.
  mutating func invalidate(_ index: Int) {
    guard tables.services.indices.contains(index) else { return }
    tables.services[index].flags.insert(.invalid)
    tables.services[index].needs = .none
    tables.services[index].wants = .none
    tables.services[index].after = .none
  }

  // MARK: Addresses

  /// Refuses a listener at an address that another one has; sharing a port needs `reusePort`.
  ///
  /// The table of addresses is open addressed: 65,536 listeners must not make this quadratic.
  mutating func refuseSharedAddresses() {
    var size = 64
    while size < 2 * tables.listeners.count { size *= 2 }
    var slots = [UInt32](repeating: 0, count: size)
    for index in tables.listeners.indices {
      let listener = tables.listeners[index]
      if tables.services.at(Int(listener.service))?.flags.contains(.invalid) ?? true { continue }
      var slot = Decoder.hash(listener) & (size - 1)
      var other: Int?
      while slots[slot] != 0, other == nil {
        let candidate = Int(slots[slot]) - 1
        if Decoder.isSameAddress(tables.listeners[candidate], listener) { other = candidate }
        slot = (slot + 1) & (size - 1)
      }
      if let other {
        refuse(index, sharing: other)
      } else {
        slots[slot] = UInt32(index + 1)
      }
    }
  }

  private mutating func refuse(_ index: Int, sharing other: Int) {
    let listener = tables.listeners[index]
    if listener.flags.contains(.reusePort), tables.listeners[other].flags.contains(.reusePort) {
      return
    }
    let owner = Int(listener.service)
    let site = listenerSites[index]
    open(site.file)
    subject = owner
    path = []
    path.append("services.")
    path.append(printable: strings.bytes(of: tables.services[owner].name))
    path.append(".listen[")
    path.append(decimal: UInt64(index) - UInt64(tables.services[owner].listeners.start))
    path.append("].")
    path.append(contentsOf: SocketKey.names.word(Int(listener.kind.rawValue)))
    var message: [UInt8] = []
    message.append("the address is taken by ")
    message.append(
      printable: strings.bytes(
        of: tables.services.at(Int(tables.listeners[other].service))?.name ?? .none))
    message.append(" at ")
    append(listenerSites[other], to: &message)
    report(.error, site.node, message: message)
    invalidate(owner)
  }

  /// Equal kinds and addresses; a port alone is the same as `[::]` with it.
  private static func isSameAddress(_ left: Listener, _ right: Listener) -> Bool {
    left.kind == right.kind && plain(left.address) == plain(right.address)
  }

  private static func plain(_ address: ListenerAddress) -> ListenerAddress {
    if case .port(let port) = address { return .ipv6(0, 0, port, scope: .none) }
    return address
  }

  private static func hash(_ listener: Listener) -> Int {
    var hash: UInt64 = UInt64(listener.kind.rawValue)
    switch plain(listener.address) {
    case .path(let text): hash ^= UInt64(text.offset) << 8
    case .abstract(let text): hash ^= UInt64(text.offset) << 8 ^ 1 << 40
    case .port(let port): hash ^= UInt64(port) << 8
    case .ipv4(let address, let port): hash ^= UInt64(address) << 24 ^ UInt64(port) << 8
    case .ipv6(let high, let low, let port, let scope):
      hash ^= high ^ low << 24 ^ UInt64(port) << 8 ^ UInt64(scope.offset) << 32
    case .vsock(let cid, let port): hash ^= UInt64(cid) << 32 ^ UInt64(port) << 8
    case .netlink(let family, let groups): hash ^= UInt64(family) << 40 ^ UInt64(groups) << 8
    }
    hash = hash &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: hash >> 40)
  }
}
