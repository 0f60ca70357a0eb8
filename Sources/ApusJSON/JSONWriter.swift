public import ApusBase

/// Writes JSON into a byte writer, without spaces and without recursion.
///
/// Commas are its business, nesting is the caller's: an `end…` for every `begin…`, a key before
/// every value in an object. What does not fit the capacity is dropped, `output.isTruncated` tells.
public struct JSONWriter: Sendable {
  /// Where the text goes; may be read, reset and written between documents.
  public var output: ByteWriter
  private var needsComma = false

  /// Writes into a new buffer of `capacity` bytes, the only allocation this value makes.
  public init(capacity: Int) { output = ByteWriter(capacity: capacity) }

  /// Appends to what a writer already holds.
  public init(_ output: ByteWriter) { self.output = output }

  /// Forgets what was written and keeps the capacity.
  public mutating func reset() {
    output.reset()
    needsComma = false
  }

  /// Opens an object.
  @inline(never)
  public mutating func beginObject() { open(UInt8(ascii: "{")) }

  /// Closes an object.
  @inline(never)
  public mutating func endObject() { close(UInt8(ascii: "}")) }

  /// Opens an array.
  @inline(never)
  public mutating func beginArray() { open(UInt8(ascii: "[")) }

  /// Closes an array.
  @inline(never)
  public mutating func endArray() { close(UInt8(ascii: "]")) }

  /// Writes a key from a literal.
  @inline(never)
  public mutating func key(_ name: Literal) {
    string(name)
    colon()
  }

  /// Writes a key from bytes.
  @inline(never)
  public mutating func key(_ name: Bytes) {
    string(name)
    colon()
  }

  /// Writes a string; bytes that are not UTF-8 become U+FFFD, one for each ill-formed sequence.
  @inline(never)
  public mutating func string(_ value: Bytes) { string(value, 0..<value.count) }

  /// Writes a part of some bytes as a string; what lies outside them is left out.
  @inline(never)
  public mutating func string(_ value: Bytes, _ range: Range<Int>) {
    separate()
    output.byte(UInt8(ascii: "\""))
    let range = range.clamped(to: 0..<value.count)
    var index = range.lowerBound
    while index < range.upperBound {
      let byte = value[index]
      guard byte >= 0x80 else {
        escaped(byte)
        index += 1
        continue
      }
      let sequence = UTF8Sequence.at(index, in: value, end: range.upperBound)
      if sequence.isValid {
        output.bytes(value, index..<index + sequence.count)
      } else {
        raw("\u{fffd}")
      }
      index += sequence.count
    }
    output.byte(UInt8(ascii: "\""))
  }

  /// Writes a literal as a string.
  @inline(never)
  public mutating func string(_ value: Literal) {
    separate()
    output.byte(UInt8(ascii: "\""))
    var next = unsafe value.start
    while unsafe next.pointee != 0 {
      unsafe escaped(next.pointee)
      unsafe next += 1
    }
    output.byte(UInt8(ascii: "\""))
  }

  /// Writes a signed number.
  @inline(never)
  public mutating func integer(_ value: Int64) {
    separate()
    output.decimal(value)
  }

  /// Writes an unsigned number.
  @inline(never)
  public mutating func unsigned(_ value: UInt64) {
    separate()
    output.decimal(value)
  }

  /// Writes a part of some bytes as it stands: a number that was read from JSON.
  ///
  /// Keeps fractions and numbers beyond 64 bits without floating point. The bytes are not checked.
  @inline(never)
  public mutating func number(_ value: Bytes, _ range: Range<Int>) {
    separate()
    output.bytes(value, range)
  }

  /// Writes `true` or `false`.
  @inline(never)
  public mutating func bool(_ value: Bool) {
    separate()
    raw(value ? "true" : "false")
  }

  /// Writes `null`.
  @inline(never)
  public mutating func null() {
    separate()
    raw("null")
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    output.byte(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    output.byte(bracket)
    needsComma = true
  }

  private mutating func colon() {
    output.byte(UInt8(ascii: ":"))
    needsComma = false
  }

  /// Writes the comma before a value or key that is not the first.
  @inline(never)
  private mutating func separate() {
    if needsComma { output.byte(UInt8(ascii: ",")) }
    needsComma = true
  }

  /// Writes a literal as it stands; one copy serves all, for size.
  @inline(never)
  private mutating func raw(_ literal: Literal) { output.text(literal) }

  /// Writes one byte of a string, escaped where RFC 8259 section 7 asks for it.
  private mutating func escaped(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): raw("\\\"")
    case UInt8(ascii: "\\"): raw("\\\\")
    case 8: raw("\\b")
    case 9: raw("\\t")
    case 10: raw("\\n")
    case 12: raw("\\f")
    case 13: raw("\\r")
    case 0..<0x20:
      raw(byte < 16 ? "\\u000" : "\\u00")
      output.hex(UInt64(byte))
    default: output.byte(byte)
    }
  }
}
