internal import ApusBase
internal import ApusJSON

/// Checks that need every service: names, addresses, order.
extension Decoder {
  /// Replaces names by services; an unknown one makes its service invalid.
  @inline(never) mutating func resolveLinks() {
    for index in pending.indices {
      let link = pending[index]
      if let service = find(link) {
        tables.links[index] = UInt16(truncatingIfNeeded: service)
      } else if let service = link.service {
        invalidate(service)
      } else {
        forgetDefault(holding: UInt32(index))
      }
    }
    for link in powerLinks {
      guard let service = find(link) else { continue }
      let action = CtrlAltDelAction.service(UInt16(truncatingIfNeeded: service))
      if link.event == .ctrlAltDel {
        tables.system.ctrlAltDel = action
      } else {
        tables.system.powerFail = action
      }
    }
    dropSelfLinks()
  }

  /// The service a link names; nil after an error when there is none.
  @inline(never) private mutating func find(_ link: PendingLink) -> Int? {
    let owner = owners[link.name]
    let isTemplate =
      tables.services.indices.contains(owner) && tables.services[owner].flags.contains(.template)
    if owner >= 0, !isTemplate { return owner }
    if reports.count(unlessShown: .error) { return nil }
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
  @inline(never) mutating func stand(at link: PendingLink) {
    open(link.site.file)
    subject = link.service
    path = Rows()
    if let event = link.event {
      path.append("system")
      _ = enter(event.name)
      return
    }
    if let service = link.service, tables.services.indices.contains(service) {
      standAtService(strings.bytes(of: tables.services[service].name))
    } else {
      path.append("defaults")
    }
    _ = enter(link.key.name)
    enter(index: link.index)
  }

  @inline(never) private func nearestService(to name: Bytes) -> Bytes? {
    var best: Bytes?
    var bestDistance = EditDistance.most(for: name) + 1
    for service in tables.services.part(0, 256) where !service.flags.contains(.template) {
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
  @inline(never) private mutating func forgetDefault(holding link: UInt32) {
    func holds(_ range: TableRange) -> Bool {
      link >= range.start && link < range.start + range.count
    }
    for index in tables.services.indices {
      for kind in Service.linkKinds where holds(tables.services[index][links: kind]) {
        tables.services[index][links: kind] = .none
      }
    }
    for index in tables.extras.indices where holds(tables.extras[index].onFailure) {
      tables.extras[index].onFailure = .none
    }
  }

  /// A service that its own defaults make depend on itself does not.
  @inline(never) private mutating func dropSelfLinks() {
    for service in tables.services.indices {
      for kind in Service.linkKinds {
        let range = tables.services[service][links: kind]
        guard range.count > 0, pending[Int(range.start)].service == nil else { continue }
        var holdsSelf = false
        for index in range.indices where Int(tables.links[index]) == service { holdsSelf = true }
        guard holdsSelf else { continue }
        let start = tables.links.count
        for index in range.indices where Int(tables.links[index]) != service {
          tables.links.add(tables.links[index])
          pending.add(pending[index])
        }
        tables.services[service][links: kind] = TableRange(from: start, to: tables.links.count)
      }
    }
  }

  /// Makes a service one that is only shown.
  @inline(never) mutating func invalidate(_ index: Int) {
    guard tables.services.indices.contains(index) else { return }
    tables.services[index].flags.insert(.invalid)
    for kind in Service.linkKinds { tables.services[index][links: kind] = .none }
  }

  // MARK: Addresses

  /// Refuses a listener at an address that another one has; sharing a port needs `reusePort`, netlink
  /// groups and special files are for everybody.
  ///
  /// The table of addresses is open addressed: 65,536 listeners must not make this quadratic.
  @inline(never) mutating func refuseSharedAddresses() {
    var size = 64
    while size < 2 * tables.listeners.count { size *= 2 }
    var slots = Rows<UInt32>(repeating: 0, count: size)
    for index in tables.listeners.indices {
      let service = Int(tables.listeners[index].service)
      if !tables.services.indices.contains(service)
        || tables.services[service].flags.contains(.invalid)
      {
        continue
      }
      let key = AddressKey(tables.listeners[index])
      var slot = key.hash & (size - 1)
      while slots[slot] != 0, AddressKey(tables.listeners[Int(slots[slot]) - 1]) != key {
        slot = (slot + 1) & (size - 1)
      }
      if slots[slot] == 0 {
        slots[slot] = UInt32(truncatingIfNeeded: index + 1)
      } else {
        refuse(index, sharing: Int(slots[slot]) - 1)
      }
    }
  }

  @inline(never) private mutating func refuse(_ index: Int, sharing other: Int) {
    let flags = tables.listeners[index].flags.intersection(tables.listeners[other].flags)
    // Each has its own copy of what netlink groups and special files tell.
    let kind = tables.listeners[index].kind
    if flags.contains(.reusePort) || kind == .netlink || kind == .special { return }
    let owner = Int(tables.listeners[index].service)
    let site = listenerSites[index]
    open(site.file)
    subject = owner
    standAtService(strings.bytes(of: tables.services[owner].name))
    path.append(".listen")
    enter(index: index - Int(tables.services[owner].listeners.start))
    _ = enter(SocketKey.names.word(Int(tables.listeners[index].kind.rawValue)))
    var message: Bytes = Rows()
    message.append("the address is taken by ")
    message.append(
      printable: strings.bytes(of: tables.services[Int(tables.listeners[other].service)].name))
    message.append(" at ")
    append(listenerSites[other], to: &message)
    report(.error, site.node, message: message)
    invalidate(owner)
  }
}

/// A listener's kind and address as two numbers; a port alone is the same as `[::]` with it.
private struct AddressKey: Equatable {
  /// The form of the address, the kind, and what is short of it.
  private var head: UInt64 = 0
  private var high: UInt64 = 0
  private var low: UInt64 = 0

  @inline(never) init(_ listener: Listener) {
    let form: UInt64
    switch listener.address {
    case .path(let text): (form, low) = (0, UInt64(text.offset))
    case .abstract(let text): (form, low) = (1, UInt64(text.offset))
    case .port(let port): (form, head) = (2, UInt64(port))
    case .ipv4(let address, let port): (form, low, head) = (3, UInt64(address), UInt64(port))
    case .ipv6(let first, let second, let port, let scope):
      (form, high, low) = (2, first, second)
      head = UInt64(port) | UInt64(scope.offset) << 16
    case .vsock(let cid, let port): (form, low, head) = (4, UInt64(cid), UInt64(port))
    case .netlink(let family, let groups):
      (form, low, head) = (5, UInt64(family), UInt64(groups))
    }
    head |= form << 56 | UInt64(listener.kind.rawValue) << 48
  }

  var hash: Int {
    let mixed = (head ^ high &* 3 ^ low &<< 24 ^ low &>> 40) &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: mixed >> 40)
  }
}
