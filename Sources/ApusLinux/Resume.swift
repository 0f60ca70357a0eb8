public import ApusBase
public import ApusCore
internal import ApusManifest
internal import CApus

/// True when a service of the record that is read has a process.
func hasProcess(_ service: Int) -> Bool {
  var codec = FieldCodec(capacity: Supervisor.slotBytes)
  return held(UInt32(truncatingIfNeeded: service), &codec.bytes).held.pid != 0
}

/// True when the program before this one, in the same process, left its state.
var isResumed: Bool { capus_record_state() != CAPUS_FRESH }

/// True when supervising has crashed too often to try again at once.
var isCrashingOften: Bool {
  capus_record_state() == CAPUS_CRASHED_OFTEN || capus_record_state() == CAPUS_CRASHED_IN_RESCUE
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

/// The files of the manifest as the program before this one read them, so that the same tables come
/// out of them whatever the disk says now.
func loadPreviousManifest(into loader: inout ManifestLoader) {
  var at: UInt32 = 0
  var file = capus_file()
  while unsafe capus_record_file(&at, &file) == 1 {
    let error = file.sizes.error
    add(
      read(file.name_at, file.sizes.name), read(file.bytes_at, file.sizes.bytes),
      error == 0 ? nil : Errno(error), to: &loader)
  }
}

private func read(_ at: UInt32, _ count: UInt32) -> Bytes {
  var bytes = Bytes(repeating: 0, count: Int(count))
  unsafe bytes.withUnsafeMutableBufferPointer {
    unsafe capus_record_read(at, $0.baseAddress, $0.count)
  }
  return bytes
}

/// `apus run` after its third crash within a minute: services and sockets stay as they are, the dead
/// are buried, and SIGTERM or SIGINT ends it all. The exit code.
func holdServices() -> Int32 {
  say("three crashes within a minute: services are kept and not looked after")
  while true {
    let signal = capus_wait_signal(60_000)
    while capus_reap_any() > 0 {}
    guard signal == 15 || signal == 2 else { continue }
    capus_record_signal(15)
    return 1
  }
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
      UInt32(truncatingIfNeeded: connections), stores, start.microseconds)
    defer { startOutputs() }
    if answer < 0 { return log.write(.error, "no crash can be survived", Errno(0 &- answer)) }
    capus_fault_log(files.kernelLog)
    for slot in 0..<table.mainCount + table.listenerCount {
      identify(slot)
    }
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
    var place = table.mainCount + table.listenerCount
    for old in 0...count {
      let (held, bytes) = held(UInt32(truncatingIfNeeded: old), &codec.bytes)
      codec.read(bytes)
      if old < services {
        let slot = find(old, services)
        if slot >= 0, !hasChanged(old) {
          adopt(held, slot, nil, &codec, &supervisor)
        } else if options.isApplied {
          drop(held)
          if slot >= 0 { supervisor.renew(service: slot, from: &codec) }
        }
      } else if old < services + listeners {
        let slot = hasChanged(old) ? -1 : find(old, services)
        if slot >= 0 {
          adopt(listener: held, slot, &codec, &supervisor)
        } else {
          drop(held)
        }
      } else if old < count {
        guard let owner = Supervisor.owner(ofConnection: &codec) else { continue }
        let slot = find(Int(owner.service), services)
        let listener = find(services + Int(owner.listener), services) - table.mainCount
        if slot < 0 || listener < 0 || hasChanged(Int(owner.service)) || place >= boardSlot {
          drop(held)
          continue
        }
        codec.read(bytes)
        // In another table the places of connections are others', too.
        let moved = ConnectionOwner(
          service: UInt16(truncatingIfNeeded: slot), listener: UInt16(truncatingIfNeeded: listener))
        adopt(held, options.isApplied ? place : old, moved, &codec, &supervisor)
        place += 1
      } else {
        _ = supervisor.restore(slot: supervisor.slotCount - 1, from: &codec, held: HeldResources())
      }
    }
    for service in manifest.services.indices
    where !options.isApplied && options.changes.at(service) == 1 {
      supervisor.leave(service: service)
    }
    capus_store_resume(watches.epoll, Watch(.stored).data)
    // Whatever has ended meanwhile is a zombie that waits.
    looksForEnds = true
    hasToldBound = true
    if capus_record_state() == CAPUS_REPLACED {
      log.say(
        options.isApplied ? "goes on with another manifest" : "goes on as a new program")
    } else {
      log.say(
        "goes on after a crash; the event at hand is lost, number ", UInt64(previous.lost))
    }
    capus_record_leave()
  }

  /// Where a service or a listener of the program before this one is now; -1 for nowhere.
  @inline(never)
  private func find(_ old: Int, _ services: Int) -> Int {
    let isService = old < services
    let near = isService ? old : old - services + table.mainCount
    return Int(
      capus_record_find(
        UInt32(truncatingIfNeeded: old), UInt32(truncatingIfNeeded: near),
        UInt32(truncatingIfNeeded: isService ? 0 : table.mainCount),
        UInt32(
          truncatingIfNeeded: isService ? table.mainCount : table.mainCount + table.listenerCount)))
  }

  /// True for what the manifest before this one says otherwise.
  private func hasChanged(_ old: Int) -> Bool {
    options.isApplied && options.changes.at(old) == 1
  }

  /// Lets go of what nothing of this manifest is. Only a process that did not end in time is left.
  @inline(never)
  private func drop(_ held: capus_held) {
    if options.isApplied, held.pid > 1 {
      _ = capus_kill(0 &- held.pid, 9)
      _ = capus_kill(held.pid, 9)
    }
    if capus_is_open(held.fd) == 1 { _ = capus_close(held.fd) }
  }

  /// Executes this program anew to apply the manifest on the disk. What has made room for it leaves no
  /// node and no group behind.
  public mutating func applyManifest() -> Errno? {
    var path = ByteWriter(capacity: 256)
    for slot in options.changes.indices where options.changes[slot] != 0 && !options.isApplied {
      if slot < table.mainCount {
        removeChannel(slot, &path)
        unsafe capus_cgroup_kill(pointer(manifest.services[slot].name), 0)
        _ = unsafe capus_cgroup_remove(pointer(manifest.services[slot].name))
      } else {
        unbind(UInt16(truncatingIfNeeded: slot - table.mainCount), gone: true)
      }
    }
    return failure(capus_replace(1))
  }

  @inline(never)
  private mutating func adopt(
    listener held: capus_held, _ slot: Int, _ codec: inout FieldCodec,
    _ supervisor: inout Supervisor
  ) {
    let isOpen = capus_is_open(held.fd) == 1
    _ = supervisor.restore(slot: slot, from: &codec, held: HeldResources(isOpen: isOpen))
    if isOpen { hold(listener: slot - table.mainCount, held.fd) }
  }

  @inline(never)
  private mutating func adopt(
    _ held: capus_held, _ slot: Int, _ owner: ConnectionOwner?, _ codec: inout FieldCodec,
    _ supervisor: inout Supervisor
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
    } else if process.pidfd >= 0 {
      _ = capus_close(process.pidfd)
      process.pidfd = -1
    }
    if capus_is_open(held.fd) == 1 { process.connection = held.fd }
    var resources = HeldResources(
      pid: process.pid, generation: held.generation, isOpen: process.connection >= 0)
    resources.owner = owner
    let index = UInt16(slot < table.mainCount ? slot : slot - table.listenerCount)
    guard supervisor.restore(slot: slot, from: &codec, held: resources) else {
      // It is buried as an orphan.
      if process.pidfd >= 0 { _ = capus_close(process.pidfd) }
      if process.connection >= 0 { _ = capus_close(process.connection) }
      return
    }
    if process.pid == 0, slot < table.mainCount, process.connection >= 0 {
      _ = capus_close(process.connection)
      process.connection = -1
    }
    guard process.pid > 0 || process.connection >= 0 else { return }
    process.service = owner?.service ?? index
    process.memoryKills = memoryKills(process.service)
    process.isUsed = true
    if !table.isMain(index), process.pid > 0, process.connection >= 0 {
      // The child has its own.
      _ = capus_close(process.connection)
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
      let account = accounts.account(of: service)
    {
      do throws(SpawnRefusal) { try openChannel(index, account) } catch {
        log.write(.error, "cannot hear a service any more", error.errno)
      }
    }
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

  /// Executes the program at apus's own path in place of this one.
  public mutating func replaceProgram(onlyLooks: Bool) -> Errno? {
    failure(onlyLooks ? capus_check_program() : capus_replace(0))
  }
}
