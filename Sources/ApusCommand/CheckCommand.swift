internal import ApusBase
internal import ApusJSON
internal import ApusManifest

/// `apus check`: everything there is to say about a manifest, before it meets a board.
enum CheckCommand {
  static func run(_ invocation: Invocation, context: inout Context) throws(Failure) {
    var loader = ManifestLoader()
    let standard = [UInt8]("/etc/apus.json")
    let operands = invocation.operands.isEmpty ? [standard] : invocation.operands
    for file in operands { add(file, to: &loader) }
    if operands.count == 1 { addDropIns(of: operands[0], to: &loader) }
    let loaded = loader.finish()
    let wantsSecurity = invocation.options.contains(.security)
    if invocation.options.contains(.json) {
      json(loaded, security: wantsSecurity, context: &context)
    } else {
      for diagnostic in loaded.diagnostics {
        let line = plain(diagnostic)
        context.error.writer.bytes(line)
        context.error.endLine()
      }
      if wantsSecurity { SecurityReport.table(loaded.manifest, context: &context) }
    }
    if loaded.hasErrors { throw Failure(.failed) }
    if !invocation.options.contains(.json), !wantsSecurity {
      summary(operands[0], loaded, context: &context)
    }
  }

  private static func add(_ file: [UInt8], to loader: inout ManifestLoader) {
    do {
      let bytes = try Files.read(file, limit: JSONLimits.manifest.bytes)
      loader.add(file: file, bytes: bytes)
    } catch {
      loader.addUnreadable(file: file, errno: error)
    }
  }

  private static func addDropIns(of main: [UInt8], to loader: inout ManifestLoader) {
    do {
      for file in try Files.dropIns(of: main) { add(file, to: &loader) }
    } catch {
      loader.addUnreadable(file: Files.folder(of: main), errno: error)
    }
  }

  /// A diagnostic as one line that can not steer a terminal.
  private static func plain(_ diagnostic: Diagnostic) -> [UInt8] {
    var raw = ByteWriter(capacity: 8192)
    diagnostic.write(into: &raw)
    var line = ByteWriter(capacity: 8192)
    line.printable(raw.bytes)
    return line.bytes
  }

  private static func summary(
    _ file: [UInt8], _ loaded: LoadedManifest, context: inout Context
  ) {
    var services = 0
    for service in loaded.manifest.services where !service.flags.contains(.template) {
      services += 1
    }
    context.output.writer.safe(file)
    context.output.writer.text(": ok, ")
    count(services, "service", context: &context)
    context.output.writer.text(", ")
    count(loaded.manifest.listeners.count, "socket", context: &context)
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
    for diagnostic in loaded.diagnostics {
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
