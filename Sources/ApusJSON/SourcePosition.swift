public import ApusBase

/// A place in a text as editors and compilers write it: `file:line:column`.
public struct SourcePosition: Equatable, Sendable {
  /// The line, counted from 1; lines end with a line feed.
  public var line: Int
  /// The column in *bytes*, counted from 1, as GCC counts; a tab or one byte of UTF-8 is one column.
  public var column: Int

  /// A place given by its line and column.
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// Counts lines up to `offset`; an offset outside the text is moved to its nearer end.
  ///
  /// Linear in the offset: positions are only needed for messages, so none are stored.
  public static func locate(offset: Int, in bytes: Bytes) -> SourcePosition {
    let end = min(max(offset, 0), bytes.count)
    var line = 1
    var start = 0
    for index in 0..<end where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      start = index + 1
    }
    return SourcePosition(line: line, column: end - start + 1)
  }
}
