internal import ApusBase
public import ApusCore
public import ApusManifest
internal import ApusWire

extension World {
  /// The instance, when it is between `spawn` and `release`.
  func live(_ id: InstanceID) -> Instance? {
    guard let instance = instances.at(Int(id.slot)) ?? nil, instance.id == id else { return nil }
    return instance
  }

  /// Instances between `spawn` and `release`.
  public var liveInstances: [InstanceID] { instances.compactMap { $0?.id } }

  /// The pid of a service's main process, 0 without one.
  public func mainPid(of service: ServiceIndex) -> Int32 {
    guard let instance = instances.at(service) ?? nil else { return 0 }
    return processes[instance.process]?.pid ?? 0
  }

  /// Processes that have not been reaped, stragglers included.
  public var processCount: Int { processes.reduce(0) { $0 + ($1 == nil ? 0 : 1) } }

  /// Ends the main process of a service from outside, as `kill -9` or the OOM killer would.
  public func kill(_ service: ServiceIndex, signal: UInt8 = 9) {
    guard let instance = instances.at(service) ?? nil else { return }
    die(instance.process, instance.serial, ExitReport(isSignal: true, number: signal))
  }

  /// The main process of a service ends by itself.
  public func end(_ service: ServiceIndex, code: UInt8) {
    guard let instance = instances.at(service) ?? nil else { return }
    die(instance.process, instance.serial, ExitReport(isSignal: false, number: code))
  }

  func spawn(_ id: InstanceID, service: ServiceIndex) -> Outcome {
    let slot = Int(id.slot)
    guard services.indices.contains(service) else {
      violate(5, "spawn of service \(service), which does not exist")
      return .event(.spawnRefused(id, step: .clone, errno: .invalid))
    }
    let isMain = slot < services.count
    if isMain, slot != service {
      violate(1, "slot \(slot) is used for service \(service)")
    }
    while instances.count <= slot {
      instances.append(nil)
      generations.append(nil)
      held.append(nil)
    }
    if instances[slot] != nil {
      violate(5, "spawn of service \(service) in slot \(slot) while an instance is alive")
      return .event(.spawnRefused(id, step: .clone, errno: .exists))
    }
    if let last = generations[slot], last == id.generation {
      violate(5, "generation \(last) of slot \(slot) is used twice")
    }
    if manifest.services[service].flags.contains(.leaving) {
      violate(15, "service \(service) is started, and another manifest says otherwise")
    }
    if isMain { checkLook(service) }
    if isMain, hasHelper(service) {
      violate(5, "service \(service) is started while one of its commands runs")
    }
    if shutdownOrdered != nil { violate(9, "service \(service) is started after a shutdown order") }
    let accepts = manifest.services[service].accepts
    if accepts == isMain { violate(1, "service \(service) is started in the wrong kind of slot") }
    if accepts, held[slot] == nil {
      violate(3, "slot \(slot) is started without its connection")
    }
    if isMain { checkCommandsBeforeStart(of: service) }
    checkOrder(service, slot: slot)
    checkPause(service)
    let short = accepts ? held[slot].flatMap { connections[$0].shortAt } : nil
    if let short, time - short < .milliseconds(50), short > resumedAt {
      violate(16, "a connection of service \(service) is tried again without its pause")
    }
    if short == nil { services[service].attempts.append(time) }
    let spawnPlaces = Supervisor.spawnPlaces(of: manifest)
    if instances.reduce(0, { $0 + ($1?.isInFlight == true ? 1 : 0) }) >= spawnPlaces {
      violate(7, "more than \(spawnPlaces) children before execve")
    }
    if !isMain, connectionsInFlight(of: service) >= Limits.connectionsInFlight {
      violate(7, "more than \(Limits.connectionsInFlight) connections of \(service) before execve")
    }
    if let refusal = refusal(of: service) {
      if accepts, let connection = held[slot] {
        connections[connection].shortAt = refusal.errno.isShortage ? time : nil
      }
      return .event(.spawnRefused(id, step: refusal.step, errno: refusal.errno))
    }
    generations[slot] = id.generation
    return .event(.spawned(id, pid: makeProcess(id, service: service, isMain: isMain)))
  }

