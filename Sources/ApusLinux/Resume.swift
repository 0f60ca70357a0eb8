public import ApusBase
public import ApusCore
internal import ApusManifest
internal import CApus

/// True when the program before this one, in the same process, left its state.
var isResumed: Bool { capus_record_state() != CAPUS_FRESH }

/// True when supervising has crashed too often to try again at once.
var isCrashingOften: Bool {
  capus_record_state() == CAPUS_CRASHED_OFTEN || capus_record_state() == CAPUS_CRASHED_IN_PAUSE
}

/// The record of the program before this one.
func previousRecord() -> capus_previous {
  var previous = capus_previous()
  unsafe capus_record_previous(&previous)
  return previous
}

/// Adds a file of the manifest to the record: its name and bytes, or why there are none.
@inline(never)
func record(file name: Bytes, _ bytes: Bytes, _ errno: Errno?) {
  unsafe name.withUnsafeBufferPointer { name in
    unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe capus_record_add(
        name.baseAddress, name.count, bytes.baseAddress, bytes.count, errno?.code ?? 0)
    }
  }
}

/// `apus run` after its third crash within a minute: everything it has started ends, so that its own
/// supervisor finds nothing running twice when it starts it again. The exit code.
func endServices() -> Int32 {
  say("three crashes within a minute: services are stopped, apus run ends with 1")
  capus_block_signals()
  capus_record_mute()
  if capus_pid() == 1 {
    endEveryone()
    return 1
  }
  let end = capus_now() &+ 5_000_000
  capus_record_signal(15)
  capus_record_signal(18)  // what is stopped goes on, to see it
  var isChildless = false
  while !isChildless, capus_now() < end {
    let pid = capus_reap_any()
    if pid == 0 { _ = capus_wait_signal(50) }
    isChildless = pid < 0
  }
  capus_record_signal(9)
  return 1
}

private func held(_ slot: UInt32, _ bytes: inout Bytes) -> (held: capus_held, count: Int) {
  var held = capus_held()
  let count = unsafe bytes.withUnsafeMutableBufferPointer {
    unsafe capus_record_get(slot, &held, $0.baseAddress)
  }
  return (held, Int(count))
}

extension LinuxKernel {
  /// Starts the record of this program, and from now on survives its own crash.
  @inline(never)
  mutating func startRecord(_ start: Instant) {
    openGroups(start)
    table.listenerCount = manifest.listeners.count
    let connections = table.peers.count
    var stores: UInt32 = 0
    for service in manifest.services { stores += UInt32(manifest.extras(of: service).fdStore) }
    let answer = capus_record_finish(
      UInt32(truncatingIfNeeded: table.mainCount), UInt32(truncatingIfNeeded: table.listenerCount),
      UInt32(truncatingIfNeeded: connections), stores,
      UInt32(truncatingIfNeeded: channels.fds.count),
      UInt32(
        truncatingIfNeeded: Supervisor.timelineCapacity(of: manifest) + Int(CAPUS_LINES_OF_SETUP)),
      start.microseconds)
    startUs = start.microseconds
    defer { startOutputs() }
    if answer < 0 { return log.write(.error, "no crash can be survived", Errno(0 &- answer)) }
    capus_fault_log(files.kernelLog)
    board.recordBegun()
    for slot in 0..<table.mainCount + table.listenerCount {
      identify(slot)
    }
    holdControl()
  }

  /// Notes the control socket in the record.
  func holdControl() {
    capus_record_hold(UInt32(truncatingIfNeeded: boardSlot), control.listener, 0, 0)
  }

  private var boardSlot: Int { table.mainCount + table.listenerCount + table.peers.count }

  /// A service is known by its name, a listener by its service's and its address.
  private func identify(_ slot: Int) {
    var service = slot
    if let listener = manifest.listeners.at(slot - table.mainCount) {
      service = Int(listener.service)
      identify(slot, listener.spelling)
    }
    if let service = manifest.services.at(service) { identify(slot, service.name) }
  }

  @inline(never)
  private func identify(_ slot: Int, _ text: Text) {
    guard let bytes = ApusLinux.bytes(of: text, in: manifest.pool.span) else { return }
    unsafe bytes.withUnsafeBufferPointer {
      unsafe capus_record_identify(UInt32(truncatingIfNeeded: slot), $0.baseAddress, $0.count)
    }
  }

