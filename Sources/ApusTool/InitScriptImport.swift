import Foundation

/// The import of scripts of /etc/init.d.
///
/// Where `start` is one start-stop-daemon the daemon becomes a service; else the script itself does.
final class InitScriptImport {
  private let base: TextImport
  private var before: [(service: String, others: [String])] = []
  private var names: [String: String] = [:]

  init(options: ImportOptions) { base = TextImport(options: options) }

  func run(_ paths: [String]) throws(ImportFailure) -> (draft: ManifestDraft, report: Report) {
    for path in paths {
      let name = Self.name(path)
      names[name] = UnitImport.name(name)
    }
    for path in paths { take(path, try base.read(path)) }
    for (service, others) in before {
      for other in others {
        guard var keys = base.draft[other] else { continue }
        keys["after"] = .list((keys["after"]?.asList ?? []) + [.text(service)])
        base.draft[other] = keys
      }
    }
    let order = Dictionary(zip(paths, paths.indices)) { first, _ in first }
    base.report.findings = base.report.findings.enumerated().sorted { left, right in
      let keys = [left, right].map { entry in
        let place = entry.element.place
        return (order[place.file] ?? 0, place.line, entry.offset)
      }
      return keys[0] < keys[1]
    }.map(\.element)
    return (base.draft, base.report)
  }

  /// `S50sshd` and `foo.sh` without what is not the name.
  private static func name(_ path: String) -> String {
    var name = (path as NSString).lastPathComponent
    if let first = name.first, "SK".contains(first),
      name.dropFirst().prefix(2).allSatisfy(\.isNumber),
      name.count > 3
    {
      name = String(name.dropFirst(3))
    }
    return name.hasSuffix(".sh") ? String(name.dropLast(3)) : name
  }

  private func take(_ path: String, _ text: String) {
    let script = ShellScript(text, root: base.root)
    let onBoard = Self.boardPath(path, base.root)
    var keys = ManifestObject()
    let name = UnitImport.name(Self.name(path))
    if let plain = PlainStart(script) {
      keys = plain.keys(base)
      stop(&keys, script)
      note(path, plain.line, .changed, "the daemon itself, without the script", plain.effect, name)
      for (line, reason) in plain.left { note(path, line, .dropped, reason, .harmless, name) }
    } else {
      keys["exec"] = .texts([onBoard, "start"])
      keys["type"] = .text("oneshot")
      keys["remain"] = .flag(true)
      keys["restart"] = .text("no")
      keys["stop"] = .object(("exec", .texts([onBoard, "stop"])), ("timeout", .text("30s")))
      let line =
        script.branch("start")?.first { !$0.text.hasPrefix("#") }
        ?? ShellScript.Line(text: "start", number: 1)
      note(
        path, line, .changed, "the script runs as it is: what it starts is not restarted", .breaks,
        name)
    }
    reload(&keys, script, path, onBoard, name, isPlain: keys["type"] != .text("oneshot"))
    header(&keys, script, path, name)
    if keys["start"] == nil, keys["type"] == nil {
      keys["restart"] = keys["restart"] ?? .text("no")
    }
    base.draft[name] = keys
  }

  private static func boardPath(_ path: String, _ root: ImportRoot) -> String {
    if root.isGiven, let inside = path.dropping(root.path + "/") { return "/" + inside }
    return "/etc/init.d/" + (path as NSString).lastPathComponent
  }

  private func note(
    _ path: String, _ line: ShellScript.Line, _ outcome: Outcome, _ text: String, _ effect: Effect,
    _ service: String, keys: [String] = ["exec"]
  ) {
    base.note(
      Directive(
        section: "init.d", name: "start", value: line.text,
        place: Place(file: path, line: line.number)),
      outcome, text, effect, service: service, keys: outcome == .dropped ? [] : keys)
  }

  // MARK: Stop and reload

  private func stop(_ keys: inout ManifestObject, _ script: ShellScript) {
    for line in script.branch("stop") ?? [] {
      guard let words = script.words(PlainStart.core(line.text)),
        words.first?.hasSuffix("start-stop-daemon") == true
      else { continue }
      for (index, word) in words.enumerated() {
        let next = words.indices.contains(index + 1) ? words[index + 1] : ""
        if let value = word.dropping("--retry=") ?? (["--retry", "-R"].contains(word) ? next : nil)
        {
          let parts = value.split(separator: "/").map(String.init)
          if parts.count > 1,
            let signal = UnitScalar.signal(parts[0].drop { $0 == "-" }.description)
          {
            keys[["stop", "signal"]] = .text(signal)
          }
          if let seconds = Int(parts.count > 1 ? parts[1] : parts.first ?? "") {
            keys[["stop", "timeout"]] = .text("\(max(seconds, 1))s")
          }
        }
        if let value = word.dropping("--signal=")
          ?? (["--signal", "-s"].contains(word) ? next : nil),
          let signal = UnitScalar.signal(value)
        {
          keys[["stop", "signal"]] = .text(signal)
        }
      }
    }
    if keys[["stop", "signal"]] == .text("SIGTERM") { keys[["stop", "signal"]] = nil }
  }

