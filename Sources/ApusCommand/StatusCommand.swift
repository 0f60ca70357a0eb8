internal import ApusBase
internal import ApusWire

/// `apus status`: a table of services, details of one, or JSON.
enum StatusCommand {
  static func run(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    let frames = try Connection.listing(.status, invocation, context: &context)
    var supervisor: SupervisorReply?
    var all: Rows<ServiceReply> = Rows()
    for frame in frames {
      do throws(FrameError) {
        if frame[1] == ReplyKind.supervisor.rawValue {
          supervisor = try decoded(frame)
        } else {
          all.append(try ServiceReply(decoding: frame))
        }
      } catch {
        throw Connection.nonsense(.value, context: &context)
      }
    }
    let isNamed = !invocation.operands.isEmpty
    var services: Rows<Int> = Rows()
    var missing: Rows<Bytes> = Rows()
    for name in invocation.operands {
      let before = services.count
      for index in all.indices where all[index].name.same(as: name) { services.append(index) }
      if services.count == before { missing.push(name) }
    }
    if !isNamed { for index in all.indices { services.append(index) } }
    if invocation.options.contains(.json) {
      json(supervisor, all, services, context: &context)
    } else if invocation.operands.count == 1 {
      for index in services {
        detail(all[index], context: &context)
        if all[index].record.state == .invalid {
          supervisor?.tellMistake(of: all[index].name, context: &context)
        }
      }
      if !services.isEmpty { try LogsCommand.show(last: 10, invocation, context: &context) }
    } else {
      troubles(all, services, supervisor?.boots ?? BootsRecord(), context: &context)
      table(all, services, context: &context)
    }
    for name in missing { _ = Connection.noSuchService(name, context: &context) }
    if !missing.isEmpty { throw Failure(.noSuchService) }
    for index in services
    where isNamed && !isRunning(all[index].record.state) || all[index].record.socketErrors > 0 {
      throw Failure(.notRunning)
    }
  }

  /// Says first what is wrong with the services that follow: `2 failed, 1 socket in error`.
  private static func troubles(
    _ all: Rows<ServiceReply>, _ services: Rows<Int>, _ boots: BootsRecord,
    context: inout Context
  ) {
    var (failed, invalid, masked, sockets) = (0, 0, 0, 0)
    for index in services {
      let record = all[index].record
      if record.state == .failed { failed += 1 }
      if record.state == .invalid { invalid += 1 }
      if record.isMasked { masked += 1 }
      sockets += Int(record.socketErrors)
    }
    var isFirst = true
    count(failed, "failed", "failed", &isFirst, &context.output)
    count(invalid, "invalid", "invalid", &isFirst, &context.output)
    count(sockets, "socket in error", "sockets in error", &isFirst, &context.output)
    count(masked, "masked", "masked", &isFirst, &context.output)
    if !boots.isGood {
      count(
        Int(boots.failed), "boot ended before it was good", "boots ended before they were good",
        &isFirst, &context.output)
    }
    if boots.isFallback {
      context.output.writer.text(isFirst ? "" : ", ")
      context.output.writer.text("the fallback manifest is in use")
      isFirst = false
    }
    if !isFirst { context.output.endLine() }
  }

  @inline(never)
  private static func count(
    _ number: Int, _ one: Literal, _ more: Literal, _ isFirst: inout Bool,
    _ output: inout Output
  ) {
    if number == 0 { return }
    output.writer.text(isFirst ? "" : ", ")
    output.writer.decimal(UInt64(number))
    output.writer.text(" ")
    output.writer.text(number == 1 ? one : more)
    isFirst = false
  }

