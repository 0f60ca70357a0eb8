import Foundation

/// The import of an inittab, BusyBox's or sysvinit's.
final class InittabImport {
  private struct Entry {
    var id: String
    var levels: String
    var action: String
    var process: String
    var directive: Directive
  }

  private let base: TextImport
  private var entries: [Entry] = []
  private var isSysV = false
  private var level: Character = "2"
  /// The last service that everything after it waits for.
  private var last: String?

  init(options: ImportOptions) { base = TextImport(options: options) }

  func run(_ paths: [String]) throws(ImportFailure) -> (draft: ManifestDraft, report: Report) {
    for path in paths { parse(try base.read(path), file: path) }
    isSysV = entries.contains { $0.action == "initdefault" || !$0.levels.isEmpty }
    if let entry = entries.last(where: { $0.action == "initdefault" }) {
      level = entry.levels.last ?? level
    }
    // As init does: what comes before everything else first, whatever the order of the lines.
    for phase in [["sysinit"], ["boot", "bootwait"], ["wait"]] { takeAll(phase) }
    for entry in entries
    where !["sysinit", "boot", "bootwait", "wait"].contains(entry.action) { take(entry) }
    base.report.findings.sort { $0.place.line < $1.place.line }
    return (base.draft, base.report)
  }

  private func takeAll(_ actions: [String]) {
    for entry in entries where actions.contains(entry.action) { take(entry) }
  }

