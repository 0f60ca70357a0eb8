internal import ApusBase

/// Leaves nothing of the load but tables of exactly the size they need.
extension Decoder {
  /// The finished manifest.
  mutating func finishTables() -> Manifest {
    var result = Manifest()
    dropListenersOfInvalid()
    result.pool = exact(strings.bytes)
    result.texts = exact(tables.texts)
    result.links = exact(tables.links)
    result.principals = exact(tables.principals)
    result.exitStatuses = exact(tables.exitStatuses)
    result.resourceLimits = exact(tables.resourceLimits)
    result.services = exact(tables.services)
    result.listeners = exact(tables.listeners)
    result.restarts = exact(tables.restarts)
    result.stops = exact(tables.stops)
    result.credentials = exact(tables.credentials)
    result.streams = exact(tables.streams)
    result.directories = exact(tables.directories)
    result.extras = exact(tables.extras)
    result.socketOptions = exact(tables.socketOptions)
    result.system = tables.system
    result.system.mounts = exact(tables.system.mounts)
    return result
  }

  /// An invalid service binds nothing, so nobody else should have to ask.
  private mutating func dropListenersOfInvalid() {
    var kept: [Listener] = []
    for index in tables.services.indices {
      let range = tables.services[index].listeners
      if tables.services[index].flags.contains(.invalid) {
        tables.services[index].listeners = .none
        continue
      }
      tables.services[index].listeners.start = UInt32(kept.count)
      for listener in range.indices { kept.append(tables.listeners[listener]) }
    }
    tables.listeners = kept
  }

  private func exact<Element>(_ table: [Element]) -> [Element] {
    var result: [Element] = []
    result.reserveCapacity(table.count)
    for element in table { result.append(element) }
    return result
  }
}
