public import ApusBase

extension Manifest {
  /// Marks what another manifest, which is to follow this one, does not have in the same way.
  ///
  /// A service is another one when a key of it or of the defaults it takes has another value, a
  /// listener when one of its own keys has; so a service that has changed may keep a listener. The
  /// nodes of listeners that are not kept go with them.
  @inline(never)
  public mutating func leave(for other: Manifest) {
    isLeaving = true
    for index in services.indices {
      let name = services[index].name
      let place =
        other.index(of: pool.part(Int(name.offset), Int(name.offset + name.count)).span) ?? -1
      if place >= 0, other.services[place].digest == services[index].digest { continue }
      services[index].flags.insert(.leaving)
      let keeps = place >= 0 && other.services[place].accepts == services[index].accepts
      for listener in services[index].listeners.indices
      where !keeps || !other.hasListener(listeners[listener].digest, of: place) {
        listeners[listener].flags.insert(.leaving)
        listeners[listener].flags.insert(.removeOnStop)
      }
    }
  }

  private func hasListener(_ digest: UInt32, of service: ServiceIndex) -> Bool {
    for index in services[service].listeners.indices where listeners[index].digest == digest {
      return true
    }
    return false
  }
}
