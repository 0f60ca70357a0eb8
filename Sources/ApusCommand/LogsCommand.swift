internal import ApusBase
internal import ApusWire

/// `apus logs`: what services have written, merged by time.
enum LogsCommand {
  static func run(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    // Of several services the lines of all are asked for, so each has to be known.
    for name in invocation.operands where invocation.operands.count > 1 && !name.equals("apus") {
      _ = try Connection.ask(.status, name: name, invocation, context: &context)
    }
    try show(last: invocation.lines, invocation, context: &context)
  }

  /// Shows the last lines, -1 for all, of the one service that is named, else of all.
  @inline(never)
  static func show(
    last count: Int, _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    let frames = try Connection.listing(.logs, invocation, context: &context)
    try show(frames, last: count, invocation, context: &context)
  }

  /// True for a line of one of the services that are named, as important and as late as asked for.
  @inline(never)
  static func isWanted(_ frame: Bytes, _ invocation: borrowing Invocation) -> Bool {
    guard let line = line(of: frame) else { return true }
    if line.isLine, line.level > invocation.level || line.at < invocation.since { return false }
    if invocation.operands.count < 2 { return true }
    for name in invocation.operands where name.same(as: line.service) { return true }
    return false
  }

  @inline(never)
  private static func line(of frame: Bytes) -> LineReply? { try? LineReply(decoding: frame) }

  /// Shows the last lines of what has come.
  @inline(never)
  static func show(
    _ frames: Rows<Bytes>, last count: Int, _ invocation: borrowing Invocation,
    context: inout Context
  ) throws(Failure) {
    for index in (count < 0 ? 0 : max(0, frames.count - count))..<frames.count {
      guard let line = line(of: frames[index]) else {
        throw Connection.nonsense(.value, context: &context)
      }
      let isJSON = invocation.options.contains(.json)
      if line.lost > 0 { show(line, isLost: true, isJSON, context: &context) }
      if line.isLine { show(line, isLost: false, isJSON, context: &context) }
    }
  }

  @inline(never)
  private static func show(
    _ line: LineReply, isLost: Bool, _ isJSON: Bool, context: inout Context
  ) {
    if isJSON {
      var json = JSONStream()
      json.beginObject()
      if !isLost { json.member("atUs", line.at, context) }
      json.member("service", line.service)
      if isLost {
        json.member("lost", Int64(line.lost))
      } else {
        json.member("level", Int64(line.level))
        json.member("line", line.text)
      }
      return json.finish(into: &context.output)
    }
    if isLost {
      context.output.writer.text("-- ")
    } else {
      context.output.writer.date(context.wall(line.at) ?? 0)
      context.output.writer.text(" ")
    }
    context.output.writer.safe(line.service)
    context.output.writer.text(": ")
    if isLost {
      context.output.writer.decimal(UInt64(line.lost))
      context.output.writer.text(line.lost == 1 ? " line lost --" : " lines lost --")
    } else {
      context.output.writer.printable(line.text)
    }
    context.output.endLine()
  }
}
