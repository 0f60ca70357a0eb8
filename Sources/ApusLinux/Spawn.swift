internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// What a helper is told: the main process it is for, and how that has ended.
struct HelperFacts {
  var pid: Int32
  var end: ExitReport?
}

/// A start that could not be made.
struct SpawnRefusal: Error {
  var step: SpawnStepKind
  var errno: Errno
}

extension LinuxKernel {
  /// Starts a process: fills a plan, makes the child and watches it.
  mutating func spawn(_ id: InstanceID, service: UInt16) -> Outcome {
    start(id, service, CommandID(.none))
  }

  /// Starts one of a service's commands, with the service's rights but without its sockets.
  mutating func run(
    _ id: InstanceID, service: UInt16, _ command: CommandID, after end: ExitReport?
  ) -> Outcome {
    facts = HelperFacts(pid: table.processes.at(Int(service))?.pid ?? 0, end: end)
    defer { facts = nil }
    scratch.reset()
    if let end, end.isSignal { scratch.signal(end.number) }
    return start(id, service, command)
  }

  private mutating func start(_ id: InstanceID, _ service: UInt16, _ command: CommandID)
    -> Outcome
  {
    do throws(SpawnRefusal) {
      let pid = try makeChild(id, service: service, command)
      return .event(.spawned(id, pid: pid))
    } catch {
      return .event(.spawnRefused(id, step: error.step, errno: error.errno))
    }
  }

  private mutating func makeChild(
    _ id: InstanceID, service index: UInt16, _ command: CommandID
  ) throws(SpawnRefusal) -> Int32 {
    let isMain = command.role == .none
    guard var service = manifest.services.at(Int(index)),
      var account = accounts.account(of: service),
      var process = table.process(id) ?? table.unused(id)
    else { throw SpawnRefusal(step: .clone, errno: .invalid) }
    guard process.pid == 0 else { throw SpawnRefusal(step: .clone, errno: .exists) }
    if accounts.failure(of: service, account) != nil {
      resolveNames()
      account = accounts.account(of: service) ?? account
    }
    if let failure = accounts.failure(of: service, account) {
      throw SpawnRefusal(step: failure.step, errno: failure.errno)
    }
    let isMarked = isMain && NotifyChannels.reports(service, of: manifest)
    let life = UInt64(id.slot) << 16 | UInt64(id.generation & 0xffff)
    mark = isMarked ? UInt64(CAPUS_MARK) | life & (UInt64(CAPUS_MARK) - 1) : 0
    storeOwner = isMain && manifest.extras(of: service).fdStore > 0 ? Int32(index) : -1
    if isMain {
      try openChannel(index)
    } else {
      service.exec = manifest.command(command, of: service)?.exec ?? .none
      service.listeners = .none
      service.flags.remove(.accept)
      service.flags.remove(.socketStdio)
    }
    openOutput(index, account)
    account.rights.confine(manifest.sandbox(of: service), standing: own.permitted)
    guard let slot = memory.take() else { throw SpawnRefusal(step: .clone, errno: .again) }
    do throws(SpawnRefusal) {
      process.service = index
      try launch(id, service, account, &process, slot: slot, command)
    } catch {
      memory.giveBack(slot)
      if table.isMain(id.slot), process.connection >= 0 { _ = capus_close(process.connection) }
      removeGroup(of: index)
      throw error
    }
    process.generation = id.generation
    process.isUsed = true
    process.hasEnded = false
    process.isAskedToEnd = false
    process.flight = slot
    process.session = process.pid
    process.mark = mark
    if isMain { clearStatus(of: index) }
    process.isForeign = false
    table.set(id.slot, process)
    watchReady(id.slot, process)
    // Without a place in the epoll set its end is found by SIGCHLD.
    let watch = Watch(.process, index: id.slot, generation: id.generation)
    _ = watches.add(process.pidfd, watch, events: CAPUS_READABLE)
    isChildless = false
    return process.pid
  }

  /// Everything that can fail, in an order in which nothing half made remains.
  private mutating func launch(
    _ id: InstanceID, _ service: Service, _ account: Account, _ process: inout Process, slot: UInt8,
    _ command: CommandID
  ) throws(SpawnRefusal) {
    let isMain = command.role == .none
    if isMain, !service.accepts { try openReady(service, &process) }
    defer {
      if readyPipe >= 0 { _ = capus_close(readyPipe) }
      readyPipe = -1
    }
    let group = try openGroup(of: service, again: isMain && !service.accepts)
    defer { if group >= 0 { _ = capus_close(group) } }
    plan.build(
      service, of: manifest, rights: account.rights, surroundings: surroundings,
      hasGroup: group >= 0, isExposed: capus_memory_is_exposed() == 1, command: command,
      owners: accounts.owners)
    guard let memory = unsafe memory.plan(of: slot),
      let plan = unsafe encode(
        service, account, process, peer: table.peer(of: id.slot),
        into: PlanWriter(memory, count: self.memory.planBytes))
    else { throw SpawnRefusal(step: .clone, errno: .tooLarge) }
    var reading: Int32 = -1
    var writing: Int32 = -1
    let made = unsafe capus_pipe(&reading, &writing)
    if made < 0 { throw SpawnRefusal(step: .reportPipe, errno: Errno(-made)) }
    var flight = Flight()
    flight.pipe = reading
    flight.generation = table.flights[Int(slot)].generation &+ 1
    flight.instance = id
    flight.lookAt = now + LinuxKernel.flightLook
    let watch = Watch(.report, index: UInt16(slot), generation: flight.generation)
    var refusal = watches.add(reading, watch, events: 0).map {
      SpawnRefusal(step: .reportPipe, errno: $0)
    }
    if refusal == nil {
      unsafe plan.pointee.report = writing
      unsafe plan.pointee.group = group
      unsafe plan.pointee.is_apart = self.plan.isApart ? 1 : 0
      unsafe plan.pointee.identity = self.plan.identityStep.map { UInt32($0) } ?? CAPUS_UNBORN
      process.memoryKills = memoryKills(process.service)
      let stack = unsafe self.memory.stack(of: slot)
      let pid = unsafe capus_spawn(plan, stack.low, stack.count, &process.pidfd)
      process.pid = max(0, pid)
      if pid < 0 { refusal = SpawnRefusal(step: .clone, errno: Errno(-pid)) }
    }
    _ = capus_close(writing)
    if let refusal {
      process.pidfd = -1
      watches.remove(reading)
      _ = capus_close(reading)
      throw refusal
    }
    table.flights[Int(slot)] = flight
  }

