public import ApusBase

/// The members of a service's `sandbox` that ask for something, in the order of its record.
public struct SandboxKeys: OptionSet, Sendable {
  /// One bit for each member.
  public var rawValue: UInt16

  /// Some members.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

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

  /// What needs a mount namespace.
  public static let mounts: SandboxKeys = SandboxKeys(rawValue: 0b100_1101_1101)
  /// How many members there are.
  public static let count = 11
  static var names: Literal {
    """
    readOnly write hide privateTmp privateDevices privateNetwork privatePids protectKernel \
    landlock seccomp root
    """
  }

  /// A member as manifests spell it.
  public static func name(_ member: Int) -> Bytes { WordList(names).word(member) }

  /// True when set-user-ID programs gain nothing, unless `noNewPrivileges` says otherwise: without
  /// CAP_SYS_ADMIN the kernel lets nobody else restrict himself (landlock(7), seccomp(2)).
  public var endsPrivileges: Bool { rawValue & (1 << 8 | 1 << 9) != 0 }
}

extension Manifest {
  /// What a service's `sandbox` asks for; empty without one.
  public func sandbox(of service: Service) -> SandboxKeys {
    let record = extras(of: service).sandbox
    var keys = SandboxKeys()
    if !record.isGiven { return keys }
    for member in 0..<SandboxKeys.count where (value(record, member) ?? 0) != 0 {
      keys.rawValue |= 1 << UInt16(member)
    }
    return keys
  }

  /// A list of paths of a service's `sandbox`: what stays writable, what is hidden, and what
  /// landlock lets it read, write and execute.
  public func sandboxPaths(of service: Service, _ list: Int) -> TableRange {
    let record = extras(of: service).sandbox
    if list < 2 { return range(record, list + 1) ?? .none }
    return range(landlock(of: service), list - 2) ?? .none
  }

  /// The system calls and @groups a service may use; nil for the default set.
  public func systemCalls(of service: Service) -> TableRange? {
    guard let value = value(extras(of: service).sandbox, 9), value > 0 else { return nil }
    return TableRange(packed: value)
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
