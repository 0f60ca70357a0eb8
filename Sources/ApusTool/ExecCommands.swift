import Foundation

/// One command of a unit, before and after its variables are resolved.
struct ExecCommand {
  /// The signs before the program: `-`, `@`, `+`, `!`, `:`.
  var signs: String
  var words: [String]

  var mayFail: Bool { signs.contains("-") }

  /// The signal when the command only sends the main process one.
  var signal: String? {
    guard let last = words.last, last == "$MAINPID" || last == "${MAINPID}",
      let program = words.first, program.split(separator: "/").last == "kill"
    else { return nil }
    switch words.count {
    case 2: return "SIGTERM"
    case 3 where words[1].hasPrefix("-"):
      let name = words[1].dropping("--signal=") ?? String(words[1].dropFirst())
      return UnitScalar.signal(name)
    case 4 where words[1] == "-s" || words[1] == "--signal" || words[1] == "-n":
      return UnitScalar.signal(words[2])
    default: return nil
    }
  }

  /// True where a shell reads the rest.
  var isShell: Bool {
    guard words.count > 2, words[1].hasPrefix("-"), words[1].contains("c") else { return false }
    let name = words[0].split(separator: "/").last.map(String.init) ?? ""
    return ["sh", "bash", "dash", "ash", "ksh", "zsh"].contains(name)
  }
}

extension ServiceImport {
  /// The commands of a directive, specifiers resolved and variables not; nil where it cannot be read.
  func commands(_ directive: Directive) -> [ExecCommand]? {
    guard let split = UnitWords.split(directive.value) else { return nil }
    var commands: [ExecCommand] = []
    for group in split.split(whereSeparator: { $0.text == ";" && !$0.isQuoted }) {
      var words = group.map { resolve($0.text == "\\;" ? ";" : $0.text, directive) }
      let signs = String(words[0].prefix { "-@+!:|".contains($0) })
      words[0] = String(words[0].dropFirst(signs.count))
      if words[0].isEmpty { words.removeFirst() }
      guard !words.isEmpty else { return nil }
      if signs.contains("@"), words.count > 1 {
        let zero = words.remove(at: 1)
        let isSame =
          zero == words[0] || zero == words[0].split(separator: "/").last.map(String.init)
        remark(
          "argv[0] is the program's path, not \(zero)", isSame ? .harmless : .breaks, directive)
      }
      if signs.contains("+") || signs.contains("!"), !startsAsRoot,
        let user = unit.peek("Service", "User"), user != "root", user != "0"
      {
        remark("it runs as \(user), not as root", .breaks, directive)
      }
      commands.append(ExecCommand(signs: signs, words: words))
    }
    return commands.isEmpty ? nil : commands
  }

  /// A command as an argv of the manifest.
  func argv(_ command: ExecCommand, _ directive: Directive) -> [String] {
    var words = command.words
    words[0] = program(words[0], directive)
    words = words.map { word in
      guard let place = word.range(of: "/var/run/"),
        place.lowerBound == word.startIndex || word[word.index(before: place.lowerBound)] == "="
      else { return word }
      remark("/var/run is /run", .harmless, directive)
      return word.replacingCharacters(in: place, with: "/run/")
    }
    if expands {
      // As apus reads them, which is as systemd does; what is to stay is doubled.
      return command.signs.contains(":")
        ? words.map { $0.replacingOccurrences(of: "$", with: "$$") } : words
    }
    guard !command.signs.contains(":") else { return words }
    let isVariable = words.contains { !Variables.names(in: $0).isEmpty }
    if command.isShell {
      // The script has its variables from the environment; what follows it has none.
      if !Variables.names(in: words[2]).isEmpty {
        remark("the shell reads the variables itself", .harmless, directive)
      }
      let script = words.prefix(3).map { $0.replacingOccurrences(of: "$$", with: "$") }
      return script + expanded(Array(words.dropFirst(3)), directive)
    }
    guard isVariable else { return words.map { $0.replacingOccurrences(of: "$$", with: "$") } }
    let atRunTime = words.flatMap(Variables.names).filter(Variables.isOfRunTime)
    if !atRunTime.isEmpty || options.variables == .byShell {
      remark(
        atRunTime.isEmpty
          ? "a shell reads the variables at each start"
          : "a shell reads \(Self.list(atRunTime)) when the command runs", .harmless, directive)
      return ["/bin/sh", "-c", Variables.script(words)]
    }
    return expanded(words, directive)
  }

