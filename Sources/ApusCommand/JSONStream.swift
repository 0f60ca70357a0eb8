internal import ApusBase
internal import ApusJSON

/// A JSON document written piece by piece, so that its length has no limit.
///
/// A member is one call, never inlined: the lists have dozens of them and the binary is small.
struct JSONStream {
  /// Room for one piece: the longest record with every byte escaped.
  private var json = JSONWriter(capacity: 16384)

  /// An empty document.
  init() {}

  /// Opens an object, the value of a key where one is given.
  @inline(never) mutating func beginObject(_ key: Literal? = nil) {
    if let key { json.key(key) }
    json.beginObject()
  }

  /// Closes an object.
  @inline(never) mutating func endObject() { json.endObject() }

  /// Opens the array of a key.
  @inline(never) mutating func beginArray(_ key: Literal) {
    json.key(key)
    json.beginArray()
  }

  /// Closes an array.
  @inline(never) mutating func endArray() { json.endArray() }

  /// Writes an element that is a string.
  @inline(never) mutating func element(_ text: Bytes) { json.string(text) }

  /// Writes a member that is a string.
  @inline(never) mutating func member(_ key: Literal, _ text: Bytes) {
    json.key(key)
    json.string(text)
  }

  /// Writes a member that is a string and empties its writer.
  @inline(never) mutating func member(_ key: Literal, _ text: inout ByteWriter) {
    member(key, text.bytes)
    text.empty()
  }

  /// Writes a member that is one of a set of words.
  @inline(never) mutating func member(_ key: Literal, word: Literal) {
    json.key(key)
    json.string(word)
  }

  /// Writes a member that is a number, or null.
  @inline(never) mutating func member(_ key: Literal, _ number: Int64?) {
    json.key(key)
    if let number { json.integer(number) } else { json.null() }
  }

  /// Writes a member that is a number without a sign, or null.
  @inline(never) mutating func member(_ key: Literal, unsigned number: UInt64?) {
    json.key(key)
    if let number { json.unsigned(number) } else { json.null() }
  }

  /// Writes a member that is true or false.
  @inline(never) mutating func member(_ key: Literal, _ value: Bool) {
    json.key(key)
    json.bool(value)
  }

  /// Writes a member that is a moment, as CLOCK_REALTIME microseconds, or null.
  @inline(never) mutating func member(
    _ key: Literal, _ moment: Instant?, _ context: borrowing Context
  ) {
    var wall: Int64?
    if let moment { wall = context.wall(moment) }
    member(key, wall)
  }

  /// Hands over what has been written.
  @inline(never) mutating func drain(into output: inout Output) {
    output.flush()
    output.writer.bytes(json.output.bytes)
    json.output.empty()
  }

  /// Ends the document.
  @inline(never) mutating func finish(into output: inout Output) {
    endObject()
    drain(into: &output)
    output.endLine()
  }
}
