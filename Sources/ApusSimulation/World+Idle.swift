internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

// Connections that last, frozen processes, and looks at both.
extension World {
  /// How many connections of a service are open in its main process.
  func openConnections(_ service: ServiceIndex) -> Int { main(service)?.open.count ?? 0 }

  private func main(_ service: ServiceIndex) -> Process? {
    guard let instance = instances.at(service) ?? nil else { return nil }
    return process(instance.process, instance.serial)
  }

  /// Memory is short.
  public func press() { reports.append(.pressure) }

  /// The processes stop a little later; what they were about to do they do after that.
  func freeze(_ id: InstanceID, _ isFrozen: Bool) -> Outcome {
    guard let instance = live(id) else {
      violate(4, "\(id) is frozen or thawed and not alive")
      return .done
    }
    guard isFrozen else {
      thaw(instance)
      return .done
    }
    freezes += 1
    if processes[instance.process]?.freezesSince != nil { return .done }
    processes[instance.process]?.freezesSince = clock
    let (index, serial, since) = (instance.process, instance.serial, clock)
    let delay = processes[index]?.script.freezeDelay ?? 0
    after(delay, freezes: true) { world in
      guard let process = world.process(index, serial), process.freezesSince == since else {
        return
      }
      world.processes[index]?.isFrozen = true
    }
    return .done
  }

  private func thaw(_ instance: Instance) {
    guard let process = process(instance.process, instance.serial) else { return }
    processes[instance.process]?.isFrozen = false
    processes[instance.process]?.freezesSince = nil
    processes[instance.process]?.pending = []
    // What was sent to it meanwhile comes before anything it does by itself.
    for number in process.pending { deliver(number, to: instance.process, instance.serial) }
    acceptSoon(instance.process, instance.serial)
  }

  /// What the kernel can say of a service's connections.
  func lookIdle(_ id: InstanceID, service: ServiceIndex, _ look: IdleLook) -> Outcome {
    guard let instance = live(id), let process = process(instance.process, instance.serial)
    else { return .done }
    looks += 1
    var found = Idleness.idle
    if look != .running, !process.isFrozen {
      found = .unfrozen
    } else if !process.open.isEmpty || hasQueue(service) {
      found = .busy
    }
    let isSignalNext =
      look == .last || manifest.stop(of: manifest.services[service]).exec.count == 0
    if found != .idle || look == .running {
      letIn(service)
    } else if isSignalNext, holdsOff, process.script.handlesStop {
      for index in manifest.services[service].listeners.indices {
        listeners[index].isHeldOff = true
      }
    }
    return .event(.idle(id, found, kilobytes: process.script.kilobytes))
  }

  /// Clients that were held off find the queues of a service at their next try.
  func letIn(_ service: ServiceIndex) {
    for index in manifest.services[service].listeners.indices {
      listeners[index].isHeldOff = false
    }
  }

  /// A command that asks a service to end can talk to it.
  func checkStopCommand(of service: ServiceIndex) {
    guard services[service].isStoppedIdle else { return }
    if main(service)?.freezesSince != nil {
      violate(14, "the stop command of service \(service) finds it frozen")
    }
    for index in manifest.services[service].listeners.indices where listeners[index].isHeldOff {
      violate(14, "the stop command of service \(service) is held off at listener \(index)")
    }
  }

  /// The stop signal of a service that is stopped for being idle finds no connection.
  func checkIdleSignal(_ service: ServiceIndex, _ number: UInt8) {
    guard services[service].isSignalDue, number == stopSignal(of: service) else { return }
    services[service].isSignalDue = false
    if isOnlyIdle(service), openConnections(service) > 0 {
      violate(14, "service \(service) gets its signal for being idle and has connections")
    }
  }

  private func hasQueue(_ service: ServiceIndex) -> Bool {
    manifest.services[service].listeners.indices.contains { !listeners[$0].queue.isEmpty }
  }

  /// The supervisor says that it stops a service for being idle.
  func checkIdleStop(_ message: Message) {
    checkLeaving(message)
    checkStop(message)
    guard message.kind == .stopping, message.reason.isOfNobody,
      let service = message.service.map({ Int($0) })
    else { return }
    idleStops.append(service)
    services[service].isStoppedIdle = true
    services[service].requestsBeforeStop = requests.count
    services[service].isSignalDue = true
    if main(service)?.isFrozen != true { violate(14, "service \(service) is stopped unfrozen") }
    if openConnections(service) > 0 || hasQueue(service) {
      violate(14, "service \(service) is stopped for being idle and has connections")
    }
  }

  /// A connection that a process has accepted stays for as long as the script says.
  func keepOpen(_ connection: Int, by index: Int, _ serial: UInt64) {
    guard let process = process(index, serial), process.script.connectionLife > 0 else { return }
    processes[index]?.open.append(connection)
    after(process.script.connectionLife, freezes: true) {
      $0.closeConnection(connection, index, serial)
    }
  }

  private func closeConnection(_ connection: Int, _ index: Int, _ serial: UInt64) {
    guard let process = process(index, serial), process.stage == .running else { return }
    if process.isFrozen {
      return after(1_000, freezes: true) { $0.closeConnection(connection, index, serial) }
    }
    processes[index]?.open.removeAll { $0 == connection }
    endDrained(index, serial)
  }

  /// One that was asked to end does so with its last connection.
  func endDrained(_ index: Int, _ serial: UInt64) {
    guard let process = process(index, serial), process.isDraining, process.open.isEmpty
    else { return }
    die(index, serial, ExitReport(isSignal: false, number: 0))
  }

  /// True while a service is stopped for being idle and for nothing else: what is ordered meanwhile asks
  /// for nobody's connections.
  private func isOnlyIdle(_ service: ServiceIndex) -> Bool {
    services[service].isStoppedIdle && services[service].requestsBeforeStop == requests.count
      && !services[service].isStopAsked && shutdownOrdered == nil
      && !manifest.services[service].flags.contains(.leaving)
  }

  /// A daemon that was asked to end takes a connection and does nothing for it.
  func drop(_ connection: Int, of service: ServiceIndex) {
    connections[connection].isCut = true
    guard isOnlyIdle(service), holdsOff else { return }
    violate(14, "service \(service), stopped for being idle, takes a connection and drops it")
  }

  /// Connections that end with their process.
  func cutConnections(of process: Process) {
    for connection in process.open { connections[connection].isCut = true }
  }
}
