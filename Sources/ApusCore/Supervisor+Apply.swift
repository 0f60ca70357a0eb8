internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Applying the manifest on the disk. The program executes itself twice: the first new life looks at
// what changes, still with the manifest in force, and ends that; the second one has the new manifest,
// takes over what has not changed and starts the rest. A crash in between is one more life.
extension Supervisor {
  /// Notes where the next listener of the program before this one is now, nil for nowhere: before
  /// connections are restored.
  public mutating func place(listener index: Int?) {
    listenerPlaces.append(index.map { UInt16(truncatingIfNeeded: $0) } ?? .max)
  }

  /// The service of a restored connection's slot; nil for a free one and for other slots.
  public func service(ofSlot slot: Int) -> UInt16? {
    let index = slot - deadlineKey(connection: 0)
    guard connections.indices.contains(index), connections[index].stage != .free else { return nil }
    return connections[index].service
  }

  /// Takes of a service that the manifest describes anew only whether it was meant to be up.
  mutating func renew(_ service: Int) -> Bool {
    if units[service].goal != .up || manifest.services[service].accepts {
      units[service].goal = .down
    }
    units[service].finishStop()
    units[service].forgive()
    units[service].state = .stopped
    units[service].since = .zero
    units[service].isAlive = false
    units[service].helper = .none
    units[service].lookAt = .never
    units[service].isLeaving = false
    units[service].hasSucceeded = false
    units[service].isBootPending = false
    units[service].timerAt = .never
    clearAlarm(service)
    return false
  }

  /// Begins to end what another manifest does not have in the same way.
  mutating func leave(_ service: Int) {
    units[service].isLeaving = true
    units[service].cycle = isUp(service)
  }

  /// A service that leaves, and has no process: nothing starts it any more. False for all others.
  @inline(never)
  mutating func makesRoom(_ service: Int) -> Bool {
    guard units[service].isLeaving, phase == .running else { return false }
    clearAlarm(service)
    setState(service, .stopping, Reason(.requested))
    unwatchAll(service)
    return true
  }

  /// Answers once the manifest is applied, and orders that unless the client only waits.
  mutating func requestApply(_ client: ClientID, onlyWait: Bool) {
    guard phase.rawValue <= Phase.running.rawValue, waiters.count < Limits.clients else {
      return answer(client, .failed, nil, Reason(.shutdown))
    }
    if !onlyWait { wantsApply = true }
    waiters.append(Waiter(client: client, service: .max, isForUp: true))
  }

  /// Goes on with the new manifest once everything that it changes has ended, and answers once what
  /// it starts has settled. Who waits goes with this program, and asks the next one.
  mutating func settleApply() {
    guard phase == .running, work.isEmpty else { return }
    if wantsApply || manifest.isLeaving {
      for service in units.indices where units[service].isLeaving && !hasLeft(service) { return }
      // Once more where no program can be executed.
      deadlines.set(boardKey, to: now + .seconds(1))
      out.append(.replaceProgram(nil))
    } else if bootPending <= 0 {
      answerWaiters(of: Int(UInt16.max))
    }
  }

  /// True when nothing of a service is left but what no KILL ends.
  private func hasLeft(_ service: Int) -> Bool {
    if units[service].isAlive { return units[service].stopStage == .abandoned }
    for index in connections.indices
    where connections[index].stage != .free && Int(connections[index].service) == service {
      let isGivenUp = deadlines.moment(of: deadlineKey(connection: index)) == nil
      if !isGivenUp || !connections[index].hasBeenKilled { return false }
    }
    return units[service].helper == .none && !isRemaining(service) || units[service].isLeftBehind
  }
}
