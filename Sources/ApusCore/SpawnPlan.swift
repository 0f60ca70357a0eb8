public import ApusBase
public import ApusManifest

/// How a stream's file is opened.
public enum OpenMode: UInt8, Sendable {
  case read
  case write
  case append
}

/// The ordered steps of one start. Its storage is made once and used again for every start.
///
/// The order is the contract: what needs privilege comes before what gives it up, the bounding set
/// and the groups before the user, verification after the last change, and the working directory is
/// entered with the service's own rights. Any failing step fails the start.
public struct SpawnPlan: Sendable {
  /// CAP_SETPCAP, which PR_SET_SECUREBITS wants.
  private static let setpcap: UInt64 = 1 << 8

  /// The most steps of any plan.
  public static let capacity = 160

  private var storage = Buffer<SpawnStep>(capacity: SpawnPlan.capacity)
  private var droppedBefore: UInt64 = 0
  /// True when the child must not share the memory of apus.
  ///
  /// For the kernel oom_score_adj belongs to the memory (Linux 4.8), and a child that shares it gives
  /// its score to all others on their way to execve(2), and to apus. So the children of the machine's
  /// PID 1, which is left out, share it when their score is 0, and others when theirs is what apus
  /// has. Who is killed for want of memory in a control group takes along all that share the memory,
  /// but the machine's PID 1: so nobody else shares it with a child whose group has a limit. And a
  /// child that changes its identity shares it only where nobody of that identity can look into it.
  public private(set) var isApart = false
  /// The first step that changes who the child is, nil for none: from there on others than root may
  /// stop it.
  public private(set) var identityStep: Int?

  /// An empty plan with all its storage.
  public init() {}

  /// The steps in order.
  public var steps: Rows<SpawnStep> { storage.elements }

  /// False when a step did not fit: the plan must not be used.
  public var isComplete: Bool { storage.dropped == droppedBefore }

  /// Fills in the plan of a service, which is to be in a control group or not, or of one of its
  /// commands, which `service` has as its program then; the first process of a start looks at the
  /// conditions. `isExposed` when memory that is shared with another identity could be looked into by
  /// that one. `owners` are the user and the group of each entry of `Manifest.directories`, negative
  /// where they are the service's.
  public mutating func build(
    _ service: Service, of manifest: Manifest, rights: Rights, surroundings: Surroundings,
    hasGroup: Bool = false, isExposed: Bool = false, command: CommandID = CommandID(.none),
    owners: Rows<Int64> = Rows()
  ) {
    storage.removeAll()
    droppedBefore = storage.dropped
    identityStep = nil
    let extras = manifest.extras(of: service)
    let changes = rights.changesIdentity || rights.capabilities != nil
    isApart = isExposed && changes
    if command.role != .none, service.exec.count == 0 {
      return look(command.role, extras, of: manifest, rights, surroundings)
    }
    if command == CommandID(extras.pre.count > 0 ? .pre : .none) {
      for number in 0..<Manifest.conditions where extras.conditions.isGiven {
        guard let value = manifest.condition(extras, number) else { continue }
        storage.append(.condition(UInt8(number), value))
      }
    }
    let sandbox = manifest.sandbox(of: service)
    storage.append(.session)
    if hasGroup { storage.append(.group) }
    let score = extras.oomScoreAdjust
    if score != surroundings.oomScoreAdjust { storage.append(.score(score)) }
    if score != (surroundings.hasOwnScore ? 0 : surroundings.oomScoreAdjust) { isApart = true }
    let memoryMax = hasGroup ? manifest.value(extras.cgroup, 0) ?? .max : .max
    if memoryMax != .max, !surroundings.hasOwnScore { isApart = true }
    for index in extras.environmentFiles.indices {
      let number = UInt8(truncatingIfNeeded: index - Int(extras.environmentFiles.start))
      storage.append(.environment(number, manifest.texts.at(index) ?? .none))
    }
    if !sandbox.contains(.root) { appendDirectories(service, rights, owners) }
    appendStreams(service, of: manifest)
    storage.append(.descriptors)
    append(.namespaces, where: !sandbox.isDisjoint(with: .mounts))
    append(.network, where: sandbox.contains(.privateNetwork))
    append(.hostname, where: sandbox.contains(.protectHostname))
    if sandbox.contains(.root) {
      append(.root, where: true)
      appendDirectories(service, rights, owners)
    }
    append(.processes, where: !sandbox.isDisjoint(with: .ownProc))
    append(.readOnly, where: sandbox.contains(.readOnly))
    append(.kernel, where: sandbox.contains(.protectKernel))
    append(.temporary, where: sandbox.contains(.privateTmp))
    append(.devices, where: !sandbox.isDisjoint(with: .ownDevices))
    append(.hide, where: sandbox.contains(.hide))
    storage.append(.umask(manifest.credentials(of: service).umask))
    appendLimits(service, of: manifest, surroundings)
    if surroundings.resetsNice || extras.nice != 0 { storage.append(.nice(Int32(extras.nice))) }
    if extras.scheduler != 0 {
      storage.append(.scheduler(extras.scheduler, priority: extras.schedulerPriority))
    }
    if extras.ioPriority != 0 { storage.append(.ioPriority(extras.ioPriority)) }
    if extras.processors.count > 0 { storage.append(.processors(extras.processors)) }
    appendDrop(rights, surroundings)
    // A service that says `false` has to have CAP_SYS_ADMIN, or does not start.
    if rights.noNewPrivileges
      || sandbox.endsPrivileges && manifest.credentials(of: service).noNewPrivileges != false
    {
      storage.append(.noNewPrivileges)
    }
    storage.append(.verify)
    storage.append(.workingDirectory(service.workingDirectory))
    append(.landlock, where: sandbox.contains(.landlock))
    append(.filter, where: !sandbox.isDisjoint(with: .filtered))
    storage.append(.execute(manifest.texts.at(Int(service.exec.start)) ?? .none))
  }

