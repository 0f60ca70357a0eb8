internal import ApusBase
public import ApusCore
public import ApusManifest
internal import ApusWire

extension World {
  /// A client connects, `count` times.
  public func connect(
    _ listener: ListenerIndex, count: Int = 1, source: ConnectionSource? = nil
  ) {
    trace.write(at: clock) { line in
      line.text("connect")
      line.pair("l", listener)
      line.pair("count", count)
    }
    guard listeners.indices.contains(listener) else { return }
    let isUp = listeners[listener].isBound && !listeners[listener].isNodeLost
    for _ in 0..<count {
      let peer = source ?? ConnectionSource(family: 1, key: UInt64(random.below(4)))
      connections.append(
        ConnectionFacts(
          listener: listener, source: peer, made: time, fate: isUp ? .queued : .refused))
      if isUp { knock(connections.count - 1) }
    }
  }

  /// A client's first packet, or the same sent again: it waits in the queue, unless it is held off.
  private func knock(_ connection: Int) {
    let listener = connections[connection].listener
    guard listener >= 0, listeners[listener].isBound else {
      connections[connection].fate = .refused
      return
    }
    if listeners[listener].isHeldOff {
      connections[connection].fate = .heldOff
      return after(1_000_000) { $0.knock(connection) }
    }
    connections[connection].fate = .queued
    listeners[listener].queue.append(connection)
    let service = listeners[listener].service
    guard let instance = instances.at(service) ?? nil, instance.isMain else { return }
    acceptSoon(instance.process, instance.serial)
  }

  /// Hangs a listener up, as when its network interface goes: EPOLLHUP without EPOLLIN.
  public func hangUp(_ listener: ListenerIndex) {
    orders += 1
    if listeners.indices.contains(listener) { listeners[listener].isBroken = true }
  }

  /// An interface or address comes up: what failed for want of it can be bound from now on.
  public func bringNetworkUp() {
    faults.removeAll { fault in
      if case .bind = fault.place { fault.errno.isOfNetwork } else { false }
    }
    control.append(.networkChanged)
  }

  /// The file system of a path that a bind had to wait for answers.
  public func answerPaths() {
    faults.removeAll { fault in
      if case .bind = fault.place { fault.errno == .timedOut } else { false }
    }
    control.append(.networkChanged)
  }

  /// Fates of the connections made so far, by count.
  public func count(_ fate: ConnectionFacts.Fate) -> Int {
    connections.reduce(0) { $0 + ($1.fate == fate ? 1 : 0) }
  }

  func bind(_ id: UInt16) -> Outcome {
    let index = Int(id)
    guard listeners.indices.contains(index) else {
      violate(3, "bind of listener \(id), which does not exist")
      return .done
    }
    if listeners[index].isBound {
      if listeners[index].lost != .link { violate(3, "listener \(id) is bound twice") }
      listeners[index].lost = nil
      return .event(.bound(listener: id))
    }
    listeners[index].bindAttempts.append(time)
    var step = BindStep.bind
    let fault = strikes { place in
      guard case .bind(let which, let at) = place, which ?? id == id else { return false }
      step = at
      return true
    }
    if let fault { return .event(.bindFailed(listener: id, step: step, errno: fault.errno)) }
    listeners[index].isBound = true
    listeners[index].isBroken = false
    listeners[index].lost = nil
    return .event(.bound(listener: id))
  }

  func watch(_ id: UInt16) -> Outcome {
    let index = Int(id)
    guard listeners.indices.contains(index), listeners[index].isBound else {
      violate(2, "watch of listener \(id), which is not bound")
      return .event(.watchFailed(listener: id, errno: .badDescriptor))
    }
    if listeners[index].isWatched {
      violate(2, "listener \(id) is watched twice")
      return .event(.watchFailed(listener: id, errno: .exists))
    }
    let fault = strikes { place in
      if case .watch(let which) = place { which ?? id == id } else { false }
    }
    if let fault {
      listeners[index].watchFailedAt = time
      return .event(.watchFailed(listener: id, errno: fault.errno))
    }
    listeners[index].isWatched = true
    listeners[index].isHeldOff = false
    listeners[index].watches.append(time)
    listeners[index].ignoredReports = 0
    return .done
  }

  func unwatch(_ id: UInt16) -> Outcome {
    let index = Int(id)
    guard listeners.indices.contains(index), listeners[index].isWatched else {
      // Its watch may have failed just now, which the supervisor cannot know yet.
      if listeners.at(index)?.watchFailedAt == time { return .done }
      violate(2, "unwatch of listener \(id), which is not watched")
      return .done
    }
    stopWatching(index)
    recentlyUnwatched.append(id)
    return .done
  }

  private func stopWatching(_ index: Int) {
    listeners[index].isWatched = false
    listeners[index].unwatchedSince = time
    listeners[index].ignoredReports = 0
  }

  func unbind(_ id: UInt16) -> Outcome {
    let index = Int(id)
    guard listeners.indices.contains(index), listeners[index].isBound else {
      violate(3, "unbind of listener \(id), which is not bound")
      return .done
    }
    orders += 1
    if listeners[index].isWatched { stopWatching(index) }
    listeners[index].isBound = false
    listeners[index].isBroken = false
    listeners[index].isUnseen = false
    listeners[index].isHeldOff = false
    for connection in listeners[index].queue { connections[connection].fate = .reset }
    listeners[index].queue.removeAll()
    return .done
  }

  func dropFirst(_ service: Int) -> Outcome {
    if instances.at(service) ?? nil != nil {
      violate(3, "what waits for service \(service) is dropped while it runs")
    }
    for index in manifest.services[service].listeners.indices {
      guard let connection = listeners[index].queue.first else { continue }
      connections[connection].fate = .dropped
      listeners[index].queue.removeFirst()
      break
    }
    return .done
  }

