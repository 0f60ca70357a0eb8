import Foundation

/// Words as systemd reads them: quotes, and escapes of C.
enum UnitWords {
  /// One word and whether any of it was quoted.
  struct Word: Equatable {
    var text: String
    var isQuoted: Bool
  }

  /// Splits a line; nil where a quote is left open.
  static func split(_ line: String) -> [Word]? {
    var words: [Word] = []
    var current = ""
    var isInside = false
    var isQuoted = false
    var quote: Character?
    var rest = Substring(line)
    while let character = rest.popFirst() {
      if let open = quote {
        if character == open {
          quote = nil
        } else if character == "\\" {
          current += escape(&rest)
        } else {
          current.append(character)
        }
      } else if character.isWhitespace {
        if isInside { words.append(Word(text: current, isQuoted: isQuoted)) }
        (current, isInside, isQuoted) = ("", false, false)
      } else {
        isInside = true
        switch character {
        case "\"", "'":
          quote = character
          isQuoted = true
        case "\\": current += escape(&rest)
        default: current.append(character)
        }
      }
    }
    if quote != nil { return nil }
    if isInside { words.append(Word(text: current, isQuoted: isQuoted)) }
    return words
  }

  /// The same without what was quoted; a line that cannot be split is one of plain words.
  static func plain(_ line: String) -> [String] {
    split(line)?.map(\.text) ?? line.split(whereSeparator: \.isWhitespace).map(String.init)
  }

  /// What follows a backslash.
  private static func escape(_ rest: inout Substring) -> String {
    guard let character = rest.popFirst() else { return "\\" }
    switch character {
    case "n": return "\n"
    case "t": return "\t"
    case "r": return "\r"
    case "a": return "\u{7}"
    case "b": return "\u{8}"
    case "f": return "\u{c}"
    case "v": return "\u{b}"
    case "s": return " "
    case "x": return code(&rest, digits: 2, radix: 16) ?? "\\x"
    case "u": return code(&rest, digits: 4, radix: 16) ?? "\\u"
    case "\\", "\"", "'": return String(character)
    // `\;` keeps its backslash, for whoever looks for commands.
    default: return "\\" + String(character)
    }
  }

  private static func code(_ rest: inout Substring, digits: Int, radix: Int) -> String? {
    let text = rest.prefix(digits)
    guard text.count == digits, let value = UInt32(text, radix: radix), value > 0,
      let scalar = Unicode.Scalar(value)
    else { return nil }
    rest = rest.dropFirst(digits)
    return String(scalar)
  }

  /// The name behind an escaped part of a unit's name: `-` is `/`, `\x2d` a character.
  static func unescape(_ text: String) -> String {
    var result: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.popFirst() {
      if byte == UInt8(ascii: "-") {
        result.append(UInt8(ascii: "/"))
      } else if byte == UInt8(ascii: "\\"), bytes.first == UInt8(ascii: "x"), bytes.count >= 3,
        let code = UInt8(String(decoding: bytes.dropFirst().prefix(2), as: UTF8.self), radix: 16)
      {
        result.append(code)
        bytes = bytes.dropFirst(3)
      } else {
        result.append(byte)
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
