internal import ApusBase
internal import ApusWire

/// `apus boot`: where the time of the boot went.
enum BootCommand {
  static func run(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    let frames = try Connection.listing(.boot, invocation, context: &context)
    var summary: BootSummaryReply?
    var entries: Rows<BootEntryReply> = Rows()
    for frame in frames {
      do throws(FrameError) {
        if frame[1] == ReplyKind.bootSummary.rawValue {
          summary = try decoded(frame)
        } else {
          entries.append(try BootEntryReply(decoding: frame))
        }
      } catch {
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

  @inline(never)
  private static func decoded(_ frame: Bytes) throws(FrameError) -> BootSummaryReply {
    try BootSummaryReply(decoding: frame)
  }

  /// Slowest first; what took equally long stays in the order of time. By insertion: a boot has
  /// hundreds of entries, and the library's sort is 3 KB for each type.
  private static func sort(_ entries: inout Rows<BootEntryReply>) {
    for index in entries.indices {
      var place = index
      while place > 0, entries[place - 1].durationUs < entries[place].durationUs {
        entries.swapAt(place - 1, place)
        place -= 1
      }
    }
  }

  private static func table(
    _ summary: BootSummaryReply, _ entries: Rows<BootEntryReply>, context: inout Context
  ) {
    context.output.writer.text("kernel ")
    context.output.writer.seconds(summary.kernelUs)
    context.output.writer.text(", apus ")
    context.output.writer.seconds(summary.initUs)
    context.output.endLine()
    guard !entries.isEmpty else { return }
    var table = Table()
    table.column("AT", isNumber: true)
    table.column("TOOK", isNumber: true)
    table.column("WHAT")
    table.column("NAME")
    for entry in entries {
      table.row(tint: .plain, column: 0)
      table.cell.seconds(entry.atUs)
      table.next()
      table.cell.length(entry.durationUs)
      table.next()
      table.word(entry.stage.word)
      table.text(entry.name)
    }
    table.render(into: &context.output, colour: false, width: context.width)
  }

  private static func json(
    _ summary: BootSummaryReply, _ entries: Rows<BootEntryReply>, context: inout Context
  ) {
    var json = JSONStream()
    json.beginObject()
    json.member("kernelUs", summary.kernelUs)
    json.member("initUs", summary.initUs)
    json.beginArray("entries")
    for entry in entries {
      json.beginObject()
      json.member("what", word: entry.stage.word)
      json.member("name", entry.name)
      json.member("atUs", entry.atUs)
      json.member("durationUs", entry.durationUs)
      json.endObject()
      json.drain(into: &context.output)
    }
    json.endArray()
    json.finish(into: &context.output)
  }
}
