internal import ApusBase
internal import ApusManifest
internal import ApusWire
internal import CApus

/// `apus apply`: the manifest on the disk comes into force.
enum ApplyCommand {
  static func run(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    let frames = try Connection.listing(.status, invocation, context: &context)
    let supervisor: SupervisorReply
    do throws(FrameError) {
      supervisor = try SupervisorReply(decoding: frames.first ?? Rows())
    } catch {
      throw Connection.nonsense(error, context: &context)
    }
    let path = supervisor.mainFile
    var loaded = CheckCommand.load(Rows(repeating: path, count: 1), forFirst: supervisor.pid == 1)
    CheckCommand.tell(loaded, context: &context)
    if loaded.hasErrors { throw refuse(loaded, context: &context) }
    var begun: Rows<Bytes> = Rows()
    var isSame = !compareSystem(supervisor.digests, loaded.manifest, context: &context)
    for index in 1..<frames.count {
      do throws(FrameError) {
        let service = try ServiceReply(decoding: frames[index])
        // Connections have none.
        if service.record.digest == 0 { continue }
        if compare(service.name, service.record.digest, &loaded.manifest, &begun, &context) {
          isSame = false
        }
      } catch {
        throw Connection.nonsense(error, context: &context)
      }
    }
    for index in loaded.manifest.services.indices
    where !loaded.manifest.services[index].flags.contains(.template) {
      let name = name(of: index, loaded.manifest)
      tell(name, "added", context: &context)
      if loaded.manifest.services[index].start == .boot { begun.append(name) }
      isSame = false
    }
    if isSame {
      context.output.writer.text("nothing changes")
      context.output.endLine()
    }
    if invocation.options.contains(.dryRun) { return }
    context.output.flush()
    // A life that ends without an answer is followed by another.
    while try !Connection.listing(.apply, invocation, context: &context).isEmpty {
      context.onlyWaits = true
    }
    context.onlyWaits = false
    try judge(begun, invocation, context: &context)
  }

  /// Says in which files the errors are: the main file or drop-ins.
  private static func refuse(_ loaded: LoadedManifest, context: inout Context) -> Failure {
    var files: Rows<Bytes> = Rows()
    for diagnostic in loaded.diagnostics where diagnostic.severity == .error {
      var isNamed = false
      for file in files where file == diagnostic.file { isNamed = true }
      if !isNamed { files.append(diagnostic.file) }
    }
    context.begin("nothing was changed: errors in ")
    for index in files.indices {
      if index > 0 { context.error.writer.text(", ") }
      context.error.writer.safe(files[index])
    }
    return context.end(.failed)
  }

  private static func name(of service: Int, _ manifest: Manifest) -> Bytes {
    let name = manifest.services[service].name
    return manifest.pool.part(Int(name.offset), Int(name.offset) + Int(name.count))
  }

  /// Ends with 1 when something that starts with the board and was begun by this is not up.
  private static func judge(
    _ begun: Rows<Bytes>, _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    if begun.isEmpty { return }
    var services = try look(begun, invocation, context: &context)
    // A program that is there counts as ready, also one that ends at once.
    for _ in 0..<3 {
      let earliest = Instant(microseconds: capus_now() - 300_000)
      var youngest = earliest
      for service in services where service.record.state == .ready {
        youngest = max(youngest, service.record.since)
      }
      if youngest == earliest { break }
      capus_client_pause(Int32(clamping: (youngest - earliest).microseconds / 1000 + 1))
      services = try look(begun, invocation, context: &context)
    }
    var failure: Failure?
    for service in services where !isUp(service.record.state) {
      context.begin(": ", after: service.name)
      context.error.writer.text(service.record.state.word)
      if !service.reason.isEmpty {
        context.error.writer.text(": ")
        context.error.writer.safe(service.reason)
      }
      failure = context.end(.failed)
    }
    if let failure { throw failure }
  }

  /// The services of those names as they are now.
  private static func look(
    _ names: Rows<Bytes>, _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) -> Rows<ServiceReply> {
    var services: Rows<ServiceReply> = Rows()
    for frame in try Connection.listing(.status, invocation, context: &context) {
      guard let service = try? ServiceReply(decoding: frame) else { continue }
      for name in names where name == service.name { services.append(service) }
    }
    return services
  }

  /// True for what a service that was started may be in for good; a oneshot that is done is stopped.
  private static func isUp(_ state: ServiceState) -> Bool {
    switch state {
    case .skipped, .listening, .ready, .stopping, .stopped: true
    case .invalid, .waiting, .starting, .backoff, .failed: false
    }
  }

  /// Tells which keys of `system` have changed, and which of them wait for the next boot; false when
  /// none has.
  private static func compareSystem(
    _ digests: Rows<UInt32>, _ manifest: Manifest, context: inout Context
  ) -> Bool {
    var isChanged = false
    for number in 0..<UInt8(64) {
      guard let key = SystemKey(rawValue: number) else { break }
      if digests.at(Int(number)) == manifest.system.digests[Int(number)] { continue }
      isChanged = true
      context.output.writer.text("system.")
      context.output.writer.safe(key.name)
      context.output.writer.text(
        key.waitsForBoot ? ": changed, in force at the next boot" : ": changed")
      context.output.endLine()
    }
    return isChanged
  }

  /// Tells what has become of a service, and marks it as known; false when it is the same.
  private static func compare(
    _ name: Bytes, _ digest: UInt32, _ manifest: inout Manifest, _ begun: inout Rows<Bytes>,
    _ context: inout Context
  ) -> Bool {
    guard let index = manifest.index(of: name.span) else {
      tell(name, "removed", context: &context)
      return true
    }
    let isChanged = manifest.services[index].digest != digest
    if isChanged {
      tell(name, "changed", context: &context)
      if manifest.services[index].start == .boot { begun.append(name) }
    }
    // As templates are.
    manifest.services[index].flags.insert(.template)
    return isChanged
  }

  @inline(never)
  private static func tell(_ name: Bytes, _ change: Literal, context: inout Context) {
    context.output.writer.safe(name)
    context.output.writer.text(": ")
    context.output.writer.text(change)
    context.output.endLine()
  }
}
