public import ApusBase
public import ApusCore
internal import ApusManifest
internal import CApus

/// Takes up the record that `--resume=NUMBER` names, before anything else is done.
///
/// Without a sound record apus starts as ever, with none of the inherited descriptors open.
public func resumeRecord(_ number: Int32) { _ = capus_record_resume(number) }

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
func record(file name: [UInt8], bytes: [UInt8], errno: Errno?) {
  var head = ByteWriter(capacity: 12)
  head.little(UInt64(name.count), bytes: 4)
  head.little(UInt64(bytes.count), bytes: 4)
  head.little(UInt64(errno?.code ?? 0), bytes: 4)
  for part in [head.bytes, name, bytes] {
    unsafe part.withUnsafeBufferPointer { unsafe capus_record_add($0.baseAddress, $0.count) }
  }
}

/// The files of the manifest as the program before this one read them, so that the same tables come
/// out of them whatever the disk says now.
func loadPreviousManifest(into loader: inout ManifestLoader) {
  var at = 0
  func take(_ count: Int) -> [UInt8]? {
    guard count <= 1 << 21 else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    let isThere = unsafe bytes.withUnsafeMutableBufferPointer {
      unsafe capus_record_read(UInt32(truncatingIfNeeded: at), $0.baseAddress, $0.count)
    }
    at += count
    return isThere == 1 ? bytes : nil
  }
  func number() -> Int? {
    take(4).map { Int($0[0]) | Int($0[1]) << 8 | Int($0[2]) << 16 | Int($0[3] & 127) << 24 }
  }
  while let nameCount = number(), let count = number(), let code = number(),
    let name = take(nameCount), let bytes = take(count)
  {
    add(name, bytes, code == 0 ? nil : Errno(Int32(truncatingIfNeeded: code)), to: &loader)
  }
}

/// `apus run` after its third crash within a minute: services and sockets stay as they are, the dead
/// are buried, and SIGTERM or SIGINT ends it all. The exit code.
func holdServices() -> Int32 {
  say { $0.text("three crashes within a minute: services are kept and not looked after") }
  while true {
    let signal = capus_wait_signal(60_000)
    while capus_reap_any() > 0 {}
    guard signal == 15 || signal == 2 else { continue }
    forEachHeld { held in if held.pid > 1 { _ = capus_kill(-held.pid, 15) } }
    return 1
  }
}

/// Closes what would have clients wait for a supervisor that does not answer.
func closeControl() {
  var last: Int32 = -1
  forEachHeld { last = $0.fd }
  if last > 2 { _ = capus_close(last) }
}

private func forEachHeld(_ body: (capus_held) -> Void) {
  let previous = previousRecord()
  var bytes = [UInt8](repeating: 0, count: Supervisor.slotBytes)
  let count = previous.services + previous.listeners + previous.connections + 1
  for slot in 0..<count { body(held(slot, &bytes).held) }
}

private func held(_ slot: UInt32, _ bytes: inout [UInt8]) -> (held: capus_held, count: Int) {
  var held = capus_held()
  let count = unsafe bytes.withUnsafeMutableBufferPointer {
    unsafe capus_record_get(slot, &held, $0.baseAddress)
  }
  return (held, Int(count))
}

extension LinuxKernel {
  /// Starts the record of this program, and from now on survives its own crash.
  mutating func startRecord(_ start: Instant) {
    table.listenerCount = manifest.listeners.count
    let connections = table.processes.count - table.mainCount
    let answer = capus_record_finish(
      UInt32(table.mainCount), UInt32(table.listenerCount), UInt32(connections),
      start.microseconds)
    if answer < 0 { return log.write(.error, "no crash can be survived", Errno(0 &- answer)) }
    capus_fault_log(files.kernelLog)
    for slot in 0..<table.mainCount + table.listenerCount {
      capus_record_identify(UInt32(slot), identity(slot))
    }
    let board = UInt32(table.processes.count + table.listenerCount)
    capus_record_hold(board, control.listener, 0, 0)
  }

