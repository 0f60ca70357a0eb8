internal import ApusBase

/// Leaves nothing of the load but tables of exactly the size they need.
extension Decoder {
  /// Makes `tables` the finished manifest.
  @inline(never) mutating func finishTables() {
    dropListenersOfInvalid()
    tables.pool = strings.bytes
    Decoder.fit(&tables.pool)
    Decoder.fit(&tables.texts)
    Decoder.fit(&tables.links)
    Decoder.fit(&tables.principals)
    Decoder.fit(&tables.exitStatuses)
    Decoder.fit(&tables.resourceLimits)
    Decoder.fit(&tables.services)
    Decoder.fit(&tables.listeners)
    Decoder.fit(&tables.restarts)
    Decoder.fit(&tables.stops)
    Decoder.fit(&tables.credentials)
    Decoder.fit(&tables.streams)
    Decoder.fit(&tables.directories)
    Decoder.fit(&tables.extras)
    Decoder.fit(&tables.values)
    Decoder.fit(&tables.system.mounts)
  }

  /// Notes that memory which runs out would end the board: the kernel panics when every process is
  /// exempt from being killed for it.
  @inline(never) mutating func warnOfUnkillable() {
    var last = -1
    for index in tables.services.indices
    where tables.services[index].flags.isDisjoint(with: [.invalid, .template]) {
      let extras = Int(tables.services[index].extras)
      guard tables.extras.at(extras)?.oomScoreAdjust == -1000 else { return }
      last = index
    }
    guard let site = serviceSites.at(last) else { return }
    path = []
    path.append("services")
    open(site.file)
    report(
      .warning, site.node,
      "every service has oomScoreAdjust -1000: the kernel panics when memory runs out")
  }

  /// An invalid service binds nothing, so nobody else should have to ask.
  @inline(never) private mutating func dropListenersOfInvalid() {
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

  /// Moves a table to memory of exactly its size.
  @inline(never) private static func fit<Element>(_ table: inout [Element]) {
    let full = table
    unsafe table = [Element](unsafeUninitializedCapacity: full.count) { room, count in
      count = unsafe room.initialize(fromContentsOf: full)
    }
  }
}
