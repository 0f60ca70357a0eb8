public import ApusBase
public import ApusManifest

/// What stands above the errno in the value of a `spawnFailed` reason, and in that of a
/// `helperFailed` one above the exit code or signal.
///
/// Eight bits say which object the step was at, counted from 1 and 0 for the only one: a file of the
/// standard streams, a directory, a user or group, a limit, a capability. Above them stand the
/// command, when it is not the main program, and its number. Of `.environment` all that is the file
/// and the line.
public struct SpawnObject {
  /// The user of the first directory among the names that are looked up, followed by its group and
  /// those of the next one; before them stand the user, the group and the groups of the service.
  public static let owners = 67

  var number = 0
  var role = HelperRole.none
  var command = 0

  private static let most = 0x3ff

  init(role: HelperRole, command: Int) {
    self.role = role
    self.command = min(command, Self.most)
  }

  init(_ value: Int32) {
    number = Int(value >> 8 & 0xff)
    role = HelperRole(rawValue: UInt8(truncatingIfNeeded: value >> 16 & 15)) ?? .none
    command = Int(value >> 20 & Int32(Self.most))
  }

  /// The command.
  var id: CommandID { CommandID(role, UInt8(truncatingIfNeeded: command)) }

  /// The bits above the errno and the number.
  var bits: Int32 { role == .none ? 0 : Int32(role.rawValue) << 16 | Int32(command) << 20 }
}

extension Manifest {
  /// A command of a service; nil when it has none. One without a program is a look that apus's own
  /// child takes.
  public func command(_ id: CommandID, of service: Service) -> ServiceCommand? {
    let extras = extras(of: service)
    switch id.role {
    case .none: return ServiceCommand(exec: service.exec)
    case .preDone: return nil
    case .pre, .post, .started:
      let list = id.role == .pre ? extras.pre : id.role == .post ? extras.post : extras.started
      return id.index < list.count ? commands.at(Int(list.start) + Int(id.index)) : nil
    case .stop:
      let stop = stop(of: service)
      return stop.exec.count > 0 ? ServiceCommand(exec: stop.exec, timeout: stop.timeout) : nil
    case .reload: return range(extras.reload, 1).map { ServiceCommand(exec: $0) }
    case .probe:
      let isAddress = value(extras.ready, 1) ?? value(extras.ready, 2) != nil
      return isAddress ? ServiceCommand() : range(extras.ready, 3).map { ServiceCommand(exec: $0) }
    case .pidFile: return extras.pidFile.isEmpty ? nil : ServiceCommand()
    case .health:
      guard extras.health.isGiven else { return nil }
      return ServiceCommand(
        exec: range(extras.health, 0) ?? .none, timeout: interval(extras.health, 4) ?? .seconds(5))
    }
  }
}

extension HelperRole {
  /// The key that the command stands in.
  var word: Literal {
    switch self {
    case .none: "exec"
    case .pre, .preDone: "pre"
    case .post: "post"
    case .stop: "stop.exec"
    case .reload: "reload.exec"
    case .probe: "ready"
    case .pidFile: "pidFile"
    case .started: "started"
    case .health: "health"
    }
  }
}

extension Reason {
  /// True when the main program has not been reached.
  var isStartFailure: Bool {
    let isOfMain =
      step == SpawnStepKind.environment.rawValue
      || SpawnObject(value).role != .started
        && SpawnObject(value).role != .health
    return kind == .condition || kind == .spawnFailed && isOfMain
  }

