internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire
internal import CApus

// Main processes that apus did not start itself, and the word of those it did.
extension LinuxKernel {
  /// The tree of a service's main process, as far as it can be told from the outside.
  func tree(of slot: UInt16) -> capus_tree {
    var tree = unsafe capus_tree()
    guard let process = table.processes.at(Int(slot)), process.isUsed,
      let service = manifest.services.at(Int(process.service))
    else { return unsafe tree }
    unsafe tree.main = process.pid
    unsafe tree.session = process.session
    unsafe tree.service = UnsafePointer(pointer(service.name))
    unsafe tree.mark = process.mark
    let rights = accounts.account(of: service)?.rights
    unsafe tree.uid = rights?.changesIdentity == true ? rights?.uid ?? own.uid : own.uid
    return unsafe tree
  }

  /// Makes another process of the tree the main one; see `Effect.adopt`.
  mutating func adopt(_ id: InstanceID, _ wanted: Int32) -> Outcome {
    guard var process = table.process(id), table.isMain(id.slot) else { return .done }
    var tree = unsafe tree(of: id.slot)
    var pid = wanted == Effect.named ? process.named : wanted
    if wanted == Effect.leftOver { pid = unsafe capus_left(&tree) }
    var pidfd: Int32 = -1
    // Looked at with the pidfd open: the number is not another's by now.
    let isForeign = unsafe capus_adopt_child(pid, &pidfd)
    guard isForeign >= 0, unsafe capus_kin(pid, &tree) == 1 else {
      if pidfd >= 0 { _ = capus_close(pidfd) }
      if wanted == Effect.leftOver { return .event(.adopted(id, pid: 0)) }
      channels.refused &+= 1
      return wanted == Effect.named ? .event(.adopted(id, pid: 0 &- max(1, pid))) : .done
    }
    if process.pidfd >= 0 {
      if !process.hasEnded { watches.remove(process.pidfd) }
      _ = capus_close(process.pidfd)
    }
    // One that goes on is an orphan from now on.
    if process.hasEnded, !process.isForeign, process.pid != pid { _ = capus_reap(process.pid) }
    looksForEnds = true
    process.pid = pid
    process.pidfd = pidfd
    process.isForeign = isForeign == 1
    process.session = capus_session(pid)
    process.hasEnded = false
    process.flight = nil
    process.generation &+= 1
    table.set(id.slot, process)
    let watch = Watch(.process, index: id.slot, generation: process.generation)
    if pidfd >= 0 { _ = watches.add(pidfd, watch, events: CAPUS_READABLE) }
    return .event(.adopted(id, pid: pid))
  }

  /// The descriptor on which a service says that it is ready.
  static func readyDescriptor(of service: Service, in manifest: Manifest) -> Int? {
    manifest.value(manifest.extras(of: service).ready, 0).map { Int($0) }
  }

  /// Makes the pipe of `ready.fd`.
  mutating func openReady(_ service: Service, _ process: inout Process) throws(SpawnRefusal) {
    guard LinuxKernel.readyDescriptor(of: service, in: manifest) != nil else { return }
    let made = unsafe capus_pipe(&process.connection, &readyPipe)
    if made < 0 { throw SpawnRefusal(step: .reportPipe, errno: Errno(0 &- made)) }
  }

  /// Listens to the pipe of `ready.fd`.
  func watchReady(_ slot: UInt16, _ process: Process) {
    guard table.isMain(slot), process.connection >= 0 else { return }
    _ = watches.add(process.connection, Watch(.ready, index: slot), events: CAPUS_READABLE)
  }

  /// What the pipe says. It stays open after the newline, so that the service may write more.
  @inline(never)
  func readyNotice(of slot: UInt16) -> Notice? {
    guard let process = table.processes.at(Int(slot)), process.connection >= 0 else { return nil }
    let found = capus_read_line(process.connection)
    if found != 0 { watches.remove(process.connection) }
    guard found == 1 else { return nil }
    var notice = Notice()
    notice.flags = .announced
    return notice
  }
}
