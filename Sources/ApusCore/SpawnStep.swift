public import ApusBase
public import ApusManifest

/// One step of the child between clone3(2) and execve(2), as data.
public enum SpawnStep: Equatable, Sendable {
  /// End here unless a condition is met: its number (`Manifest.condition`), and its value.
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
  /// oom_score_adj of proc(5), while /proc is the board's and nothing is given up.
  case score(Int16)
  /// The file mode creation mask.
  case umask(UInt16)
  /// Make that entry of `Manifest.directories` and give it to its owner.
  case directory(UInt32, uid: UInt32, gid: UInt32)
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
    case .score, .nice: .priority
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
  /// CAP_SYS_RAWIO, and every view of the files that is not the board's with CAP_SYS_PTRACE and
  /// CAP_DAC_READ_SEARCH, which lead to the board's by way of another process or of a file handle.
  /// `standing` is what a service keeps that declares no capabilities.
  public mutating func confine(_ sandbox: SandboxKeys, standing: UInt64) {
    var taken: UInt64 = sandbox.isDisjoint(with: .mounts) ? 0 : 1 << 2 | 1 << 19
    if sandbox.contains(.protectKernel) { taken |= 1 << 16 | 1 << 34 }
    if !sandbox.isDisjoint(with: .ownDevices) { taken |= 1 << 17 | 1 << 27 }
    if sandbox.contains(.protectClock) { taken |= 1 << 25 | 1 << 35 }
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
  public var limits: Rows<ResourceLimit>
  /// True when apus has a nice value of its own.
  public var resetsNice: Bool
  /// The bounding set of apus; nothing outside it needs to be dropped.
  public var bounding: UInt64
  /// The permitted set of apus.
  public var permitted: UInt64
  /// The oom_score_adj of apus.
  public var oomScoreAdjust: Int16
  /// True for the machine's PID 1: no child that shares its memory can change its score.
  public var hasOwnScore: Bool

  /// What a child would inherit.
  public init(
    limits: Rows<ResourceLimit>, resetsNice: Bool, bounding: UInt64, permitted: UInt64,
    oomScoreAdjust: Int16 = 0, hasOwnScore: Bool = false
  ) {
    self.oomScoreAdjust = oomScoreAdjust
    self.hasOwnScore = hasOwnScore
    self.limits = limits
    self.resetsNice = resetsNice
    self.bounding = bounding
    self.permitted = permitted
  }
}
