public import ApusBase

/// Where the lines of a text begin, so that a place in it is found without reading it from its start.
///
/// Every message of a manifest asks for a place; a text of many mistakes would otherwise be read
/// once for each of them. One pass makes it, eight bytes for every 4,096 of the text.
public struct LineTable: Sendable {
  private static let block = 4096
  /// For the start of each block: its line, and where that line begins.
  private var lines: Rows<UInt32> = Rows()
  private var starts: Rows<UInt32> = Rows()

  /// True for a table of no text.
  public var isEmpty: Bool { lines.isEmpty }

  /// A table of no text.
  public init() {}

  /// Reads a text once.
  public init(_ bytes: Bytes) {
    var line: UInt32 = 1
    var start: UInt32 = 0
    for index in bytes.indices {
      if index % LineTable.block == 0 {
        lines.append(line)
        starts.append(start)
      }
      if bytes[index] == UInt8(ascii: "\n") {
        line &+= 1
        start = UInt32(truncatingIfNeeded: index + 1)
      }
    }
  }

  /// The place of an offset in the text that the table was made of; an offset outside is moved to the
  /// nearer end.
  public func locate(_ offset: Int, in bytes: Bytes) -> SourcePosition {
    let end = min(max(offset, 0), bytes.count)
    let block = min(end / LineTable.block, lines.count - 1)
    guard block >= 0 else { return SourcePosition(line: 1, column: 1) }
    var line = Int(lines[block])
    var start = Int(starts[block])
    for index in block * LineTable.block..<max(end, block * LineTable.block)
    where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      start = index + 1
    }
    return SourcePosition(line: line, column: end - start + 1)
  }
}
