internal import ApusBase
internal import ApusManifest

/// How much of the board a service could harm, from 0 (nothing is left to it) to 100, and the key
/// that would take most of it away.
///
/// A sum over what it has not given up, each with the weight of what it opens: being root and having
/// every capability are the most, then any system call, then what it can write and reach.
struct Exposure {
  /// The weight of each member of `sandbox`, in the order of `SandboxKeys`, as letters: `@` is 0, `A`
  /// is 1. What only lists exceptions or files has none.
  private static var weights: Literal {
    "J@@BEHCGFN@@@@@@@@@@@@"
  }

  private(set) var sum: UInt64 = 0
  private var most: UInt64 = 0
  /// A member of `sandbox`, or one of the three in `words` after `weights`.
  private var key = 0

  init(of service: Service, in manifest: Manifest, isRoot: Bool, gainsPrivileges: Bool) {
    let rights = manifest.credentials(of: service)
    let sandbox = manifest.sandbox(of: service)
    let members = SandboxKeys.count
    add(isRoot ? 20 : 0, members)
    let isStandard = rights.capabilityForm == .standard
    add(isStandard ? isRoot ? 20 : 0 : rights.capabilities.count > 0 ? 10 : 0, members + 1)
    add(gainsPrivileges ? 5 : 0, members + 2)
    for member in 0..<members
    where !sandbox.contains(SandboxKeys(rawValue: 1 << UInt32(member))) {
      add(UInt64(unsafe Exposure.weights.start[member] & 0x1F), member)
    }
  }

  @inline(never) private mutating func add(_ weight: UInt64, _ key: Int) {
    sum += weight
    if weight > most {
      most = weight
      self.key = key
    }
  }

  /// Writes the key that would take most of it away, nothing when nothing is left.
  @inline(never) func improvement(into writer: inout ByteWriter) {
    switch key - SandboxKeys.count {
    case _ where most == 0: break
    case 0: writer.text("user")
    case 1: writer.text("capabilities")
    case 2: writer.text("noNewPrivileges")
    default: writer.bytes(SandboxKeys.name(key))
    }
  }
}
