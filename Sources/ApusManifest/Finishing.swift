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
