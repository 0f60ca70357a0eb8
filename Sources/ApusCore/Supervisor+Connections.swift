internal import ApusBase
internal import ApusManifest
internal import ApusWire

// `accept` services: one process for each connection, inetd's way.
extension Supervisor {
  /// True when the service may take one more connection.
  func hasRoom(_ service: Int) -> Bool {
    units[service].connections < manifest.services[service].maxConnections
  }

  /// The connection whose present life this is; nil for services' own slots and stale lives.
  func connection(_ id: InstanceID) -> Int? {
    let index = Int(id.slot) - units.count
    guard let connection = connections.at(index), connection.stage != .free,
      connection.generation == id.generation
    else { return nil }
    return index
  }

  /// The connection that is `name@number`, nil when it has ended.
  @inline(never)
  func connection(_ number: UInt32, of service: Int) -> Int? {
    for index in connections.indices
    where connections[index].stage != .free && connections[index].number == number
      && Int(connections[index].service) == service
    {
      return index
    }
    return nil
  }

  func instance(connection index: Int) -> InstanceID {
    InstanceID(
      slot: UInt16(truncatingIfNeeded: units.count + index),
      generation: connections[index].generation)
  }

  /// Takes one connection from a readable listener, without blocking.
  mutating func acceptOne(_ listener: Int, _ service: Int) {
    guard hasRoom(service), let index = freeConnection() else {
      // Clients wait in the backlog until a connection ends.
      unwatch(listener)
      listeners[listener].reason = Reason(.connectionLimit)
      return
    }
    connections[index].begin(service: service, listener: listener)
    units[service].connections += 1
    lives += 1
    out.append(
      .accept(listener: UInt16(truncatingIfNeeded: listener), instance(connection: index)))
  }

  private func freeConnection() -> Int? {
    for index in connections.indices where connections[index].stage == .free { return index }
    return nil
  }

  mutating func accepted(_ id: InstanceID, _ listener: Int, _ source: ConnectionSource) {
    guard let index = connection(id), listeners.indices.contains(listener) else {
      staleEvents &+= 1
      out.append(.discard(id))
      return
    }
    let service = Int(connections[index].service)
    listeners[listener].accepted &+= 1
    listeners[listener].lastPeer = source
    connections[index].source = source
    connections[index].since = now
    guard !exceedsSource(service, source, index), units[service].goal == .listen else {
      out.append(.discard(id))
      return free(index)
    }
    // One source that has too many does not use up the rate of all.
    listeners[listener].count(trigger: now)
    countTrigger(listener)
    units[service].starts &+= 1
    connections[index].number = units[service].starts
    if !hasRoom(service) {
      unwatch(listener)
      listeners[listener].reason = Reason(.connectionLimit)
    }
    starts.push(units.count + index)
  }

  private func exceedsSource(_ service: Int, _ source: ConnectionSource, _ own: Int) -> Bool {
    let limit = manifest.services[service].connectionLimit(
      isNetwork: source.family == 2 || source.family == 10)
    guard limit > 0 else { return false }
    var same: UInt16 = 0
    for index in connections.indices
    where index != own && connections[index].stage != .free
      && Int(connections[index].service) == service && connections[index].source.key == source.key
      && connections[index].source.family == source.family
    {
      same += 1
    }
    return same >= limit
  }

  mutating func acceptFailed(_ id: InstanceID, _ listener: Int, _ errno: Errno) {
    if let index = connection(id) { free(index) }
    guard listeners.at(listener)?.isWatched == true else { return }
    switch errno {
    case .again, .interrupted, .connectionAborted:
      // Another process that takes from the queue may be quicker each time.
      countTrigger(listener)
    default:
      let last = listeners[listener].delay
      let delay = last == .zero ? .milliseconds(50) : min(.seconds(5), last + last)
      pause(listener, Reason(.acceptFailed, value: errno.code), for: delay)
    }
  }

  mutating func spawnConnection(_ index: Int) {
    guard connections[index].stage == .queued else { return }
    guard phase.rawValue <= Phase.running.rawValue, !connections[index].isStopping else {
      out.append(.discard(instance(connection: index)))
      return free(index)
    }
    let service = Int(connections[index].service)
    guard units[service].connectionsInFlight < Limits.connectionsInFlight else {
      units[service].holdsConnections = true
      return
    }
    connections[index].stage = .inFlight
    units[service].connectionsInFlight += 1
    takeOff()
    deadlines.set(deadlineKey(connection: index), to: now + .seconds(30))
    out.append(
      .spawn(instance(connection: index), service: connections[index].service))
  }

  /// Without a process or a descriptor the connection is held and tried again, like a start; what
  /// can never start loses it, but never the listener.
  mutating func connectionRefused(_ index: Int, _ reason: Reason, _ errno: Errno) {
    let listener = Int(connections[index].listener)
    let service = Int(connections[index].service)
    // Of many that are refused together one line is enough.
    if !listeners[listener].isPaused || !errno.isShortage {
      out.append(log(.startFailed, service, reason))
    }
    landed(connection: index)
    rest(listener, reason)
    if errno.isShortage {
      connections[index].stage = .held
      deadlines.set(
        deadlineKey(connection: index),
        to: now + max(.milliseconds(50), listeners[listener].delay))
      return
    }
    out.append(.discard(instance(connection: index)))
    free(index)
  }

