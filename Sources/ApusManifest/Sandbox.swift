public import ApusBase

/// The members of a service's `sandbox` that ask for something, in the order of its record.
public struct SandboxKeys: OptionSet, Sendable {
  /// One bit for each member.
  public var rawValue: UInt32

  /// Some members.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `/` is read-only.
  public static let readOnly = SandboxKeys(rawValue: 1)
  /// Paths that stay writable.
  public static let write = SandboxKeys(rawValue: 1 << 1)
  /// Paths that are not to be seen.
  public static let hide = SandboxKeys(rawValue: 1 << 2)
  /// `/tmp` and `/var/tmp` of its own.
  public static let privateTmp = SandboxKeys(rawValue: 1 << 3)
  /// A `/dev` of its own.
  public static let privateDevices = SandboxKeys(rawValue: 1 << 4)
  /// A network namespace of its own.
  public static let privateNetwork = SandboxKeys(rawValue: 1 << 5)
  /// A pid namespace of its own.
  public static let privatePids = SandboxKeys(rawValue: 1 << 6)
  /// Kernel settings and modules out of reach.
  public static let protectKernel = SandboxKeys(rawValue: 1 << 7)
  /// landlock(7).
  public static let landlock = SandboxKeys(rawValue: 1 << 8)
  /// seccomp(2).
  public static let seccomp = SandboxKeys(rawValue: 1 << 9)
  /// Another root.
  public static let root = SandboxKeys(rawValue: 1 << 10)
  /// Processes of other users out of sight.
  public static let hideProcesses = SandboxKeys(rawValue: 1 << 11)
  /// A `/dev` with these and no others.
  public static let devices = SandboxKeys(rawValue: 1 << 12)
  /// The clock is not to be set.
  public static let protectClock = SandboxKeys(rawValue: 1 << 13)
  /// A host name of its own.
  public static let protectHostname = SandboxKeys(rawValue: 1 << 14)
  /// Only some families of sockets.
  public static let addressFamilies = SandboxKeys(rawValue: 1 << 16)

  // By their bits: a set literal would be an array of its own at each start.

  /// What brings a `/proc` of its own: `privatePids` and `hideProcesses`.
  public static let ownProc = SandboxKeys(rawValue: 1 << 6 | 1 << 11)
  /// What brings a `/dev` of its own: `privateDevices` and `devices`.
  public static let ownDevices = SandboxKeys(rawValue: 1 << 4 | 1 << 12)
  /// What needs a mount namespace.
  public static let mounts = SandboxKeys(rawValue: 0b1_1100_1101_1101)
  /// What is in force by a seccomp filter: `seccomp`, and `protectClock` and all that follow it.
  public static let filtered = SandboxKeys(rawValue: 0x3f_e200)
  /// How many members there are.
  public static let count = 22
  static var names: Literal {
    """
    readOnly write hide privateTmp privateDevices privateNetwork privatePids protectKernel \
    landlock seccomp root hideProcesses devices protectClock protectHostname \
    denyWriteExecute addressFamilies denyNamespaces denyRealtime denySetuid lockPersonality \
    nativeCallsOnly
    """
  }

  /// A member as manifests spell it.
  public static func name(_ member: Int) -> Bytes { WordList(names).word(member) }

  /// True when set-user-ID programs gain nothing, unless `noNewPrivileges` says otherwise: without
  /// CAP_SYS_ADMIN the kernel lets nobody else restrict himself (landlock(7), seccomp(2)).
  public var endsPrivileges: Bool { rawValue & (1 << 8 | SandboxKeys.filtered.rawValue) != 0 }

  /// What the filter refuses besides: the bits of CAPUS_DENY_…, in the order of the members.
  public var denied: UInt32 { rawValue >> 13 }
}

extension Manifest {
  /// What a service's `sandbox` asks for; empty without one.
  public func sandbox(of service: Service) -> SandboxKeys {
    let record = extras(of: service).sandbox
    var keys = SandboxKeys()
    if !record.isGiven { return keys }
    for member in 0..<SandboxKeys.count where (value(record, member) ?? 0) != 0 {
      keys.rawValue |= 1 << UInt32(member)
    }
    return keys
  }

  /// A list of paths of a service's `sandbox`: what stays writable, what is hidden, what landlock lets
  /// it read, write and execute, and its devices.
  public func sandboxPaths(of service: Service, _ list: Int) -> TableRange {
    let record = extras(of: service).sandbox
    if list < 2 { return range(record, list + 1) ?? .none }
    if list == 5 { return range(record, 12) ?? .none }
    return range(landlock(of: service), list - 2) ?? .none
  }

  /// The system calls and @groups a service may use; nil for the default set.
  public func systemCalls(of service: Service) -> TableRange? {
    guard let value = value(extras(of: service).sandbox, 9), value > 0 else { return nil }
    return TableRange(packed: value)
  }

  /// The AF_* numbers of `addressFamilies`, a bit each; 0 without that member.
  public func addressFamilies(of service: Service) -> UInt64 {
    UInt64(bitPattern: value(extras(of: service).sandbox, 16) ?? 0)
  }

  /// True when a kernel without landlock(7) is no reason not to start.
  public func landlockIsOptional(of service: Service) -> Bool {
    value(landlock(of: service), 3) == 1
  }

  /// The new root; empty without one.
  public func root(of service: Service) -> Text {
    text(extras(of: service).sandbox, 10) ?? .none
  }

  private func landlock(of service: Service) -> Record {
    let start = value(extras(of: service).sandbox, 8) ?? 0
    return Record(start: UInt32(truncatingIfNeeded: start))
  }
}