  /// Writes a start that failed: the command when it is not the main one, the step, its object and
  /// the errno.
  func writeSpawn(into writer: inout ByteWriter, _ manifest: Manifest, _ service: UInt16?) {
    let step = SpawnStepKind(rawValue: step) ?? .execute
    var object = step == .environment ? SpawnObject(0) : SpawnObject(value)
    if object.role != .none {
      writer.text(object.role.word)
      writer.text(": ")
    }
    guard let service, let declared = manifest.services.at(Int(service)) else {
      writer.text(step.word)
      return writeCause(Errno(value & 0xff), into: &writer)
    }
    switch step {
    case .environment: return writeEnvironment(of: declared, manifest, into: &writer)
    case .condition:
      writer.text(step.word)
      manifest.write(condition: object.number - 1, of: declared, into: &writer)
    case .streams where object.number > 0:
      writer.text(object.number == 255 ? "make the notify socket" : "open ")
      writer.text(manifest.file(object.number, of: declared), of: manifest)
    case .terminal: write(step.word, declared.terminal, of: manifest, into: &writer)
    case .workingDirectory:
      write(step.word, declared.workingDirectory, of: manifest, into: &writer)
      if declared.workingDirectory.isEmpty { writer.byte(UInt8(ascii: "/")) }
    case .directories where object.number > 0:
      writer.text("make the directory ")
      manifest.writeDirectory(object.number, of: declared, into: &writer)
    case .resolveUser where object.number >= SpawnObject.owners:
      let number = object.number - SpawnObject.owners
      writer.text(number & 1 == 0 ? "look up the user" : "look up the group")
      manifest.writeOwner(number, of: declared, into: &writer)
    case .resolveUser where object.number > 0:
      writer.text(object.number == 1 ? "look up the user" : "look up the group")
      manifest.writePrincipal(object.number, of: declared, into: &writer)
    case .resolveCapabilities where object.number > 0:
      writer.text(step.word)
      writer.byte(UInt8(ascii: " "))
      Manifest.write(capability: object.number - 1, into: &writer)
    case .limits where object.number > 0:
      writer.text("set the resource limit ")
      Manifest.write(limit: object.number - 1, into: &writer)
    case .execute:
      write(
        step.word, manifest.program(object, of: declared), of: manifest, into: &writer)
      // The file is there; what its first line or its header names is not.
      if object.number > 0 {
        writer.text(": its interpreter")
        object.number = 0
      }
    default: writer.text(step.word)
    }
    writeCause(Errno(value & 0xff), into: &writer)
  }

  private func write(
    _ word: Literal, _ object: Text, of manifest: Manifest, into writer: inout ByteWriter
  ) {
    writer.text(word)
    writer.byte(UInt8(ascii: " "))
    writer.text(object, of: manifest)
  }

  private func writeCause(_ errno: Errno, into writer: inout ByteWriter) {
    writer.text(": ")
    if let phrase = errno.phrase {
      writer.text(phrase)
      writer.text(", ")
    }
    writer.errno(errno)
  }

  /// Which file and line stand above the errno, see CAPUS_ENVIRONMENT.
  private func writeEnvironment(
    of service: Service, _ manifest: Manifest, into writer: inout ByteWriter
  ) {
    let files = manifest.extras(of: service).environmentFiles
    var path = manifest.texts.at(Int(files.start) + Int(value >> 8 & 0x3f)) ?? .none
    if manifest.pool.at(Int(path.offset)) == UInt8(ascii: "-") {
      path = Text(offset: path.offset + 1, count: path.count - 1)
    }
    write("read", path, of: manifest, into: &writer)
    if value >> 14 > 0 {
      writer.byte(UInt8(ascii: ":"))
      writer.decimal(Int64(value >> 14))
      if value & 0xff == Errno.invalid.code { writer.text(": cannot be read as NAME=VALUE") }
    }
    writeCause(Errno(value & 0xff), into: &writer)
  }

  /// Writes how a command of the service ended that should have ended well.
  func writeHelper(into writer: inout ByteWriter, _ manifest: Manifest, _ service: UInt16?) {
    let object = SpawnObject(value)
    guard object.role != .none, let service, let declared = manifest.services.at(Int(service))
    else { return writer.text("a command of the service failed") }
    let program = manifest.program(object, of: declared)
    if program.isEmpty {
      // A look of apus's own.
      let health = manifest.extras(of: declared).health
      writer.text(object.role.word)
      writer.text(": cannot connect to ")
      if let path = manifest.text(health, 2) { return writer.text(path, of: manifest) }
      writer.text("port ")
      return writer.decimal((manifest.value(health, 1) ?? 0) & 0xffff)
    }
    write(object.role.word, program, of: manifest, into: &writer)
    guard step == 2 else {
      return Reason(step == 0 ? .exited : .killed, value: value & 0xff).writeEnd(into: &writer)
    }
    writer.text(": timed out after ")
    let time = manifest.command(object.id, of: declared)?.timeout.microseconds ?? 0
    let isWhole = time % 1_000_000 == 0
    writer.decimal(time / (isWhole ? 1_000_000 : 1000))
    writer.text(isWhole ? " s" : " ms")
  }

