internal import ApusBase
internal import ApusWire

/// `apus list-sockets`: every listener, whose it is, and why it is paused.
enum SocketsCommand {
  static func run(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    let frames = try Connection.listing(.listSockets, invocation, context: &context)
    var sockets: Rows<SocketReply> = Rows()
    for frame in frames {
      do throws(FrameError) {
        let socket = try SocketReply(decoding: frame)
        var isWanted = invocation.operands.isEmpty
        for name in invocation.operands where name.same(as: socket.service) { isWanted = true }
        if isWanted { sockets.append(socket) }
      } catch {
        throw Connection.nonsense(.value, context: &context)
      }
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

  private static func table(_ sockets: Rows<SocketReply>, context: inout Context) {
    var table = Table()
    table.column("ADDRESS")
    table.column("NAME")
    table.column("SERVICE")
    table.column("STATE")
    table.column("QUEUE", isNumber: true)
    table.column("ACCEPTED", isNumber: true)
    table.column("DETAIL")
    for index in sockets.indices { row(sockets[index], &table, context) }
    table.render(into: &context.output, colour: context.colour, width: context.width)
  }

  private static func row(
    _ socket: SocketReply, _ table: inout Table, _ context: borrowing Context
  ) {
    let record = socket.record
    table.row(tint: tint(record.state), column: 3)
    table.text(socket.address)
    table.text(socket.name.same(as: socket.service) ? Rows() : socket.name)
    table.text(socket.service)
    table.word(record.state.word)
    table.number(record.queued.map { UInt64($0) })
    table.number(unlessZero: record.accepted)
    table.outlook(record.pausedUntil, socket.reason, context)
    if record.pausedUntil == nil, socket.reason.isEmpty, let last = record.lastTrigger {
      table.cell.text("triggered ")
      table.cell.duration(context.age(of: last))
      table.cell.text(" ago")
    }
    table.next()
  }

  private static func json(_ sockets: Rows<SocketReply>, context: inout Context) {
    var json = JSONStream()
    json.beginObject()
    json.beginArray("sockets")
    for index in sockets.indices {
      object(sockets[index], &json, context)
      json.drain(into: &context.output)
    }
    json.endArray()
    json.finish(into: &context.output)
  }

  private static func object(
    _ socket: SocketReply, _ json: inout JSONStream, _ context: borrowing Context
  ) {
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
    json.member("lastPeer", socket.peer)
    json.endObject()
  }
}
