import Foundation

/// The plain part of YAML: block and flow collections, plain and quoted scalars, block scalars.
///
/// Anchors, aliases, tags, merge keys and more than one document are refused with their line; so is
/// what is deeper than 32 levels.
indirect enum PlainYAML {
  case scalar(String, isQuoted: Bool)
  case list([Node])
  case map([(key: String, node: Node)])

  /// A value and the line it begins on.
  struct Node {
    var value: PlainYAML
    var line: Int
  }

  /// Why a text is not read.
  struct Refusal: Error {
    var line: Int
    var reason: String
  }

  var text: String? { if case .scalar(let text, _) = self { text } else { nil } }
  var entries: [Node] { if case .list(let list) = self { list } else { [] } }
  var members: [(key: String, node: Node)] {
    if case .map(let members) = self { members } else { [] }
  }

  /// The value of a key of a map.
  subscript(key: String) -> Node? { members.first { $0.key == key }?.node }

  /// Reads a text.
  static func parse(_ text: String) throws(Refusal) -> Node {
    var parser = YAMLParser(text)
    return try parser.document()
  }
}

/// Reads lines by their indentation.
struct YAMLParser {
  private struct Line {
    var indent: Int
    var text: String
    var number: Int
  }

  private var lines: [Line] = []
  private var position = 0
  private var raw: [String]

  init(_ text: String) {
    raw = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    for (index, line) in raw.enumerated() {
      let indent = line.prefix { $0 == " " }.count
      let text = Self.withoutComment(String(line.dropFirst(indent)))
      if text.isEmpty || text == "---" && lines.isEmpty { continue }
      lines.append(Line(indent: indent, text: text, number: index + 1))
    }
  }

  /// A line without its comment and the blanks at its end.
  private static func withoutComment(_ line: String) -> String {
    var quote: Character?
    var previous: Character = " "
    var end = line.endIndex
    for index in line.indices {
      let character = line[index]
      if character == quote {
        quote = nil
      } else if quote == nil, "\"'".contains(character),
        previous.isWhitespace || ":[{,-".contains(previous)
      {
        quote = character
      } else if quote == nil, character == "#", previous.isWhitespace {
        end = index
        break
      }
      previous = character
    }
    var text = String(line[..<end])
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }

  mutating func document() throws(PlainYAML.Refusal) -> PlainYAML.Node {
    guard let first = lines.first else {
      return PlainYAML.Node(value: .map([]), line: 1)
    }
    let node = try block(first.indent, depth: 0)
    if position < lines.count {
      throw PlainYAML.Refusal(
        line: lines[position].number, reason: "not read: another indentation or document")
    }
    return node
  }

  private mutating func block(_ indent: Int, depth: Int) throws(PlainYAML.Refusal) -> PlainYAML.Node
  {
    let line = lines[position]
    guard depth < 32 else { throw PlainYAML.Refusal(line: line.number, reason: "too deep") }
    if line.text.hasPrefix("\t") {
      throw PlainYAML.Refusal(line: line.number, reason: "a tab is no indentation")
    }
    if line.text == "-" || line.text.hasPrefix("- ") { return try list(indent, depth: depth) }
    if Self.key(line.text) != nil { return try map(indent, depth: depth) }
    position += 1
    return PlainYAML.Node(value: try Self.flow(line.text, line.number), line: line.number)
  }

  private mutating func list(_ indent: Int, depth: Int) throws(PlainYAML.Refusal) -> PlainYAML.Node
  {
    let start = lines[position].number
    var entries: [PlainYAML.Node] = []
    while position < lines.count, lines[position].indent == indent,
      lines[position].text == "-" || lines[position].text.hasPrefix("- ")
    {
      let line = lines[position]
      let rest = line.text.dropFirst().drop { $0 == " " }
      if rest.isEmpty {
        position += 1
        entries.append(try nested(below: indent, depth: depth, line.number))
        continue
      }
      // The entry stands as a block of its own behind the dash.
      let inner = indent + (line.text.count - rest.count)
      lines[position] = Line(indent: inner, text: String(rest), number: line.number)
      entries.append(try block(inner, depth: depth + 1))
    }
    return PlainYAML.Node(value: .list(entries), line: start)
  }

  private mutating func map(_ indent: Int, depth: Int) throws(PlainYAML.Refusal) -> PlainYAML.Node {
    let start = lines[position].number
    var members: [(key: String, node: PlainYAML.Node)] = []
    while position < lines.count, lines[position].indent == indent,
      let (key, rest) = Self.key(lines[position].text)
    {
      let number = lines[position].number
      if key == "<<" { throw PlainYAML.Refusal(line: number, reason: "merge keys are not read") }
      if members.contains(where: { $0.key == key }) {
        throw PlainYAML.Refusal(line: number, reason: "the key \(key) is there twice")
      }
      position += 1
      if rest.isEmpty {
        members.append((key, try nested(below: indent, depth: depth, number)))
      } else if rest == "|" || rest == ">" || rest == "|-" || rest == ">-" {
        members.append((key, blockScalar(below: indent, folds: rest.hasPrefix(">"), number)))
      } else {
        members.append((key, PlainYAML.Node(value: try Self.flow(rest, number), line: number)))
      }
    }
    return PlainYAML.Node(value: .map(members), line: start)
  }

