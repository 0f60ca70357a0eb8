package import ApusBase

/// Colours of a state; a terminal's own palette.
package enum Tint: UInt8, Sendable {
  case plain
  case good
  case warning
  case bad

  /// The SGR sequence that switches colours off.
  static var end: Literal { "\u{1b}[0m" }

  /// The SGR sequence (ECMA-48) that switches it on.
  var sequence: Literal {
    switch self {
    case .plain: ""
    case .good: "\u{1b}[32m"
    case .warning: "\u{1b}[33m"
    case .bad: "\u{1b}[31m"
    }
  }
}

/// A table that fits a terminal, or is as wide as it must be in a pipe.
///
/// A column without a value is left out. Nothing is ever cut, since names, addresses and reasons are
/// there to be copied: where a terminal is too narrow the last column, the least important one, goes
/// on in lines of its own below, and a first cell that leaves the others no room gets one as well.
package struct Table {
  private struct Column {
    var header: Literal
    var isNumber: Bool
    var width = 0
  }

  /// The columns of a terminal that does not tell how many it has.
  package static let usualWidth = 80
  /// The narrowest last column that still stands beside the others.
  private static let leastFolded = 24
  /// How far a cell below its row is moved in.
  private static let indentation = 4

  private var columns: Rows<Column> = Rows()
  private var cells: Rows<Bytes> = Rows()
  private var tints: Rows<Tint> = Rows()
  private var tinted = 0
  /// The cell being written; `next` ends it.
  package var cell = ByteWriter.room(4096)

  /// A table without columns.
  package init() {}

  /// Adds a column.
  @inline(never) package mutating func column(_ header: Literal, isNumber: Bool = false) {
    columns.append(Column(header: header, isNumber: isNumber))
  }

  /// Adds a row; its cells follow in order. `tint` colours the cell of `column`.
  package mutating func row(tint: Tint, column: Int) {
    tints.append(tint)
    tinted = column
  }

  /// Ends a cell.
  @inline(never) package mutating func next() {
    cells.push(Rows(own: cell.bytes))
    cell.empty()
  }

  /// Adds a cell with text of others.
  @inline(never) mutating func text(_ text: Bytes) {
    cell.safe(text)
    next()
  }

  /// Adds a cell with a word.
  @inline(never) mutating func word(_ word: Literal) {
    cell.text(word)
    next()
  }

  /// Adds a cell with a number, empty for none.
  @inline(never) mutating func number(_ number: UInt64?) {
    if let number { cell.decimal(number) }
    next()
  }

  /// Adds a cell with a number, empty for zero.
  @inline(never) mutating func number(unlessZero number: UInt64) {
    self.number(number == 0 ? nil : number)
  }

  /// Adds a cell that says when and why: `in 3s: exit code 1`.
  @inline(never) mutating func outlook(
    _ moment: Instant?, _ reason: Bytes, _ context: borrowing Context
  ) {
    if let moment {
      cell.text("in ")
      cell.duration(context.delay(until: moment))
      if !reason.isEmpty { cell.text(": ") }
    }
    cell.safe(reason)
  }

  /// Writes the table, with a line of headers, for a terminal of so many columns; nil for a pipe.
  @inline(never) package mutating func render(into output: inout Output, colour: Bool, width: Int?)
  {
    let last = measure()
    let limit = width ?? .max
    // What stands before the last column, and the room that is left for that one.
    var before = 0
    for index in columns.indices where index < last && columns[index].width > 0 {
      before += columns[index].width + 2
    }
    if before > limit, let first = columns.first {
      // Long names get lines of their own.
      before -= first.width
      columns[0].width = first.header.count
      before += columns[0].width
    }
    let room = max(0, limit - before)
    let isBelow = room < min(columns.at(last)?.width ?? 0, Table.leastFolded)
    for index in columns.indices where !(isBelow && index == last) {
      pad(index, Bytes(columns[index].header), .plain, &output)
    }
    output.endRow()
    for row in tints.indices {
      let start = row * columns.count
      guard start + columns.count <= cells.count else { return }
      for index in columns.indices where index < last {
        var text = cells[start + index]
        if index == 0, Table.width(text) > columns[0].width {
          output.writer.bytes(text)
          output.endLine()
          text = Rows()
        }
        pad(index, text, colour && index == tinted ? tints[row] : .plain, &output)
      }
      guard last >= 0 else { continue }
      let text = cells[start + last]
      if isBelow {
        output.endRow()
        if text.isEmpty { continue }
        output.writer.spaces(Table.indentation)
        output.writer.text(columns[last].header)
        output.writer.text(": ")
        let indent = Table.indentation + columns[last].header.count + 2
        fold(text, limit - indent, indent: indent, &output)
      } else if Table.width(text) > room {
        fold(text, room, indent: before, &output)
      } else {
        pad(last, text, colour && last == tinted ? tints[row] : .plain, &output)
      }
      output.endRow()
    }
  }

  /// Gives every column the width of its widest cell. The last one that has any; -1 without one.
  private mutating func measure() -> Int {
    var last = -1
    for index in columns.indices {
      var width = 0
      for cell in stride(from: index, to: cells.count, by: columns.count) {
        width = max(width, Table.width(cells[cell]))
      }
      columns[index].width = width == 0 ? 0 : max(width, columns[index].header.count)
      if width > 0 { last = index }
    }
    return last
  }

  /// Writes one cell in its column's width; nothing in a column that is left out.
  @inline(never)
  private func pad(_ index: Int, _ text: Bytes, _ tint: Tint, _ output: inout Output) {
    let width = columns[index].width
    if width == 0 { return }
    let missing = width - Table.width(text)
    let isNumber = columns[index].isNumber
    if isNumber { output.writer.spaces(missing) }
    if tint != .plain { output.writer.text(tint.sequence) }
    output.writer.bytes(text)
    if tint != .plain { output.writer.text(Tint.end) }
    // What stands behind the last column, `endRow` takes back.
    output.writer.spaces((isNumber ? 0 : missing) + 2)
  }

  /// Writes a text in lines of at most `width` characters, broken at spaces where there are some,
  /// the second and later ones behind `indent` spaces.
  private func fold(_ text: Bytes, _ width: Int, indent: Int, _ output: inout Output) {
    var start = 0
    while true {
      var (end, characters, space) = (start, 0, start)
      while end < text.count {
        let isStart = text[end] & 0xc0 != 0x80
        if isStart, characters == max(1, width) { break }
        if isStart { characters += 1 }
        if text[end] == UInt8(ascii: " ") { space = end }
        end += 1
      }
      let isWhole = end == text.count
      if !isWhole, text[end] != UInt8(ascii: " "), space > start { end = space }
      for index in start..<end { output.writer.byte(text[index]) }
      start = end
      while start < text.count, text[start] == UInt8(ascii: " ") { start += 1 }
      if start >= text.count { return }
      output.endLine()
      output.writer.spaces(indent)
    }
  }

  /// Characters of a UTF-8 text: every byte that does not continue one.
  @inline(never) static func width(_ text: Bytes) -> Int {
    var width = 0
    for byte in text where byte & 0xc0 != 0x80 { width += 1 }
    return width
  }
}

extension ByteWriter {
  /// Appends a word in a colour.
  @inline(never) mutating func tinted(_ word: Literal, _ tint: Tint) {
    text(tint.sequence)
    text(word)
    if tint != .plain { text(Tint.end) }
  }

  /// Appends spaces.
  @inline(never) mutating func spaces(_ count: Int) {
    for _ in 0..<max(0, count) { byte(UInt8(ascii: " ")) }
  }
}
