internal import ApusManifest

/// How much of the board a service could harm, from 0 (nothing is left to it) to 100.
///
/// A sum over what it has not given up, each with the weight of what it opens: being root and having
/// every capability are the most, then any system call, then what it can write and reach.
enum Exposure {
  /// The weight of each member of `sandbox`, in the order of `SandboxKeys`. What only lists
  /// exceptions or files has none.
  private static let weights: StaticString =
    "\u{0A}\0\0\u{02}\u{05}\u{08}\u{03}\u{07}\u{06}\u{0E}\0"

  static func of(
    _ service: Service, of manifest: Manifest, isRoot: Bool, gainsPrivileges: Bool
  ) -> UInt64 {
    let rights = manifest.credentials(of: service)
    let sandbox = manifest.sandbox(of: service)
    var sum: UInt64 = isRoot ? 20 : 0
    if rights.capabilityForm == .standard {
      if isRoot { sum += 20 }
    } else if rights.capabilities.count > 0 {
      sum += 10
    }
    if gainsPrivileges { sum += 5 }
    for member in 0..<weights.utf8CodeUnitCount
    where !sandbox.contains(SandboxKeys(rawValue: 1 << UInt16(member))) {
      sum += UInt64(unsafe weights.utf8Start[member])
    }
    return sum
  }
}
