internal import ApusBase
internal import ApusManifest
internal import ApusWire

/// `apus apply`: the manifest on the disk comes into force.
enum ApplyCommand {
  static func run(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    let frames = try Connection.listing(.status, invocation, context: &context)
    let path: Bytes
    let isFirst: Bool
    do throws(FrameError) {
      let supervisor = try SupervisorReply(decoding: frames.first ?? Rows())
      path = supervisor.mainFile
      isFirst = supervisor.pid == 1
    } catch {
      throw Connection.nonsense(error, context: &context)
    }
    var loaded = CheckCommand.load(Rows(repeating: path, count: 1), forFirst: isFirst)
    CheckCommand.tell(loaded, context: &context)
    if loaded.hasErrors {
      throw context.failure(.failed, "nothing was changed, for the mistakes in ", path)
    }
    for index in 1..<frames.count {
      do throws(FrameError) {
        let service = try ServiceReply(decoding: frames[index])
        // Connections have none.
        if service.record.digest == 0 { continue }
        compare(service.name, service.record.digest, &loaded.manifest, context: &context)
      } catch {
        throw Connection.nonsense(error, context: &context)
      }
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

  /// Tells what has become of a service, and marks it as known.
  private static func compare(
    _ name: Bytes, _ digest: UInt32, _ manifest: inout Manifest, context: inout Context
  ) {
    guard let index = manifest.index(of: name.span) else {
      return tell(name, "removed", context: &context)
    }
    if manifest.services[index].digest != digest { tell(name, "changed", context: &context) }
    // As templates are.
    manifest.services[index].flags.insert(.template)
  }

  @inline(never)
  private static func tell(_ name: Bytes, _ change: StaticString, context: inout Context) {
    context.output.writer.safe(name)
    context.output.writer.text(": ")
    context.output.writer.text(change)
    context.output.endLine()
  }
}
