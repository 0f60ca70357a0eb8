/// A user or group as the manifest names it: a name is a JSON string, an id a JSON number.
///
/// The two never mix, so that `"0day"` or `"0x0"` cannot become root.
public enum Principal: Equatable, Sendable {
  /// Not given.
  case none
  /// Looked up in /etc/passwd or /etc/group when the manifest is loaded.
  case name(Text)
  /// Used as it is; works without any user database.
  case id(UInt32)
}

/// How `capabilities` is written.
public enum CapabilityForm: UInt8, Sendable {
  /// Not given: all for root, none for others.
  case standard
  /// Exactly the listed ones, in every set.
  case list
  /// libcap's IAB text (cap_iab(3)).
  case text
}

/// One of the sixteen resource limits of setrlimit(2).
public struct ResourceLimit: Equatable, Sendable {
  /// RLIMIT_* number of the generic ABI (the same on x86 and ARM).
  public var resource: UInt8
  /// The soft limit; `UInt64.max` is RLIM_INFINITY.
  public var soft: UInt64
  /// The hard limit.
  public var hard: UInt64

  /// A limit of one resource.
  public init(resource: UInt8, soft: UInt64, hard: UInt64) {
    self.resource = resource
    self.soft = soft
    self.hard = hard
  }
}

/// Everything that says with which rights a service runs.
public struct Credentials: Equatable, Sendable {
  /// The user; none is root, or the caller's own user under `apus run` without privilege.
  public var user = Principal.none
  /// The group; none is the user's own.
  public var group = Principal.none
  /// Supplementary groups, as entries of `Manifest.principals`.
  public var groups = TableRange.none
  /// How capabilities are given.
  public var capabilityForm = CapabilityForm.standard
  /// Capability names without `cap_`, lower case; for `.text` one entry, the IAB text.
  public var capabilities = TableRange.none
  /// no_new_privs; nil is true unless the service runs as root.
  public var noNewPrivileges: Bool?
  /// SECBIT_* bits (capabilities(7)).
  public var secureBits: UInt8 = 0
  /// File mode creation mask.
  public var umask: UInt16 = 0o022
  /// Entries of `Manifest.resourceLimits`.
  public var limits = TableRange.none

  /// Root with every default.
  public init() {}
}

/// Where a standard stream goes.
public enum StreamTarget: Equatable, Sendable {
  case null
  case log
  case console
  case kmsg
  case inherit
  /// The connection (`accept`) or the first listener.
  case socket
  /// Opened for writing (stdin: reading), created with mode 0640.
  case file(Text)
  /// As `file`, at the end of what is there.
  case append(Text)
}

/// The `stdin`, `stdout` and `stderr` keys.
public struct Streams: Equatable, Sendable {
  public var input = StreamTarget.null
  public var output = StreamTarget.log
  public var error = StreamTarget.log

  /// Every default.
  public init() {}
}
