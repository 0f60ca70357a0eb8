internal import ApusBase
internal import ApusJSON
internal import ApusWire

/// `apus status`: a table of services, details of one, or JSON.
enum StatusCommand {
  static func run(_ invocation: Invocation, context: inout Context) throws(Failure) {
    let names = invocation.operands
    let connection = try Connection(invocation, context: &context)
    let frames = try connection.listing(
      .status, name: names.count == 1 ? names[0] : [], context: &context)
    var supervisor: SupervisorReply?
    var services: [ServiceReply] = []
    for frame in frames {
      if let reply = try? ServiceReply(decoding: frame) {
        services.append(reply)
      } else if let reply = try? SupervisorReply(decoding: frame) {
        supervisor = reply
      } else {
        throw Connection.nonsense(.value, context: &context)
      }
    }
    var missing: [[UInt8]] = []
    if !names.isEmpty {
      let all = services
      services = []
      for name in names {
        if let found = all.first(where: { $0.name == name }) {
          services.append(found)
        } else {
          missing.append(name)
        }
      }
    }
    if invocation.options.contains(.json) {
      json(supervisor, services, context: &context)
    } else if names.count == 1 {
      for service in services { detail(service, context: &context) }
    } else {
      table(services, context: &context)
    }
    for name in missing { _ = Connection.noSuchService(name, context: &context) }
    if !missing.isEmpty { throw Failure(.noSuchService) }
    if !names.isEmpty, services.contains(where: { !isRunning($0.record.state) }) {
      throw Failure(.notRunning)
    }
  }

  /// True for a service that has a process, or is up without one.
  private static func isRunning(_ state: ServiceState) -> Bool {
    switch state {
    case .starting, .ready, .stopping: true
    case .invalid, .skipped, .listening, .waiting, .backoff, .stopped, .failed: false
    }
  }

  static func tint(_ state: ServiceState) -> Tint {
    switch state {
    case .ready: .good
    case .invalid, .failed: .bad
    case .backoff, .waiting: .warning
    case .skipped, .listening, .starting, .stopping, .stopped: .plain
    }
  }

  private static func table(_ services: [ServiceReply], context: inout Context) {
    var table = Table()
    table.column("SERVICE", least: 16)
    table.column("STATE", least: 9)
    table.column("SINCE", least: 13)
    table.column("PID", least: 7, isNumber: true)
    table.column("RESTARTS", least: 8, isNumber: true)
    table.column("MEMORY", least: 6, isNumber: true)
    table.column("DETAIL", least: 8)
    for service in services {
      let record = service.record
      let age = context.age(of: record.since)
      let delay = record.nextStart.map { context.delay(until: $0) }
      table.row(tint: tint(record.state), column: 1)
      table.cell { $0.safe(service.name) }
      table.cell { $0.text(record.state.word) }
      table.cell {
        $0.duration(age)
        $0.text(" ago")
      }
      table.cell { if record.mainPid > 0 { $0.decimal(Int64(record.mainPid)) } }
      table.cell { if record.restarts > 0 { $0.decimal(UInt64(record.restarts)) } }
      table.cell { if let memory = record.memory { $0.size(memory) } }
      table.cell {
        if let delay {
          $0.text("in ")
          $0.duration(delay)
          if !service.reason.isEmpty { $0.text(": ") }
        }
        $0.safe(service.reason)
      }
    }
    table.render(into: &context.output, colour: context.colour)
  }

  private static func detail(_ service: ServiceReply, context: inout Context) {
    let record = service.record
    context.output.writer.safe(service.name)
    context.output.writer.text(": ")
    let tint = context.colour ? tint(record.state) : .plain
    context.output.writer.text(tint.sequence)
    context.output.writer.text(record.state.word)
    if tint != .plain { context.output.writer.text("\u{1b}[0m") }
    context.output.writer.text(" for ")
    context.output.writer.duration(context.age(of: record.since))
    context.output.endLine()
    if record.mainPid > 0 {
      line("main pid", context: &context) { $0.decimal(Int64(record.mainPid)) }
    }
    line("restarts", context: &context) { $0.decimal(UInt64(record.restarts)) }
    if let memory = record.memory { line("memory", context: &context) { $0.size(memory) } }
    if let last = record.lastExit {
      let age = context.age(of: last.at)
      line("last exit", context: &context) {
        if last.isSignal {
          $0.signal(last.code)
        } else {
          $0.text("exit code ")
          $0.decimal(UInt64(last.code))
        }
        $0.text(", ")
        $0.duration(age)
        $0.text(" ago")
      }
    }
    if let next = record.nextStart {
      let delay = context.delay(until: next)
      line("next start", context: &context) {
        $0.text("in ")
        $0.duration(delay)
      }
    }
    if !service.reason.isEmpty { line("reason", context: &context) { $0.safe(service.reason) } }
  }

  private static func line(
    _ label: StaticString, context: inout Context, _ write: (inout ByteWriter) -> Void
  ) {
    context.output.writer.spaces(12 - label.utf8CodeUnitCount)
    context.output.writer.text(label)
    context.output.writer.text(": ")
    write(&context.output.writer)
    context.output.endLine()
  }

  private static func json(
    _ supervisor: SupervisorReply?, _ services: [ServiceReply], context: inout Context
  ) {
    var writer = JSONStream()
    writer.json.beginObject()
    writer.json.key("supervisor")
    if let supervisor {
      writer.json.beginObject()
      writer.json.key("pid")
      writer.json.integer(Int64(supervisor.pid))
      writer.json.key("version")
      writer.json.string(supervisor.version)
      writer.json.key("uptimeUs")
      writer.json.integer(supervisor.uptimeUs)
      writer.json.endObject()
    } else {
      writer.json.null()
    }
    writer.json.key("services")
    writer.json.beginArray()
    for service in services {
      object(service, &writer.json, context)
      writer.drain(into: &context.output)
    }
    writer.json.endArray()
    writer.json.endObject()
    writer.drain(into: &context.output)
    context.output.endLine()
  }

  private static func object(
    _ service: ServiceReply, _ json: inout JSONWriter, _ context: borrowing Context
  ) {
    let record = service.record
    json.beginObject()
    json.key("name")
    json.string(service.name)
    json.key("state")
    json.string(record.state.word)
    json.key("sinceUs")
    json.moment(record.since, context)
    json.key("mainPid")
    json.integer(Int64(record.mainPid))
    json.key("restarts")
    json.unsigned(UInt64(record.restarts))
    json.key("lastExit")
    if let last = record.lastExit {
      json.beginObject()
      json.key("kind")
      json.string(last.isSignal ? "signal" : "exit")
      json.key("code")
      json.unsigned(UInt64(last.code))
      json.key("atUs")
      json.moment(last.at, context)
      json.endObject()
    } else {
      json.null()
    }
    json.key("nextStartUs")
    json.moment(record.nextStart, context)
    json.key("reason")
    json.string(service.reason)
    json.key("memoryBytes")
    if let memory = record.memory { json.unsigned(memory) } else { json.null() }
    json.endObject()
  }
}
