internal import ApusBase
public import ApusManifest

/// The places below which `directories` makes its entries.
public enum DirectoryPlace: UInt8, Sendable {
  case runtime
  case state
  case cache
  case log

  /// Where it is.
  public var path: StaticString {
    switch self {
    case .runtime: "/run"
    case .state: "/var/lib"
    case .cache: "/var/cache"
    case .log: "/var/log"
    }
  }
}

/// How a stream's file is opened.
public enum OpenMode: UInt8, Sendable {
  case read
  case write
  case append
}

/// One step of the child between clone3(2) and execve(2), as data.
public enum SpawnStep: Equatable, Sendable {
  /// End here unless a condition is met: its place in `conditions`, and its value there.
  case condition(UInt8, Int64)
  /// Take variables from a file of `environmentFile`, by its number and name.
  case environment(UInt8, Text)
  /// Look into a pid file, and end.
  case readPid(Text)
  /// Connect to an address of `ready`, and end: `isPath`, and the value of its member.
  case connect(isPath: Bool, Int64)
  /// A session and process group of its own.
  case session
  /// The control group, where the kernel did not place the child at its birth.
  case group
  /// The file mode creation mask.
  case umask(UInt16)
  /// Make a directory and give it to the user.
  case directory(DirectoryPlace, Text, uid: UInt32, gid: UInt32)
  /// Open a standard stream's file.
  case open(descriptor: UInt8, Text, OpenMode)
  /// Make a terminal the controlling one, and the three standard streams.
  case terminal(Text)
  /// Put every descriptor in its place and close all others.
  case descriptors
  /// One resource limit.
  case limit(ResourceLimit)
  /// The nice value.
  case nice(Int32)
  /// SCHED_* and the priority of a real-time policy.
  case scheduler(UInt8, priority: UInt8)
  /// Class and level of ioprio_set(2).
  case ioPriority(UInt16)
  /// The processors it may run on, as bits in `Manifest.values`.
  case processors(TableRange)
  /// Take these capabilities out of the bounding set.
  case boundingSet(drop: UInt64)
  /// Keep permitted capabilities over the change of user.
  case keepCapabilities
  /// The supplementary groups.
  case groups
  /// Real, effective, saved and file system group.
  case gid(UInt32)
  /// Real, effective, saved and file system user.
  case uid(UInt32)
  /// Permitted and effective, and inheritable capabilities.
  case capabilities(permitted: UInt64, inheritable: UInt64)
  /// Capabilities that stay over execve(2) without being root.
  case ambientSet(UInt64)
  /// SECBIT_* bits.
  case secureBits(UInt8)
  /// No execve(2) from here on gains privilege.
  case noNewPrivileges
  /// Ask the kernel what came of all that, and fail when it is anything else.
  case verify
  /// One of the sandbox's, `namespaces` to `filter`.
  case sandbox(SpawnStepKind)
  /// Change directory, with the rights of the service.
  case workingDirectory(Text)
  /// The program.
  case execute(Text)

  /// What the step is called when it fails.
  public var kind: SpawnStepKind {
    switch self {
    case .condition: .condition
    case .environment: .environment
    case .readPid, .connect: .look
    case .session, .umask: .session
    case .group: .group
    case .directory: .directories
    case .open: .streams
    case .terminal: .terminal
    case .descriptors: .descriptors
    case .limit: .limits
    case .nice: .priority
    case .scheduler: .scheduler
    case .ioPriority: .ioPriority
    case .processors: .processors
    case .boundingSet: .boundingSet
    case .keepCapabilities: .keepCapabilities
    case .groups: .groups
    case .gid: .gid
    case .uid: .uid
    case .capabilities: .capabilities
    case .ambientSet: .ambientSet
    case .secureBits: .secureBits
    case .noNewPrivileges: .noNewPrivileges
    case .verify: .verify
    case .sandbox(let kind): kind
    case .workingDirectory: .workingDirectory
    case .execute: .execute
    }
  }
}

/// Which capabilities a service ends up with; one bit each (capabilities(7)).
public struct CapabilitySets: Equatable, Sendable {
  /// Permitted and effective before execve(2).
  public var permitted: UInt64
  /// Inheritable.
  public var inheritable: UInt64
  /// Ambient; always within the two above.
  public var ambient: UInt64
  /// What the bounding set loses.
  public var dropped: UInt64

  /// Four sets.
  public init(permitted: UInt64, inheritable: UInt64, ambient: UInt64, dropped: UInt64) {
    self.permitted = permitted
    self.inheritable = inheritable
    self.ambient = ambient
    self.dropped = dropped
  }

  /// Exactly these, in all five sets.
  public static func exactly(_ bits: UInt64) -> CapabilitySets {
    CapabilitySets(permitted: bits, inheritable: bits, ambient: bits, dropped: ~bits)
  }
}

/// The rights of a service with every name resolved, decided before anything is started.
public struct Rights: Equatable, Sendable {
  /// The user.
  public var uid: UInt32
  /// The group.
  public var gid: UInt32
  /// False when apus itself already has exactly these ids and groups, so that an ordinary user can
  /// run services as itself.
  public var changesIdentity: Bool
  /// nil leaves capabilities as they are.
  public var capabilities: CapabilitySets?
  /// SECBIT_* bits.
  public var secureBits: UInt8
  /// no_new_privs.
  public var noNewPrivileges: Bool

  /// Rights with every name resolved.
  public init(
    uid: UInt32, gid: UInt32, changesIdentity: Bool, capabilities: CapabilitySets?,
    secureBits: UInt8, noNewPrivileges: Bool
  ) {
    self.uid = uid
    self.gid = gid
    self.changesIdentity = changesIdentity
    self.capabilities = capabilities
    self.secureBits = secureBits
    self.noNewPrivileges = noNewPrivileges
  }
}