  /// What stands below a key or dash: a deeper block, a list of the same depth, or nothing.
  private mutating func nested(
    below indent: Int, depth: Int, _ number: Int
  ) throws(PlainYAML.Refusal) -> PlainYAML.Node {
    guard position < lines.count else {
      return PlainYAML.Node(value: .scalar("", isQuoted: false), line: number)
    }
    let next = lines[position]
    if next.indent > indent || next.indent == indent && next.text.hasPrefix("-") {
      return try block(next.indent, depth: depth + 1)
    }
    return PlainYAML.Node(value: .scalar("", isQuoted: false), line: number)
  }

  private mutating func blockScalar(
    below indent: Int, folds: Bool, _ number: Int
  ) -> PlainYAML.Node {
    var parts: [String] = []
    var width: Int?
    for line in raw[number...] {
      let own = line.prefix { $0 == " " }.count
      let isBlank = line.allSatisfy(\.isWhitespace)
      if !isBlank, own <= indent { break }
      if width == nil, !isBlank { width = own }
      parts.append(isBlank ? "" : String(line.dropFirst(min(width ?? 0, own))))
      while position < lines.count, lines[position].number <= number + parts.count { position += 1 }
    }
    while parts.last?.isEmpty == true { parts.removeLast() }
    let text = parts.joined(separator: folds ? " " : "\n")
    return PlainYAML.Node(value: .scalar(text, isQuoted: true), line: number)
  }

  // MARK: One line

  /// `key: rest` of a line.
  private static func key(_ text: String) -> (key: String, rest: String)? {
    if text.hasPrefix("\"") || text.hasPrefix("'") {
      guard let quote = text.first, let end = text.dropFirst().firstIndex(of: quote) else {
        return nil
      }
      let rest = text[text.index(after: end)...]
      guard rest.hasPrefix(":") else { return nil }
      return (
        String(text[text.index(after: text.startIndex)..<end]),
        rest.dropFirst().trimmingCharacters(in: .whitespaces)
      )
    }
    if "[{&*!|>%@`".contains(text.first ?? "x") { return nil }
    if text.hasSuffix(":"), !text.contains(": ") { return (String(text.dropLast()), "") }
    guard let range = text.range(of: ": ") else { return nil }
    return (
      String(text[..<range.lowerBound]),
      text[range.upperBound...].trimmingCharacters(in: .whitespaces)
    )
  }

  /// A value that stands on one line.
  private static func flow(_ text: String, _ line: Int) throws(PlainYAML.Refusal) -> PlainYAML {
    var rest = Substring(text)
    let value = try flow(&rest, line, depth: 0, ends: "")
    rest = rest.drop { $0 == " " }
    if !rest.isEmpty { throw PlainYAML.Refusal(line: line, reason: "not read: \(rest)") }
    return value
  }

  private static func flow(
    _ rest: inout Substring, _ line: Int, depth: Int, ends: String
  ) throws(PlainYAML.Refusal) -> PlainYAML {
    rest = rest.drop { $0 == " " }
    guard depth < 32 else { throw PlainYAML.Refusal(line: line, reason: "too deep") }
    switch rest.first {
    case "&", "*", "!":
      throw PlainYAML.Refusal(line: line, reason: "anchors, aliases and tags are not read")
    case "[":
      rest.removeFirst()
      var entries: [PlainYAML.Node] = []
      while true {
        rest = rest.drop { $0 == " " || $0 == "," }
        guard let first = rest.first else {
          throw PlainYAML.Refusal(line: line, reason: "a list over several lines is not read")
        }
        if first == "]" { break }
        entries.append(
          PlainYAML.Node(value: try flow(&rest, line, depth: depth + 1, ends: ",]"), line: line))
      }
      rest.removeFirst()
      return .list(entries)
    case "{":
      rest.removeFirst()
      var members: [(key: String, node: PlainYAML.Node)] = []
      while true {
        rest = rest.drop { $0 == " " || $0 == "," }
        guard let first = rest.first else {
          throw PlainYAML.Refusal(line: line, reason: "a map over several lines is not read")
        }
        if first == "}" { break }
        let key = try flow(&rest, line, depth: depth + 1, ends: ":}").text ?? ""
        guard rest.first == ":" else { throw PlainYAML.Refusal(line: line, reason: "no value") }
        rest.removeFirst()
        members.append(
          (
            key,
            PlainYAML.Node(value: try flow(&rest, line, depth: depth + 1, ends: ",}"), line: line)
          ))
      }
      rest.removeFirst()
      return .map(members)
    case "\"", "'": return try quoted(&rest, line)
    default:
      let text = rest.prefix { !ends.contains($0) }
      rest = rest.dropFirst(text.count)
      return .scalar(text.trimmingCharacters(in: .whitespaces), isQuoted: false)
    }
  }

  private static func quoted(
    _ rest: inout Substring, _ line: Int
  ) throws(PlainYAML.Refusal) -> PlainYAML {
    let quote = rest.removeFirst()
    var text = ""
    while let character = rest.popFirst() {
      if character == quote {
        if quote == "'", rest.first == "'" {
          rest.removeFirst()
          text += "'"
          continue
        }
        return .scalar(text, isQuoted: true)
      }
      if character == "\\", quote == "\"" {
        let next = rest.popFirst() ?? "\\"
        text += next == "n" ? "\n" : next == "t" ? "\t" : String(next)
      } else {
        text.append(character)
      }
    }
    throw PlainYAML.Refusal(line: line, reason: "a quote is left open")
  }
}
