internal import ApusBase
internal import ApusManifest
internal import ApusWire

/// `apus apply`: the manifest on the disk comes into force.
enum ApplyCommand {
  static func run(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    let frames = try Connection.ask(.status, name: Rows(), invocation, context: &context)
    var services: Rows<ServiceReply> = Rows()
    var path: Bytes = Rows()
    for frame in frames {
      do throws(FrameError) {
        if frame[1] == ReplyKind.supervisor.rawValue {
          path = file(of: try SupervisorReply(decoding: frame))
        } else {
          services.append(try ServiceReply(decoding: frame))
        }
      } catch {
        throw Connection.nonsense(error, context: &context)
      }
    }
    let loaded = CheckCommand.load(Rows(repeating: path, count: 1))
    CheckCommand.tell(loaded, context: &context)
    if loaded.hasErrors {
      throw context.failure(.failed, "nothing was changed, for the mistakes in ", path)
    }
    plan(services, loaded.manifest, context: &context)
    if invocation.options.contains(.dryRun) { return }
    context.output.flush()
    var isWaiting = false
    while try !Connection.ask(
      .apply, name: Rows(), invocation, waits: isWaiting, context: &context
    ).isEmpty {
      isWaiting = true
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

  /// Prints what is not the same.
  private static func plan(
    _ services: Rows<ServiceReply>, _ manifest: Manifest, context: inout Context
  ) {
    var seen = Bytes(repeating: 0, count: manifest.services.count)
    for service in services where service.record.digest != 0 {
      if let index = manifest.index(of: service.name.span) {
        seen[index] = 1
        if manifest.services[index].digest != service.record.digest {
          tell(service.name, "changed", context: &context)
        }
      } else {
        tell(service.name, "removed", context: &context)
      }
    }
    for index in seen.indices
    where seen[index] == 0 && !manifest.services[index].flags.contains(.template) {
      let name = manifest.services[index].name
      let start = Int(name.offset)
      tell(manifest.pool.part(start, start + Int(name.count)), "added", context: &context)
    }
  }

  @inline(never)
  private static func tell(_ name: Bytes, _ change: StaticString, context: inout Context) {
    context.output.writer.safe(name)
    context.output.writer.text(": ")
    context.output.writer.text(change)
    context.output.endLine()
  }
}
