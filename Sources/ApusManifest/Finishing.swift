internal import ApusBase
internal import ApusJSON

extension Decoder {
  /// Refuses that nothing may be killed for memory: the kernel panics when it finds no victim.
  ///
  /// What is refused is the score, not a service. Without one of them the others would still be
  /// exempt, and the board would have lost a service besides; so all of them run, with the lowest
  /// score that leaves the kernel a choice, and each as safe from the others as it was to be. The
  /// mistake is told of the last one, for which there was nobody left.
  @inline(never) mutating func refuseUnkillable() {
    var last = -1
    for index in tables.services.indices
    where tables.services[index].flags.isDisjoint(with: [.invalid, .template]) {
      let extras = Int(tables.services[index].extras)
      guard tables.extras.at(extras)?.oomScoreAdjust == -1000 else { return }
      last = index
    }
    guard let site = serviceSites.at(last) else { return }
    for index in tables.extras.indices where tables.extras[index].oomScoreAdjust == -1000 {
      tables.extras[index].oomScoreAdjust = -999
    }
    subject = nil
    open(site.file)
    standAtService(strings.bytes(of: tables.services[last].name))
    path.append(".oomScoreAdjust")
    error(
      document.next(site.node).flatMap { member($0, "oomScoreAdjust") } ?? site.node,
      "-1000 for every service: the kernel would panic when memory runs out; taken as -999")
  }

  /// An invalid service binds nothing, so nobody else should have to ask.
  @inline(never) mutating func dropListenersOfInvalid() {
    var kept = 0
    for index in tables.services.indices {
      let range = tables.services[index].listeners
      if tables.services[index].flags.contains(.invalid) {
        tables.services[index].listeners = .none
        continue
      }
      tables.services[index].listeners.start = UInt32(kept)
      for listener in range.indices {
        tables.listeners[kept] = tables.listeners[listener]
        kept += 1
      }
    }
    tables.listeners.shorten(to: kept)
  }
}

extension LoadedManifest {
  /// The same in memory of its own, each table of exactly the size it needs, so that everything
  /// that the load has made on its way can be given back.
  @inline(never) public consuming func owned() -> LoadedManifest {
    var diagnostics: Rows<Diagnostic> = Rows()
    diagnostics.reserveCapacity(self.diagnostics.count)
    for var diagnostic in self.diagnostics {
      fit(&diagnostic.file)
      fit(&diagnostic.path)
      fit(&diagnostic.message)
      diagnostics.append(diagnostic)
    }
    self.diagnostics = diagnostics
    fit(&manifest.path)
    fit(&manifest.pool)
    fit(&manifest.texts)
    fit(&manifest.links)
    fit(&manifest.principals)
    fit(&manifest.exitStatuses)
    fit(&manifest.resourceLimits)
    fit(&manifest.services)
    fit(&manifest.listeners)
    fit(&manifest.restarts)
    fit(&manifest.stops)
    fit(&manifest.credentials)
    fit(&manifest.streams)
    fit(&manifest.directories)
    fit(&manifest.extras)
    fit(&manifest.commands)
    fit(&manifest.values)
    fit(&manifest.missing)
    fit(&manifest.system.mounts)
    fit(&manifest.system.creations)
    return self
  }
}

/// Moves a table to memory of exactly its size.
@inline(never) private func fit<Element>(_ table: inout Rows<Element>) {
  table = Rows(own: table)
}
