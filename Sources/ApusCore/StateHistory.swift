internal import ApusBase
internal import ApusWire

/// One change of a service's state.
struct StateChange: Sendable {
  var at = Instant.zero
  var reason = Reason.none
  var service: UInt16 = 0
  var old = ServiceState.stopped
  var new = ServiceState.stopped
}

/// The last changes of state, for clients that watch them come; all memory is made in `init`.
struct StateHistory: Sendable {
  /// How many changes a client may be behind.
  static let capacity = 64
  /// What each service's state was when it was noted last.
  var states: Rows<ServiceState>
  /// The changes, each at its number modulo the capacity.
  var changes = Rows<StateChange>(repeating: StateChange(), count: StateHistory.capacity)
  /// How many there have been.
  var count = 0

  /// What a program before this one has left in some state has not just come to it.
  init(of supervisor: borrowing Supervisor) {
    states = Rows<ServiceState>(repeating: .stopped, count: supervisor.serviceCount())
    for service in states.indices {
      if let report = supervisor.report(service: service) { states[service] = report.state }
    }
  }
}

// `apus events`: what a service's state is after a step, where it is not what it was before.
extension Driver where K: ~Copyable {
  /// Notes the state of a service that a step may have changed.
  @inline(never)
  mutating func noteState(_ service: Int) {
    guard history.states.indices.contains(service),
      let report = supervisor.report(service: service),
      report.state != history.states[service]
    else { return }
    noteMoment(service, report)
    let change = StateChange(
      at: kernel.now, reason: report.reason, service: UInt16(truncatingIfNeeded: service),
      old: history.states[service], new: report.state)
    history.changes[history.count % StateHistory.capacity] = change
    history.states[service] = report.state
    history.count &+= 1
    write(change)
    kernel.keep(event: frame)
  }

  /// Writes the frame of a change.
  @inline(never)
  private mutating func write(_ change: StateChange) {
    let manifest = supervisor.manifest
    frame.eventFrame(
      at: change.at, from: change.old, to: change.new,
      name: { writer in writeName(of: Int32(change.service), manifest, into: &writer) },
      reason: { writer in
        change.reason.write(into: &writer, manifest: manifest, service: change.service)
      })
  }

  /// Sends what has come to every client that watches.
  mutating func sendEvents() {
    for slot in 0..<Limits.clients
    where cursors[slot].isActive && cursors[slot].listing == .events {
      continueEvents(slot)
    }
  }

  /// Sends a client what it has not had yet; one that is too far behind does not read, and is let go.
  mutating func continueEvents(_ slot: Int) {
    let client = cursors[slot].client
    while cursors[slot].next < history.count {
      var outcome = SendOutcome.gone
      if history.count - cursors[slot].next <= StateHistory.capacity {
        write(history.changes[cursors[slot].next % StateHistory.capacity])
        outcome = kernel.send(frame, to: client)
      }
      if outcome == .full { return }
      if outcome == .gone {
        cursors[slot].isActive = false
        return kernel.close(client)
      }
      cursors[slot].next += 1
    }
  }
}
