internal import ApusBase
internal import ApusManifest
internal import ApusWire

/// `apus apply`: the manifest on the disk comes into force.
enum ApplyCommand {
  static func run(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    let frames = try Connection.listing(.status, invocation, context: &context)
    guard let first = frames.first, let supervisor = try? SupervisorReply(decoding: first) else {
      throw Connection.nonsense(.length, context: &context)
    }
    let path = file(of: supervisor)
    var loaded = CheckCommand.load(Rows(repeating: path, count: 1))
    CheckCommand.tell(loaded, context: &context)
    if loaded.hasErrors {
      throw context.failure(.failed, "nothing was changed, for the mistakes in ", path)
    }
    for frame in frames.part(1) {
      guard let service = try? ServiceReply(decoding: frame) else {
        throw Connection.nonsense(.length, context: &context)
      }
      // Connections have none.
      if service.record.digest == 0 { continue }
      guard let index = loaded.manifest.index(of: service.name.span) else {
        tell(service.name, "removed", context: &context)
        continue
      }
      if loaded.manifest.services[index].digest != service.record.digest {
        tell(service.name, "changed", context: &context)
      }
      // Known, as templates are.
      loaded.manifest.services[index].flags.insert(.template)
    }
    for index in loaded.manifest.services.indices
    where !loaded.manifest.services[index].flags.contains(.template) {
      let name = loaded.manifest.services[index].name
      let start = Int(name.offset)
      tell(loaded.manifest.pool.part(start, start + Int(name.count)), "added", context: &context)
    }
    if invocation.options.contains(.dryRun) { return }
    context.output.flush()
    // A life that ends without an answer is followed by another.
    while try !Connection.listing(.apply, invocation, context: &context).isEmpty {
      context.onlyWaits = true
    }
  }

  /// The main file as this process finds it.
  private static func file(of supervisor: SupervisorReply) -> Bytes {
    if supervisor.manifest.first == UInt8(ascii: "/") { return supervisor.manifest }
    var path = ByteWriter.room(512)
    path.text("/proc/")
    path.decimal(Int64(supervisor.pid))
    path.text("/cwd/")
    path.bytes(supervisor.manifest)
    return path.bytes
  }

  @inline(never)
  private static func tell(_ name: Bytes, _ change: StaticString, context: inout Context) {
    context.output.writer.safe(name)
    context.output.writer.text(": ")
    context.output.writer.text(change)
    context.output.endLine()
  }
}
