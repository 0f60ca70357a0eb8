internal import ApusBase
internal import ApusManifest

/// `apus check --root DIR`: what the manifest names is in the image.
///
/// What only the running board has is not looked for: below `/proc`, `/sys`, `/dev`, `/run`, `/tmp`
/// and what the manifest mounts, and the directories that apus makes.
struct ImageCheck {
  private let files: ImageFiles
  private let users: UserDatabase
  private var loaded: LoadedManifest
  /// The service that is looked at.
  private var service: ServiceIndex?

  /// Adds what is missing to the diagnostics of a manifest.
  static func run(_ loaded: consuming LoadedManifest, in files: ImageFiles) -> LoadedManifest {
    var check = ImageCheck(loaded, files)
    check.system()
    for index in check.loaded.manifest.services.indices {
      let service = check.loaded.manifest.services[index]
      if !service.flags.isDisjoint(with: [.template, .invalid]) { continue }
      if check.isSkipped(service) { continue }
      check.service = index
      check.programs(service)
      check.namedFiles(service)
      check.accounts(service)
    }
    return check.loaded
  }

  private init(_ loaded: consuming LoadedManifest, _ files: ImageFiles) {
    self.loaded = loaded
    self.files = files
    users = UserDatabase(
      passwd: files.text(Bytes("/etc/passwd")), group: files.text(Bytes("/etc/group")))
  }

  // MARK: What is looked at

  /// True for a service that a condition about a file of the image keeps from starting: a catalogue's
  /// for a program that is not installed.
  private func isSkipped(_ service: Service) -> Bool {
    let extras = loaded.manifest.extras(of: service)
    for number in 0..<Manifest.conditions {
      guard let condition = loaded.manifest.path(ofCondition: number, extras) else { continue }
      let path = bytes(condition.path)
      if !isLater(path), ((try? files.find(path)) != nil) != condition.isWanted { return true }
    }
    return false
  }

  private mutating func system() {
    service = nil
    let system = loaded.manifest.system
    if system.rescue.count > 0 { program(system.rescue, "system.rescue", root: Rows()) }
    group(system.controlGroup, "system.controlGroup")
  }

  private mutating func programs(_ service: Service) {
    let extras = loaded.manifest.extras(of: service)
    let root = bytes(loaded.manifest.root(of: service))
    program(service.exec, "exec", root: root)
    program(loaded.manifest.stop(of: service).exec, "stop.exec", root: root)
    program(loaded.manifest.range(extras.reload, 1) ?? .none, "reload.exec", root: root)
    program(loaded.manifest.range(extras.ready, 3) ?? .none, "ready.exec", root: root)
    for index in extras.pre.indices { program(command(index), "pre", root: root) }
    for index in extras.started.indices { program(command(index), "started", root: root) }
    for index in extras.post.indices { program(command(index), "post", root: root) }
  }

  private func command(_ index: Int) -> TableRange {
    loaded.manifest.commands.at(index)?.exec ?? .none
  }

  private mutating func namedFiles(_ service: Service) {
    let extras = loaded.manifest.extras(of: service)
    for index in extras.environmentFiles.indices {
      let path = text(index)
      if path.first != UInt8(ascii: "-") { file(path, "environmentFile", .error) }
    }
    let root = bytes(loaded.manifest.root(of: service))
    if !root.isEmpty { file(root, "sandbox.root", .error) }
    let folder = bytes(service.workingDirectory)
    if !folder.isEmpty, root.isEmpty, !isMade(folder, service) {
      file(folder, "workingDirectory", .error)
    }
    if case .file(let path) = loaded.manifest.streams(of: service).input {
      file(bytes(path), "stdin", .error)
    }
    if !root.isEmpty { return }
    for list in 2...4 {
      for index in loaded.manifest.sandboxPaths(of: service, list).indices
      where !isMade(text(index), service) {
        file(text(index), "sandbox.landlock", .warning)
      }
    }
  }

  private mutating func accounts(_ service: Service) {
    let rights = loaded.manifest.credentials(of: service)
    user(rights.user, "user")
    group(rights.group, "group")
    for index in rights.groups.indices {
      group(loaded.manifest.principals.at(index) ?? .none, "groups")
    }
    for index in service.listeners.indices {
      guard let listener = loaded.manifest.listeners.at(index) else { continue }
      user(listener.user, "listen.user")
      group(listener.group, "listen.group")
    }
    for index in service.directories.indices {
      guard let directory = loaded.manifest.directories.at(index) else { continue }
      user(directory.user, "directories.user")
      group(directory.group, "directories.group")
    }
  }

  // MARK: How

  private mutating func user(_ user: Principal, _ key: Literal) {
    guard case .name(let name) = user, users.user(named: bytes(name)) == nil else { return }
    report(.error, key, "no such user in the image: ", bytes(name))
  }

  private mutating func group(_ group: Principal, _ key: Literal) {
    guard case .name(let name) = group, users.group(named: bytes(name)) == nil else { return }
    report(.error, key, "no such group in the image: ", bytes(name))
  }

  private mutating func file(_ path: Bytes, _ key: Literal, _ severity: Severity) {
    do throws(Errno) {
      _ = try files.find(path)
    } catch {
      if !isLater(path) { report(severity, key, "not in the image: ", path, error) }
    }
  }

