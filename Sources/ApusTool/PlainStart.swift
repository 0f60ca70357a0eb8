import Foundation

/// A start that is one start-stop-daemon and little else; nil for any other.
struct PlainStart {
  /// The line with the command.
  let line: ShellScript.Line
  /// Lines that are left out, and why.
  private(set) var left: [(ShellScript.Line, String)] = []
  /// What the difference to the script means.
  private(set) var effect = Effect.harmless

  private var program = ""
  private var arguments: [String] = []
  private var user: String?
  private var group: String?
  private var pidFile: String?
  private var nice: Int?
  private var folder: String?
  private var umask: String?
  private var isBackground = false
  private var pre: [[String]] = []

  /// Lines that only speak, or say what a test of the last command says.
  private static let noise = [
    "echo", "printf", "log_", "return", "local ", "then", "else", "fi", ":", "true", "RETVAL",
    "status=", "ret=", "exit", "set ", "}", "{",
  ]

  init?(_ script: ShellScript) {
    guard let body = script.branch("start") else { return nil }
    var found: (line: ShellScript.Line, words: [String])?
    for line in body where !line.text.isEmpty && !line.text.hasPrefix("#") {
      let core = Self.core(line.text)
      if Self.noise.contains(where: { core.hasPrefix($0) }) || Self.isTest(core) { continue }
      guard let words = script.words(core), let first = words.first else { return nil }
      let name = first.split(separator: "/").last.map(String.init) ?? ""
      if name == "start-stop-daemon" {
        if words.contains("--test") || words.contains("-t") { continue }
        guard found == nil,
          words.contains("--start") || words.contains(where: { Self.isShort($0, "S") })
        else { return nil }
        found = (line, words)
      } else if found == nil,
        ["mkdir", "chown", "chmod", "install", "modprobe", "touch"].contains(name)
      {
        pre.append(words)
      } else {
        return nil
      }
    }
    guard let found else { return nil }
    line = found.line
    guard read(Array(found.words.dropFirst())), !program.isEmpty else { return nil }
  }

  /// A command without what comes of its end and where its output goes.
  static func core(_ text: String) -> String {
    var core = text
    for word in ["if ! ", "if ", "elif "] where core.hasPrefix(word) {
      core = String(core.dropFirst(word.count))
      if core.hasSuffix("then") { core.removeLast(4) }
      core = core.trimmingCharacters(in: [" ", ";"])
    }
    for mark in ["||", " && "] {
      if let range = core.range(of: mark) { core = String(core[..<range.lowerBound]) }
    }
    core = core.replacingOccurrences(
      of: "\\s*[12]?>+\\s*(/dev/null|&[12])", with: "", options: .regularExpression)
    return core.trimmingCharacters(in: [" ", ";", "\t"])
  }

  /// A test of the last command's end or of how much is to be said.
  private static func isTest(_ core: String) -> Bool {
    guard core.hasPrefix("[") || core.hasPrefix("test ") || core.hasPrefix("case ") else {
      return false
    }
    return ["$?", "status", "RETVAL", "ret", "VERBOSE", "-x ", "-f ", "-r "].contains {
      core.contains($0)
    }
  }

  private static func isShort(_ word: String, _ letter: Character) -> Bool {
    word.hasPrefix("-") && !word.hasPrefix("--") && word.contains(letter)
  }

  /// Reads the options of start-stop-daemon.
  private mutating func read(_ words: [String]) -> Bool {
    var startAs: String?
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        arguments = Array(rest)
        break
      }
      var option = word
      var value: String?
      if word.hasPrefix("--"), let equals = word.firstIndex(of: "=") {
        option = String(word[..<equals])
        value = String(word[word.index(after: equals)...])
      }
      switch option {
      case "--start", "-S", "--quiet", "-q", "--oknodo", "-o", "--verbose", "-v": continue
      case "--background", "-b": isBackground = true
      case "--make-pidfile", "-m": effect = .harmless
      case "--no-close", "-C": continue
      case "--exec", "-x": program = value ?? rest.popFirst() ?? ""
      case "--startas", "-a": startAs = value ?? rest.popFirst()
      case "--pidfile", "-p": pidFile = value ?? rest.popFirst()
      case "--chuid", "-c":
        let parts = (value ?? rest.popFirst() ?? "").split(separator: ":").map(String.init)
        user = parts.first
        if parts.count > 1 { group = parts[1] }
      case "--group", "-g": group = value ?? rest.popFirst()
      case "--nicelevel", "-N": nice = Int(value ?? rest.popFirst() ?? "")
      case "--chdir", "-d": folder = value ?? rest.popFirst()
      case "--umask", "-k": umask = value ?? rest.popFirst()
      case "--name", "-n", "--user", "-u", "--retry", "-R", "--procsched", "-P", "--iosched", "-I",
        "--output", "-O":
        _ = value ?? rest.popFirst()
      default:
        // Short ones together, like -SqbC.
        guard word.hasPrefix("-"), !word.hasPrefix("--"),
          word.dropFirst().allSatisfy({ "SqbmovC".contains($0) })
        else { return false }
        isBackground = isBackground || word.contains("b")
      }
    }
    if let startAs { program = startAs }
    return true
  }

  /// The keys of the service.
  func keys(_ base: TextImport) -> ManifestObject {
    var keys = ManifestObject()
    let path = base.program(program).path
    keys["exec"] = .texts([path] + arguments)
    if !isBackground {
      keys["type"] = .text("forking")
      if let pidFile, pidFile.hasPrefix("/") {
        let isOld = pidFile.hasPrefix("/var/run/")
        keys["pidFile"] = .text(isOld ? String(pidFile.dropFirst("/var".count)) : pidFile)
      }
    }
    keys["restart"] = .text("no")
    if !pre.isEmpty {
      keys["pre"] = .list(pre.map { .texts([base.program($0[0]).path] + $0.dropFirst()) })
    }
    if let user { keys["user"] = UnitScalar.principal(user) }
    if let group { keys["group"] = UnitScalar.principal(group) }
    if let nice { keys["nice"] = .number(nice) }
    if let folder { keys["workingDirectory"] = .text(folder) }
    if let mode = umask.flatMap(UnitScalar.mode) { keys["umask"] = .text(mode) }
    return keys
  }
}