  @inline(never)
  private static func decoded(_ frame: Bytes) throws(FrameError) -> SupervisorReply {
    try SupervisorReply(decoding: frame)
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

  private static func table(
    _ all: Rows<ServiceReply>, _ services: Rows<Int>, context: inout Context
  ) {
    var table = Table()
    table.column("SERVICE")
    table.column("STATE")
    table.column("SINCE")
    table.column("PID", isNumber: true)
    table.column("RESTARTS", isNumber: true)
    table.column("MEMORY", isNumber: true)
    table.column("DETAIL")
    for index in services { row(all[index], &table, context) }
    table.render(into: &context.output, colour: context.colour, width: context.width)
  }

  private static func row(
    _ service: ServiceReply, _ table: inout Table, _ context: borrowing Context
  ) {
    let record = service.record
    table.row(tint: tint(record.state), column: 1)
    table.text(service.name)
    table.word(record.state.word)
    table.cell.duration(context.age(of: record.since))
    table.cell.text(" ago")
    table.next()
    table.number(unlessZero: UInt64(max(0, record.mainPid)))
    table.number(unlessZero: UInt64(record.restarts))
    if let memory = record.memory { table.cell.size(memory) }
    table.next()
    table.outlook(record.nextStart, service.reason, context)
    table.next()
  }

  private static func detail(_ service: ServiceReply, context: inout Context) {
    let record = service.record
    context.output.writer.safe(service.name)
    context.output.writer.text(": ")
    context.output.writer.tinted(record.state.word, context.colour ? tint(record.state) : .plain)
    context.output.writer.text(" for ")
    context.output.writer.duration(context.age(of: record.since))
    if record.mainPid > 0 {
      label("main pid", &context.output)
      context.output.writer.decimal(UInt64(record.mainPid))
    }
    label("restarts", &context.output)
    context.output.writer.decimal(UInt64(record.restarts))
    if let memory = record.memory {
      label("memory", &context.output)
      context.output.writer.size(memory)
    }
    if let processor = record.processor {
      label("processor", &context.output)
      context.output.writer.duration(Int64(clamping: processor))
    }
    if let tasks = record.tasks {
      label("tasks", &context.output)
      context.output.writer.decimal(tasks)
    }
    if let last = record.lastExit {
      label("last exit", &context.output)
      if last.isSignal {
        context.output.writer.signal(last.code)
        if last.ranOutOfMemory { context.output.writer.text(" (out of memory)") }
      } else {
        context.output.writer.text("exit code ")
        context.output.writer.decimal(UInt64(last.code))
      }
      context.output.writer.text(", ")
      context.output.writer.duration(context.age(of: last.at))
      context.output.writer.text(" ago")
    }
    if let next = record.nextStart {
      label("next start", &context.output)
      context.output.writer.text("in ")
      context.output.writer.duration(context.delay(until: next))
    }
    if !service.reason.isEmpty {
      label("reason", &context.output)
      context.output.writer.safe(service.reason)
    }
    if !service.status.isEmpty {
      label("status", &context.output)
      context.output.writer.safe(service.status)
    }
    if !service.missing.isEmpty {
      label("missing", &context.output)
      context.output.writer.safe(service.missing)
      context.output.writer.text(" (in wants or after, not in the manifest)")
    }
    context.output.endLine()
  }

  /// Ends the line before and starts one.
  @inline(never)
  private static func label(_ label: Literal, _ output: inout Output) {
    output.endLine()
    output.writer.spaces(12 - label.count)
    output.writer.text(label)
    output.writer.text(": ")
  }

  private static func json(
    _ supervisor: SupervisorReply?, _ all: Rows<ServiceReply>, _ services: Rows<Int>,
    context: inout Context
  ) {
    var json = JSONStream()
    json.beginObject()
    if let supervisor {
      json.beginObject("supervisor")
      json.member("pid", Int64(supervisor.pid))
      json.member("version", supervisor.version)
      json.member("uptimeUs", supervisor.uptimeUs)
      json.member("allocations", unsigned: supervisor.allocations)
      let boots = supervisor.boots
      if boots.limit > 0 || boots.isFallback {
        json.beginObject("boots")
        json.member("failed", Int64(boots.failed))
        json.member("limit", Int64(boots.limit))
        json.member("good", boots.isGood)
        json.member("fallback", boots.isFallback)
        json.endObject()
      }
      json.endObject()
    } else {
      json.member("supervisor", nil)
    }
    json.beginArray("services")
    for index in services {
      object(all[index], &json, context)
      json.drain(into: &context.output)
    }
    json.endArray()
    json.finish(into: &context.output)
  }

  private static func object(
    _ service: ServiceReply, _ json: inout JSONStream, _ context: borrowing Context
  ) {
    let record = service.record
    json.beginObject()
    json.member("name", service.name)
    json.member("state", word: record.state.word)
    json.member("sinceUs", record.since, context)
    json.member("mainPid", Int64(record.mainPid))
    json.member("restarts", Int64(record.restarts))
    if let last = record.lastExit {
      json.beginObject("lastExit")
      json.member("kind", word: last.isSignal ? "signal" : "exit")
      json.member("code", Int64(last.code))
      json.member("atUs", last.at, context)
      if last.ranOutOfMemory { json.member("reason", word: "oom") }
      json.endObject()
    } else {
      json.member("lastExit", nil)
    }
    json.member("nextStartUs", record.nextStart, context)
    json.member("reason", service.reason)
    json.member("status", service.status)
    json.member("memoryBytes", unsigned: record.memory)
    json.member("cpuUs", unsigned: record.processor)
    json.member("tasks", unsigned: record.tasks)
    json.member("socketErrors", Int64(record.socketErrors))
    if !service.missing.isEmpty {
      json.beginArray("missing")
      var start = 0
      while start < service.missing.count {
        var end = start
        while end < service.missing.count, service.missing[end] != UInt8(ascii: " ") { end += 1 }
        json.element(service.missing.part(start, end))
        start = end + 1
      }
      json.endArray()
    }
    json.endObject()
  }
}
