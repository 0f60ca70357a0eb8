internal import ApusBase
internal import ApusJSON
internal import ApusWire

/// `apus list-sockets`: every listener, whose it is, and why it is paused.
enum SocketsCommand {
  static func run(_ invocation: Invocation, context: inout Context) throws(Failure) {
    let names = invocation.operands
    let connection = try Connection(invocation, context: &context)
    let frames = try connection.listing(
      .listSockets, name: names.count == 1 ? names[0] : [], context: &context)
    var sockets: [SocketReply] = []
    for frame in frames {
      guard let reply = try? SocketReply(decoding: frame) else {
        throw Connection.nonsense(.value, context: &context)
      }
      if names.isEmpty || names.contains(reply.service) { sockets.append(reply) }
    }
    if invocation.options.contains(.json) {
      json(sockets, context: &context)
    } else {
      table(sockets, context: &context)
    }
  }

  private static func tint(_ state: ListenerState) -> Tint {
    switch state {
    case .listening: .plain
    case .active: .good
    case .paused: .warning
    case .error: .bad
    }
  }

  private static func table(_ sockets: [SocketReply], context: inout Context) {
    var table = Table()
    table.column("ADDRESS", least: 12)
    table.column("NAME", least: 6)
    table.column("SERVICE", least: 8)
    table.column("STATE", least: 9)
    table.column("QUEUE", least: 5, isNumber: true)
    table.column("ACCEPTED", least: 8, isNumber: true)
    table.column("DETAIL", least: 14)
    for socket in sockets {
      let record = socket.record
      let age = record.lastTrigger.map { context.age(of: $0) }
      let delay = record.pausedUntil.map { context.delay(until: $0) }
      table.row(tint: tint(record.state), column: 3)
      table.cell { $0.safe(socket.address) }
      table.cell { if socket.name != socket.service { $0.safe(socket.name) } }
      table.cell { $0.safe(socket.service) }
      table.cell { $0.text(record.state.word) }
      table.cell { if let queued = record.queued { $0.decimal(UInt64(queued)) } }
      table.cell { if record.accepted > 0 { $0.decimal(record.accepted) } }
      table.cell {
        if let delay {
          $0.text("in ")
          $0.duration(delay)
          if !socket.reason.isEmpty { $0.text(": ") }
        }
        $0.safe(socket.reason)
        if delay == nil, socket.reason.isEmpty, let age {
          $0.text("triggered ")
          $0.duration(age)
          $0.text(" ago")
        }
      }
    }
    table.render(into: &context.output, colour: context.colour)
  }

  private static func json(_ sockets: [SocketReply], context: inout Context) {
    var writer = JSONStream()
    writer.json.beginObject()
    writer.json.key("sockets")
    writer.json.beginArray()
    for socket in sockets {
      object(socket, &writer.json, context)
      writer.drain(into: &context.output)
    }
    writer.json.endArray()
    writer.json.endObject()
    writer.drain(into: &context.output)
    context.output.endLine()
  }

  private static func object(
    _ socket: SocketReply, _ json: inout JSONWriter, _ context: borrowing Context
  ) {
    let record = socket.record
    json.beginObject()
    json.key("service")
    json.string(socket.service)
    json.key("name")
    json.string(socket.name)
    json.key("kind")
    json.string(record.kind.word)
    json.key("address")
    json.string(socket.address)
    json.key("state")
    json.string(record.state.word)
    json.key("reason")
    json.string(socket.reason)
    json.key("queued")
    if let queued = record.queued { json.unsigned(UInt64(queued)) } else { json.null() }
    json.key("accepted")
    json.unsigned(record.accepted)
    json.key("triggers")
    json.unsigned(record.triggers)
    json.key("pausedUntilUs")
    json.moment(record.pausedUntil, context)
    json.key("lastTriggerUs")
    json.moment(record.lastTrigger, context)
    json.endObject()
  }
}