  /// Pauses a listener after a failed start, longer each time, until a start succeeds. It need not
  /// be watched now: without this a full service would take the next connection at once.
  private mutating func rest(_ listener: Int, _ reason: Reason) {
    guard let unit = listeners.at(listener), unit.isBound, !unit.isPaused else { return }
    let last = unit.delay
    pause(listener, reason, for: last == .zero ? .milliseconds(50) : min(.seconds(5), last + last))
  }

  mutating func connectionExecuted(_ index: Int) {
    landed(connection: index)
    connections[index].stage = .running
    let listener = Int(connections[index].listener)
    if listeners.at(listener)?.isPaused == false { listeners[listener].delay = .zero }
    if !connections[index].isStopping { deadlines.clear(deadlineKey(connection: index)) }
  }

  mutating func connectionExecutionFailed(_ reason: Reason, _ id: InstanceID) {
    guard let index = connection(id) else { return }
    let service = Int(connections[index].service)
    // While it waits for another the reason says for which.
    if units[service].state != .waiting { units[service].reason = reason }
    out.append(log(.startFailed, service, reason))
    rest(Int(connections[index].listener), reason)
  }

  mutating func connectionExited(_ index: Int, _ id: InstanceID) {
    let service = Int(connections[index].service)
    if manifest.stop(of: manifest.services[service]).scope != .main {
      out.append(.signal(id, number: 9, scope: .all))
    }
    out.append(.release(id))
    units[service].endedAt = now
    landed(connection: index)
    free(index)
  }

  private mutating func landed(connection index: Int) {
    guard connections[index].stage == .inFlight else { return }
    let service = Int(connections[index].service)
    inFlight -= 1
    units[service].connectionsInFlight -= 1
    if units[service].holdsConnections { resumeConnections(of: service) }
  }

  /// Queues the connections again that had to wait for one of the service's own places.
  @inline(never)
  private mutating func resumeConnections(of service: Int) {
    units[service].holdsConnections = false
    for index in connections.indices
    where connections[index].stage == .queued && connections[index].number > 0
      && Int(connections[index].service) == service
    {
      starts.push(units.count + index)
    }
  }

  /// Gives the slot back and takes connections again where the limit had stopped that.
  private mutating func free(_ index: Int) {
    let service = Int(connections[index].service)
    deadlines.clear(deadlineKey(connection: index))
    connections[index].stage = .free
    units[service].connections -= 1
    lives -= 1
    answerWaiters(of: service)
    for listener in manifest.services[service].listeners.indices {
      if listeners.at(listener)?.reason.kind == .connectionLimit {
        listeners[listener].reason = .none
      }
      // Also one whose pause ended while there was no room.
      watchIfIdle(listener)
    }
    if units[service].state != .listening {
      work.push(service)
      if units[service].connections == 0 { wakeDependents(of: service) }
    }
  }

  /// Sends the stop signal to every connection's process.
  mutating func stopConnections(of service: Int) {
    for index in connections.indices
    where connections[index].stage != .free && Int(connections[index].service) == service
      && !connections[index].isStopping
    {
      guard out.elements.count < Self.effectReserve else { return work.push(service) }
      stopConnection(index)
    }
  }

  /// Sends the stop signal to a connection's process, once.
  @inline(never)
  mutating func stopConnection(_ index: Int) {
    guard !connections[index].isStopping else { return }
    connections[index].isStopping = true
    if connections[index].stage == .held {
      connections[index].stage = .queued
      deadlines.clear(deadlineKey(connection: index))
    }
    guard connections[index].stage != .queued else {
      // Its turn ends it, also where it waits for a place.
      if connections[index].number > 0 { starts.push(units.count + index) }
      return
    }
    let stop = manifest.stop(of: manifest.services[Int(connections[index].service)])
    out.append(
      .signal(
        instance(connection: index), number: stop.signal, scope: stop.scope == .all ? .all : .main))
    deadlines.set(deadlineKey(connection: index), to: now + stop.timeout)
  }

  /// A connection's process did not reach execve(2), or did not stop, in time.
  mutating func connectionDue(_ index: Int) {
    guard connections[index].stage != .free else { return }
    if connections[index].stage == .held {
      connections[index].stage = .queued
      return starts.push(units.count + index)
    }
    if connections[index].hasBeenKilled {
      let service = Int(connections[index].service)
      out.append(log(.leftBehind, service, Reason(.none, value: connections[index].pid)))
      return
    }
    connections[index].hasBeenKilled = true
    if !connections[index].isStopping { out.append(.tellStep(instance(connection: index))) }
    out.append(.signal(instance(connection: index), number: 9, scope: .all))
    deadlines.set(deadlineKey(connection: index), to: now + .seconds(10))
  }
}