  /// What names a service or listener from one build to the next: FNV-1a of its name, and of its
  /// address.
  private func identity(_ slot: Int) -> UInt32 {
    var hash: UInt32 = 2_166_136_261
    func add(_ text: Text?) {
      guard let text else { return }
      for byte in manifest.bytes(text) { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    }
    guard slot >= table.mainCount else {
      add(manifest.services.at(slot)?.name)
      return hash
    }
    let listener = manifest.listeners.at(slot - table.mainCount)
    add(listener.flatMap { manifest.services.at(Int($0.service))?.name })
    add(listener?.spelling)
    return hash
  }

  /// The control socket of the program before this one, -1 for none.
  func previousControl() -> Int32 {
    guard isResumed else { return -1 }
    var last: Int32 = -1
    forEachHeld { last = $0.fd }
    return capus_is_open(last) == 1 ? last : -1
  }

  /// Takes over listeners, processes and state of the program before this one.
  mutating func resume(_ supervisor: inout Supervisor) {
    let previous = previousRecord()
    var codec = FieldCodec(capacity: Supervisor.slotBytes)
    let (services, listeners) = (Int(previous.services), Int(previous.listeners))
    let count = services + listeners + Int(previous.connections)
    for old in 0...count {
      let (held, bytes) = held(UInt32(old), &codec.bytes)
      codec.read(bytes)
      if old < services {
        guard let slot = find(held.identity, near: old, in: 0..<table.mainCount) else { continue }
        adopt(held, slot, &codec, &supervisor)
      } else if old < services + listeners {
        let range = table.mainCount..<table.mainCount + table.listenerCount
        let near = old - services + table.mainCount
        guard let slot = find(held.identity, near: near, in: range) else {
          _ = capus_close(max(3, held.fd))
          continue
        }
        adopt(listener: held, slot, &codec, &supervisor)
      } else if old < count {
        // The places of connections say nothing of whose they are in another table.
        if services == table.mainCount { adopt(held, old, &codec, &supervisor) }
      } else {
        _ = supervisor.restore(slot: supervisor.slotCount - 1, from: &codec, held: HeldResources())
      }
    }
    // Whatever has ended meanwhile is a zombie that waits.
    looksForEnds = true
    hasToldBound = true
    if capus_record_state() == CAPUS_REPLACED {
      log.say("goes on as a new program")
    } else {
      log.say(
        "goes on after a crash; the event at hand is lost, number ", UInt64(previous.lost))
    }
    capus_record_leave()
  }

  /// The slot of that identity: mostly the one at the same place.
  private func find(_ wanted: UInt32, near: Int, in range: Range<Int>) -> Int? {
    if range.contains(near), identity(near) == wanted { return near }
    for slot in range where identity(slot) == wanted { return slot }
    return nil
  }

  private mutating func adopt(
    listener held: capus_held, _ slot: Int, _ codec: inout FieldCodec,
    _ supervisor: inout Supervisor
  ) {
    let isOpen = capus_is_open(held.fd) == 1
    _ = supervisor.restore(slot: slot, from: &codec, held: HeldResources(isOpen: isOpen))
    if isOpen { hold(listener: slot - table.mainCount, held.fd) }
  }

  private mutating func adopt(
    _ held: capus_held, _ slot: Int, _ codec: inout FieldCodec, _ supervisor: inout Supervisor
  ) {
    var process = Process()
    process.generation = held.generation
    if unsafe capus_adopt_child(held.pid, &process.pidfd) == 0 { process.pid = held.pid }
    if capus_is_open(held.fd) == 1 { process.connection = held.fd }
    let resources = HeldResources(
      pid: process.pid, generation: held.generation, isOpen: process.connection >= 0)
    let index = UInt16(slot < table.mainCount ? slot : slot - table.listenerCount)
    guard supervisor.restore(slot: slot, from: &codec, held: resources) else {
      // It is buried as an orphan.
      if process.pidfd >= 0 { _ = capus_close(process.pidfd) }
      if process.connection >= 0 { _ = capus_close(process.connection) }
      return
    }
    guard process.pid > 0 || process.connection >= 0 else { return }
    process.service = index
    process.isUsed = true
    if process.pid > 0, process.connection >= 0 {
      // The child has its own.
      _ = capus_close(process.connection)
      process.connection = -1
    }
    table.set(index, process)
    if process.connection >= 0 {
      var peer = capus_peer()
      unsafe capus_describe_peer(process.connection, &peer)
      table.setPeer(index, peer)
    }
    let watch = Watch(.process, index: index, generation: process.generation)
    if process.pidfd >= 0 { _ = watches.add(process.pidfd, watch, events: CAPUS_READABLE) }
  }

  /// Notes the descriptor of a listener, -1 for none, here and in the record.
  mutating func hold(listener: Int, _ fd: Int32) {
    listeners.listeners[listener].fd = fd
    capus_record_hold(UInt32(table.mainCount + listener), fd, 0, 0)
  }

  /// Keeps what lasts of the supervisor beyond a crash.
  public mutating func keep(slot: Int, _ record: borrowing FieldCodec) {
    unsafe record.bytes.withUnsafeBufferPointer {
      unsafe capus_record_put(UInt32(slot), $0.baseAddress, record.count)
    }
  }

  /// Executes the program at apus's own path in place of this one.
  public mutating func replaceProgram(onlyLooks: Bool) -> Errno? {
    failure(onlyLooks ? capus_check_program() : capus_replace())
  }
}