  /// Children whose report pipe has lost its last writer: they reached execve(2), or failed.
  mutating func reportFlights(into events: inout EventBuffer) {
    for index in 0..<watches.readyCount {
      guard let watch = Watch(data: watches.ready[index].data), watch.kind == .report,
        let flight = table.flights.at(Int(watch.index)), flight.pipe >= 0,
        flight.generation == watch.generation, !events.isFull
      else { continue }
      finish(UInt8(truncatingIfNeeded: watch.index), into: &events)
    }
  }

  /// Ends a flight: the child has left the memory, so what it wrote there is final.
  mutating func finish(_ slot: UInt8, into events: inout EventBuffer) {
    guard let flight = table.flights.at(Int(slot)), flight.pipe >= 0,
      let plan = unsafe memory.plan(of: slot)?.assumingMemoryBound(to: capus_plan.self)
    else { return }
    unsafe capus_hear(plan, flight.pipe)
    let stage = unsafe plan.pointee.stage
    let error = unsafe plan.pointee.error
    let count = unsafe plan.pointee.step_count
    // Children on their way to execve(2) have copies of the pipe: closing ours would not take it out
    // of the epoll set, and it would be reported for as long as one of them is there (epoll(7)).
    watches.remove(flight.pipe)
    _ = capus_close(flight.pipe)
    table.flights[Int(slot)].pipe = -1
    // Only after the last look into the plan: what is given back may be gone.
    defer { memory.giveBack(slot) }
    guard var process = table.process(flight.instance), process.flight == slot else { return }
    process.flight = nil
    sayLimits(unsafe plan.pointee.clamped, process.service)
    let found = unsafe plan.pointee.found
    if found > 0 { table.name(found, of: process.service) }
    // The child has its own; a failed one needs none.
    if !table.isMain(flight.instance.slot) {
      capus_put_away(process.connection)
      process.connection = -1
    }
    let errno = flight.verdict?.code ?? error
    process.hasFailed = errno != 0
    table.set(flight.instance.slot, process)
    if errno != 0 {
      events.append(unsafe LinuxKernel.failure(flight.instance, plan, errno))
    } else if stage &+ 1 == count {
      events.append(.executed(flight.instance))
    } else if stage == CAPUS_UNBORN, let service = manifest.services.at(Int(process.service)) {
      // Killed on the way: its exit alone is told. It may be that it was not to be born where it was.
      unsafe capus_cgroup_spend(pointer(service.name))
    }
  }

  /// Tells at which step a child is that takes too long.
  func tellStep(_ id: InstanceID) -> Outcome {
    for slot in table.flights.indices {
      let flight = table.flights[slot]
      guard flight.pipe >= 0, flight.instance == id,
        let plan = unsafe memory.plan(of: UInt8(slot))?.assumingMemoryBound(to: capus_plan.self)
      else { continue }
      unsafe capus_hear(plan, flight.pipe)
      if unsafe plan.pointee.stage == CAPUS_UNBORN { break }
      return .event(unsafe LinuxKernel.failure(id, plan, Errno.timedOut.code))
    }
    return .done
  }

  /// The step that a child has failed at, and which of its files, directories, limits or conditions
  /// that was about, above the errno: see `SpawnObject`.
  @inline(never)
  private static func failure(
    _ id: InstanceID, _ plan: UnsafePointer<capus_plan>, _ errno: Int32
  ) -> Event {
    let stage = unsafe Int(min(plan.pointee.stage, plan.pointee.step_count &- 1))
    guard let steps = unsafe plan.pointee.steps else {
      return .executionFailed(id, step: .execute, errno: Errno(errno))
    }
    let step = unsafe steps[stage]
    let kind = unsafe SpawnStepKind(rawValue: step.kind) ?? .execute
    var object: Int32 = 0
    switch kind {
    case .limits: object = unsafe Int32(step.small &+ 1)
    // One that is not met is the error itself.
    case .condition where unsafe plan.pointee.error == 0: object = unsafe Int32(step.small &+ 1)
    case .environment: object = unsafe Int32(truncatingIfNeeded: step.first)
    case .streams, .directories:
      for earlier in 0...stage where unsafe steps[earlier].kind == step.kind { object += 1 }
    default: break
    }
    return .executionFailed(id, step: kind, errno: Errno(errno | object << 8))
  }
}
