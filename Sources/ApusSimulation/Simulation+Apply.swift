internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

// Applying a manifest, as the kernel half does it: one life looks what changes, the next one has the
// other manifest.
extension Simulation {
  /// The order to apply the manifest on the disk has come as far as the next program.
  func applyManifest() throws(Violation) {
    world.isApplying = false
    if failsToApply() { return }
    let clients = world.applyClients()
    if world.manifest.isLeaving {
      try takeNext()
    } else if let next = world.disk {
      world.next = next
      world.manifest.leave(for: next)
      checker.follow(world)
      try replaceSupervisor()
    } else {
      world.refusals += 1
      try replaceSupervisor()
    }
    // Each client asks the next life whether it is done.
    for _ in 0..<clients { world.request(.apply, onlyWait: true) }
  }

  private func takeNext() throws(Violation) {
    let (former, next) = (world.manifest, world.next)
    world.makeRoom()
    let (mode, formerSlots) = (supervisor.mode, supervisor.slotCount)
    var new = Supervisor(manifest: next, mode: mode, seed: world.seed &+ 2)
    new.endsWithMain = supervisor.endsWithMain
    let moves = Moves(from: former, to: next)
    let (services, listeners) = (former.services.count, former.listeners.count)
    var slots = [Int?](repeating: nil, count: formerSlots)
    var place = next.services.count + next.listeners.count
    for slot in 0..<formerSlots {
      let bytes = record[slot] ?? []
      for index in bytes.indices { codec.bytes[index] = bytes[index] }
      codec.read(bytes.count)
      if slot < services {
        guard let to = moves.namesakes[slot] else { continue }
        _ = new.restore(slot: to, from: &codec, held: world.held(slot: slot))
        slots[slot] = moves.services[slot]
      } else if slot < services + listeners {
        let to = moves.listeners[slot - services]
        new.place(listener: to)
        guard let to else { continue }
        _ = new.restore(
          slot: next.services.count + to, from: &codec, held: world.held(slot: slot))
      } else if slot == formerSlots - 1 {
        _ = new.restore(slot: new.slotCount - 1, from: &codec, held: HeldResources())
      } else if place < new.slotCount - 1 {
        _ = new.restore(slot: place, from: &codec, held: world.held(slot: slot))
        guard new.service(ofSlot: place) != nil else { continue }
        slots[slot - listeners] = place - next.listeners.count
        place += 1
      }
    }
    let inFlight = world.forgetSupervisor { service in
      moves.services[service].map { new.isStoppedIdle($0) } == true
    }
    // What has lost its node is bound anew, which may fail.
    let bound = world.listeners.map { $0.isBound && !$0.isNodeLost }
    world.move(to: next, moves, slots)
    checker.follow(world)
    let old = exchange(&supervisor, with: new)
    record = Pairs()
    world.applications += 1
    try deliver(.begin)
    try settle()
    guard !isFinished else { return }
    for (service, to) in moves.services.enumerated() where !inFlight.contains(service) {
      if let to { try compare(old, service, with: to) }
    }
    for (listener, to) in moves.listeners.enumerated() where bound[listener] {
      if let to, moves.isKept[listener], !world.listeners[to].isBound {
        throw failure(Violation(15, "listener \(to) has not changed and is closed"))
      }
    }
  }
}

/// Where services and listeners of one manifest are in another.
struct Moves {
  /// Services and listeners of the same name or address.
  var namesakes: [Int?] = []
  var listeners: [Int?] = []
  /// Services that are the same; whether listeners are.
  var services: [Int?] = []
  var isKept: [Bool] = []

  init(from old: Manifest, to new: Manifest) {
    for service in old.services {
      let to = new.index(of: old.name(service.name).span)
      namesakes.append(to)
      services.append(service.flags.contains(.leaving) ? nil : to)
    }
    for listener in old.listeners {
      var place: Int?
      if let service = namesakes[Int(listener.service)] {
        for index in new.services[service].listeners.indices
        where new.equals(new.listeners[index].spelling, old.name(listener.spelling).span) {
          place = index
        }
      }
      listeners.append(place)
      isKept.append(!listener.flags.contains(.leaving))
    }
  }
}

extension Manifest {
  fileprivate func name(_ text: Text) -> Bytes {
    pool.part(Int(text.offset), Int(text.offset + text.count))
  }
}