  /// Takes over listeners, processes and state of the program before this one.
  @inline(never)
  mutating func resume(_ supervisor: inout Supervisor) {
    let previous = previousRecord()
    var codec = FieldCodec(capacity: Supervisor.slotBytes)
    let (services, listeners) = (Int(previous.services), Int(previous.listeners))
    let count = services + listeners + Int(previous.connections)
    let isApplied = capus_record_stage() == 2
    for old in 0..<services { adopt(channel: old, find(old, services)) }
    var place = table.mainCount + table.listenerCount
    for old in 0...count {
      let (held, bytes) = held(UInt32(truncatingIfNeeded: old), &codec.bytes)
      codec.read(bytes)
      if old < services {
        adopt(held, find(old, services), &codec, &supervisor)
      } else if old < services + listeners {
        adopt(listener: held, find(old, services), &codec, &supervisor)
      } else if old < count {
        // In another table the places of connections are others', too.
        adopt(held, isApplied ? place : old, &codec, &supervisor)
        if supervisor.service(ofSlot: place) != nil { place += 1 }
      } else {
        _ = supervisor.restore(slot: supervisor.slotCount - 1, from: &codec, held: HeldResources())
      }
    }
    if nodes.inotify < 0, listenerNodes.count > 0 { unsafe watchNodes(below: nil) }
    lookAtEverything()
    capus_store_resume(watches.epoll, Watch(.stored).data)
    // Whatever has ended meanwhile is a zombie that waits.
    looksForEnds = true
    hasToldBound = true
    if capus_record_state() == CAPUS_RETURNED {
      log.say("goes on after a pause for its crashes")
    } else if capus_record_state() == CAPUS_REPLACED {
      log.say(
        isApplied ? "goes on with another manifest" : "goes on as a new program")
    } else {
      log.say(
        "goes on after a crash; the event at hand is lost, number ", UInt64(previous.lost))
    }
    capus_record_leave()
  }

  /// Where a service or a listener of the program before this one is now; -1 for nowhere.
  @inline(never)
  func find(_ old: Int, _ services: Int) -> Int {
    let isService = old < services
    let near = isService ? old : old - services + table.mainCount
    return Int(
      capus_record_find(
        UInt32(truncatingIfNeeded: old), UInt32(truncatingIfNeeded: near),
        UInt32(truncatingIfNeeded: isService ? 0 : table.mainCount),
        UInt32(
          truncatingIfNeeded: isService ? table.mainCount : table.mainCount + table.listenerCount)))
  }

  /// What has made room for another manifest leaves no node and no group behind.
  private mutating func makeRoom() {
    for slot in manifest.services.indices
    where manifest.services[slot].flags.contains(.leaving) {
      removeChannel(slot)
      dropChannel(slot)
      _ = unsafe capus_cgroup_kill(pointer(manifest.services[slot].name), 0)
      _ = unsafe capus_cgroup_remove(pointer(manifest.services[slot].name))
    }
    for index in manifest.listeners.indices
    where manifest.listeners[index].flags.contains(.leaving) {
      unbind(UInt16(truncatingIfNeeded: index))
    }
  }

  @inline(never)
  private mutating func adopt(
    listener held: capus_held, _ slot: Int, _ codec: inout FieldCodec,
    _ supervisor: inout Supervisor
  ) {
    let isOpen = capus_is_open(held.fd) == 1
    supervisor.place(listener: slot < 0 ? nil : slot - table.mainCount)
    if slot < 0 {
      if isOpen { capus_put_away(held.fd) }
      return
    }
    _ = supervisor.restore(slot: slot, from: &codec, held: HeldResources(isOpen: isOpen))
    if isOpen {
      hold(listener: slot - table.mainCount, held.fd)
      adopt(nodeOf: slot - table.mainCount, identity: held.generation)
      if supervisor.isStoppedIdle(Int(manifest.listeners[slot - table.mainCount].service)) {
        listeners.listeners[slot - table.mainCount].isHeldOff = true
      } else {
        capus_let_in(held.fd)
      }
    }
  }

