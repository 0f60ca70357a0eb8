internal import ApusBase
public import ApusCore
public import ApusManifest

// Nodes of listeners and the links to them, which anybody with the right to may remove.
extension World {
  /// Somebody removes the node of a listener, or puts another in its place, or removes a link to it.
  public func lose(_ listener: ListenerIndex, _ what: LostNode = .node) {
    guard listeners.at(listener)?.isBound == true, listeners[listener].lost == nil else { return }
    listeners[listener].lost = what
    listeners[listener].lostSince = time
    if watchesDirectories { lostNodes.append(listener) }
  }

  /// The kernel tells of what has changed, unless somebody has looked meanwhile.
  func collectNodes(into events: inout EventBuffer) {
    while let listener = lostNodes.first, !events.isFull {
      lostNodes.removeFirst()
      if whatIsLost(listener) != nil { events.append(.nodesChanged(listener: UInt16(listener))) }
    }
  }

  private func whatIsLost(_ listener: ListenerIndex) -> LostNode? {
    guard let facts = listeners.at(listener), facts.isBound, let lost = facts.lost
    else { return nil }
    return facts.isNodeLost && !facts.queue.isEmpty ? .awaited : lost
  }

  func lookAtNodes(from first: ListenerIndex) -> Outcome {
    guard let service = listeners.at(first)?.service else {
      violate(3, "a look at listener \(first), which does not exist")
      return .done
    }
    for index in first..<manifest.services[service].listeners.indices.upperBound {
      listeners[index].isUnseen = false
      if let lost = whatIsLost(index) {
        return .event(.nodeLost(listener: UInt16(index), lost))
      }
    }
    return .event(.nodesSeen(service: UInt16(service)))
  }

  /// Rule 19: before a service that has ended starts or listens again, somebody has looked.
  func requireLook(_ service: ServiceIndex) {
    for index in manifest.services[service].listeners.indices where listeners[index].isBound {
      listeners[index].isUnseen = true
    }
  }

  func checkLook(_ service: ServiceIndex) {
    for index in manifest.services[service].listeners.indices where listeners[index].isUnseen {
      violate(19, "service \(service) starts, and nobody has looked for listener \(index)")
    }
  }

  /// Another program looks at everything, a moment after it has begun.
  func lookAtEverything() {
    for index in listeners.indices { listeners[index].isUnseen = false }
    lostNodes = []
    // Time has to pass between one program and the next.
    if isLookPlanned { return }
    isLookPlanned = true
    after(2_000_000) { world in
      world.isLookPlanned = false
      world.lostNodes = world.listeners.indices.filter { world.listeners[$0].lost != nil }
    }
  }
}

extension ListenerFacts {
  /// Nobody finds it any more.
  public var isNodeLost: Bool { lost.map { $0 != .link } ?? false }
}
