internal import ApusBase
internal import ApusJSON
internal import ApusWire

/// `apus boot`: where the time of the boot went.
enum BootCommand {
  static func run(_ invocation: Invocation, context: inout Context) throws(Failure) {
    let connection = try Connection(invocation, context: &context)
    let frames = try connection.listing(.boot, name: [], context: &context)
    var summary: BootSummaryReply?
    var entries: [BootEntryReply] = []
    for frame in frames {
      if let reply = try? BootEntryReply(decoding: frame) {
        entries.append(reply)
      } else if let reply = try? BootSummaryReply(decoding: frame) {
        summary = reply
      } else {
        throw Connection.nonsense(.value, context: &context)
      }
    }
    guard let summary else { throw Connection.nonsense(.length, context: &context) }
    if invocation.options.contains(.blame) { sort(&entries) }
    if invocation.options.contains(.json) {
      json(summary, entries, context: &context)
    } else {
      table(summary, entries, context: &context)
    }
  }

  /// Slowest first; what took equally long stays in the order of time.
  private static func sort(_ entries: inout [BootEntryReply]) {
    entries.sort {
      $0.durationUs == $1.durationUs ? $0.atUs < $1.atUs : $0.durationUs > $1.durationUs
    }
  }

  private static func table(
    _ summary: BootSummaryReply, _ entries: [BootEntryReply], context: inout Context
  ) {
    context.output.writer.text("kernel ")
    context.output.writer.seconds(summary.kernelUs)
    context.output.writer.text(", apus ")
    context.output.writer.seconds(summary.initUs)
    context.output.endLine()
    guard !entries.isEmpty else { return }
    var table = Table()
    table.column("AT", least: 8, isNumber: true)
    table.column("TOOK", least: 8, isNumber: true)
    table.column("WHAT", least: 5)
    table.column("NAME", least: 16)
    for entry in entries {
      table.row(tint: .plain, column: 0)
      table.cell { $0.seconds(entry.atUs) }
      table.cell { $0.duration(entry.durationUs) }
      table.cell { $0.text(entry.stage.word) }
      table.cell { $0.safe(entry.name) }
    }
    table.render(into: &context.output, colour: false)
  }

  private static func json(
    _ summary: BootSummaryReply, _ entries: [BootEntryReply], context: inout Context
  ) {
    var writer = JSONStream()
    writer.json.beginObject()
    writer.json.key("kernelUs")
    writer.json.integer(summary.kernelUs)
    writer.json.key("initUs")
    writer.json.integer(summary.initUs)
    writer.json.key("entries")
    writer.json.beginArray()
    for entry in entries {
      writer.json.beginObject()
      writer.json.key("what")
      writer.json.string(entry.stage.word)
      writer.json.key("name")
      writer.json.string(entry.name)
      writer.json.key("atUs")
      writer.json.integer(entry.atUs)
      writer.json.key("durationUs")
      writer.json.integer(entry.durationUs)
      writer.json.endObject()
      writer.drain(into: &context.output)
    }
    writer.json.endArray()
    writer.json.endObject()
    writer.drain(into: &context.output)
    context.output.endLine()
  }
}