  @inline(never)
  private mutating func adopt(
    _ held: capus_held, _ slot: Int, _ codec: inout FieldCodec, _ supervisor: inout Supervisor
  ) {
    var process = Process()
    process.generation = held.generation
    // A main process that is no child of apus stands there with a minus.
    let pid = held.pid < 0 ? 0 &- held.pid : held.pid
    let isForeign = unsafe capus_adopt_child(pid, &process.pidfd)
    if isForeign == 0 || isForeign == 1 && held.pid < 0 {
      process.pid = pid
      process.isForeign = isForeign == 1
      process.session = capus_session(pid)
      // Its own word, so it counts only where it names this very slot.
      let mark = capus_mark(pid)
      if slot >= 0, mark >> 16 & 0x3fff == UInt64(slot) { process.mark = mark }
    } else if process.pidfd >= 0 {
      _ = capus_close(process.pidfd)
      process.pidfd = -1
    }
    if capus_is_open(held.fd) == 1 { process.connection = held.fd }
    var resources = HeldResources(
      pid: process.pid, generation: held.generation, isOpen: process.connection >= 0,
      end: LinuxKernel.end(held.end))
    var helper = Process()
    if unsafe capus_adopt_child(held.helper, &helper.pidfd) == 0 { helper.pid = held.helper }
    resources.helperPid = helper.pid
    resources.helperGeneration = held.helper_generation
    resources.helperEnd = LinuxKernel.end(held.helper_end)
    let index = UInt16(
      truncatingIfNeeded: slot < table.mainCount ? slot : slot - table.listenerCount)
    let isWanted =
      slot >= 0 && slot < boardSlot
      && supervisor.restore(slot: slot, from: &codec, held: resources)
    adopt(helper: helper, of: slot, held.helper_generation, supervisor)
    guard isWanted else {
      // It is reaped as an orphan.
      if process.pidfd >= 0 { _ = capus_close(process.pidfd) }
      capus_put_away(process.connection)
      return
    }
    if process.pid == 0, slot < table.mainCount, process.connection >= 0 {
      capus_put_away(process.connection)
      process.connection = -1
    }
    guard process.pid > 0 || process.connection >= 0 else { return }
    process.service = supervisor.service(ofSlot: slot) ?? index
    process.memoryKills = memoryKills(process.service)
    process.isUsed = true
    if !table.isMain(index), process.pid > 0, process.connection >= 0 {
      // The child has its own.
      capus_put_away(process.connection)
      process.connection = -1
    }
    table.set(index, process)
    watchReady(index, process)
    if !table.isMain(index), process.connection >= 0 {
      var peer = capus_peer()
      unsafe capus_describe_peer(process.connection, &peer)
      table.setPeer(index, peer)
    }
    let watch = Watch(.process, index: index, generation: process.generation)
    if process.pidfd >= 0 { _ = watches.add(process.pidfd, watch, events: CAPUS_READABLE) }
    // What it says from now on is heard again; a channel that cannot be made is its loss alone.
    if slot < table.mainCount, process.pid > 0, let service = manifest.services.at(slot),
      NotifyChannels.reports(service, of: manifest)
    {
      do throws(SpawnRefusal) { try openChannel(index) } catch {
        log.write(.error, "cannot hear a service any more", error.errno)
      }
    }
  }

  /// How a child ended that was reaped while nobody supervised; nil for one that has not.
  private static func end(_ status: Int32) -> ExitReport? {
    status == 0
      ? nil
      : ExitReport(isSignal: status & 512 != 0, number: UInt8(truncatingIfNeeded: status & 255))
  }

  /// Takes over a service's helper; one that is nobody's is reaped as an orphan.
  private mutating func adopt(
    helper: Process, of slot: Int, _ generation: UInt32, _ supervisor: borrowing Supervisor
  ) {
    var helper = helper
    guard helper.pid > 0, slot >= 0, slot < table.mainCount, supervisor.keepsHelper(slot) else {
      if helper.pidfd >= 0 { _ = capus_close(helper.pidfd) }
      return
    }
    helper.generation = generation
    helper.service = UInt16(truncatingIfNeeded: slot)
    helper.session = capus_session(helper.pid)
    helper.memoryKills = memoryKills(helper.service)
    helper.isUsed = true
    let index = UInt16(truncatingIfNeeded: table.helperBase + slot)
    table.set(index, helper)
    let watch = Watch(.process, index: index, generation: generation)
    if helper.pidfd >= 0 { _ = watches.add(helper.pidfd, watch, events: CAPUS_READABLE) }
  }

  /// Notes the descriptor of a listener, -1 for none, here and in the record.
  mutating func hold(listener: Int, _ fd: Int32) {
    listeners.listeners[listener].fd = fd
    capus_record_hold(UInt32(truncatingIfNeeded: table.mainCount + listener), fd, 0, 0)
  }

  /// Keeps what lasts of the supervisor beyond a crash.
  public mutating func keep(slot: Int, _ record: borrowing FieldCodec) {
    let count = record.count
    unsafe record.bytes.withUnsafeBufferPointer {
      unsafe capus_record_put(UInt32(truncatingIfNeeded: slot), $0.baseAddress, count)
    }
  }

  /// Executes the program at apus's own path in place of this one, or this one anew.
  public mutating func replaceProgram(_ how: Replacement) -> Errno? {
    if how == .look { return failure(capus_check_program()) }
    if how == .apply { makeRoom() }
    // They are told by the end of the connection, and not closed by execve(2).
    for slot in control.clients.indices where control.clients[slot].fd >= 0 {
      close(
        ClientID(
          slot: UInt8(truncatingIfNeeded: slot), generation: control.clients[slot].generation))
    }
    return failure(capus_replace(how == .apply ? 1 : 0))
  }
}