  private func writeEnd(into writer: inout ByteWriter) {
    writer.text(kind == .exited ? ": exit code " : ": killed by ")
    if kind == .exited {
      writer.decimal(Int64(value))
    } else {
      writer.signal(UInt8(truncatingIfNeeded: value))
    }
  }
}

extension Manifest {
  /// Writes what a condition is about, where that is a text.
  func write(condition number: Int, of service: Service, into writer: inout ByteWriter) {
    guard number >= 0, Manifest.isText(condition: number),
      let text = condition(extras(of: service), number)
    else { return }
    writer.text(": ")
    writer.text(Text(packed: text), of: self)
  }

  /// The program of a command; nothing for one of apus's own.
  fileprivate func program(_ object: SpawnObject, of service: Service) -> Text {
    guard let command = command(object.id, of: service)?.exec, command.count > 0
    else { return .none }
    return texts.at(Int(command.start)) ?? .none
  }

  /// The file that the child opens as that one of the service's, from 1 on.
  fileprivate func file(_ number: Int, of service: Service) -> Text {
    let streams = streams(of: service)
    var left = number
    for stream in 0..<3 {
      switch stream == 0 ? streams.input : stream == 1 ? streams.output : streams.error {
      case .file(let path), .append(let path):
        left -= 1
        if left == 0 { return path }
      case .null, .log, .console, .kmsg, .inherit, .socket: break
      }
    }
    return .none
  }

  /// Writes the directory that the child makes as that one of the service's, from 1 on.
  fileprivate func writeDirectory(
    _ number: Int, of service: Service, into writer: inout ByteWriter
  ) {
    guard number <= Int(service.directories.count),
      let directory = directories.at(Int(service.directories.start) + number - 1)
    else { return }
    writer.text(directory.place.path)
    writer.byte(UInt8(ascii: "/"))
    writer.text(directory.name, of: self)
  }

  /// Writes who a directory was to belong to, counted as `SpawnObject.owners` says.
  fileprivate func writeOwner(
    _ number: Int, of service: Service, into writer: inout ByteWriter
  ) {
    let directory = directories.at(Int(service.directories.start) + number / 2) ?? Directory()
    write(number & 1 == 0 ? directory.user : directory.group, into: &writer)
    writer.text(" of the directory ")
    writeDirectory(number / 2 + 1, of: service, into: &writer)
  }

  /// Writes the user (1), the group (2) or one of the groups (from 3 on) of a service.
  fileprivate func writePrincipal(
    _ number: Int, of service: Service, into writer: inout ByteWriter
  ) {
    let credentials = credentials(of: service)
    write(
      number == 1
        ? credentials.user
        : number == 2
          ? credentials.group : principals.at(Int(credentials.groups.start) + number - 3) ?? .none,
      into: &writer)
  }

  fileprivate func write(_ principal: Principal, into writer: inout ByteWriter) {
    switch principal {
    case .none: break
    case .id(let id):
      writer.byte(UInt8(ascii: " "))
      writer.decimal(Int64(id))
    case .name(let name):
      writer.byte(UInt8(ascii: " "))
      writer.text(name, of: self)
    }
  }
}

extension Reason {
  /// Writes whose name or id the owner of a listener's node was to be.
  func writeOwner(of listener: UInt16?, _ manifest: Manifest, into writer: inout ByteWriter) {
    guard let listener, let declared = manifest.listeners.at(Int(listener)) else { return }
    if declared.user != .none {
      writer.text(": user")
      manifest.write(declared.user, into: &writer)
    }
    if declared.group != .none {
      writer.text(declared.user == .none ? ": group" : ", group")
      manifest.write(declared.group, into: &writer)
    }
  }
}
