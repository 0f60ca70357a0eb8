public import ApusBase
internal import ApusJSON

/// The name of a system call of this architecture, ended by a NUL and good until the next call; NULL
/// for a number without one.
public typealias CallName = @convention(c) (UInt32) -> UnsafePointer<CChar>?

/// Loads a manifest from its files: the main file first, then the drop-ins in byte order of name.
///
/// A load never fails as a whole but for the main file: when that is unreadable, is not JSON, is
/// not an object, or has an `apus` version other than 1, `mainFileUsable` is false and the caller
/// uses its fallback. A main file without any version is an error, but is used as version 1, so
/// that a small mistake does not take the board down. An unusable drop-in is skipped, an invalid
/// service becomes `.invalid`, a wrong value of `system` or `defaults` leaves the default.
public struct ManifestLoader: ~Copyable, Sendable {
  /// What time it is, in seconds since 1970, for calendars that are past; nil where nobody knows, as
  /// at a boot.
  public var now: Int64? {
    get { decoder.now }
    set { decoder.now = newValue }
  }

  /// True to keep where each service is defined.
  public var keepsPlaces = false

  private var decoder = Decoder()
  private var count = 0
  private var mainFileUsable = false

  /// A loader without files.
  ///
  /// `knowsCall` answers 0 for a string that is no system call and no @group of them: the names
  /// are a table of the kernel layer's. Without it every name is taken. `callName` goes the other
  /// way, for whoever has the manifest later; without it calls are told by their numbers.
  public init(
    knowsCall: (@convention(c) (UnsafePointer<CChar>?) -> Int32)? = nil, callName: CallName? = nil
  ) {
    unsafe decoder.knowsCall = unsafe knowsCall
    unsafe decoder.tables.callName = unsafe callName
  }

  /// Parses a file; `name` is for diagnostics only.
  public mutating func add(file name: Bytes, bytes: Bytes) {
    let isMain = count == 0
    do throws(JSONError) {
      var limits = JSONLimits(
        bytes: JSONLimits.manifest.bytes, depth: JSONLimits.manifest.depth,
        stringBytes: JSONLimits.manifest.stringBytes,
        duplicateKeys: JSONLimits.maximumDuplicateKeys, members: ManifestLimits.members)
      limits.allowsByteOrderMark = true
      if bytes.startsWithByteOrderMark {
        warn(name, "a byte order mark is skipped; JSON has none")
      }
      count += 1
      decoder.files.append(
        SourceFile(name: name, number: count, document: try JSONDocument(bytes, limits: limits)))
    } catch {
      var message = ByteWriter(capacity: 256)
      error.write(to: &message)
      let place = SourcePosition.locate(offset: error.offset, in: bytes)
      note(.error, name, place, message.bytes, count)
      return
    }
    decoder.open(decoder.files.count - 1)
    let isUsable = decoder.checkTop(isMain: isMain)
    if isMain { mainFileUsable = isUsable }
    if !isUsable { decoder.discard() }
  }

  /// Notes that a file could not be read.
  public mutating func addUnreadable(file name: Bytes, errno: Errno) {
    var message = ByteWriter(capacity: 64)
    message.text("cannot read the file: ")
    message.errno(errno)
    refuse(name, message.bytes)
  }

  /// Notes that a file is not looked at, and why.
  mutating func refuse(_ name: Bytes, _ message: Bytes) {
    count += 1
    note(.error, name, SourcePosition(line: 1, column: 1), message, count)
  }

  @inline(never) private mutating func warn(_ name: Bytes, _ message: Literal) {
    var text: Bytes = Rows()
    text.append(message)
    warn(name, text)
  }

  /// Notes something about a file that comes next.
  mutating func warn(_ name: Bytes, _ message: Bytes) {
    note(.warning, name, SourcePosition(line: 1, column: 1), message, count + 1)
  }

  /// Decodes all files together.
  public consuming func finish() -> LoadedManifest {
    decoder.assemble()
    decoder.resolveLinks()
    decoder.refuseSharedAddresses()
    decoder.refuseCycles()
    decoder.refuseUnkillable()
    decoder.advise()
    decoder.dropListenersOfInvalid()
    decoder.tables.pool = decoder.strings.bytes
    return LoadedManifest(
      manifest: decoder.tables, diagnostics: decoder.reports.diagnostics,
      mainFileUsable: mainFileUsable, places: keepsPlaces ? decoder.servicePlaces() : Rows(),
      errors: decoder.reports.errors)
  }

  @inline(never) private mutating func note(
    _ severity: Severity, _ name: Bytes, _ place: SourcePosition, _ message: Bytes, _ number: Int
  ) {
    decoder.reports.add(
      Diagnostic(
        file: name, line: place.line, column: place.column, path: Rows(), severity: severity,
        message: message, service: nil),
      file: number)
  }
}

/// Where a service is defined.
public struct ServicePlace: Equatable, Sendable {
  /// The file as the caller named it.
  public var file: Bytes
  /// The line, counted from 1.
  public var line: Int
  /// The column in bytes, counted from 1.
  public var column: Int
}

/// What a load gives.
public struct LoadedManifest: Sendable {
  /// The services, listeners and system settings that can be used.
  public var manifest: Manifest
  /// Everything there is to say, file by file in the order of the load; at most 1,001 entries.
  public var diagnostics: Rows<Diagnostic>
  /// False when the main file could not be used at all.
  public var mainFileUsable: Bool
  /// Where each service is defined, when the loader was asked to keep that.
  public var places: Rows<ServicePlace> = Rows()
  /// How many errors there were, those beyond the limit of diagnostics included.
  public var errors: Int

  /// True when anything was refused: `apus check` exits with 1.
  public var hasErrors: Bool { errors > 0 }

  /// Adds what somebody else has found out about a service, or about the whole manifest.
  public mutating func report(
    _ severity: Severity, service: ServiceIndex?, path: Bytes, message: Bytes
  ) {
    let place = service.flatMap { places.at($0) }
    diagnostics.append(
      Diagnostic(
        file: place?.file ?? manifest.path, line: place?.line ?? 1, column: place?.column ?? 1,
        path: path, severity: severity, message: message, service: service))
    if severity == .error { errors += 1 }
  }

  /// Why a service is invalid: its first error, for an instance also that of its template.
  public func reason(for service: ServiceIndex) -> Diagnostic? {
    var index = service
    while index >= 0 {
      for diagnostic in diagnostics
      where diagnostic.service == index && diagnostic.severity == .error { return diagnostic }
      if manifest.services.at(index)?.flags.contains(.template) == true { return nil }
      guard isInstance(service) else { return nil }
      index -= 1
    }
    return nil
  }

  @inline(never) private func isInstance(_ service: ServiceIndex) -> Bool {
    guard let name = manifest.services.at(service)?.name else { return false }
    let bytes = manifest.pool.part(Int(name.offset), Int(name.offset + name.count))
    return bytes.contains(UInt8(ascii: "@"))
  }
}
