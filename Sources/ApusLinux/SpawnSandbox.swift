internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// The sandbox of a service, as the child reads it.
extension LinuxKernel {
  /// What the steps of the sandbox read.
  func sandbox(
    of service: Service, _ result: inout capus_plan, _ writer: inout PlanWriter
  ) {
    let keys = manifest.sandbox(of: service)
    if keys.isEmpty { return }
    guard
      let lists = unsafe writer.piece(6 * MemoryLayout<CharacterPointers?>.stride)?
        .bindMemory(to: CharacterPointers?.self, capacity: 6)
    else { return }
    for list in 0..<6 {
      unsafe lists[list] = strings(manifest.sandboxPaths(of: service, list), &writer)
    }
    unsafe result.paths = lists
    unsafe result.root = UnsafePointer(pointer(manifest.root(of: service)))
    unsafe result.hides_processes = keys.contains(.hideProcesses) ? 1 : 0
    unsafe result.is_read_only = keys.contains(.readOnly) ? 1 : 0
    unsafe result.landlock_optional = manifest.landlockIsOptional(of: service) ? 1 : 0
    // A helper is told the pid of the main process, which has no meaning in a namespace of its own.
    unsafe result.clone_flags = keys.contains(.privatePids) && facts == nil ? 0x2000_0000 : 0
    guard !keys.isDisjoint(with: .filtered) else { return }
    let names = manifest.systemCalls(of: service)
    let list = unsafe names.flatMap { unsafe strings($0, &writer) }
    guard
      let program = unsafe writer.piece(
        Int(CAPUS_FILTER_MOST) * MemoryLayout<capus_instruction>.stride)?
        .bindMemory(to: capus_instruction.self, capacity: Int(CAPUS_FILTER_MOST))
    else { return }
    unsafe result.filter = UnsafePointer(program)
    unsafe result.filter_count = UInt16(
      truncatingIfNeeded: capus_filter(
        list, keys.contains(.seccomp) ? 0 : 1, keys.denied,
        manifest.addressFamilies(of: service) & ~1, program))
  }

  /// The most bytes that what a sandbox reads takes.
  static func sandboxBytes(_ service: Service, of manifest: Manifest) -> Int {
    let keys = manifest.sandbox(of: service)
    if keys.isEmpty { return 0 }
    var pointers = 13 + Int(manifest.systemCalls(of: service)?.count ?? 0)
    for list in 0..<6 { pointers += Int(manifest.sandboxPaths(of: service, list).count) }
    let filter = !keys.isDisjoint(with: .filtered) ? Int(CAPUS_FILTER_MOST) : 0
    return 8 * (pointers + filter + 7)
  }

  /// Says once, at the start, that files are not guarded where a service is content with that.
  mutating func sayWithoutLandlock() {
    for service in manifest.services where manifest.landlockIsOptional(of: service) {
      let version = capus_landlock_version()
      if version >= 3 { return }
      return log.write(
        .warning, "landlock, which is optional, is not fully supported by this kernel",
        Errno(version < 0 ? 0 &- version : 95))
    }
  }
}
