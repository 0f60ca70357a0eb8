public import ApusBase

extension Manifest {
  /// What of this manifest another one does not have in the same way; 1 for each such service,
  /// then for each such listener, in their order here.
  ///
  /// A service is another one when a key of it or of the defaults it takes has another value, a
  /// listener when one of its own keys has; so a service that has changed may keep a listener.
  public func changes(to other: Manifest) -> Bytes {
    var result = Bytes(repeating: 1, count: services.count + listeners.count)
    for index in services.indices {
      let service = services[index]
      guard
        let place = other.index(
          of: pool.part(Int(service.name.offset), Int(service.name.offset + service.name.count))
            .span)
      else { continue }
      let twin = other.services[place]
      result[index] = service.digest != twin.digest || service.flags.contains(.invalid) ? 1 : 0
      if service.accepts != twin.accepts { continue }
      for listener in service.listeners.indices {
        for candidate in twin.listeners.indices
        where listeners[listener].digest == other.listeners[candidate].digest {
          result[services.count + listener] = 0
        }
      }
    }
    return result
  }
}
