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
    let image = ImageFiles(invocation.root)
    let hasImage = !invocation.root.isEmpty
    if hasImage, (try? image.find(Bytes("/")))?.ownership.isFolder != true {
      throw context.failure(.failed, "not a folder: ", invocation.root)
    }
    var ofImage: ImageFiles?
    if operands.isEmpty {
      operands.append(Bytes("/etc/apus.json"))
      if hasImage { ofImage = image }
    }
    var loaded = load(operands, in: ofImage)
    if hasImage, loaded.mainFileUsable { loaded = ImageCheck.run(loaded, in: image) }
    let wantsSecurity = invocation.options.contains(.security)
    let security = SecurityReport(loaded.manifest, image)
    if invocation.options.contains(.json) {
      json(loaded, security: wantsSecurity ? security : nil, context: &context)
    } else {
      tell(loaded, context: &context)
      if wantsSecurity { security.table(context: &context) }
    }
    if loaded.hasErrors { throw Failure(.failed) }
    if !invocation.options.contains(.json), !wantsSecurity {
      summary(loaded.manifest.path, loaded.manifest, context: &context)
    }
  }

  /// Loads files, and the drop-ins of a single one.
  @inline(never)
  ///
  /// `forFirst` refuses the drop-ins that PID 1 would.
  static func load(
    _ files: Rows<Bytes>, in image: ImageFiles? = nil, forFirst: Bool = false
  ) -> LoadedManifest {
    var loader = unsafe ManifestLoader(knowsCall: capus_filter_knows)
    // A clock that nobody has set yet says nothing about what is past.
    let now = capus_wall_time() / 1_000_000
    if now > 1_700_000_000 { loader.now = now }
    loader.keepsPlaces = true
    if let image {
      addImage(image, to: &loader)
    } else {
      for file in files { add(file, canRefuse: false, to: &loader) }
      if files.count == 1 { addDropIns(of: files[0], canRefuse: forFirst, to: &loader) }
    }
    var loaded = loader.finish()
    if let file = files.first { loaded.manifest.path = image.map { $0.root.joined(file) } ?? file }
    return loaded
  }

  /// Adds an image's main file and drop-ins, wherever links inside the image lead.
  private static func addImage(_ image: ImageFiles, to loader: inout ManifestLoader) {
    let main = Bytes("/etc/apus.json")
    addFromImage(main, image, &loader)
    let folder = Files.folder(of: main)
    guard let place = try? image.find(folder) else { return }
    do throws(Errno) {
      for name in try Files.names(in: place.path) {
        addFromImage(folder.with("/").joined(name), image, &loader)
      }
    } catch {
      loader.addUnreadable(file: image.root.joined(folder), errno: error)
    }
  }

  private static func addFromImage(
    _ path: Bytes, _ image: ImageFiles, _ loader: inout ManifestLoader
  ) {
    let name = image.root.joined(path)
    do throws(Errno) {
      let place = try image.find(path)
      guard place.ownership.isRegular else {
        return loader.addIrregular(file: name, place.ownership)
      }
      var ownership = FileOwnership.nobody
      let bytes = try Files.read(
        place.path, limit: JSONLimits.manifest.bytes, ownership: &ownership)
      // Who owns the files of an image is decided when it is packed.
      if ownership.mode & 0o002 != 0 { loader.mistrust(file: name, ownership, isRefused: false) }
      loader.add(file: name, bytes: bytes)
    } catch {
      loader.addUnreadable(file: name, errno: error)
    }
  }

  /// Says what is wrong.
  @inline(never)
  static func tell(_ loaded: LoadedManifest, context: inout Context) {
    for index in loaded.diagnostics.indices {
      plain(loaded.diagnostics[index], context: &context)
    }
  }

  @inline(never)
  private static func add(_ file: Bytes, canRefuse: Bool, to loader: inout ManifestLoader) {
    var ownership = FileOwnership.nobody
    do throws(Errno) {
      let bytes = try Files.read(file, limit: JSONLimits.manifest.bytes, ownership: &ownership)
      if isTrusted(file, ownership, canRefuse, &loader) { loader.add(file: file, bytes: bytes) }
    } catch {
      if ownership == .nobody || ownership.isRegular {
        loader.addUnreadable(file: file, errno: error)
      } else {
        loader.addIrregular(file: file, ownership)
      }
    }
  }

  /// Warns of what others than root and the caller can change; false for what is refused.
  private static func isTrusted(
    _ file: Bytes, _ ownership: FileOwnership, _ canRefuse: Bool, _ loader: inout ManifestLoader
  ) -> Bool {
    var (user, group) = (UInt32(0), UInt32(0))
    if !canRefuse { unsafe capus_own_identity(&user, &group) }
    if ownership == .nobody || ownership.isOnly(for: user, group: group) { return true }
    loader.mistrust(file: file, ownership, isRefused: canRefuse)
    return !canRefuse
  }

  private static func addDropIns(
    of main: Bytes, canRefuse: Bool, to loader: inout ManifestLoader
  ) {
    do throws(Errno) {
      let files = try Files.dropIns(of: main)
      let folder = Files.folder(of: main)
      if let ownership = Files.ownership(of: folder),
        !isTrusted(folder, ownership, canRefuse, &loader)
      {
        return
      }
      for file in files { add(file, canRefuse: canRefuse, to: &loader) }
    } catch {
      loader.addUnreadable(file: Files.folder(of: main), errno: error)
    }
  }

  /// A diagnostic as one line that cannot steer a terminal.
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

  private static func count(_ number: Int, _ noun: Literal, context: inout Context) {
    context.output.writer.decimal(Int64(number))
    context.output.writer.byte(UInt8(ascii: " "))
    context.output.writer.text(noun)
    if number != 1 { context.output.writer.byte(UInt8(ascii: "s")) }
  }

  private static func json(
    _ loaded: LoadedManifest, security: SecurityReport?, context: inout Context
  ) {
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
    if let security { security.json(&json, context: &context) }
    json.finish(into: &context.output)
  }
}
