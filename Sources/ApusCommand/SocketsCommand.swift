internal import ApusBase
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
      table.text(socket.address)
      table.text(socket.name == socket.service ? [] : socket.name)
      table.text(socket.service)
      table.word(record.state.word)
      table.number(record.queued.map { UInt64($0) })
      table.number(record.accepted > 0 ? record.accepted : nil)
      table.outlook(delay, socket.reason)
      if delay == nil, socket.reason.isEmpty, let age {
        table.cell.text("triggered ")
        table.cell.duration(age)
        table.cell.text(" ago")
      }
      table.next()
    }
    table.render(into: &context.output, colour: context.colour)
  }

  private static func json(_ sockets: [SocketReply], context: inout Context) {
    var json = JSONStream()
    json.beginObject()
    json.beginArray("sockets")
    for socket in sockets {
      let record = socket.record
      json.beginObject()
      json.member("service", socket.service)
      json.member("name", socket.name)
      json.member("kind", word: record.kind.word)
      json.member("address", socket.address)
      json.member("state", word: record.state.word)
      json.member("reason", socket.reason)
      json.member("queued", unsigned: record.queued.map { UInt64($0) })
      json.member("accepted", unsigned: record.accepted)
      json.member("triggers", unsigned: record.triggers)
      json.member("pausedUntilUs", record.pausedUntil, context)
      json.member("lastTriggerUs", record.lastTrigger, context)
      json.endObject()
      json.drain(into: &context.output)
    }
    json.endArray()
    json.finish(into: &context.output)
  }
}
