internal import ApusBase
internal import ApusJSON
internal import ApusManifest
internal import CApus

/// `apus check`: everything there is to say about a manifest, before it meets a board.
enum CheckCommand {
  static func run(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    var operands = invocation.operands
    if operands.isEmpty { operands.append(Bytes("/etc/apus.json")) }
    let loaded = load(operands)
    let wantsSecurity = invocation.options.contains(.security)
    if invocation.options.contains(.json) {
      json(loaded, security: wantsSecurity, context: &context)
    } else {
      tell(loaded, context: &context)
      if wantsSecurity { SecurityReport.table(loaded.manifest, context: &context) }
    }
    if loaded.hasErrors { throw Failure(.failed) }
    if !invocation.options.contains(.json), !wantsSecurity {
      summary(operands[0], loaded.manifest, context: &context)
    }
  }

  /// Loads files, and the drop-ins of a single one.
  @inline(never)
  static func load(_ files: Rows<Bytes>) -> LoadedManifest {
    var loader = unsafe ManifestLoader(knowsCall: capus_filter_knows)
    for file in files { add(file, to: &loader) }
    if files.count == 1 { addDropIns(of: files[0], to: &loader) }
    return loader.finish()
  }

  /// Says what is wrong.
  @inline(never)
  static func tell(_ loaded: LoadedManifest, context: inout Context) {
    for index in loaded.diagnostics.indices {
      plain(loaded.diagnostics[index], context: &context)
    }
  }

  @inline(never)
  private static func add(_ file: Bytes, to loader: inout ManifestLoader) {
    var ownership = FileOwnership.nobody
    do throws(Errno) {
      let bytes = try Files.read(file, limit: JSONLimits.manifest.bytes, ownership: &ownership)
      warn(file, ownership, &loader)
      loader.add(file: file, bytes: bytes)
    } catch {
      if ownership == .nobody || ownership.isRegular {
        loader.addUnreadable(file: file, errno: error)
      } else {
        loader.addIrregular(file: file, ownership)
      }
    }
  }

  /// Warns of what others than root and the caller can change.
  private static func warn(
    _ file: Bytes, _ ownership: FileOwnership, _ loader: inout ManifestLoader
  ) {
    var (user, group) = (UInt32(0), UInt32(0))
    unsafe capus_own_identity(&user, &group)
    if ownership == .nobody || ownership.isOnly(for: user, group: group) { return }
    loader.mistrust(file: file, ownership, isRefused: false)
  }

  private static func addDropIns(of main: Bytes, to loader: inout ManifestLoader) {
    do throws(Errno) {
      let files = try Files.dropIns(of: main)
      let folder = Files.folder(of: main)
      if let ownership = Files.ownership(of: folder) { warn(folder, ownership, &loader) }
      for file in files { add(file, to: &loader) }
    } catch {
      loader.addUnreadable(file: Files.folder(of: main), errno: error)
    }
  }

  /// A diagnostic as one line that can not steer a terminal.
  private static func plain(_ diagnostic: Diagnostic, context: inout Context) {
    var raw = ByteWriter.room(8192)
    diagnostic.write(into: &raw)
    context.error.writer.printable(raw.bytes)
    context.error.endLine()
  }

  private static func summary(
    _ file: Bytes, _ manifest: Manifest, context: inout Context
  ) {
    var services = 0
    for index in manifest.services.indices
    where !manifest.services[index].flags.contains(.template) { services += 1 }
    context.output.writer.safe(file)
    context.output.writer.text(": ok, ")
    count(services, "service", context: &context)
    context.output.writer.text(", ")
    count(manifest.listeners.count, "socket", context: &context)
    context.output.endLine()
  }

  private static func count(_ number: Int, _ noun: StaticString, context: inout Context) {
    context.output.writer.decimal(Int64(number))
    context.output.writer.byte(UInt8(ascii: " "))
    context.output.writer.text(noun)
    if number != 1 { context.output.writer.byte(UInt8(ascii: "s")) }
  }

  private static func json(_ loaded: LoadedManifest, security: Bool, context: inout Context) {
    var json = JSONStream()
    json.beginObject()
    json.beginArray("diagnostics")
    for index in loaded.diagnostics.indices {
      let diagnostic = loaded.diagnostics[index]
      json.beginObject()
      json.member("file", diagnostic.file)
      json.member("line", Int64(diagnostic.line))
      json.member("column", Int64(diagnostic.column))
      json.member("path", diagnostic.path)
      json.member("severity", word: diagnostic.severity.word)
      json.member("message", diagnostic.message)
      json.endObject()
      json.drain(into: &context.output)
    }
    json.endArray()
    if security { SecurityReport.json(loaded.manifest, &json, context: &context) }
    json.finish(into: &context.output)
  }
}
