internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

// What becomes of the kernel's tables when another manifest comes into force.
extension World {
  /// How many clients wait for a manifest to be applied.
  func applyClients() -> Int {
    var count = 0
    for request in requests
    where request.answer == nil && !request.isGone && request.request.action == .apply {
      count += 1
    }
    return count
  }

  /// The supervisor says that it stops a service: those that need it and leave too are gone by then.
  func checkLeaving(_ message: Message) {
    guard message.kind == .stopping, manifest.isLeaving, shutdownOrdered == nil,
      ![.idle, .reclaimed].contains(message.reason.kind),
      let service = message.service.map({ Int($0) }),
      manifest.services[service].flags.contains(.leaving)
    else { return }
    for (index, other) in manifest.services.enumerated()
    where index != service && other.flags.contains(.leaving) && services[index].alive > 0 {
      for link in other.needs.indices where manifest.links.at(link) == UInt16(service) {
        if !isUnkillable(index), !other.accepts {
          violate(8, "service \(service) makes room before \(index), which needs it")
        }
      }
    }
  }

  /// The listeners that leave are closed; what else leaves has ended.
  func makeRoom() {
    for index in listeners.indices where manifest.listeners[index].flags.contains(.leaving) {
      if listeners[index].isBound { _ = unbind(UInt16(index)) }
    }
    for case let instance? in instances
    where manifest.services[instance.service].flags.contains(.leaving) {
      guard let process = processes[instance.process], process.script.killDelay < 1_000_000
      else { continue }
      violate(15, "service \(instance.service) has not ended before the next manifest comes")
    }
  }

  /// Moves everything to its place in the table of another manifest.
  func move(to next: Manifest, _ moves: Moves, _ slots: [Int?]) {
    let base = helperBase
    orders += 1
    let ended = exits.compactMap { exit in
      helpers[exit.id.slot].flatMap { $0.id == exit.id ? ($0.serial, exit.report) : nil }
    }.map { (serial: $0.0, report: $0.1) }
    var newServices = next.services.map { _ in ServiceFacts() }
    for (old, new) in moves.services.enumerated() {
      if let new {
        newServices[new] = services[old]
      } else if let namesake = moves.namesakes[old] {
        // Connections that were accepted before are served, whatever the service was until now.
        newServices[namesake].stoppedAt = time
      }
    }
    var newListeners = next.listeners.map { ListenerFacts(service: Int($0.service)) }
    for (old, new) in moves.listeners.enumerated() {
      guard let new else {
        if listeners[old].isBound { violate(15, "listener \(old) is forgotten and open") }
        continue
      }
      newListeners[new] = listeners[old]
      newListeners[new].service = Int(next.listeners[new].service)
    }
    for index in connections.indices where connections[index].listener >= 0 {
      connections[index].listener = moves.listeners[connections[index].listener] ?? -1
    }
    for index in processes.indices {
      guard let service = processes[index]?.service, service >= 0 else { continue }
      processes[index]?.service = moves.services[service] ?? -1
    }
    services = newServices
    moveInstances(next, moves, slots)
    listeners = newListeners
    manifest = next
    lookAtEverything()
    moveHelpers(from: base, moves)
    for helper in helpers.all where helper.hasEnded {
      for exit in ended where exit.serial == helper.serial {
        exits.append((helper.id, exit.report))
      }
    }
    reports.removeAll { if case .orphanReaped = $0 { false } else { true } }
    lateReports = []
    control = []
    recentlyUnwatched = []
    recentlyReleased = []
    overtaken = []
    handedOver = []
  }

  private func moveInstances(_ next: Manifest, _ moves: Moves, _ slots: [Int?]) {
    let (old, oldHeld) = (instances, held)
    let (oldGenerations, oldHeldGenerations) = (generations, heldGenerations)
    let count = max(next.services.count, (slots.compactMap { $0 }.max() ?? 0) + 1)
    instances = Array(repeating: nil, count: count)
    held = Array(repeating: nil, count: count)
    generations = Array(repeating: nil, count: count)
    heldGenerations = Pairs()
    var newExits: [(id: InstanceID, report: ExitReport)] = []
    var newNotices: [Event] = []
    for slot in old.indices {
      let to = slots.indices.contains(slot) ? slots[slot] : nil
      if slot < moves.namesakes.count, let namesake = moves.namesakes[slot] {
        generations[namesake] = oldGenerations[slot]
      }
      guard let to else {
        if let instance = old[slot] { leaveBehind(instance) }
        if let connection = oldHeld[slot] { connections[connection].fate = .discarded }
        continue
      }
      generations[to] = oldGenerations[slot]
      held[to] = oldHeld[slot]
      heldGenerations[to] = oldHeldGenerations[slot]
      guard var instance = old[slot] else { continue }
      let id = instance.id
      instance.id.slot = UInt16(to)
      let service = instance.service
      instance.service = moves.services[service] ?? moves.namesakes[service] ?? -1
      // A connection that no KILL has ended is one of the service as it is now.
      if moves.services[service] == nil { services[instance.service].alive += 1 }
      if processes[instance.process]?.serial == instance.serial {
        processes[instance.process]?.instance = instance.id
        processes[instance.process]?.service = instance.service
      }
      instances[to] = instance
      for exit in exits where exit.id == id { newExits.append((instance.id, exit.report)) }
      // Channels are kept, and what is queued in them.
      for case .notified(id, let notice) in notices {
        newNotices.append(.notified(instance.id, notice))
      }
    }
    exits = newExits
    notices = newNotices
  }

  /// What no KILL has ended is an orphan from now on.
  private func leaveBehind(_ instance: Instance) {
    guard let process = process(instance.process, instance.serial) else { return }
    processes[instance.process]?.instance = nil
    processes[instance.process]?.isOrphan = true
    if process.stage == .zombie { reap(instance.process, process) }
  }
}
