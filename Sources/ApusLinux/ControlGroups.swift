internal import ApusBase
public import ApusCore
internal import ApusManifest
internal import CApus

// Control groups: one for each service, made for its first start and kept, so that its limits hold
// for all of its processes and nothing of it outlives a KILL (cgroups(7)).
extension LinuxKernel {
  /// Opens the place of the groups and enables the controllers that the manifest needs.
  ///
  /// A board without groups, or without a controller, says so here and once; services that cannot
  /// do without are refused later, each at its start.
  @inline(never)
  mutating func openGroups(_ start: Instant) {
    let mark = options.role == .initProcess ? 0 : Self.groupMark(start, pid: own.pid)
    let failure = capus_cgroup_begin(mark)
    if failure < 0 {
      if !isResumed { log.write(.info, "no control groups", Errno(0 &- failure)) }
      return
    }
    for service in manifest.services { controllers |= controllers(of: service) }
    // Who is the biggest is told by all processes of a service.
    if manifest.system.pressureStall != .never { controllers |= UInt32(CAPUS_MEMORY) }
    let answer = capus_cgroup_enable(controllers)
    if answer < 0, !isResumed {
      log.write(.warning, "cannot enable a controller of control groups", Errno(0 &- answer))
    }
  }

  /// What distinguishes the groups of one apus from those of another that runs beside it; the same
  /// for as long as it lives, over re-execution and crash.
  ///
  /// Two can be started within one microsecond, and then the process number tells them apart: with
  /// one mark for both, the KILL of one's service would end the other's of that name.
  static func groupMark(_ start: Instant, pid: Int32) -> UInt64 {
    UInt64(bitPattern: start.microseconds) << 22 | UInt64(UInt32(bitPattern: pid) & 0x3f_ffff)
  }

  /// CAPUS_* of the controllers that the limits of a service need.
  @inline(never)
  private func controllers(of service: Service) -> UInt32 {
    let limits = manifest.extras(of: service).cgroup
    var needed: UInt32 = 0
    for member in 0..<7 where manifest.value(limits, member) != nil {
      // CAPUS_MEMORY, _PIDS, _CPU or _IO of each member, four bits each.
      needed |= 0x184_4211 >> UInt32(4 * member) & 15
    }
    return needed
  }

  /// The group of a service, -1 where there is none and it may do without. Its limits are set when
  /// it is made, and `again` for each main process.
  @inline(never)
  func openGroup(of service: Service, again: Bool) throws(SpawnRefusal) -> Int32 {
    let limits = manifest.extras(of: service).cgroup
    let group = unsafe capus_cgroup_make(
      pointer(service.name), limits.isGiven ? numbers(limits.start) : nil,
      again ? 1 : 0)
    if group < 0, controllers(of: service) != 0, manifest.value(limits, 7) != 1 {
      throw SpawnRefusal(step: .group, errno: Errno(0 &- group))
    }
    return max(-1, group)
  }

  /// Where numbers of the manifest lie, which stay there like its strings.
  func numbers(_ start: UInt32) -> UnsafePointer<Int64>? {
    unsafe manifest.values.withUnsafeBufferPointer { values in
      unsafe values.baseAddress.map { unsafe $0 + Int(start) }
    }
  }

  /// A number of a service's group, nil without one; see `capus_cgroup_number`.
  @inline(never)
  private func number(_ service: UInt16, _ file: Literal, _ key: Literal) -> UInt64? {
    guard let service = manifest.services.at(Int(service)) else { return nil }
    let number = unsafe capus_cgroup_number(pointer(service.name), file.cString, key.cString)
    return number < 0 ? nil : UInt64(number)
  }

  /// How many processes of a service were killed for want of memory so far.
  func memoryKills(_ service: UInt16) -> UInt64 {
    controllers & UInt32(CAPUS_MEMORY) == 0
      ? 0 : number(service, "memory.events", "oom_kill") ?? 0
  }

  /// Sends KILL to every process of a service, when the instance stands for all of it.
  /// True when there was one besides the main process.
  mutating func killGroup(_ id: InstanceID, _ process: Process) -> Bool {
    // Connections share the group, and a helper shares it with the main process.
    let isMain = Int(id.slot) < table.mainCount
    if !isMain, Int(id.slot) < table.mainCount + table.peers.count { return false }
    guard isMain || table.processes.at(Int(process.service))?.pid == 0,
      let service = manifest.services.at(Int(process.service))
    else { return false }
    // The command of a stop goes on after the main process; it, or its end, takes along what is left.
    if isMain, process.hasEnded,
      let helper = table.processes.at(table.helperBase + Int(process.service)), helper.pid > 0,
      !helper.hasEnded
    {
      return false
    }
    return unsafe capus_cgroup_kill(pointer(service.name), process.pid) == 1
  }

  /// Removes the group that a refused start may have made, unless another process is in it.
  @inline(never)
  func removeGroup(of service: UInt16) {
    guard let service = manifest.services.at(Int(service)) else { return }
    _ = unsafe capus_cgroup_remove(pointer(service.name))
  }

  /// Removes the groups, and ends what a service has left in its own unless it is to be spared.
  @inline(never)
  mutating func removeGroups() {
    var patience = 10
    for service in manifest.services {
      if manifest.stop(of: service).scope != .main {
        _ = unsafe capus_cgroup_kill(pointer(service.name), 0)
      }
      // EBUSY: what was killed is still on its way out.
      while unsafe capus_cgroup_remove(pointer(service.name)) == -16, patience > 0 {
        patience -= 1
        capus_pause()
      }
    }
    capus_cgroup_end()
  }

  /// What a service uses: all of its processes where it has a group, else its main process.
  public mutating func usage(of instance: InstanceID, service: UInt16) -> ServiceUsage {
    var usage = ServiceUsage()
    usage.memory = number(service, "memory.current", "")
    usage.processor = number(service, "cpu.stat", "usage_usec")
    usage.tasks = number(service, "pids.current", "")
    if usage.memory == nil, let process = table.process(instance), process.pid > 0 {
      let bytes = capus_resident_bytes(process.pid)
      if bytes >= 0 { usage.memory = UInt64(bytes) }
    }
    return usage
  }
}
