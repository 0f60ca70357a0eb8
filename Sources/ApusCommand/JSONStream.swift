internal import ApusBase
internal import ApusJSON

/// A JSON document written piece by piece, so that its length has no limit.
struct JSONStream {
  /// Room for one piece: the longest record with every byte escaped.
  var json = JSONWriter(capacity: 16384)

  /// Hands over what has been written.
  mutating func drain(into output: inout Output) {
    output.flush()
    output.writer.bytes(json.output.bytes)
    json.output.reset()
  }
}

extension JSONWriter {
  /// Writes a moment as CLOCK_REALTIME microseconds, or null.
  mutating func moment(_ moment: Instant?, _ context: borrowing Context) {
    if let moment, let wall = context.wall(moment) { integer(wall) } else { null() }
  }
}