extension Rights {
  /// Takes away the capabilities that would undo a sandbox.
  ///
  /// `protectKernel` goes with CAP_SYS_MODULE and CAP_SYSLOG, `privateDevices` with CAP_MKNOD and
  /// CAP_SYS_RAWIO. `standing` is what a service keeps that declares no capabilities.
  public mutating func confine(_ sandbox: SandboxKeys, standing: UInt64) {
    var taken: UInt64 = 0
    if sandbox.contains(.protectKernel) { taken |= 1 << 16 | 1 << 34 }
    if sandbox.contains(.privateDevices) { taken |= 1 << 17 | 1 << 27 }
    if taken == 0 { return }
    let sets =
      capabilities
      ?? CapabilitySets(permitted: standing, inheritable: 0, ambient: 0, dropped: 0)
    capabilities = CapabilitySets(
      permitted: sets.permitted & ~taken, inheritable: sets.inheritable & ~taken,
      ambient: sets.ambient & ~taken, dropped: sets.dropped | taken)
  }
}

/// What a child would inherit from apus and must not.
public struct Surroundings: Sendable {
  /// Limits apus was started with that are not the kernel's defaults, set back.
  public var limits: [ResourceLimit]
  /// True when apus has a nice value of its own.
  public var resetsNice: Bool
  /// The bounding set of apus; nothing outside it needs to be dropped.
  public var bounding: UInt64
  /// The permitted set of apus.
  public var permitted: UInt64

  /// What a child would inherit.
  public init(limits: [ResourceLimit], resetsNice: Bool, bounding: UInt64, permitted: UInt64) {
    self.limits = limits
    self.resetsNice = resetsNice
    self.bounding = bounding
    self.permitted = permitted
  }
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

  /// An empty plan with all its storage.
  public init() {}

  /// The steps in order.
  public var steps: [SpawnStep] { storage.elements }

  /// False when a step did not fit: the plan must not be used.
  public var isComplete: Bool { storage.dropped == droppedBefore }

  /// Fills in the plan of a service, which is to be in a control group or not, or of one of its
  /// commands; the first process of a start looks at the conditions.
  public mutating func build(
    _ service: Service, of manifest: Manifest, rights: Rights, surroundings: Surroundings,
    hasGroup: Bool = false
  ) {
    storage.removeAll()
    droppedBefore = storage.dropped
    let extras = manifest.extras(of: service)
    if service.flags.contains(.helper), service.exec.count == 0 {
      return look(service.exec == Supervisor.looksForPid, extras, of: manifest)
    }
    let first = manifest.values.at(extras.pre.count > 0 ? Int(extras.pre.start) : -1)
    if first.map({ TableRange(packed: $0) == service.exec }) ?? !service.flags.contains(.helper) {
      for number in 0..<4 {
        guard let value = manifest.value(extras.conditions, number) else { continue }
        storage.append(.condition(UInt8(number), value))
      }
    }
    let sandbox = manifest.sandbox(of: service)
    storage.append(.session)
    if hasGroup { storage.append(.group) }
    for index in extras.environmentFiles.indices {
      let number = UInt8(truncatingIfNeeded: index - Int(extras.environmentFiles.start))
      storage.append(.environment(number, manifest.texts.at(index) ?? .none))
    }
    if !sandbox.contains(.root) { appendDirectories(service, of: manifest, rights) }
    appendStreams(service, of: manifest)
    storage.append(.descriptors)
    append(.namespaces, where: !sandbox.isDisjoint(with: .mounts))
    append(.network, where: sandbox.contains(.privateNetwork))
    if sandbox.contains(.root) {
      append(.root, where: true)
      appendDirectories(service, of: manifest, rights)
    }
    append(.processes, where: sandbox.contains(.privatePids))
    append(.readOnly, where: sandbox.contains(.readOnly))
    append(.kernel, where: sandbox.contains(.protectKernel))
    append(.temporary, where: sandbox.contains(.privateTmp))
    append(.devices, where: sandbox.contains(.privateDevices))
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
    append(.filter, where: sandbox.contains(.seccomp))
    storage.append(.execute(manifest.texts.at(Int(service.exec.start)) ?? .none))
  }

  private mutating func look(_ isForPid: Bool, _ extras: Extras, of manifest: Manifest) {
    if isForPid {
      storage.append(.readPid(extras.pidFile))
    } else if let address = manifest.value(extras.ready, 1) {
      storage.append(.connect(isPath: false, address))
    } else if let path = manifest.value(extras.ready, 2) {
      storage.append(.connect(isPath: true, path))
    }
  }

  @inline(never)
  private mutating func append(_ step: SpawnStepKind, where isWanted: Bool) {
    if isWanted { storage.append(.sandbox(step)) }
  }

  private mutating func appendDirectories(
    _ service: Service, of manifest: Manifest, _ rights: Rights
  ) {
    let directories = manifest.directories(of: service)
    append(directories.runtime, .runtime, of: manifest, rights)
    append(directories.state, .state, of: manifest, rights)
    append(directories.cache, .cache, of: manifest, rights)
    append(directories.log, .log, of: manifest, rights)
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

  private mutating func append(
    _ names: TableRange, _ place: DirectoryPlace, of manifest: Manifest, _ rights: Rights
  ) {
    for index in names.indices {
      guard let name = manifest.texts.at(index) else { continue }
      storage.append(.directory(place, name, uid: rights.uid, gid: rights.gid))
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
