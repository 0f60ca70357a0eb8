internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

typealias CharacterPointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// Turns a plan, which is data, into what the child reads: C structures in a slot's memory, with
/// strings of the manifest used where they lie. Allocates nothing.
extension LinuxKernel {
  /// The child's plan, or nil when it does not fit.
  func encode(
    _ service: Service, _ account: Account, _ process: Process, peer: capus_peer?,
    into memory: consuming PlanWriter
  ) -> UnsafeMutablePointer<capus_plan>? {
    var writer = memory
    guard plan.isComplete,
      let head = unsafe writer.piece(MemoryLayout<capus_plan>.size)?
        .bindMemory(to: capus_plan.self, capacity: 1)
    else { return nil }
    var result = unsafe capus_plan()
    unsafe result.path = UnsafePointer(
      pointer(manifest.texts.at(Int(service.exec.start)) ?? .none))
    unsafe result.arguments = strings(service.exec, &writer)
    unsafe sources(of: service, process, &result, &writer)
    unsafe groups(of: account, &result, &writer)
    unsafe environment(of: service, account, process, peer, &result, &writer)
    unsafe steps(&result, account, &writer)
    unsafe sandbox(of: service, &result, &writer)
    if writer.isFull { return nil }
    unsafe head.initialize(to: result)
    return unsafe head
  }

  /// Where a string of the manifest lies. The pool is never changed after loading, so its storage
  /// stays where it is for as long as the kernel layer holds the manifest.
  @inline(never)
  func pointer(_ text: Text) -> UnsafeMutablePointer<CChar>? {
    unsafe manifest.pool.withUnsafeBufferPointer { pool in
      guard Int(text.offset) < pool.count, let base = pool.baseAddress else { return nil }
      return unsafe UnsafeMutablePointer(
        mutating: UnsafeRawPointer(base + Int(text.offset)).assumingMemoryBound(to: CChar.self))
    }
  }

