internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

// What must be true once a world has behaved well for a while: everything has come back by itself.
extension Checker {
  /// Every listener is bound, and whoever waits at one that may be served is being served.
  ///
  /// A queue need not be empty: one that is taken from ever so slowly, as `trigger` says, gets
  /// shorter.
  func recovery(_ world: World, _ supervisor: borrowing Supervisor) -> Violation? {
    for (index, listener) in world.listeners.enumerated() {
      let state = supervisor.state(of: listener.service)
      switch state {
      case .listening, .ready, .starting, .backoff:
        if isStuck(listener, world) {
          return Violation(6, "clients still wait on listener \(index), its service \(state)")
        }
      case .waiting, .stopping, .stopped, .failed, .invalid, .skipped: break
      }
      let isInert = !world.manifest.services[listener.service].flags.isDisjoint(with: [
        .invalid, .template, .masked,
      ])
      let isHeld =
        world.services[listener.service].alive > 0
        && !world.manifest.services[listener.service].accepts
      if listener.isNodeLost, world.watchesDirectories, !isHeld, listener.queue.isEmpty {
        return Violation(19, "nobody finds listener \(index) any more")
      }
      if !listener.isBound, !isInert {
        return Violation(6, "listener \(index) is still not bound")
      }
    }
    return nil
  }

  private func isStuck(_ listener: ListenerFacts, _ world: World) -> Bool {
    guard let oldest = listener.queue.first else { return false }
    // Connections whose processes never end fill the service; a daemon that has stopped accepting
    // keeps its queue.
    if world.isFull(listener.service) { return false }
    if !world.manifest.services[listener.service].accepts,
      world.isAcceptingAll(listener.service) == false
    {
      return false
    }
    let since = max(listener.takenAt, world.connections[oldest].made)
    return world.time - since > Self.longestPause
  }
}

extension Simulation {
  /// Looks whether everything has come back by itself, after a long calm.
  public func checkRecovery() throws(Violation) {
    if let violation = checker.recovery(world, supervisor) { throw failure(violation) }
  }
}
