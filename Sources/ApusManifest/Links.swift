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
      } else if isOptional(link) {
        tables.links[index] = .max
        noteMissing(link)
      } else if let service = link.service {
        invalidate(service)
      } else {
        // What nobody takes away counts as one that never comes up.
        tables.links[index] = .max
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
    dropMissingLinks()
    dropSelfLinks()
  }

  /// True for a link to a service that need not be there: a catalogue of services is composed.
  private func isOptional(_ link: PendingLink) -> Bool {
    guard link.event == nil, owners[link.name] < 0 else { return false }
    switch link.key {
    case .wants, .after, .partOf: return true
    default: return false
    }
  }

  /// Keeps a name that no service has, and warns of one that looks misspelt.
  private mutating func noteMissing(_ link: PendingLink) {
    let name = strings.text(link.name)
    guard tables.missing.count < ManifestLimits.entries else { return }
    tables.missing.add(
      MissingLink(
        service: UInt16(truncatingIfNeeded: link.service ?? -1), key: link.key,
        name: name))
    if reports.count(unlessShown: .warning) { return }
    guard let near = nearestService(to: strings.bytes(of: name)) else { return }
    stand(at: link)
    report(.warning, link.site.node, "no service ", strings.bytes(of: name), hint: near)
  }

  /// Takes the links away that lead nowhere.
  ///
  /// Services share the links of the defaults: a run that was made anew serves the next one, too.
  @inline(never) private mutating func dropMissingLinks() {
    if tables.missing.isEmpty { return }
    for kind in Service.linkKinds {
      var (before, now) = (TableRange.none, TableRange.none)
      for service in tables.services.indices {
        let range = tables.services[service][links: kind]
        if range != before {
          (before, now) = (range, without(missing: range))
        }
        tables.services[service][links: kind] = now
      }
    }
  }

  private mutating func without(missing range: TableRange) -> TableRange {
    var isWhole = true
    for index in range.indices where tables.links[index] == .max { isWhole = false }
    if isWhole { return range }
    let start = tables.links.count
    for index in range.indices where tables.links[index] != .max {
      tables.links.add(tables.links[index])
      pending.add(pending[index])
    }
    return TableRange(from: start, to: tables.links.count)
  }

  /// The service a link names; nil after an error when there is none.
  @inline(never) private mutating func find(_ link: PendingLink) -> Int? {
    let owner = owners[link.name]
    let isTemplate =
      tables.services.indices.contains(owner) && tables.services[owner].flags.contains(.template)
    if owner >= 0, !isTemplate { return owner }
    if isOptional(link) || reports.count(unlessShown: .error) { return nil }
    stand(at: link)
    let name = strings.bytes(of: strings.text(link.name))
    if isTemplate {
      error(
        link.site.node, "a template has no process of its own: ", name,
        "; name an instance of it, as \"name@instance\"")
    } else if name.ends(with: ".target") {
      error(link.site.node, "apus has no targets, leave it out: ", name)
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

  /// Takes links of `defaults` that cannot be resolved away from every service that has them.
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
}
