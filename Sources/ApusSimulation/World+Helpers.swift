internal import ApusBase
public import ApusCore
public import ApusManifest
public import ApusWire

/// A process that runs one of a service's commands.
struct Helper: Sendable {
  var id: InstanceID
  /// Tells it from all others, whatever slot it moves to.
  let serial: UInt64
  let command: CommandID
  var stuckStep: SpawnStepKind?
  /// How long KILL takes.
  var killDelay: Int64 = 50
  var hasEnded = false
  /// The supervisor was told that it is before execve(2) no more.
  var hasLanded = false
}

/// What a command of a service does.
public struct CommandScript: Sendable {
  /// How long it lasts, in microseconds.
  public var life: Int64 = 1000
  /// How it ends by itself.
  public var code: UInt8 = 0
  /// The step that fails on its way.
  public var failure: Script.Failure?
  /// The step at which it stays for ever on its way.
  public var stuckStep: SpawnStepKind?

  /// How long KILL takes to end it: long in uninterruptible sleep.
  public var killDelay: Int64 = 50

  /// One that ends well at once.
  public init() {}
}

extension World {
  /// A helper reaches execve(2) at once and ends a little later.
  func runHelper(_ id: InstanceID, _ service: ServiceIndex, _ command: CommandID) -> Outcome {
    if helpers[id.slot] != nil { violate(5, "a helper is started in a slot that is in use") }
    if Int(id.slot) != helperBase + service { violate(5, "a helper has another service's slot") }
    checkCommand(command, of: service)
    if let refusal = refusal(of: service) {
      noteEnd(of: command, of: service, isGood: false)
      refusedCommands[id.slot] = id
      return .event(.spawnRefused(id, step: refusal.step, errno: refusal.errno))
    }
    if command.role == .stop, shutdownOrdered == nil, instances.indices.contains(service) {
      instances[service]?.wasEnding = true
    }
    serial += 1
    let serial = serial
    helpers[id.slot] = Helper(id: id, serial: serial, command: command)
    helperStarts += 1
    let pid = 100_000 + Int32(id.slot)
    var script = commandBehaviour?(service, command, &random) ?? CommandScript()
    if let code = helperCodes[service] { script.code = code }
    if command.role == .pidFile, pidFiles[service] == nil { script.code = 1 }
    if let life = helperLives[service] { script.life = life }
    let (life, code) = (script.life, script.code)
    helpers[id.slot]?.killDelay = script.killDelay
    if let failure = helperFailures[service] ?? script.failure {
      services[service].commands.isConditional = failure.step == .condition
      after(100, freezes: true) { world in
        world.reportHelper(serial) {
          .executionFailed($0, step: failure.step, errno: failure.errno)
        }
        world.endHelper(serial, ExitReport(isSignal: false, number: 127))
      }
      return .event(.spawned(id, pid: pid))
    }
    if let step = script.stuckStep {
      helpers[id.slot]?.stuckStep = step
      return .event(.spawned(id, pid: pid))
    }
    after(100, freezes: true) { world in
      world.reportHelper(serial) { .executed($0) }
      guard command.role == .stop, let helper = world.helper(serial) else { return }
      world.checkStopCommand(of: Int(helper.id.slot) - world.helperBase)
    }
    after(life, freezes: true) { $0.endHelper(serial, ExitReport(isSignal: false, number: code)) }
    return .event(.spawned(id, pid: pid))
  }

  /// How many commands run or have not been released.
  public var helperCount: Int { helpers.all.count }

  /// True while one of the service's commands runs.
  func hasHelper(_ service: ServiceIndex) -> Bool {
    helpers[UInt16(helperBase + service)] != nil
  }

  var helperBase: Int {
    var places = 0
    for service in manifest.services where service.accepts { places += Int(service.maxConnections) }
    return manifest.services.count + min(places, Limits.connections)
  }

  private func helper(_ serial: UInt64) -> Helper? {
    helpers.all.first { $0.serial == serial }
  }

  private func reportHelper(_ serial: UInt64, _ event: (InstanceID) -> Event) {
    if let helper = helper(serial) { reports.append(event(helper.id)) }
  }

  private func endHelper(_ serial: UInt64, _ report: ExitReport) {
    guard let helper = helper(serial), !helper.hasEnded else { return }
    helpers[helper.id.slot]?.hasEnded = true
    noteEnd(
      of: helper.command, of: Int(helper.id.slot) - helperBase,
      isGood: !report.isSignal && report.number == 0)
    exits.append((helper.id, report))
  }

  /// Moves helpers to where their services are in the next manifest; those of no service are
  /// orphans.
  func moveHelpers(from base: Int, _ moves: Moves) {
    refusedCommands = Pairs()
    let old = helpers
    helpers = Pairs()
    for var helper in old.all {
      let service = Int(helper.id.slot) - base
      guard let to = moves.services[service] else { continue }
      helper.id.slot = UInt16(helperBase + to)
      helpers[helper.id.slot] = helper
    }
  }

  /// Says where a child is that has not reached execve(2).
  func tellStep(_ id: InstanceID) -> Outcome {
    var step: SpawnStepKind?
    if let helper = helpers[id.slot] {
      if helper.id != id { violate(4, "the step of a helper of an earlier life is asked for") }
      step = helper.stuckStep
    } else if let instance = live(id) {
      let process = process(instance.process, instance.serial)
      if let process, process.stage == .beforeExec, process.script.isStuckBeforeExec {
        step = process.script.stuckStep
      }
    } else {
      violate(4, "the step of \(id) is asked for, which is not alive")
    }
    return step.map { .event(.executionFailed(id, step: $0, errno: .timedOut)) } ?? .done
  }

  func signalHelper(_ id: InstanceID, _ number: UInt8) -> Outcome {
    guard helpers[id.slot]?.id == id else {
      violate(4, "signal \(number) to a helper of an earlier life")
      return .done
    }
    guard let helper = helpers[id.slot] else { return .done }
    let serial = helper.serial
    after(helper.killDelay, freezes: true) {
      $0.endHelper(serial, ExitReport(isSignal: true, number: number))
    }
    return .done
  }

  func releaseHelper(_ id: InstanceID) -> Outcome {
    if helpers[id.slot]?.hasEnded != true { violate(1, "release of a helper that has not ended") }
    helpers[id.slot] = nil
    return .done
  }

  /// A service's process says something on its notify channel.
  public func notify(
    _ service: ServiceIndex, _ flags: Notice.Flags, watchdogUs: Int64 = -1, mainPid: Int32 = 0
  ) {
    guard let instance = instances.at(service) ?? nil else { return }
    var notice = Notice()
    notice.flags = flags
    notice.watchdogUs = watchdogUs
    notice.mainPid = mainPid
    // What it says once its time is up comes too late.
    if flags.contains(.ready), !instance.wasEnding { services[service].hasSaidReady = true }
    notices.append(.notified(instance.id, notice))
  }
}
