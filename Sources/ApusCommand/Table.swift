package import ApusBase

/// Colours of a state; a terminal's own palette.
package enum Tint: UInt8, Sendable {
  case plain
  case good
  case warning
  case bad

  /// The SGR sequence that switches colours off.
  static var end: StaticString { "\u{1b}[0m" }

  /// The SGR sequence (ECMA-48) that switches it on.
  var sequence: StaticString {
    switch self {
    case .plain: ""
    case .good: "\u{1b}[32m"
    case .warning: "\u{1b}[33m"
    case .bad: "\u{1b}[31m"
    }
  }
}

/// A table that fits 80 columns.
///
/// A column without a value is left out. What is too wide is cut, but never a first cell: names and
/// addresses are there to be copied, so a long one gets a line of its own.
package struct Table {
  private struct Column {
    var header: StaticString
    var isNumber: Bool
    var least: Int
    var width = 0
  }

  /// The most columns of a line.
  package static let lineLimit = 80

  private var columns: Rows<Column> = Rows()
  private var cells: Rows<Bytes> = Rows()
  private var tints: Rows<Tint> = Rows()
  private var tinted = 0
  /// The cell being written; `next` ends it.
  package var cell = ByteWriter.room(4096)

  /// A table without columns.
  package init() {}

  /// Adds a column that may shrink to `least` characters.
  @inline(never) package mutating func column(
    _ header: StaticString, least: Int, isNumber: Bool = false
  ) {
    columns.append(
      Column(header: header, isNumber: isNumber, least: max(least, header.utf8CodeUnitCount)))
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
  @inline(never) mutating func word(_ word: StaticString) {
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

  /// Writes the table, with a line of headers.
  @inline(never) package mutating func render(into output: inout Output, colour: Bool) {
    measure()
    for index in columns.indices {
      pad(index, Bytes(columns[index].header), .plain, &output)
    }
    output.endRow()
    for row in tints.indices {
      let start = row * columns.count
      guard start + columns.count <= cells.count else { return }
      for index in columns.indices {
        var text = cells[start + index]
        if index == 0, Table.width(text) > columns[0].width {
          output.writer.bytes(Table.cut(text, to: Table.lineLimit))
          output.endLine()
          text = Rows()
        }
        pad(index, text, colour && index == tinted ? tints[row] : .plain, &output)
      }
      output.endRow()
    }
  }

  /// Gives every column the width of its widest cell, then takes from the widest until all fit.
  private mutating func measure() {
    for index in columns.indices {
      var width = 0
      for cell in stride(from: index, to: cells.count, by: columns.count) {
        width = max(width, Table.width(cells[cell]))
      }
      columns[index].width = width == 0 ? 0 : max(width, columns[index].header.utf8CodeUnitCount)
    }
    var total = -2
    for column in columns where column.width > 0 { total += column.width + 2 }
    while total > Table.lineLimit {
      var widest: Int?
      for index in columns.indices where columns[index].width > columns[index].least {
        if let known = widest, columns[known].width >= columns[index].width { continue }
        widest = index
      }
      guard let widest else { return }
      columns[widest].width -= 1
      total -= 1
    }
  }

  /// Writes one cell in its column's width; nothing in a column that is left out.
  @inline(never)
  private func pad(_ index: Int, _ text: Bytes, _ tint: Tint, _ output: inout Output) {
    let width = columns[index].width
    if width == 0 { return }
    let shown = Table.cut(text, to: width)
    let missing = width - Table.width(shown)
    let isNumber = columns[index].isNumber
    if isNumber { output.writer.spaces(missing) }
    if tint != .plain { output.writer.text(tint.sequence) }
    output.writer.bytes(shown)
    if tint != .plain { output.writer.text(Tint.end) }
    // What stands behind the last column, `endRow` takes back.
    output.writer.spaces((isNumber ? 0 : missing) + 2)
  }

  /// Characters of a UTF-8 text: every byte that does not continue one.
  @inline(never) static func width(_ text: Bytes) -> Int {
    var width = 0
    for byte in text where byte & 0xc0 != 0x80 { width += 1 }
    return width
  }

  /// A text of at most `width` characters, its end replaced by three dots where it is longer.
  @inline(never) static func cut(_ text: Bytes, to width: Int) -> Bytes {
    guard Table.width(text) > width else { return text }
    var kept: Bytes = Rows()
    var characters = 0
    for byte in text {
      if byte & 0xc0 != 0x80 {
        if characters + 3 >= width { break }
        characters += 1
      }
      kept.push(byte)
    }
    return kept.with("...")
  }
}

extension ByteWriter {
  /// Appends a word in a colour.
  @inline(never) mutating func tinted(_ word: StaticString, _ tint: Tint) {
    text(tint.sequence)
    text(word)
    if tint != .plain { text(Tint.end) }
  }

  /// Appends spaces.
  @inline(never) mutating func spaces(_ count: Int) {
    for _ in 0..<max(0, count) { byte(UInt8(ascii: " ")) }
  }
}
