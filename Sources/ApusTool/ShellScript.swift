import Foundation

/// As much of a shell script as can be read without running it.
struct ShellScript {
  /// A line of it, continued ones joined.
  struct Line {
    var text: String
    var number: Int
  }

  let lines: [Line]
  private(set) var variables: [String: String] = [:]

  init(_ text: String, root: ImportRoot) {
    var lines: [Line] = []
    var pending = ""
    var start = 1
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if pending.isEmpty { start = index + 1 }
      if raw.hasSuffix("\\") {
        pending += raw.dropLast() + " "
        continue
      }
      lines.append(
        Line(text: (pending + raw).trimmingCharacters(in: .whitespaces), number: start))
      pending = ""
    }
    self.lines = lines
    // Assignments before the first function or case, and files of them.
    for line in lines {
      if line.text.hasSuffix("{") || line.text.hasPrefix("case ") { continue }
      if let file = Self.sourced(line.text) {
        for variable in root.variables(expand(file) ?? "") ?? [] {
          variables[variable.name] = variable.value
        }
      } else if let (name, value) = assignment(line.text), variables[name] == nil || !value.isEmpty
      {
        variables[name] = value
      }
    }
  }

  /// The file of `. FILE`, also behind a test that it is there.
  private static func sourced(_ line: String) -> String? {
    let command =
      line.components(separatedBy: "&&").last?.trimmingCharacters(in: .whitespaces) ?? ""
    for word in [". ", "source "] where command.hasPrefix(word) {
      let file = command.dropFirst(word.count).trimmingCharacters(in: .whitespaces)
      return UnitWords.plain(file).first
    }
    return nil
  }

  private func assignment(_ line: String) -> (String, String)? {
    guard let equals = line.firstIndex(of: "=") else { return nil }
    let name = line[..<equals]
    guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }),
      let value = words(String(line[line.index(after: equals)...])), value.count <= 1
    else { return nil }
    return (String(name), value.first ?? "")
  }

  // MARK: Bodies

  /// The lines of a branch of the script's `case`, and of the function it calls.
  func branch(_ name: String) -> [Line]? {
    guard
      let start = lines.firstIndex(where: { line in
        line.text.components(separatedBy: ")").first?.components(separatedBy: "|").contains {
          $0.trimmingCharacters(in: .whitespaces).trimmingCharacters(in: ["\"", "'"]) == name
        } == true && line.text.contains(")") && !line.text.contains("(")
      })
    else { return nil }
    var body: [Line] = []
    let first = lines[start]
    let rest = first.text.components(separatedBy: ")").dropFirst().joined(separator: ")")
    var candidates = [Line(text: rest.trimmingCharacters(in: .whitespaces), number: first.number)]
    candidates += lines[(start + 1)...]
    for line in candidates {
      let parts = line.text.components(separatedBy: ";;")
      let text = parts[0].trimmingCharacters(in: .whitespaces)
      if !text.isEmpty { body.append(Line(text: text, number: line.number)) }
      if parts.count > 1 { break }
    }
    return body.flatMap { line -> [Line] in
      let called = line.text.split(separator: " ").first.map(String.init) ?? ""
      // `start) start "$1"` and the like: what the function does.
      return function(called) ?? (called == "\"$1\"" || called == "$1" ? function(name) : nil) ?? [
        line
      ]
    }
  }

  /// The body of a function; nil where there is none of that name.
  func function(_ name: String) -> [Line]? {
    guard
      let start = lines.firstIndex(where: {
        let head = $0.text.replacingOccurrences(of: " ", with: "")
        return head.hasPrefix("\(name)()") || head.hasPrefix("function\(name){")
      })
    else { return nil }
    var body: [Line] = []
    for line in lines[(start + 1)...] {
      if line.text == "}" { return body }
      if line.text != "{" { body.append(line) }
    }
    return nil
  }

  // MARK: Words

  /// The words of a command with their variables resolved; nil for what only a shell can tell.
  func words(_ text: String) -> [String]? {
    var result: [String] = []
    var current = ""
    var isInside = false
    var quote: Character?
    var rest = Substring(text)
    while let character = rest.popFirst() {
      switch character {
      case "'" where quote == nil, "\"" where quote == nil:
        quote = character
        isInside = true
      case _ where character == quote: quote = nil
      case "\\" where quote != "'":
        if let next = rest.popFirst() { current.append(next) }
        isInside = true
      case "$" where quote != "'":
        guard let value = variable(&rest) else { return nil }
        if quote != nil {
          current += value
          continue
        }
        // Unquoted: as many words as the value has.
        let words = UnitWords.plain(value)
        if let first = words.first {
          current += first
          isInside = true
        }
        for word in words.dropFirst() {
          result.append(current)
          current = word
        }
      case "`": return nil
      case ";", "|", "&", "<", ">", "(", ")", "{", "}":
        if quote == nil { return nil }
        current.append(character)
      case "#" where quote == nil && !isInside: rest = ""
      case _ where character.isWhitespace && quote == nil:
        if isInside { result.append(current) }
        (current, isInside) = ("", false)
      default:
        current.append(character)
        isInside = true
      }
    }
    if quote != nil { return nil }
    if isInside { result.append(current) }
    return result
  }

  private func expand(_ word: String) -> String? { words("\"\(word)\"")?.first }

  /// The value of a variable behind a `$`.
  private func variable(_ rest: inout Substring) -> String? {
    if rest.first == "{" {
      guard let end = rest.firstIndex(of: "}") else { return nil }
      let inner = rest[rest.index(after: rest.startIndex)..<end]
      rest = rest[rest.index(after: end)...]
      let name = inner.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
      let more = inner.dropFirst(name.count)
      guard !name.isEmpty, name.first?.isNumber == false else { return nil }
      let value = variables[String(name)] ?? ""
      if more.isEmpty { return value }
      guard more.hasPrefix(":-") || more.hasPrefix("-") else { return nil }
      let fallback = more.drop { $0 == ":" || $0 == "-" }
      return value.isEmpty ? String(fallback) : value
    }
    let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    guard !name.isEmpty, name.first?.isNumber == false else { return nil }
    rest = rest.dropFirst(name.count)
    return variables[String(name)] ?? ""
  }
}
