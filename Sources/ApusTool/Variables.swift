import Foundation

/// `$NAME` and `${NAME}` in commands, as systemd reads them: the first only as a whole word, which
/// becomes as many words as it has, the second anywhere, as it is.
enum Variables {
  /// What a service manager sets when the command runs.
  private static let ofRunTime: Set<String> = [
    "MAINPID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC",
    "WATCHDOG_PID", "SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS", "REMOTE_ADDR", "REMOTE_PORT",
    "INVOCATION_ID", "HOME", "USER", "LOGNAME", "SHELL", "PATH", "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY",
  ]

  static func isOfRunTime(_ name: String) -> Bool { ofRunTime.contains(name) }

  private enum Piece {
    case text(String)
    case variable(String)
  }

  /// The name that a word as a whole stands for.
  private static func whole(_ word: String) -> String? {
    guard word.hasPrefix("$"), let first = word.dropFirst().first,
      first.isLetter || first == "_",
      word.dropFirst().allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
    else { return nil }
    return String(word.dropFirst())
  }

  private static func pieces(_ word: String) -> [Piece] {
    var pieces: [Piece] = []
    var text = ""
    var rest = Substring(word)
    while let character = rest.popFirst() {
      guard character == "$" else {
        text.append(character)
        continue
      }
      if rest.first == "$" {
        rest.removeFirst()
        text.append("$")
      } else if rest.first == "{", let end = rest.firstIndex(of: "}") {
        let inner = rest[rest.index(after: rest.startIndex)..<end]
        // ${NAME:-default} and ${NAME:+other} are taken by their name.
        let name = inner.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        if !text.isEmpty { pieces.append(.text(text)) }
        text = ""
        pieces.append(.variable(String(name)))
        rest = rest[rest.index(after: end)...]
      } else {
        text.append("$")
      }
    }
    if !text.isEmpty { pieces.append(.text(text)) }
    return pieces
  }

  /// The names that a word uses.
  static func names(in word: String) -> [String] {
    if let name = whole(word) { return [name] }
    return pieces(word).compactMap { if case .variable(let name) = $0 { name } else { nil } }
  }

  /// A word with its variables resolved: none, one or several words.
  static func expand(_ word: String, _ value: (String) -> String?) -> [String] {
    if let name = whole(word) { return UnitWords.plain(value(name) ?? "") }
    let text = pieces(word).map { piece in
      switch piece {
      case .text(let text): text
      case .variable(let name): value(name) ?? ""
      }
    }
    return [text.joined()]
  }

  /// The same as a script for a shell.
  static func script(_ words: [String], replaces: Bool = true) -> String {
    let quoted = words.map { word -> String in
      if whole(word) != nil { return word }
      let parts = pieces(word)
      guard parts.contains(where: { if case .variable = $0 { true } else { false } }) else {
        let text = parts.map { if case .text(let text) = $0 { text } else { "" } }.joined()
        return quote(text)
      }
      let inner = parts.map { piece in
        switch piece {
        case .text(let text):
          text.map { "\"\\$`".contains($0) ? "\\\($0)" : String($0) }.joined()
        case .variable(let name): "${\(name)}"
        }
      }
      return "\"" + inner.joined() + "\""
    }
    return (replaces ? "exec " : "") + quoted.joined(separator: " ")
  }

  /// A word for a shell.
  static func quote(_ text: String) -> String {
    let isPlain =
      !text.isEmpty && text.allSatisfy { $0.isLetter || $0.isNumber || "_-./:=,@%+".contains($0) }
    return isPlain ? text : "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}
