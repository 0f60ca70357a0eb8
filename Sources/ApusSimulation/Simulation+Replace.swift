internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

// Executing apus anew: another supervisor in the same world, from the record alone.
extension Simulation {
  /// Writes down what the step has changed, as the driver does.
  func keepRecord() {
    while let slot = supervisor.writeChanged(into: &codec) {
      var bytes: [UInt8] = []
      for index in 0..<codec.count { bytes.append(codec.bytes[index]) }
      record[slot] = tamperRecord?(slot, bytes) ?? bytes
      world.trace.write(at: world.time.microseconds) { line in
        line.text("= ")
        line.decimal(UInt64(slot))
        line.byte(UInt8(ascii: " "))
        line.hex(Trace.digest(bytes))
      }
    }
  }

  /// Puts another supervisor in this one's place. What it says of every service and listener that
  /// is not just being started must be what the old one said; slots for which `isTorn` come
  /// without their bytes, and are not compared.
  public func replaceSupervisor(isTorn: (Int) -> Bool = { _ in false }) throws(Violation) {
    let mode = supervisor.mode
    var new = Supervisor(manifest: world.manifest, mode: mode, seed: world.seed &+ 1)
    new.endsWithMain = supervisor.endsWithMain
    for slot in 0..<new.slotCount {
      let bytes = isTorn(slot) ? [] : record[slot] ?? []
      for index in bytes.indices { codec.bytes[index] = bytes[index] }
      codec.read(bytes.count)
      let listener = slot - world.services.count
      if world.listeners.indices.contains(listener) { new.place(listener: listener) }
      _ = new.restore(slot: slot, from: &codec, held: world.held(slot: slot))
    }
    world.forgetHelpers(new, isTorn: isTorn)
    let inFlight = world.forgetSupervisor { new.isStoppedIdle($0) }
    let old = exchange(&supervisor, with: new)
    try deliver(.begin)
    try settle()
    if isFinished { return }
    for service in world.manifest.services.indices
    where !inFlight.contains(service) && !isTorn(service) {
      try compare(old, service, with: service)
    }
  }

  /// Puts another supervisor into that place; the one before.
  func exchange(_ place: inout Supervisor, with new: consuming Supervisor) -> Supervisor {
    let old = place
    place = new
    return old
  }

  /// True for a service that is started because another has failed just now.
  private func isCalled(_ service: ServiceIndex) -> Bool {
    let manifest = world.manifest
    return manifest.services.indices.contains { other in
      supervisor.report(service: other)?.since == world.now
        && manifest.extras(of: manifest.services[other]).onFailure.indices
          .contains { manifest.links.at($0).map { Int($0) } == service }
    }
  }

  /// What the supervisor says of a service must be what the one before has said.
  func compare(_ old: borrowing Supervisor, _ former: Int, with service: Int) throws(Violation) {
    let before = old.report(service: former)
    var after = supervisor.report(service: service)
    if world.manifest.services[service].flags.contains(.leaving) { return }
    after?.instance.slot = UInt16(former)
    if before?.state == .starting || before?.state == .waiting { return }
    // A stop that waits for others' ends, with no process of its own, may be over by now.
    if before?.state == .stopping, before?.pid == 0 { return }
    // What it needs may have gone since the last look.
    if after?.state == .waiting, before?.state == .listening { return }
    // One that was given up and reset is started for those that wait for it.
    // What such a one needs is bound anew, or starts or stops in the first steps: it has waited.
    let hasWaited = world.applications > 0 || after?.since == world.now
    if hasWaited, before?.state == .listening, after?.state == .listening,
      let since = before?.since
    {
      after?.since = since
    }
    if before?.state == .stopped, after?.state != .stopped { return }
    // What fails in the first steps has it started anew, and it may have failed once more.
    if after?.since == world.now, before?.state == .failed || isCalled(service) { return }
    // Everything is looked at once more, which says anew why these are as they are.
    let isSaidAnew = world.manifest.services[service].accepts || after?.state == .stopping
    if isSaidAnew, let reason = before?.reason {
      after?.reason = reason
    }
    if before != after {
      throw failure(
        Violation(
          13,
          "service \(service) became another: \(text(before))\n\(text(after))"))
    }
  }
}

extension World {
  /// What the kernel still holds for a slot of the record.
  func held(slot: Int) -> HeldResources {
    if slot >= services.count, slot < services.count + listeners.count {
      return HeldResources(isOpen: listeners[slot - services.count].isBound)
    }
    let place = slot < services.count ? slot : slot - listeners.count
    var resources = heldMain(place)
    if slot < services.count, let helper = helpers[UInt16(helperBase + slot)] {
      resources.helperPid = 100_000 + Int32(slot)
      resources.helperGeneration = helper.id.generation
    }
    return resources
  }

  private func heldMain(_ place: Int) -> HeldResources {
    if let instance = instances.at(place) ?? nil {
      return HeldResources(
        pid: processes[instance.process]?.pid ?? 0, generation: instance.id.generation)
    }
    guard held.at(place).flatMap({ $0 }) != nil else {
      return HeldResources(generation: generations.at(place).flatMap { $0 } ?? 0)
    }
    return HeldResources(generation: heldGenerations[place] ?? 0, isOpen: true)
  }

  /// Watches and clients go with the program, and children on their way are waited for no more.
  /// Says whose they are. Clients are let in but for services that are being stopped for being idle.
  func forgetSupervisor(keepsOff: (ServiceIndex) -> Bool) -> [Int] {
    var inFlight: [Int] = []
    for index in listeners.indices where listeners[index].isWatched {
      listeners[index].isWatched = false
      listeners[index].unwatchedSince = time
    }
    for service in services.indices where !keepsOff(service) { letIn(service) }
    watchesClock = false
    clockIsSet = false
    lookAtEverything()
    for index in requests.indices where requests[index].answer == nil {
      requests[index].isGone = true
    }
    for slot in instances.indices {
      guard let instance = instances[slot], !instance.hasLanded else { continue }
      inFlight.append(instance.service)
      instances[slot]?.isInFlight = false
      instances[slot]?.hasLanded = true
      // The new supervisor takes it as executed.
      services[instance.service].executions += 1
      if manifest.services[instance.service].type != .oneshot {
        services[instance.service].isUp = true
      }
    }
    return inFlight
  }
}