  private func reload(
    _ keys: inout ManifestObject, _ script: ShellScript, _ path: String, _ onBoard: String,
    _ name: String, isPlain: Bool
  ) {
    guard let body = script.branch("reload"), let line = body.first else { return }
    if isPlain {
      let isHangUp = body.contains { line in
        line.text.range(
          of: "(-s|--signal[ =]|-)\\s*\"?(SIG)?(HUP|1)\\b", options: .regularExpression) != nil
      }
      if isHangUp {
        keys[["reload", "signal"]] = .text("SIGHUP")
        return note(path, line, .taken, "", .harmless, name, keys: ["reload.signal"])
      }
    }
    keys[["reload", "exec"]] = .texts([onBoard, "reload"])
    note(path, line, .changed, "by the script", .harmless, name, keys: ["reload.exec"])
  }

  // MARK: Header

  private func header(
    _ keys: inout ManifestObject, _ script: ShellScript, _ path: String, _ name: String
  ) {
    var isInside = false
    for line in script.lines {
      if line.text.hasPrefix("### BEGIN INIT INFO") { isInside = true }
      if line.text.hasPrefix("### END INIT INFO") { return }
      guard isInside, line.text.hasPrefix("#"), let colon = line.text.firstIndex(of: ":") else {
        continue
      }
      let key = line.text[..<colon].drop { "# \t".contains($0) }
      let value = line.text[line.text.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      // The lines of a long description begin with blanks.
      if key.contains(" ") || key.isEmpty { continue }
      let directive = Directive(
        section: "LSB", name: String(key), value: value, place: Place(file: path, line: line.number)
      )
      take(directive, value, &keys, name)
    }
  }

  private func take(
    _ directive: Directive, _ value: String, _ keys: inout ManifestObject, _ name: String
  ) {
    let words = value.split(whereSeparator: \.isWhitespace).map(String.init)
    switch directive.name {
    case "Provides": base.note(directive, .taken, service: name)
    case "Short-Description":
      keys["description"] = .text(value)
      base.note(directive, .taken, service: name, keys: ["description"])
    case "Required-Start": links(directive, words, "needs", &keys, name)
    case "Should-Start": links(directive, words, "after", &keys, name)
    case "X-Start-Before", "Start-Before":
      let others = words.compactMap { names[$0] }
      before.append((name, others))
      base.note(
        directive, others.count == words.count ? .changed : .dropped,
        others.count == words.count ? "after of the others" : "not all are in this import",
        others.count == words.count ? .harmless : .breaks, service: name)
    case "Default-Start":
      if words.isEmpty { keys["start"] = .text("manual") }
      base.note(
        directive, .taken, "apus has one state of the board", service: name, keys: ["start"])
    case "Required-Stop", "Should-Stop", "Default-Stop", "X-Stop-After":
      base.note(directive, .taken, "the reverse of the start", service: name)
    case "Description", "X-Interactive", "Author":
      base.note(directive, .dropped, "for readers", service: name)
    default:
      base.note(
        directive, .dropped, "not known to apus-tool", .breaks, service: name, isKnown: false)
    }
  }

  private func links(
    _ directive: Directive, _ words: [String], _ key: String, _ keys: inout ManifestObject,
    _ name: String
  ) {
    var taken: [String] = []
    var texts: [String] = []
    for word in words {
      if let mapped = base.options.map[word] {
        taken.append(mapped)
      } else if word.hasPrefix("$") {
        texts.append("\(word): apus has no facilities (--map '\(word)=SERVICE')")
      } else {
        taken.append(names[word] ?? UnitImport.name(word))
      }
    }
    let isKnown = taken.allSatisfy { names.values.contains($0) }
    let key = key == "needs" && !isKnown ? "wants" : key
    if !taken.isEmpty {
      keys[key] = .list((keys[key]?.asList ?? []) + taken.map { .text($0) })
    }
    let network = words.contains("$network") && base.options.map["$network"] == nil
    base.note(
      directive, taken.isEmpty ? .dropped : texts.isEmpty ? .taken : .changed,
      texts.joined(separator: "; "), network ? .breaks : .harmless, service: name,
      keys: taken.isEmpty ? [] : [key])
  }
}