  /// Children of a service's connections that have not reached execve(2).
  func connectionsInFlight(of service: ServiceIndex) -> Int {
    instances.reduce(0) {
      $0 + ($1?.isInFlight == true && $1?.isMain == false && $1?.service == service ? 1 : 0)
    }
  }

  func refusal(of service: ServiceIndex) -> (step: SpawnStepKind, errno: Errno)? {
    var step = SpawnStepKind.clone
    let fault = strikes { place in
      guard case .spawn(let which, let at) = place, which ?? UInt16(service) == service
      else { return false }
      step = at
      return true
    }
    return fault.map { (step, $0.errno) }
  }

  private func addProcess(_ make: (Int32, UInt64) -> Process) -> Int {
    serial += 1
    // The lowest free number: pids are recycled at once.
    if let hole = processes.firstIndex(where: { $0 == nil }) {
      processes[hole] = make(Int32(hole) + 2, serial)
      return hole
    }
    processes.append(make(Int32(processes.count) + 2, serial))
    return processes.count - 1
  }

  private func makeProcess(_ id: InstanceID, service: ServiceIndex, isMain: Bool) -> Int32 {
    let script = behaviour(service, services[service].starts.count, &random)
    let index = addProcess { pid, serial in
      Process(
        serial: serial, pid: pid, service: service, instance: id, group: serial, script: script)
    }
    let serial = serial
    instances[Int(id.slot)] = Instance(
      id: id, service: service, isMain: isMain, process: index, serial: serial, group: serial,
      spawnedAt: clock)
    services[service].starts.append(time)
    services[service].alive += 1
    services[service].isUp = false
    services[service].isSkipped = false
    services[service].isStoppedIdle = false
    services[service].isSignalDue = false
    if script.endsBeforeSpawnReturns {
      die(index, serial, script.end)
    } else if let failure = script.failure {
      after(script.execDelay, freezes: true) { world in
        world.report(index, serial, .executionFailed(id, step: failure.step, errno: failure.errno))
        // The kernel layer kills a child that is held up, and says so.
        let isKilled = failure.errno == .timedOut || failure.errno == .interrupted
        world.die(index, serial, ExitReport(isSignal: isKilled, number: isKilled ? 9 : 127))
      }
    } else if !script.isStuckBeforeExec {
      after(script.execDelay, freezes: true) { $0.execute(index, serial) }
    }
    return processes[index]?.pid ?? 0
  }

  func process(_ index: Int, _ serial: UInt64) -> Process? {
    guard let process = processes.at(index) ?? nil, process.serial == serial else { return nil }
    return process
  }

  private func report(_ index: Int, _ serial: UInt64, _ event: Event) {
    guard let process = process(index, serial), process.stage != .zombie else { return }
    if process.script.reportComesAfterExit {
      lateReports.append(event)
    } else {
      reports.append(event)
    }
    if let id = process.instance, var instance = live(id) {
      instance.isInFlight = false
      instances[Int(id.slot)] = instance
    }
  }

  private func execute(_ index: Int, _ serial: UInt64) {
    guard let process = process(index, serial), process.stage == .beforeExec,
      let id = process.instance
    else { return }
    report(index, serial, .executed(id))
    processes[index]?.stage = .running
    let service = process.service
    let script = process.script
    if script.saysReady { notify(service, .ready) }
    services[service].executions += 1
    if live(id)?.isMain == true { services[service].isRunning = true }
    if manifest.services[service].type != .oneshot { services[service].isUp = true }
    if let connection = heldConnection(id) {
      connections[connection].fate = .served
      connections[connection].servedAt = time
    }
    for _ in 0..<script.stragglers { addStraggler(of: process) }
    if let life = script.life {
      after(life, freezes: true) { $0.endByItself(index, serial) }
    }
    acceptSoon(index, serial)
  }

