internal import ApusBase
internal import ApusManifest
internal import ApusWire

/// The service and the listener of a connection.
public struct ConnectionOwner: Sendable {
  /// The service.
  public var service: UInt16
  /// The listener.
  public var listener: UInt16

  /// Whose connection it is.
  public init(service: UInt16, listener: UInt16) {
    self.service = service
    self.listener = listener
  }
}

// Applying the manifest on the disk. The program executes itself twice: the first new life looks
// what has changed, still with the old manifest, and ends that; the second one has the new manifest,
// takes over what has not changed and starts the rest. A crash in between is one more life.
extension Supervisor {
  /// Whose a connection is, from its slot of the record; nil for a free one.
  public static func owner(ofConnection codec: inout FieldCodec) -> ConnectionOwner? {
    var connection = Connection()
    connection.exchange(&codec)
    if connection.stage == .free { return nil }
    return ConnectionOwner(service: connection.service, listener: connection.listener)
  }

  /// Ends a service for the manifest that comes next, in a supervisor that has not begun.
  public mutating func leave(service: Int) {
    wantsApply = true
    units[service].isLeaving = true
    units[service].cycle = units[service].isAlive || units[service].connections > 0
  }

  /// Takes of a service that the manifest describes anew only whether it was meant to be up.
  public mutating func renew(service: Int, from codec: inout FieldCodec) {
    // The first two fields of a unit.
    var (state, goal) = (ServiceState.stopped, Goal.down)
    codec.field(&state)
    codec.field(&goal)
    if goal == .up, !manifest.services[service].accepts { units[service].goal = .up }
  }

  /// A service that leaves, and has no process: nothing starts it any more.
  mutating func makeRoom(_ service: Int) {
    switch units[service].helper {
    case .none, .preDone:
      units[service].helper = .none
      clearAlarm(service)
    case .pre: out.append(.signal(helperInstance(service), number: 9, scope: .all))
    case .post, .stop, .reload, .probe, .pidFile: break
    }
    setState(service, .stopping, Reason(.requested))
    unwatchAll(service)
  }

  /// Notes who waits for the manifest to be applied, and orders it unless it only waits.
  mutating func requestApply(_ client: ClientID, onlyWait: Bool) {
    if let other = applyClient { answer(other, .done, nil, .none) }
    applyClient = client
    if !onlyWait { wantsApply = true }
  }

  /// Goes on with the new manifest once everything that it changes has ended, and answers once what
  /// it starts has settled.
  mutating func settleApply() {
    guard wantsApply || applyClient != nil, phase == .running, work.isEmpty else { return }
    if wantsApply {
      for service in units.indices where units[service].isLeaving && !hasLeft(service) { return }
      wantsApply = false
      // Its connection goes with this program, and it asks the next one.
      applyClient = nil
      out.append(.applyManifest)
    } else if bootPending <= 0, let client = applyClient {
      applyClient = nil
      answer(client, .done, nil, .none)
    }
  }

  private func hasLeft(_ service: Int) -> Bool {
    (!units[service].isAlive || units[service].stopStage == .abandoned)
      && units[service].connections == 0 && units[service].helper == .none
  }
}