  /// A pid file is read with the service's own rights, and with nothing of apus's in the hands of
  /// who has them.
  private mutating func look(
    _ role: HelperRole, _ extras: Extras, of manifest: Manifest, _ rights: Rights,
    _ surroundings: Surroundings
  ) {
    // Both have the address at the same place.
    let record = role == .health ? extras.health : extras.ready
    if role == .pidFile {
      storage.append(.descriptors)
      appendDrop(rights, surroundings)
      if rights.noNewPrivileges { storage.append(.noNewPrivileges) }
      storage.append(.verify)
      storage.append(.readPid(extras.pidFile))
    } else if let address = manifest.value(record, 1) {
      storage.append(.connect(isPath: false, address))
    } else if let path = manifest.value(record, 2) {
      storage.append(.connect(isPath: true, path))
    }
  }

  @inline(never)
  private mutating func append(_ step: SpawnStepKind, where isWanted: Bool) {
    if isWanted { storage.append(.sandbox(step)) }
  }

  private mutating func appendDirectories(
    _ service: Service, _ rights: Rights, _ owners: Rows<Int64>
  ) {
    for index in service.directories.indices {
      let user = owners.at(2 * index) ?? -1
      let group = owners.at(2 * index + 1) ?? -1
      storage.append(
        .directory(
          UInt32(truncatingIfNeeded: index),
          uid: user < 0 ? rights.uid : UInt32(truncatingIfNeeded: user),
          gid: group < 0 ? rights.gid : UInt32(truncatingIfNeeded: group)))
    }
  }

  private mutating func appendStreams(_ service: Service, of manifest: Manifest) {
    if service.terminal.isEmpty {
      let streams = manifest.streams(of: service)
      append(streams.input, 0)
      append(streams.output, 1)
      append(streams.error, 2)
    } else {
      storage.append(.terminal(service.terminal))
    }
  }

  private mutating func append(_ target: StreamTarget, _ descriptor: UInt8) {
    switch target {
    case .file(let path):
      storage.append(.open(descriptor: descriptor, path, descriptor == 0 ? .read : .write))
    case .append(let path):
      storage.append(.open(descriptor: descriptor, path, descriptor == 0 ? .read : .append))
    case .null, .log, .console, .kmsg, .inherit, .socket: break
    }
  }

  private mutating func appendLimits(
    _ service: Service, of manifest: Manifest, _ surroundings: Surroundings
  ) {
    let declared = manifest.credentials(of: service).limits
    for limit in surroundings.limits {
      var isDeclared = false
      for index in declared.indices
      where manifest.resourceLimits.at(index)?.resource
        == limit.resource
      {
        isDeclared = true
      }
      if !isDeclared { storage.append(.limit(limit)) }
    }
    for index in declared.indices {
      if let limit = manifest.resourceLimits.at(index) { storage.append(.limit(limit)) }
    }
  }

  private mutating func appendDrop(_ rights: Rights, _ surroundings: Surroundings) {
    let start = storage.elements.count
    appendChanges(rights, surroundings)
    identityStep = storage.elements.count > start ? start : nil
  }

  private mutating func appendChanges(_ rights: Rights, _ surroundings: Surroundings) {
    if let sets = rights.capabilities {
      let dropped = sets.dropped & surroundings.bounding
      // A capability may only be made inheritable while the bounding set still has it.
      if sets.inheritable & dropped != 0 {
        storage.append(
          .capabilities(permitted: surroundings.permitted, inheritable: sets.inheritable))
      }
      if dropped != 0 { storage.append(.boundingSet(drop: dropped)) }
      if rights.uid != 0, rights.changesIdentity { storage.append(.keepCapabilities) }
    }
    if rights.changesIdentity {
      storage.append(.groups)
      storage.append(.gid(rights.gid))
      storage.append(.uid(rights.uid))
    }
    guard let sets = rights.capabilities else {
      if rights.secureBits != 0 { storage.append(.secureBits(rights.secureBits)) }
      return
    }
    let needed = rights.secureBits == 0 ? 0 : SpawnPlan.setpcap & ~sets.permitted
    storage.append(
      .capabilities(permitted: sets.permitted | needed, inheritable: sets.inheritable))
    storage.append(.ambientSet(sets.ambient))
    if rights.secureBits != 0 { storage.append(.secureBits(rights.secureBits)) }
    if needed != 0 {
      storage.append(.capabilities(permitted: sets.permitted, inheritable: sets.inheritable))
    }
  }
}