  private func endByItself(_ index: Int, _ serial: UInt64) {
    guard let process = process(index, serial) else { return }
    if process.isFrozen {
      return after(1_000, freezes: true) { $0.endByItself(index, serial) }
    }
    die(index, serial, process.script.end)
  }

  private func addStraggler(of parent: Process) {
    var script = Script()
    script.life = parent.script.stragglerLife
    script.manners = parent.script.stragglersIgnore ? .ignores : .dies(after: 200)
    script.killDelay = parent.script.killDelay
    let index = addProcess { pid, serial in
      Process(
        serial: serial, pid: pid, service: parent.service, instance: nil, group: parent.serial,
        script: script, stage: .running)
    }
    let serial = serial
    if let life = script.life {
      after(life, freezes: true) { $0.die(index, serial, ExitReport(isSignal: false, number: 0)) }
    }
  }

  func die(_ index: Int, _ serial: UInt64, _ report: ExitReport) {
    guard let process = process(index, serial), process.stage != .zombie else { return }
    cutConnections(of: process)
    orders += 1
    processes[index]?.stage = .zombie
    trace.write(at: clock) { line in
      line.text("end")
      line.pair("pid", process.pid)
      line.report(report)
    }
    guard let id = process.instance else {
      endStraggler(index, process)
      return
    }
    let service = process.service
    services[service].ends.append(time)
    services[service].hasEndedWell =
      report.isSignal ? [1, 2, 13, 15].contains(report.number) : report.number == 0
    if var instance = live(id) {
      instance.hasExited = true
      instance.isInFlight = false
      instances[Int(id.slot)] = instance
      if instance.isMain { services[service].isRunning = false }
    }
    for other in processes.indices
    where processes[other]?.group == process.group && processes[other]?.instance == nil
      && other != index
    {
      processes[other]?.isOrphan = true
      if let orphan = processes[other], orphan.stage == .zombie { reap(other, orphan) }
    }
    if process.script.reportComesAfterExit || !random.chance(chaos.lateExits) {
      exits.append((id, report))
    } else {
      // Noticed late, with others that ended meanwhile.
      let applications = applications
      at(Instant(microseconds: (clock / 20_000 + 1) * 20_000)) { world in
        if let id = world.process(index, serial)?.instance {
          world.exits.append((id, report))
        } else if world.applications == applications {
          world.exits.append((id, report))
        }
      }
    }
  }

  private func endStraggler(_ index: Int, _ process: Process) {
    if process.isOrphan { return reap(index, process) }
    // Its parent, the main process, waits for it.
    processes[index] = nil
  }

  /// The kernel side reaps what is nobody's.
  func reap(_ index: Int, _ process: Process) {
    processes[index] = nil
    reports.append(.orphanReaped(pid: process.pid))
    noteChildless()
  }

  func noteChildless() {
    if processes.allSatisfy({ $0 == nil }) { childlessIsDue = true }
  }

  func release(_ id: InstanceID) -> Outcome {
    guard let instance = live(id) else {
      violate(1, "release of \(id), which is not alive: reaped twice or never made")
      return .done
    }
    if !instance.hasExited
      || instance.exitTurn == nil
        && !handedOver.contains(where: {
          if case .exited(id, _) = $0 { true } else { false }
        })
    {
      violate(1, "release of \(id), whose end was not reported")
      return .done
    }
    instances[Int(id.slot)] = nil
    processes[instance.process] = nil
    services[instance.service].alive -= 1
    recentlyReleased.append(id)
    if let connection = heldConnection(id) {
      if connections[connection].fate == .held { connections[connection].fate = .discarded }
      held[Int(id.slot)] = nil
    }
    noteChildless()
    return .done
  }
}
