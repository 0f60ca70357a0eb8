internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

// Whether a service has traffic, keeping it still for a moment, and the kernel's word that memory is
// short.
extension LinuxKernel {
  /// Freezes or thaws all processes of an instance: its control group, or without one its process
  /// group, of which those that have left it go on.
  mutating func freeze(_ id: InstanceID, _ isFrozen: Bool) {
    let group = openFreezer(id)
    let failure = capus_cgroup_freeze(group, isFrozen ? 1 : 0)
    if group >= 0 { _ = capus_close(group) }
    guard failure < 0 else { return }
    signal(id, number: isFrozen ? 19 : 18, scope: .all)
    guard var process = table.process(id) else { return }
    process.isHalted = isFrozen
    table.set(id.slot, process)
  }

  /// The control group of an instance's service, negative without one.
  @inline(never)
  private func openFreezer(_ id: InstanceID) -> Int32 {
    guard let process = table.process(id),
      let service = manifest.services.at(Int(process.service))
    else { return -1 }
    return unsafe capus_cgroup_open(pointer(service.name))
  }

  /// True once `freeze` has come into effect.
  private func isStill(_ id: InstanceID, _ pid: Int32) -> Bool {
    let group = openFreezer(id)
    let answer = capus_cgroup_is_frozen(group)
    if group >= 0 { _ = capus_close(group) }
    return (answer < 0 ? capus_is_stopped(pid) : answer) == 1
  }

  /// Looks at the queues and connections of a service's listeners. Where a socket has no
  /// connections, processor time used since the last look is traffic.
  mutating func lookIdle(_ id: InstanceID, service: UInt16, _ look: IdleLook) -> Outcome {
    guard let process = table.process(id), let declared = manifest.services.at(Int(service))
    else { return .done }
    let isFrozen = look != .running
    var found = Idleness.idle
    if isFrozen, !isStill(id, process.pid) { found = .unfrozen }
    // A daemon that handles the stop signal may still accept a connection, and never serve it.
    let stop = manifest.stop(of: declared)
    let holdsOff =
      (look == .last || isFrozen && stop.exec.count == 0) && found == .idle
      && capus_threads_that_die_of(process.pid, Int32(stop.signal)) == 0
    for index in declared.listeners.indices where found == .idle {
      guard let bound = listeners.listeners.at(index), bound.fd >= 0 else { continue }
      if holdsOff, capus_hold_off(bound.fd) == 1 { listeners.listeners[index].isHeldOff = true }
      let traffic = capus_traffic(bound.fd, 1)
      if traffic == Int32(CAPUS_UNCONNECTED.rawValue) {
        if isFrozen { continue }
        let time = capus_processor_time(process.pid)
        if time != bound.processorTime || time < 0 { found = .busy }
        listeners.listeners[index].processorTime = time
      } else if traffic != Int32(CAPUS_QUIET.rawValue) {
        found = .busy
      }
    }
    if found != .idle || !isFrozen {
      for index in declared.listeners.indices { letIn(index) }
    }
    let bytes = usage(of: id, service: service).memory ?? 0
    return .event(.idle(id, found, kilobytes: UInt32(clamping: bytes / 1024)))
  }

  /// Lets clients of a listener in again that were held off.
  mutating func letIn(_ listener: Int) {
    guard let bound = listeners.listeners.at(listener), bound.isHeldOff else { return }
    capus_let_in(bound.fd)
    listeners.listeners[listener].isHeldOff = false
  }

  /// Asks the kernel to say when memory is short: a trigger of psi(5), which needs Linux 4.20 with
  /// CONFIG_PSI, and root.
  mutating func watchPressure() {
    let system = manifest.system
    if system.pressureStall == .never || options.role == .guest { return }
    let path: Literal = "/proc/pressure/memory"
    let fd = unsafe capus_open(path.cString, 1)
    scratch.reset()
    scratch.text("some ")
    scratch.decimal(system.pressureStall.microseconds)
    scratch.text(" ")
    scratch.decimal(system.pressureWindow.microseconds)
    scratch.byte(0)
    var result = Int64(fd)
    if fd >= 0 {
      result = unsafe scratch.bytes.withUnsafeBufferPointer {
        unsafe capus_write(fd, $0.baseAddress, $0.count)
      }
    }
    var errno = result < 0 ? Errno(Int32(truncatingIfNeeded: 0 &- result)) : nil
    if errno == nil { errno = watches.add(fd, Watch(.pressure), events: CAPUS_URGENT) }
    if let errno { log.write(.error, "memory pressure is not seen", errno) }
  }

  /// Tells that memory is short.
  func reportPressure(into events: inout EventBuffer) {
    for index in 0..<watches.readyCount
    where Watch(data: watches.ready[index].data)?.kind == .pressure {
      events.append(.pressure)
    }
  }
}
