package import ApusBase

/// What the kernel needs besides a program itself to run it.
package enum ProgramFile: Equatable {
  /// A binary that needs nothing else.
  case complete
  /// A binary of ELF(5) and its dynamic linker.
  case linked(interpreter: Bytes)
  /// A script, the program of its `#!` line, and that one's argument.
  case script(interpreter: Bytes, argument: Bytes)
  /// No format that Linux runs by itself.
  case unknown
  /// A binary that is cut short or contradicts itself.
  case damaged

  /// The longest `#!` line the kernel reads.
  private static let longestLine = 256
  private static let longestPath = 4096

  /// Looks at a file of foreign making: `read` gives the bytes at an offset, fewer where the file ends.
  package init(_ read: (_ offset: UInt64, _ count: Int) -> Bytes) {
    let head = read(0, ProgramFile.longestLine)
    if head.count >= 2, head[0] == UInt8(ascii: "#"), head[1] == UInt8(ascii: "!") {
      self = ProgramFile.script(head)
    } else if head.count >= 4, head[0] == 0x7f, head[1] == UInt8(ascii: "E"),
      head[2] == UInt8(ascii: "L"), head[3] == UInt8(ascii: "F")
    {
      self = ProgramFile.binary(head, read)
    } else {
      self = .unknown
    }
  }

  /// `#!`, blanks, a path, and all the rest of the line as one argument.
  private static func script(_ head: Bytes) -> ProgramFile {
    var words: (path: Bytes, argument: Bytes) = (Rows(), Rows())
    var index = 2
    while index < head.count, isBlank(head[index]) { index += 1 }
    while index < head.count, !isBlank(head[index]), !isEnd(head[index]) {
      words.path.push(head[index])
      index += 1
    }
    while index < head.count, isBlank(head[index]) { index += 1 }
    while index < head.count, !isEnd(head[index]) {
      words.argument.push(head[index])
      index += 1
    }
    while let last = words.argument.last, isBlank(last) { _ = words.argument.popLast() }
    return words.path.isEmpty
      ? .damaged : .script(interpreter: words.path, argument: words.argument)
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
  private static func isEnd(_ byte: UInt8) -> Bool { byte == 0x0a || byte == 0 }

  /// Walks the program headers for the one that names the interpreter.
  private static func binary(
    _ head: Bytes, _ read: (_ offset: UInt64, _ count: Int) -> Bytes
  ) -> ProgramFile {
    guard head.count >= 52, head[4] == 1 || head[4] == 2, head[5] == 1 || head[5] == 2 else {
      return .damaged
    }
    let isLong = head[4] == 2
    let isBig = head[5] == 2
    if isLong, head.count < 64 { return .damaged }
    func number(_ bytes: Bytes, _ at: Int, _ size: Int) -> UInt64 {
      var value: UInt64 = 0
      for index in 0..<size {
        let byte = UInt64(bytes.at(at + index) ?? 0)
        value |= byte << UInt64(8 * (isBig ? size - 1 - index : index))
      }
      return value
    }
    let table = number(head, isLong ? 32 : 28, isLong ? 8 : 4)
    let size = Int(number(head, isLong ? 54 : 42, 2))
    let count = Int(number(head, isLong ? 56 : 44, 2))
    guard count > 0 else { return .damaged }
    guard size >= (isLong ? 56 : 32), size <= 256, count <= 256 else { return .damaged }
    let headers = read(table, size * count)
    guard headers.count == size * count else { return .damaged }
    for index in 0..<count where number(headers, index * size, 4) == 3 {
      let offset = number(headers, index * size + (isLong ? 8 : 4), isLong ? 8 : 4)
      let length = number(headers, index * size + (isLong ? 32 : 16), isLong ? 8 : 4)
      guard length > 1, length <= UInt64(longestPath) else { return .damaged }
      var path = read(offset, Int(length))
      guard path.count == Int(length), path.popLast() == 0 else { return .damaged }
      for index in path.indices where path[index] == 0 { return .damaged }
      return .linked(interpreter: path)
    }
    return .complete
  }
}
