internal import ApusBase
internal import ApusWire

/// `apus events`: changes of state as they happen, until the supervisor or the reader goes away, or the
/// last ones.
enum EventsCommand {
  /// Shows an event that is over, which was kept as a line.
  static func showPast(
    _ frame: Bytes, _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    if let line = try? LineReply(decoding: frame), line.isLine {
      try show(line.text, invocation, context: &context)
    }
  }

  /// Shows one frame, at once.
  static func show(
    _ frame: Bytes, _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    guard let event = try? EventReply(decoding: frame) else {
      throw Connection.nonsense(.value, context: &context)
    }
    context.readClock()
    if invocation.options.contains(.json) {
      var json = JSONStream()
      json.beginObject()
      json.member("atUs", event.at, context)
      json.member("service", event.name)
      json.member("from", word: event.old.word)
      json.member("to", word: event.new.word)
      json.member("reason", event.reason)
      json.finish(into: &context.output)
    } else {
      context.output.writer.date(context.wall(event.at) ?? 0)
      context.output.writer.text(" ")
      context.output.writer.safe(event.name)
      context.output.writer.text(" ")
      context.output.writer.text(event.old.word)
      context.output.writer.text(" \u{2192} ")
      context.output.writer.text(event.new.word)
      if !event.reason.isEmpty {
        context.output.writer.text(" (")
        context.output.writer.safe(event.reason)
        context.output.writer.text(")")
      }
      context.output.endLine()
    }
    context.output.flush()
  }
}