  private func pointers(_ count: Int, _ writer: inout PlanWriter) -> CharacterPointers? {
    unsafe writer.piece(count * MemoryLayout<UnsafeRawPointer>.stride)?
      .bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: count)
  }

  /// A list of strings with a nil at its end.
  @inline(never)
  func strings(_ range: TableRange, _ writer: inout PlanWriter) -> CharacterPointers? {
    let count = Int(range.count)
    guard let list = unsafe pointers(count + 1, &writer) else { return nil }
    for index in 0..<count {
      let text = manifest.texts.at(Int(range.start) + index) ?? .none
      unsafe list[index] = unsafe pointer(text)
    }
    unsafe list[count] = nil
    return unsafe list
  }

  /// Descriptors 0, 1, 2 and what is passed from 3 on; the child fills in what it opens itself.
  private func sources(
    of service: Service, _ process: Process, _ result: inout capus_plan,
    _ writer: inout PlanWriter
  ) {
    let passed = passedCount(of: service)
    let ready = readyPipe < 0 ? 0 : LinuxKernel.readyDescriptor(of: service, in: manifest) ?? 0
    let count = max(3 + passed, ready + 1)
    guard
      let list = unsafe writer.piece(count * 4)?.bindMemory(to: Int32.self, capacity: count)
    else { return }
    let streams = manifest.streams(of: service)
    let hasTerminal = !service.terminal.isEmpty
    unsafe list[0] = hasTerminal ? -1 : source(streams.input, 0, of: service, process)
    unsafe list[1] = hasTerminal ? -1 : source(streams.output, 1, of: service, process)
    unsafe list[2] = hasTerminal ? -1 : source(streams.error, 2, of: service, process)
    var next = 3
    if passed > 0 {
      if service.accepts {
        unsafe list[next] = process.connection
        next += 1
      } else {
        for index in service.listeners.indices {
          guard let bound = listeners.listeners.at(index), bound.fd >= 0 else { continue }
          unsafe list[next] = bound.fd
          next += 1
        }
      }
      var stored = StoredDescriptors(of: storeOwner)
      while next < 3 + passed, stored.next() {
        unsafe list[next] = stored.fd
        next += 1
      }
    }
    while next < count {
      unsafe list[next] = next == ready ? readyPipe : -1
      next += 1
    }
    unsafe result.sources = list
    unsafe result.source_count = UInt32(count)
  }

  @inline(never)
  private func source(
    _ target: StreamTarget, _ descriptor: Int32, of service: Service, _ process: Process
  ) -> Int32 {
    switch target {
    case .null: return files.null
    case .inherit: return descriptor
    case .console: return files.console >= 0 ? files.console : files.null
    case .kmsg: return files.kernelLog >= 0 ? files.kernelLog : files.null
    case .log:
      let fd = capus_log_fd(UInt32(process.service), 1)
      if fd >= 0 { return fd }
      if options.role != .initProcess { return 2 }
      if files.kernelLog >= 0 { return files.kernelLog }
      return files.console >= 0 ? files.console : files.null
    case .socket:
      if service.accepts { return process.connection }
      // A helper has none.
      return service.listeners.count == 0
        ? files.null : listeners.listeners.at(Int(service.listeners.start))?.fd ?? -1
    case .file, .append: return -1
    }
  }

  /// How many descriptors from 3 on; none when the socket is the standard streams.
  @inline(never)
  func passedCount(of service: Service) -> Int {
    if passesAsStreams(service) { return 0 }
    var count = service.accepts ? 1 : 0
    for index in service.listeners.indices where !service.accepts {
      if let bound = listeners.listeners.at(index), bound.fd >= 0 { count += 1 }
    }
    var stored = StoredDescriptors(of: storeOwner)
    while stored.next() { count += 1 }
    return count
  }

  private func passesAsStreams(_ service: Service) -> Bool {
    service.flags.contains(.socketStdio) || manifest.streams(of: service).input == .socket
  }

  private func groups(
    of account: Account, _ result: inout capus_plan, _ writer: inout PlanWriter
  ) {
    let count = account.groups.count
    guard
      let list = unsafe writer.piece(max(1, count) * 4)?
        .bindMemory(to: UInt32.self, capacity: max(1, count))
    else { return }
    for index in 0..<count {
      unsafe list[index] = accounts.groups.at(account.groups.lowerBound + index) ?? .max
    }
    unsafe result.groups = UnsafePointer(list)
    unsafe result.group_count = UInt32(count)
  }

  private func steps(
    _ result: inout capus_plan, _ account: Account, _ writer: inout PlanWriter
  ) {
    let count = plan.steps.count
    guard
      let list = unsafe writer.piece(count * MemoryLayout<capus_step>.stride)?
        .bindMemory(to: capus_step.self, capacity: count)
    else { return }
    for index in 0..<count {
      unsafe (list + index).initialize(to: step(plan.steps[index]))
    }
    unsafe result.steps = UnsafePointer(list)
    unsafe result.step_count = UInt32(count)
    unsafe result.expected = expectation(account.rights)
  }

  /// What the kernel must say before execve(2).
  private func expectation(_ rights: Rights) -> capus_expected {
    var expected = capus_expected()
    expected.uid = rights.uid
    expected.gid = rights.gid
    expected.check_groups = rights.changesIdentity ? 1 : 0
    expected.no_new_privileges = rights.noNewPrivileges ? 1 : 0
    expected.secure_bits = rights.secureBits
    expected.last_capability = own.lastCapability
    if let sets = rights.capabilities {
      expected.check_capabilities = 1
      expected.permitted = sets.permitted
      expected.inheritable = sets.inheritable
      expected.ambient = sets.ambient
      expected.bounding_dropped = sets.dropped & own.bounding
    }
    return expected
  }

  private func step(_ step: SpawnStep) -> capus_step {
    var result = unsafe capus_step()
    unsafe result.kind = step.kind.rawValue
    var operation = CAPUS_EXECUTE
    switch step {
    case .condition(let number, let value):
      operation = CAPUS_CONDITION
      unsafe result.small = UInt16(number)
      unsafe result.first = UInt64(bitPattern: value)
      if Manifest.isText(condition: Int(number)) {
        unsafe result.text = UnsafePointer(pointer(Text(packed: value)))
      }
    case .environment(let number, let path):
      operation = CAPUS_ENVIRONMENT
      unsafe result.first = UInt64(min(number, 63))
      unsafe result.text = UnsafePointer(pointer(path))
    case .readPid(let path):
      operation = CAPUS_READ_PID
      unsafe result.text = UnsafePointer(pointer(path))
    case .connect(let isPath, let value):
      operation = CAPUS_CONNECT
      if isPath {
        unsafe result.text = UnsafePointer(pointer(Text(packed: value)))
      } else {
        let start = Int(value >> 32)
        unsafe result.first = value >> 16 & 1 == 0 ? 1 : 2
        unsafe result.small = UInt16(truncatingIfNeeded: value)
        unsafe result.text = UnsafePointer(
          pointer(Text(packed: manifest.values.at(start + 2) ?? 0)))
        unsafe result.base = unsafe manifest.values.withUnsafeBufferPointer { values in
          unsafe values.baseAddress.map {
            unsafe UnsafeRawPointer($0 + start).assumingMemoryBound(to: CChar.self)
          }
        }
      }
    case .session:
      operation = CAPUS_SESSION
      unsafe result.first = mark
    case .group: operation = CAPUS_GROUP
    case .score(let score):
      operation = CAPUS_SCORE
      unsafe result.first = UInt64(bitPattern: Int64(score))
      // Only who is privileged may go below what apus has.
      unsafe result.small = Int32(score) < own.oomScoreAdjust ? 1 : 0
    case .umask(let mask):
      operation = CAPUS_UMASK
      unsafe result.small = mask
    case .directory(let index, let uid, let gid):
      let directory = manifest.directories.at(Int(index)) ?? Directory()
      operation = CAPUS_DIRECTORY
      unsafe result.base = UnsafeRawPointer(directory.place.path.start)
        .assumingMemoryBound(to: CChar.self)
      unsafe result.text = UnsafePointer(pointer(directory.name))
      unsafe result.first = UInt64(uid)
      unsafe result.second = UInt64(gid)
      var small = UInt32(directory.mode ?? 0o755)
      if directory.keepsMode { small |= CAPUS_KEEP_MODE.rawValue }
      if directory.keepsOwner { small |= CAPUS_KEEP_OWNER.rawValue }
      if directory.place == .config { small |= CAPUS_STAYS_READ_ONLY.rawValue }
      unsafe result.small = UInt16(truncatingIfNeeded: small)
    case .open(let descriptor, let path, let mode):
      operation = CAPUS_OPEN
      unsafe result.small = UInt16(descriptor)
      unsafe result.text = UnsafePointer(pointer(path))
      unsafe result.first = UInt64(mode.rawValue)
      unsafe result.second = 0o640
    case .terminal(let path):
      operation = CAPUS_TERMINAL
      unsafe result.text = UnsafePointer(pointer(path))
    case .descriptors: operation = CAPUS_DESCRIPTORS
    case .limit(let limit):
      operation = CAPUS_LIMIT
      unsafe result.small = UInt16(limit.resource)
      unsafe result.first = limit.soft
      unsafe result.second = limit.hard
    case .nice(let value):
      operation = CAPUS_NICE
      unsafe result.first = UInt64(bitPattern: Int64(value))
    case .scheduler(let policy, let priority):
      operation = CAPUS_SCHEDULER
      unsafe result.small = UInt16(policy)
      unsafe result.first = UInt64(priority)
    case .ioPriority(let value):
      operation = CAPUS_IO_PRIORITY
      unsafe result.small = value
    case .processors(let range):
      operation = CAPUS_PROCESSORS
      unsafe result.first = UInt64(range.count) * 8
      unsafe result.text = numbers(range.start).map {
        unsafe UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self)
      }
    case .boundingSet(let bits):
      operation = CAPUS_BOUNDING_SET
      unsafe result.first = bits
    case .keepCapabilities: operation = CAPUS_KEEP
    case .groups: operation = CAPUS_GROUPS
    case .gid(let gid):
      operation = CAPUS_GID
      unsafe result.first = UInt64(gid)
    case .uid(let uid):
      operation = CAPUS_UID
      unsafe result.first = UInt64(uid)
    case .capabilities(let permitted, let inheritable):
      operation = CAPUS_CAPABILITIES
      unsafe result.first = permitted
      unsafe result.second = inheritable
    case .ambientSet(let bits):
      operation = CAPUS_AMBIENT_SET
      unsafe result.first = bits
    case .secureBits(let bits):
      operation = CAPUS_SECURE_BITS
      unsafe result.first = UInt64(bits)
    case .noNewPrivileges: operation = CAPUS_NO_NEW_PRIVILEGES
    case .verify: operation = CAPUS_VERIFY
    case .sandbox(let kind):
      operation = CAPUS_SANDBOX
      unsafe result.small = UInt16(kind.rawValue - SpawnStepKind.namespaces.rawValue)
    case .workingDirectory(let path):
      operation = CAPUS_DIRECTORY_CHANGE
      unsafe result.text =
        path.isEmpty
        ? LinuxKernel.root.cString
        : UnsafePointer(pointer(path))
    case .execute: operation = CAPUS_EXECUTE
    }
    unsafe result.operation = UInt8(truncatingIfNeeded: operation.rawValue)
    return unsafe result
  }

  private static var root: Literal { "/" }

  /// The most bytes and entries that all files of `environmentFile` of a service may have.
  static var fileBytes: Int { 16384 }
  static var fileEntries: Int { 256 }
  /// The most arguments of a program after `expand`; they may have `fileBytes` bytes together.
  static var expandedWords: Int { 512 }

  /// The most bytes a plan of the manifest takes.
  static func planBytes(of manifest: Manifest) -> Int {
    var most = 0
    for service in manifest.services {
      var bytes = 24 * LinuxKernel.longestCommand(service, of: manifest)
      bytes += Int(service.name.count)
      bytes += 24 * (Int(service.environment.count) + Int(manifest.system.environment.count))
      for index in service.listeners.indices {
        bytes +=
          24
          + Int(
            max(
              manifest.listeners.at(index)?.name.count ?? 0, service.name.count))
      }
      bytes += Int(manifest.extras(of: service).fdStore) * (Int(CAPUS_SLOT_BYTES) + 5)
      bytes += 4 * (readyDescriptor(of: service, in: manifest) ?? 0)
      if manifest.extras(of: service).environmentFiles.count > 0 {
        bytes += fileBytes + fileEntries * MemoryLayout<UnsafeRawPointer>.stride
      }
      if service.flags.contains(.expand) {
        bytes += fileBytes + expandedWords * MemoryLayout<UnsafeRawPointer>.stride
      }
      for index in service.directories.indices {
        bytes += 40 + Int(manifest.directories.at(index)?.name.count ?? 0)
      }
      bytes += sandboxBytes(service, of: manifest)
      most = max(most, bytes)
    }
    // Head, steps, groups, the fixed part of the environment and a user's home and shell.
    return unsafe most + MemoryLayout<capus_plan>.size
      + SpawnPlan.capacity * MemoryLayout<capus_step>.stride + 2304
  }

  /// The most words of any command of a service.
  private static func longestCommand(_ service: Service, of manifest: Manifest) -> Int {
    let extras = manifest.extras(of: service)
    var most = max(Int(service.exec.count), Int(manifest.stop(of: service).exec.count))
    most = max(most, Int(manifest.range(extras.reload, 1)?.count ?? 0))
    most = max(most, Int(manifest.range(extras.ready, 3)?.count ?? 0))
    most = max(most, Int(manifest.range(extras.health, 0)?.count ?? 0))
    for list in 0..<3 {
      for index in (list == 0 ? extras.pre : list == 1 ? extras.started : extras.post).indices {
        most = max(most, Int(manifest.commands.at(index)?.exec.count ?? 0))
      }
    }
    return most
  }
}
