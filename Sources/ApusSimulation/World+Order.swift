internal import ApusBase
internal import ApusCore
internal import ApusManifest

// When a service may be started and stopped.
extension World {
  /// Dependencies with pre-bound sockets are satisfied once those are bound, others once up.
  ///
  /// A connection that was accepted is served, whatever has ended while it waited for its turn.
  func checkOrder(_ service: ServiceIndex, slot: Int) {
    let accepted = held[slot].map { connections[$0].heldAt } ?? .never
    for link in manifest.services[service].needs.indices {
      guard let needed = manifest.links.at(link).map({ Int($0) }),
        manifest.services[needed].flags.isDisjoint(with: [.template, .masked])
      else { continue }
      if manifest.services[needed].listeners.count > 0 {
        for listener in manifest.services[needed].listeners.indices
        where listeners[listener].bindAttempts.isEmpty {
          violate(8, "service \(service) is started before listener \(listener) of \(needed)")
        }
      } else if !services[needed].isUp || services[needed].commands.startedLeft > 0,
        !services[needed].isSkipped,
        heardOfEnd(of: needed) < accepted
      {
        violate(8, "service \(service) is started before \(needed), which it needs")
      }
    }
  }

  /// When the supervisor was told last that a service is up no more; a oneshot that has done its work
  /// is not from the start of its next run on.
  private func heardOfEnd(of service: ServiceIndex) -> Instant {
    let facts = services[service]
    let ended = max(facts.ends.last ?? .zero, facts.endHeardAt, facts.stoppedAt)
    return max(ended, facts.attempts.last ?? .zero)
  }

  func stopSignal(of service: ServiceIndex) -> UInt8 {
    manifest.stop(of: manifest.services[service]).signal
  }

  /// During a shutdown what needs a service is gone before that service gets its first signal.
  ///
  /// Not so for the last KILL, when the time for the shutdown is up: that ends all at once. Nor for
  /// the KILL of a child that did not reach execve(2) in its time, nor for what was being ended before
  /// the order came.
  func checkStopOrder(_ instance: Instance, _ number: UInt8) {
    guard let shutdownOrdered, !instance.hasExited, !instance.wasEnding else { return }
    if number == 9, !instance.hasLanded { return }
    // One that makes room for another manifest was stopped before, and what needs it goes on.
    if manifest.services[instance.service].flags.contains(.leaving) { return }
    let total = manifest.system.shutdownTimeout.microseconds
    if number == 9, time - shutdownOrdered >= Interval(microseconds: total * 5 / 8) { return }
    for (index, service) in manifest.services.enumerated() where index != instance.service {
      for link in service.needs.indices where manifest.links.at(link) == UInt16(instance.service) {
        if let dependent = instances.at(index) ?? nil, !dependent.hasExited, !isUnkillable(index) {
          violate(8, "service \(instance.service) is stopped before \(index), which needs it")
        }
      }
    }
  }
}