  func settle(_ service: Int) -> Outcome {
    var outcome = Outcome.done
    letIn(service)
    for index in manifest.services[service].listeners.indices where listeners[index].isBound {
      if manifest.listeners[index].flags.contains(.flush) {
        if !listeners[index].queue.isEmpty { listeners[index].takenAt = time }
        for connection in listeners[index].queue { connections[connection].fate = .dropped }
        listeners[index].queue.removeAll()
      }
      if listeners[index].isBroken {
        outcome = .event(.shutDownListener(listener: UInt16(index)))
      }
    }
    return outcome
  }

  /// How many connections of a service have a place: those with a process, and those that wait for
  /// one because too many children of others are before execve(2).
  func placesTaken(_ service: ServiceIndex) -> Int {
    var places = services[service].alive
    for (slot, connection) in held.enumerated() where instances[slot] == nil {
      guard let connection, let listener = listeners.at(connections[connection].listener)
      else { continue }
      if listener.service == service { places += 1 }
    }
    return places
  }

  /// True for a service that accepts and has no place for one more connection.
  func isFull(_ service: ServiceIndex) -> Bool {
    manifest.services[service].accepts
      && placesTaken(service) >= Int(manifest.services[service].maxConnections)
  }

  /// What waits, and whether what was first is gone.
  func inspect(_ id: UInt16, _ since: QueueMark?) -> Outcome {
    guard let listener = listeners.at(Int(id)), listener.isBound else {
      violate(2, "inspect of listener \(id), which is not bound")
      return .done
    }
    let first = listener.queue.first.map { UInt64($0) + 1 } ?? 0
    let isFirstGone = since.map { $0.first != 0 && $0.first != first } ?? false
    return .event(
      .inspected(
        listener: id, QueueMark(count: UInt32(listener.queue.count), first: first),
        isFirstGone: isFirstGone))
  }

  func heldConnection(_ id: InstanceID) -> Int? { held.at(Int(id.slot)) ?? nil }

  private func take(from listener: ListenerIndex) -> Int {
    listeners[listener].takenAt = time
    return listeners[listener].queue.removeFirst()
  }

  func accept(_ listener: UInt16, _ id: InstanceID) -> Outcome {
    let index = Int(listener)
    let slot = Int(id.slot)
    guard listeners.indices.contains(index), listeners[index].isBound else {
      violate(3, "accept on listener \(listener), which is not bound")
      return .event(.acceptFailed(id, listener: listener, errno: .badDescriptor))
    }
    while held.count <= slot {
      instances.append(nil)
      generations.append(nil)
      held.append(nil)
    }
    if held[slot] != nil { violate(3, "slot \(slot) is given a second connection") }
    listeners[index].ignoredReports = 0
    let fault = strikes { place in
      if case .accept(let which) = place { which ?? listener == listener } else { false }
    }
    if let fault {
      if fault.errno == .connectionAborted, !listeners[index].queue.isEmpty {
        connections[take(from: index)].fate = .reset
      }
      return .event(.acceptFailed(id, listener: listener, errno: fault.errno))
    }
    guard !listeners[index].queue.isEmpty else {
      return .event(.acceptFailed(id, listener: listener, errno: .again))
    }
    let connection = take(from: index)
    connections[connection].fate = .held
    connections[connection].heldAt = time
    held[slot] = connection
    heldGenerations[slot] = id.generation
    return .event(.accepted(id, listener: listener, source: connections[connection].source))
  }

  func discard(_ id: InstanceID) -> Outcome {
    if live(id) != nil { violate(3, "discard of \(id), which is alive") }
    guard let connection = heldConnection(id) else { return .done }
    if connections[connection].shortAt != nil { checkGivenUp(connection) }
    connections[connection].fate = .discarded
    held[Int(id.slot)] = nil
    return .done
  }

  /// What could not be started for want of something is held until it can be, or its service ends.
  private func checkGivenUp(_ connection: Int) {
    let service = listeners[connections[connection].listener].service
    let isMeant =
      shutdownOrdered != nil || services[service].isStopAsked
      || manifest.services[service].flags.contains(.leaving)
    guard !isMeant else { return }
    violate(3, "a connection of service \(service) is dropped for want of a process")
  }

  /// Whether a service's daemon accepts everything that comes; nil without one.
  func isAcceptingAll(_ service: Int) -> Bool? {
    guard let instance = instances.at(service) ?? nil,
      let process = process(instance.process, instance.serial)
    else { return nil }
    return process.stage == .running && process.script.accepts == nil
  }

  /// A running daemon looks at its listeners.
  func acceptSoon(_ index: Int, _ serial: UInt64) {
    guard let process = process(index, serial), process.stage == .running,
      process.instance != nil, !manifest.services[process.service].accepts
    else { return }
    let range = manifest.services[process.service].listeners.indices
    guard range.contains(where: { !listeners[$0].queue.isEmpty }) else { return }
    after(process.script.acceptDelay, freezes: true) { $0.serve(index, serial) }
  }

  private func serve(_ index: Int, _ serial: UInt64) {
    guard let process = process(index, serial), process.stage == .running, !process.isFrozen,
      !process.isDraining, process.instance != nil
    else { return }
    var left = process.script.accepts.map { $0 - process.accepted } ?? .max
    for listener in manifest.services[process.service].listeners.indices {
      while left > 0, !listeners[listener].queue.isEmpty {
        let connection = take(from: listener)
        connections[connection].fate = .served
        connections[connection].servedAt = time
        processes[index]?.accepted += 1
        if process.isLingering {
          drop(connection, of: process.service)
        } else {
          keepOpen(connection, by: index, serial)
        }
        left -= 1
      }
    }
  }
}