  /// True when a command has variables that no shell of its own reads.
  var hasVariables: Bool {
    unit.directives.contains { directive in
      guard directive.section == "Service", directive.name.hasPrefix("Exec"),
        let split = UnitWords.split(directive.value)
      else { return false }
      let signs = directive.value.prefix { "-@+!:|".contains($0) }
      var words = split.map(\.text)
      if let first = words.first { words[0] = String(first.dropFirst(signs.count)) }
      let command = ExecCommand(signs: String(signs), words: words)
      if command.signal != nil || signs.contains(":") { return false }
      return words.dropFirst(command.isShell ? 3 : 0).contains {
        !Variables.names(in: $0).isEmpty
      }
    }
  }

  private func expanded(_ words: [String], _ directive: Directive) -> [String] {
    let variables = importVariables()
    var result: [String] = []
    var (seen, unset): ([String], [String]) = ([], [])
    for word in words {
      for name in Variables.names(in: word) {
        if let value = variables[name] {
          let text = "\(name) is '\(value.value)' from \(value.source)"
          if !seen.contains(text) { seen.append(text) }
        } else if !unset.contains(name) {
          unset.append(name)
        }
      }
      result += Variables.expand(word) { variables[$0]?.value }
    }
    if !seen.isEmpty {
      remark(
        "\(seen.joined(separator: ", ")): a later change there has no effect (without --resolve it would have)",
        .harmless, directive)
    }
    if !unset.isEmpty {
      remark(
        "\(Self.list(unset)): not set, left out as systemd does; a file of the board that sets it has no "
          + "effect (without --resolve it would have)", .breaks, directive)
    }
    return result
  }

  /// The variables of the environment that are known now, and where they come from.
  private func importVariables() -> [String: (value: String, source: String)] {
    var result: [String: (value: String, source: String)] = [:]
    if unit.peek("Service", "StandardInput")?.hasPrefix("tty") == true {
      result["TERM"] = ("vt220", "a terminal's default")
    }
    for index in unit.list("Service", "Environment").counting {
      let directive = unit.directives[index]
      for word in UnitWords.plain(directive.value) {
        guard let equals = word.firstIndex(of: "=") else { continue }
        let value = specifiers.resolve(String(word[word.index(after: equals)...])).text
        result[String(word[..<equals])] = (value, "Environment=")
      }
    }
    for index in unit.list("Service", "EnvironmentFile").counting {
      let text = specifiers.resolve(unit.directives[index].value).text
      let path = text.dropping("-") ?? text
      for variable in root.variables(path) ?? [] {
        result[variable.name] = (variable.value, "\(path):\(variable.line)")
      }
    }
    return result
  }

  /// The absolute path of a program.
  func program(_ name: String, _ directive: Directive) -> String {
    if name.hasPrefix("/") {
      if root.isGiven, root.find(name) == nil, specifiers.instance != .template {
        remark("\(name) is not in \(root.path)", .breaks, directive)
      }
      return name
    }
    if let found = root.program(name) ?? ImportRoot.usual(name) {
      remark("found as \(found)", .harmless, directive)
      return found
    }
    remark("no path: taken as /usr/bin/\(name)", .breaks, directive)
    return "/usr/bin/\(name)"
  }

  static func list(_ names: [String]) -> String {
    var unique: [String] = []
    for name in names where !unique.contains(name) { unique.append(name) }
    return unique.map { "$\($0)" }.joined(separator: ", ")
  }
}