  /// Looks at the program of a command, and at what it needs to run.
  private mutating func program(_ command: TableRange, _ key: Literal, root: Bytes) {
    guard command.count > 0 else { return }
    let path = text(Int(command.start))
    let files = root.isEmpty ? files : ImageFiles(self.files.root.joined(root))
    var next = path
    // A script's interpreter may be a script; the kernel goes five steps.
    for step in 0..<6 {
      let place: ImageFiles.Place
      let needs: ProgramFile
      do throws(Errno) {
        place = try files.find(next)
        if !place.ownership.isProgram { return refuse(next, place, key) }
        needs = try files.program(at: place)
      } catch {
        if isLater(next) { return }
        return missing(next, of: path, key, isInterpreter: step > 0, error)
      }
      switch needs {
      case .complete: return
      case .unknown:
        return report(.error, key, "the kernel cannot run this format: ", next)
      case .damaged: return report(.error, key, "damaged, the kernel cannot run it: ", next)
      case .linked(let interpreter): next = interpreter
      case .script(let interpreter, let argument):
        if interpreter.lastPathComponent.equals("env") { environment(argument, key, files) }
        next = interpreter
      }
    }
    report(.error, key, "too many interpreters of interpreters: ", path)
  }

  private mutating func refuse(_ path: Bytes, _ place: ImageFiles.Place, _ key: Literal) {
    if place.ownership.isFolder {
      report(.error, key, "a folder, not a program: ", path)
    } else {
      report(.error, key, "not executable: ", path)
    }
  }

  private mutating func missing(
    _ path: Bytes, of program: Bytes, _ key: Literal, isInterpreter: Bool, _ errno: Errno
  ) {
    guard isInterpreter else { return report(.error, key, "not in the image: ", path, errno) }
    var message = Bytes("the interpreter of ")
    message.add(program)
    message.add(Bytes(" is not in the image: "))
    report(.error, key, message, path, errno)
  }

  /// `#!/usr/bin/env NAME` looks for the program where PATH leads.
  private mutating func environment(_ argument: Bytes, _ key: Literal, _ files: ImageFiles) {
    var name: Bytes = Rows()
    for byte in argument {
      if byte != 0x20 && byte != 0x09 {
        name.push(byte)
      } else if name.equals("-S") {
        name = Rows()
      } else {
        break
      }
    }
    guard !name.isEmpty, name.first != UInt8(ascii: "-"), !name.has(UInt8(ascii: "=")),
      !name.has(UInt8(ascii: "/"))
    else { return }
    let folders: [Literal] = [
      "/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/",
    ]
    for folder in folders {
      var path = Bytes(folder)
      path.add(name)
      if (try? files.find(path))?.ownership.isProgram == true { return }
    }
    report(.error, key, "no such program in the image for env: ", name)
  }

  /// True for what is only there on the running board.
  private func isLater(_ path: Bytes) -> Bool {
    let places: [Literal] = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/run", "/var/tmp"]
    for place in places where path.isBelow(Bytes(place)) { return true }
    for mount in loaded.manifest.system.mounts where path.isBelow(bytes(mount.target)) {
      return true
    }
    return false
  }

  /// True for a directory that apus makes for the service, and what is below.
  private func isMade(_ path: Bytes, _ service: Service) -> Bool {
    for index in service.directories.indices {
      guard let directory = loaded.manifest.directories.at(index) else { continue }
      let base = Bytes(directory.place.path).with("/")
      if path.isBelow(base.joined(bytes(directory.name))) { return true }
    }
    return false
  }

  private func bytes(_ text: Text) -> Bytes {
    loaded.manifest.pool.part(Int(text.offset), Int(text.offset) + Int(text.count))
  }

  private func text(_ index: Int) -> Bytes { bytes(loaded.manifest.texts.at(index) ?? .none) }

  private mutating func report(
    _ severity: Severity, _ key: Literal, _ words: Literal, _ object: Bytes,
    _ errno: Errno = .noEntry
  ) {
    report(severity, key, Bytes(words), object, errno)
  }

  private mutating func report(
    _ severity: Severity, _ key: Literal, _ words: Bytes, _ object: Bytes,
    _ errno: Errno = .noEntry
  ) {
    var path = ByteWriter.room(256)
    if let service {
      path.text("services.")
      path.text(loaded.manifest.services[service].name, of: loaded.manifest)
      path.text(".")
    }
    path.text(key)
    var message = ByteWriter.room(8192)
    message.bytes(words)
    message.bytes(object)
    if errno != .noEntry {
      message.text(": ")
      message.errno(errno)
    }
    loaded.report(severity, service: service, path: path.bytes, message: message.bytes)
  }
}

extension Rows where Element == UInt8 {
  /// Appends the bytes of another list.
  @inline(never) mutating func add(_ other: Bytes) {
    for byte in other { push(byte) }
  }

  /// These bytes and others.
  @inline(never) func joined(_ other: Bytes) -> Bytes {
    var bytes = self.with("")
    bytes.add(other)
    return bytes
  }

  /// True when one of them is that byte.
  @inline(never) func has(_ byte: UInt8) -> Bool {
    for other in self where other == byte { return true }
    return false
  }

  /// True for a path, and everything in it.
  @inline(never) func isBelow(_ folder: Bytes) -> Bool {
    guard count >= folder.count, !folder.isEmpty else { return false }
    for index in folder.indices where self[index] != folder[index] { return false }
    return count == folder.count || self[folder.count] == UInt8(ascii: "/")
      || folder.last == UInt8(ascii: "/")
  }
}
