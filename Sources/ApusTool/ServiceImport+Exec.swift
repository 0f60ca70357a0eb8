import Foundation

/// What a service runs: before, itself, after, to reload and to stop.
extension ServiceImport {
  /// Takes all commands.
  func takeCommands() {
    let isShort = type == "oneshot"
    if expands { keys["expand"] = .flag(true) }
    var pre = steps("ExecStartPre", key: "pre")
    let condition = steps("ExecCondition", key: "pre") { directive in
      self.remark("a failure fails the start instead of skipping it", .breaks, directive)
    }
    pre = condition + pre
    let starts = all("ExecStart")
    var mains: [(command: ExecCommand, directive: Directive)] = []
    for directive in starts {
      guard let commands = commands(directive) else {
        drop(directive, .breaks, "the command cannot be read")
        continue
      }
      mains += commands.map { ($0, directive) }
    }
    if let main = mains.last {
      for (command, directive) in mains.dropLast() {
        let argv = argv(command, directive)
        pre.append(step(argv, mayFail: command.mayFail, isShort ? "never" : nil))
        note(directive, .changed, "runs before the last one", keys: ["pre"])
      }
      keys["exec"] = .texts(argv(main.command, main.directive))
      if main.command.mayFail, !isAccept {
        remark("a failure of it counts as one ('-')", .breaks, main.directive)
      }
      note(main.directive, .taken, keys: ["exec"])
    } else if starts.isEmpty, unit.peek("Service", "ExecStop") != nil {
      keys["exec"] = .texts(["/bin/true"])
    }
    if isAccept, !pre.isEmpty {
      withdraw("pre", "nothing runs before each connection of an accept service")
    } else if !pre.isEmpty {
      keys["pre"] = .list(pre)
    }
    for (name, key) in [("ExecStartPost", "started"), ("ExecStopPost", "post")] {
      let list = steps(name, key: key)
      if list.isEmpty { continue }
      if isAccept {
        withdraw(key, "an accept service has no such commands")
      } else {
        keys[key] = .list(list)
      }
    }
    takeReload()
    takeStop()
  }

  /// Notes that what was noted for a key is not there after all.
  private func withdraw(_ key: String, _ reason: String) {
    for index in findings.indices where findings[index].keys == [key] {
      findings[index].outcome = .dropped
      findings[index].effect = .breaks
      findings[index].note = reason
    }
  }

  /// The commands of a directive as entries of `pre`, `started` or `post`.
  private func steps(
    _ name: String, key: String, _ also: (Directive) -> Void = { _ in }
  ) -> [ManifestValue] {
    var list: [ManifestValue] = []
    for directive in all(name) {
      guard let commands = commands(directive) else {
        drop(directive, .breaks, "the command cannot be read")
        continue
      }
      also(directive)
      list += commands.map { step(argv($0, directive), mayFail: $0.mayFail, nil) }
      note(directive, .taken, keys: [key])
    }
    return list
  }

  private func step(_ argv: [String], mayFail: Bool, _ timeout: String?) -> ManifestValue {
    if !mayFail, timeout == nil { return .texts(argv) }
    var object = ManifestObject()
    object["exec"] = .texts(argv)
    if mayFail { object["mayFail"] = .flag(true) }
    if let timeout { object["timeout"] = .text(timeout) }
    return .map(object)
  }

  private func takeReload() {
    let directives = all("ExecReload")
    let list = directives.flatMap { directive in
      (commands(directive) ?? []).map { ($0, directive) }
    }
    guard let last = list.last else {
      for directive in directives { drop(directive, .breaks, "the command cannot be read") }
      return
    }
    if list.count == 1 {
      if let signal = last.0.signal {
        return set("reload.signal", .text(signal), last.1, .taken)
      }
      return set("reload.exec", .texts(argv(last.0, last.1)), last.1)
    }
    let script = list.map { command, directive in
      var words = command.words
      words[0] = words[0].hasPrefix("/") ? words[0] : program(words[0], directive)
      let text = shellText(ExecCommand(signs: command.signs, words: words), directive)
      return command.mayFail ? "{ \(text) || true; }" : text
    }.joined(separator: " && ")
    keys[["reload", "exec"]] = .texts(["/bin/sh", "-c", script])
    for directive in directives {
      note(directive, .changed, "one command of a shell's runs all of them", keys: ["reload"])
    }
  }

  /// A command for a shell: what is known now resolved, what is not left to the shell.
  private func shellText(_ command: ExecCommand, _ directive: Directive) -> String {
    if expands {
      // The shell has the variables in its environment; apus is not to touch the script.
      return Variables.script(command.words, replaces: false)
        .replacingOccurrences(of: "$", with: "$$")
    }
    let words = command.words.flatMap { word -> [String] in
      let names = Variables.names(in: word)
      if names.isEmpty || names.contains(where: Variables.isOfRunTime)
        || options.variables == .byShell
      {
        return [word]
      }
      // Resolved now; a dollar sign of the value is none of the shell's.
      let plain = argv(ExecCommand(signs: "", words: ["/bin/true", word]), directive).dropFirst()
      return plain.map { $0.replacingOccurrences(of: "$", with: "$$") }
    }
    return Variables.script(words, replaces: false)
  }

  private func takeStop() {
    let directives = all("ExecStop")
    let list = directives.flatMap { directive in
      (commands(directive) ?? []).map { ($0, directive) }
    }
    guard let last = list.last else {
      for directive in directives { drop(directive, .breaks, "the command cannot be read") }
      return
    }
    if isAccept {
      for directive in directives {
        drop(directive, .breaks, "an accept service is stopped by the signal alone")
      }
      return
    }
    if type == "oneshot", !unit.says("Service", "RemainAfterExit") {
      keys["post"] = .list(
        list.map { step(argv($0.0, $0.1), mayFail: $0.0.mayFail, nil) }
          + (keys["post"]?.asList ?? []))
      for directive in directives {
        note(directive, .changed, "runs after each end", keys: ["post"])
      }
      return
    }
    if list.count == 1, let signal = last.0.signal {
      return set("stop.signal", .text(signal), last.1, .changed, "a signal as well")
    }
    if list.count == 1 {
      return set("stop.exec", .texts(argv(last.0, last.1)), last.1)
    }
    let script = list.map { shellText($0.0, $0.1) }.joined(separator: "; ")
    keys[["stop", "exec"]] = .texts(["/bin/sh", "-c", script])
    for directive in directives {
      note(directive, .changed, "one command of a shell's runs all of them", keys: ["stop"])
    }
  }
}