  private func parse(_ text: String, file: String) {
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      var line = raw.trimmingCharacters(in: .whitespaces)
      // What Buildroot writes behind its getty.
      if let comment = line.range(of: " #") { line = String(line[..<comment.lowerBound]) }
      if line.isEmpty || line.hasPrefix("#") { continue }
      let place = Place(file: file, line: index + 1)
      let parts = line.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      let directive = Directive(
        section: "inittab", name: parts.count == 4 ? parts[2] : "", value: line, place: place)
      guard parts.count == 4 else {
        base.note(directive, .dropped, "not id:runlevels:action:process", .breaks, isKnown: false)
        continue
      }
      entries.append(
        Entry(
          id: parts[0], levels: parts[1], action: parts[2], process: parts[3],
          directive: directive))
    }
  }

  // MARK: Entries

  private func take(_ entry: Entry) {
    let isOfBoot = ["sysinit", "boot", "bootwait", "initdefault"].contains(entry.action)
    if isSysV, !isOfBoot, !entry.levels.isEmpty, !entry.levels.contains(level),
      !["ctrlaltdel", "powerfail", "powerwait"].contains(entry.action)
    {
      return base.note(
        entry.directive, .dropped, "not of run level \(level); apus has one state of the board")
    }
    switch entry.action {
    case "initdefault":
      base.note(entry.directive, .taken, "the lines of run level \(level) are taken")
    case "off": base.note(entry.directive, .taken, "nothing to start")
    case "sysinit", "wait", "bootwait": takeStep(entry)
    case "once", "boot": _ = takeService(entry, restart: "no", "")
    case "respawn": _ = takeService(entry, restart: "always", "")
    case "askfirst": _ = takeService(entry, restart: "always", "nobody is asked to press a key")
    case "ctrlaltdel": takePower(entry, key: "ctrlAltDel")
    case "powerfail", "powerwait": takePower(entry, key: "powerFail")
    case "shutdown": takeShutdown(entry)
    case "restart": base.note(entry.directive, .dropped, "apus reexec does that")
    default:
      base.note(
        entry.directive, .dropped, "apus has nothing for \(entry.action)", .breaks,
        isKnown: [
          "powerokwait", "powerfailnow", "ondemand", "kbrequest",
        ].contains(entry.action))
    }
  }

  /// One of the steps that follow each other.
  private func takeStep(_ entry: Entry) {
    if let reason = builtIn(entry.process) {
      return base.note(
        entry.directive, reason.outcome, reason.text, service: "system", keys: reason.keys)
    }
    var keys = command(entry)
    keys["type"] = .text("oneshot")
    keys["remain"] = .flag(true)
    keys["restart"] = .text("no")
    if let last { keys["wants"] = .texts([last]) }
    last = finish(entry, keys, "")
  }

  private func takeService(_ entry: Entry, restart: String, _ text: String) -> String {
    var keys = command(entry)
    keys["restart"] = .text(restart)
    if let last { keys["wants"] = .texts([last]) }
    if let terminal = terminal(of: entry) { keys["tty"] = .text(terminal) }
    return finish(entry, keys, text)
  }

  private func finish(_ entry: Entry, _ keys: ManifestObject, _ text: String) -> String {
    var keys = keys
    let problem = keys["x-problem"]?.asText
    keys["x-problem"] = nil
    let argv = keys["exec"]?.strings ?? []
    let isShell = argv.count == 3 && argv[1] == "-c"
    let words =
      isShell ? argv[2].split(separator: " ").map(String.init).filter { $0 != "exec" } : argv
    var name = words.first?.split(separator: "/").last.map(String.init) ?? "step"
    if let terminal = keys["tty"]?.asText?.dropping("/dev/") {
      name += "-" + terminal.replacingOccurrences(of: "/", with: "-")
    }
    name = base.add(keys, as: name)
    let texts = [text, isShell ? "by a shell" : "", problem ?? ""].filter { !$0.isEmpty }
    base.note(
      entry.directive, texts.isEmpty ? .taken : .changed, texts.joined(separator: "; "),
      problem == nil ? .harmless : .breaks, service: name, keys: ["exec"])
    return name
  }

  /// What runs, as keys.
  private func command(_ entry: Entry) -> ManifestObject {
    var keys = ManifestObject()
    var process = entry.process
    var isLogin = false
    if process.hasPrefix("-") {
      process.removeFirst()
      isLogin = true
    } else if process.hasPrefix("+") {
      process.removeFirst()
    }
    if TextImport.needsShell(process) {
      keys["exec"] = .texts(["/bin/sh", "-c", "exec " + process])
      return keys
    }
    var words = process.split(whereSeparator: \.isWhitespace).map(String.init)
    guard let first = words.first else { return keys }
    let (path, problem) = base.program(first)
    words[0] = path
    if isLogin, path.hasSuffix("sh"), words.count == 1 { words.append("-l") }
    keys["exec"] = .texts(words)
    keys["x-problem"] = problem.map { .text($0) }
    return keys
  }

  /// The terminal of an entry: BusyBox names it in the first field, a getty in its arguments.
  private func terminal(of entry: Entry) -> String? {
    let words = entry.process.split(whereSeparator: \.isWhitespace).map(String.init)
    let program = words.first?.split(separator: "/").last.map(String.init) ?? ""
    if !isSysV, !entry.id.isEmpty, entry.id != "null" { return "/dev/\(entry.id)" }
    if program.hasSuffix("getty") {
      let names = ["tty", "hvc", "console", "ttyS", "ttyAMA", "xvc"]
      for word in words.dropFirst() {
        let name = word.dropping("/dev/") ?? word
        if names.contains(where: { name.hasPrefix($0) }) { return "/dev/\(name)" }
      }
    }
    // A shell with nothing to run is somebody's at the console.
    let isShell = ["sh", "bash", "ash", "-sh", "sulogin", "login"].contains(program)
    return isShell && words.count == 1 ? "/dev/console" : nil
  }

  // MARK: What apus does itself

  private func builtIn(_ process: String) -> (outcome: Outcome, text: String, keys: [String])? {
    let words = process.split(whereSeparator: \.isWhitespace).map(String.init)
    guard let program = words.first?.split(separator: "/").last, !TextImport.needsShell(process)
    else { return nil }
    let rest = Array(words.dropFirst())
    switch program {
    case "mount" where rest == ["-a"]:
      base.draft.system["fstab"] = .flag(true)
      return (.taken, "", ["fstab"])
    case "swapon" where rest == ["-a"]:
      base.draft.system["fstab"] = .flag(true)
      return (.taken, "", ["fstab"])
    case "mount":
      let own = ["/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/run"]
      guard rest.contains("-t"), let target = rest.last, own.contains(target) else { return nil }
      return (.dropped, "apus mounts \(target) itself", [])
    case "mkdir":
      let own = ["-p", "/dev/pts", "/dev/shm", "/run", "/proc", "/sys"]
      guard rest.allSatisfy(own.contains) else { return nil }
      return (.dropped, "apus makes them itself", [])
    case "hostname":
      var name = rest.first ?? ""
      if name == "-F", rest.count == 2 {
        name = base.root.text(rest[1])?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
      }
      guard !name.isEmpty, !name.hasPrefix("-") else { return nil }
      base.draft.system["hostname"] = .text(name)
      return (.changed, "the name is in the manifest now", ["hostname"])
    case "ifconfig" where rest.first == "lo", "ip" where rest.contains("lo"):
      return (.dropped, "apus brings lo up itself", [])
    default: return nil
    }
  }

  // MARK: The end

  private func takePower(_ entry: Entry, key: String) {
    let words = entry.process.split(whereSeparator: \.isWhitespace).map(String.init)
    let program = words.first?.split(separator: "/").last.map(String.init) ?? ""
    let action: String? =
      switch program {
      case "reboot": "reboot"
      case "poweroff", "halt": "poweroff"
      case "shutdown":
        words.contains { $0.hasPrefix("-") && $0.contains("r") }
          ? "reboot" : words.contains { $0.hasPrefix("-") && $0.contains("h") } ? "poweroff" : nil
      default: nil
      }
    if let action {
      base.draft.system[key] = .text(action)
      return base.note(entry.directive, .taken, service: "system", keys: [key])
    }
    if base.draft.system[key] != nil {
      return base.note(entry.directive, .dropped, "there is one already", .breaks)
    }
    var keys = command(entry)
    keys["start"] = .text("manual")
    keys["type"] = .text("oneshot")
    keys["restart"] = .text("no")
    let name = finish(entry, keys, "started by system.\(key)")
    base.draft.system[key] = .text(name)
  }

  /// Commands of the end: what apus does itself is left out, the rest belongs to what began it.
  private func takeShutdown(_ entry: Entry) {
    let words = entry.process.split(whereSeparator: \.isWhitespace).map(String.init)
    let program = words.first?.split(separator: "/").last.map(String.init) ?? ""
    if ["umount", "swapoff", "sync", "killall5", "reboot", "poweroff", "halt"].contains(program) {
      return base.note(entry.directive, .dropped, "apus does that at the end of the board")
    }
    let command = command(entry)
    let first = words.first ?? ""
    let beginning = first.hasPrefix("/etc/") ? first.replacingSuffix("rcK", with: "rcS") : ""
    let owner = base.draft.names.first { base.draft[$0]?["exec"]?.strings.first == beginning }
    if let owner, var keys = base.draft[owner], let exec = command["exec"] {
      keys[["stop", "exec"]] = exec
      keys[["stop", "timeout"]] = .text("30s")
      base.draft[owner] = keys
      return base.note(
        entry.directive, .changed, "run when \(owner) is stopped", service: owner,
        keys: ["stop.exec"])
    }
    var keys = ManifestObject()
    keys["exec"] = .texts(["/bin/true"])
    keys["type"] = .text("oneshot")
    keys["remain"] = .flag(true)
    keys["restart"] = .text("no")
    keys["stop"] = .object(("exec", command["exec"] ?? .texts([])))
    let name = base.add(keys, as: program.isEmpty ? "shutdown" : program)
    base.note(
      entry.directive, .changed, "run when \(name) is stopped, which does nothing before",
      service: name, keys: ["stop.exec"])
  }
}

extension String {
  fileprivate func replacingSuffix(_ old: String, with new: String) -> String {
    hasSuffix(old) ? String(dropLast(old.count)) + new : self
  }
}
