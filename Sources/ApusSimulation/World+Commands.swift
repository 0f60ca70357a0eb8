internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

/// What has become of a service's commands since its last start.
struct CommandFacts: Sendable {
  /// The one that was run last, and whether what follows may follow.
  var last: CommandID?
  var isGood = false
  /// It was the first of a start, and has found a condition that is not met.
  var isConditional = false
  /// `World.orders` when the commands before the start began.
  var orders = -1
  /// How many of `started` are still to end well.
  var startedLeft = 0
  /// How often the commands of a role began since the last start.
  var began = Pairs<UInt8, Int>()
}

// Rules 17 and 18: each command of a service runs once and in its turn, whatever takes over
// meanwhile, and nothing that a service has said is lost.
extension World {
  /// A command of a service begins.
  func checkCommand(_ id: CommandID, of service: ServiceIndex) {
    let facts = services[service].commands
    func wrong(_ what: String) {
      violate(17, "service \(service): command \(id.index) of \(id.role) \(what)")
    }
    switch id.role {
    case .none, .preDone: wrong("is none")
    case .health:
      if !services[service].isUp || services[service].alive == 0 {
        wrong("runs and the service is not up")
      }
      return
    case .probe, .pidFile, .reload: return
    case .pre, .started, .post, .stop: break
    }
    services[service].commands.last = id
    services[service].commands.isGood = false
    services[service].commands.isConditional = false
    guard id.index == 0 else {
      let before = CommandID(id.role, id.index - 1)
      if facts.last != before || !facts.isGood && id.role != .post { wrong("is out of its turn") }
      return
    }
    if id.role == .pre {
      services[service].commands.orders = orders
      if services[service].alive > 0 { wrong("runs beside the main process") }
      if facts.last?.role == .pre, facts.isGood, facts.orders == orders { wrong("runs twice") }
      return
    }
    services[service].commands.began[id.role.rawValue] = (facts.began[id.role.rawValue] ?? 0) + 1
    if facts.began[id.role.rawValue] != nil { wrong("runs twice") }
    if id.role == .post, services[service].alive > 0 { wrong("runs beside the main process") }
    let isOneshot = manifest.services[service].type == .oneshot
    if id.role == .started, !services[service].isUp || (services[service].alive == 0) != isOneshot {
      wrong("runs and the service is not up")
    }
  }

  /// It has ended, or was not to be made.
  func noteEnd(of id: CommandID, of service: ServiceIndex, isGood: Bool) {
    guard services.indices.contains(service), services[service].commands.last == id else { return }
    let facts = services[service].commands
    let mayFail = manifest.command(id, of: manifest.services[service])?.mayFail == true
    let isGood = isGood || mayFail && !facts.isConditional
    services[service].commands.isGood = isGood
    if id.role == .started, isGood { services[service].commands.startedLeft -= 1 }
  }

  /// The main process is to be made: all that stands before it has been done.
  func checkCommandsBeforeStart(of service: ServiceIndex) {
    let extras = manifest.extras(of: manifest.services[service])
    let facts = services[service].commands
    if extras.pre.count > 0 {
      let last = CommandID(.pre, UInt8(truncatingIfNeeded: extras.pre.count - 1))
      if facts.last != last || !facts.isGood {
        violate(17, "service \(service) is started before its commands have ended well")
      }
    }
    services[service].commands = CommandFacts()
    services[service].commands.startedLeft = Int(extras.started.count)
    services[service].hasSaidReady = false
  }

  /// The supervisor is about to be told.
  func noteCommand(_ event: Event) {
    switch event {
    case .signal: orders += 1
    case .exited(let id, _):
      orders += helpers[id.slot] == nil ? 1 : 0
      fallthrough
    case .executed(let id), .executionFailed(let id, _, _):
      if helpers[id.slot]?.id == id { helpers[id.slot]?.hasLanded = true }
    default: break
    }
  }

  /// Children on their way to execve(2), as far as the supervisor has been told.
  var inFlight: Int {
    instances.reduce(0) { $0 + ($1?.hasLanded == false ? 1 : 0) }
      + helpers.all.reduce(0) { $0 + ($1.hasLanded ? 0 : 1) }
  }

  /// The supervisor says why something has failed.
  func checkReadiness(_ message: Message) {
    guard message.reason.kind == .notReady, let service = message.service.map({ Int($0) }),
      manifest.services[service].type == .notify, services[service].hasSaidReady
    else { return }
    violate(18, "service \(service) has said READY=1 and is ended for not being ready")
  }

  /// Commands that another supervisor does not go on with are orphans.
  func forgetHelpers(_ supervisor: borrowing Supervisor, isTorn: (Int) -> Bool) {
    for helper in helpers.all {
      let service = Int(helper.id.slot) - helperBase
      helpers[helper.id.slot]?.hasLanded = true
      if supervisor.keepsHelper(service) { continue }
      if !isTorn(service) { violate(17, "a command of service \(service) is lost") }
      exits.removeAll { $0.id == helper.id }
      helpers[helper.id.slot] = nil
    }
  }
}
