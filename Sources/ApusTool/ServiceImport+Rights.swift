import Foundation

/// Who a service runs as, with what environment, in what directories.
extension ServiceImport {
  /// Takes users, capabilities, environment and directories.
  func takeRights() {
    takeAccounts()
    takeCapabilities()
    takeEnvironment()
    takeDirectories()
  }

  private func takeAccounts() {
    for (name, key) in [("User", "user"), ("Group", "group")] {
      guard let directive = last(name) else { continue }
      let text = resolve(directive.value, directive)
      if text.isEmpty {
        note(directive, .taken)
      } else if startsAsRoot {
        owners[key] = UnitScalar.principal(text)
        note(
          directive, .changed,
          "it starts as root and takes the \(key) itself; directories are the \(key)'s",
          keys: ["directories"])
      } else {
        set(key, UnitScalar.principal(text), directive)
      }
    }
    for directive in all("SupplementaryGroups") {
      append(words(directive).map(UnitScalar.principal), to: "groups")
      note(directive, .taken, keys: ["groups"])
    }
    if let directive = last("DynamicUser") {
      if isNo(directive) {
        note(directive, .taken)
      } else if keys["user"] == nil {
        drop(
          directive, .wider, "apus makes no accounts: it runs as root; make one and set user")
      } else {
        drop(directive, .breaks, "apus makes no accounts: the user must be there")
      }
    }
    if let directive = last("NoNewPrivileges"), let flag = UnitScalar.bool(directive.value) {
      set("noNewPrivileges", .flag(flag), directive)
    }
    if let directive = last("UMask") {
      if let mode = UnitScalar.mode(directive.value) {
        set("umask", .text(mode), directive)
      } else {
        drop(directive, .breaks, "no mode")
      }
    }
    for directive in all("SecureBits") {
      append(words(directive).map { .text($0) }, to: "secureBits")
      note(directive, .taken, keys: ["secureBits"])
    }
  }

  // MARK: Capabilities

  private static let capabilities = """
    chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable \
    net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio \
    sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time \
    sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog \
    wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore
    """.split(separator: " ").map(String.init)

  /// The set that the directives of a name make together; nil without any.
  private func capabilitySet(_ name: String) -> (set: [String], directives: [Directive])? {
    let directives = unit.directives.indices.filter {
      unit.directives[$0].section == "Service" && unit.directives[$0].name == name
    }.map { unit.directives[$0] }
    guard !directives.isEmpty else { return nil }
    for index in unit.directives.indices
    where unit.directives[index].section == "Service" && unit.directives[index].name == name {
      unit.used.insert(index)
    }
    var set: [String] = []
    var isFirst = true
    for directive in directives {
      let isInverted = directive.value.hasPrefix("~")
      let names = words(directive).map {
        let name = ($0.dropping("~") ?? $0).lowercased()
        return name.dropping("cap_") ?? name
      }
      if isInverted {
        if isFirst { set = Self.capabilities }
        set.removeAll { names.contains($0) }
      } else if names.isEmpty {
        set = []
      } else {
        set += names.filter { !set.contains($0) }
      }
      isFirst = false
    }
    return (set, directives)
  }

  private func takeCapabilities() {
    let bounding = capabilitySet("CapabilityBoundingSet")
    let ambient = capabilitySet("AmbientCapabilities")
    let user = keys["user"]
    let isRoot = user == nil || user == .text("root") || user == .number(0)
    if let ambient {
      let allowed = bounding.map { set in ambient.set.filter { set.set.contains($0) } }
      keys["capabilities"] = .texts(allowed ?? ambient.set)
      for directive in ambient.directives { note(directive, .taken, keys: ["capabilities"]) }
    }
    guard let bounding else { return }
    for directive in bounding.directives {
      if isRoot {
        if ambient == nil { keys["capabilities"] = .texts(bounding.set) }
        let isList = directive.value.hasPrefix("~")
        note(
          directive, isList ? .changed : .taken, isList ? "the others are listed" : "",
          keys: ["capabilities"])
      } else {
        note(
          directive, .taken, "a user other than root has none that are not named",
          keys: ambient == nil ? [] : ["capabilities"])
      }
    }
  }

  /// True where `!` or `+` lets the program start as root although there is a user.
  var startsAsRoot: Bool {
    unit.list("Service", "ExecStart").counting.contains {
      unit.directives[$0].value.prefix { "-@+!:|".contains($0) }.contains { "!+".contains($0) }
    }
  }

  // MARK: Environment

  private func takeEnvironment() {
    var variables = ManifestObject()
    for directive in all("Environment") {
      var bad: [String] = []
      for word in UnitWords.plain(directive.value) {
        guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
          bad.append(word)
          continue
        }
        let value = String(word[word.index(after: equals)...])
        variables[String(word[..<equals])] = .text(resolve(value, directive))
      }
      if bad.isEmpty {
        note(directive, .taken, keys: ["environment"])
      } else {
        note(directive, .changed, "no variable: \(bad.joined(separator: " "))", .breaks)
      }
    }
    for directive in all("UnsetEnvironment") {
      for word in words(directive) { variables[word] = nil }
      note(directive, .taken, "apus passes nothing on")
    }
    for directive in all("PassEnvironment") {
      drop(directive, .harmless, "apus has no environment of its own to pass on")
    }
    if unit.peek("Service", "StandardInput")?.hasPrefix("tty") == true, variables["TERM"] == nil {
      variables["TERM"] = .text("vt220")
    }
    if !variables.members.isEmpty { keys["environment"] = .map(variables) }
    for directive in all("EnvironmentFile") {
      let text = path(directive.value.dropping("-") ?? directive.value, directive)
      if text.contains("*") || text.contains("?") {
        drop(directive, .breaks, "apus reads files by name, not by pattern")
        continue
      }
      append([.text((directive.value.hasPrefix("-") ? "-" : "") + text)], to: "environmentFile")
      note(directive, .taken, keys: ["environmentFile"])
    }
    if let directive = last("WorkingDirectory") { takeFolder(directive) }
  }

  private func takeFolder(_ directive: Directive) {
    let text = path(directive.value.dropping("-") ?? directive.value, directive)
    if text == "~" {
      let user = keys["user"]?.asText ?? "root"
      guard let home = root.home(of: user) else {
        return drop(directive, .breaks, "the home of \(user) is not known: say --root, or name it")
      }
      return set("workingDirectory", .text(home), directive, .changed, "the home of \(user)")
    }
    if directive.value.hasPrefix("-"), text.hasPrefix("/") {
      let isThere = root.isGiven && root.find(text) != nil
      set(
        "workingDirectory", .text(text), directive, .changed, "it must be there",
        isThere ? .harmless : .breaks)
    } else {
      set("workingDirectory", .text(text), directive)
    }
  }

  // MARK: Directories

  private func takeDirectories() {
    let kinds = [
      ("Runtime", "runtime"), ("State", "state"), ("Cache", "cache"), ("Logs", "log"),
      ("Configuration", "config"),
    ]
    for (kind, key) in kinds {
      let mode = last("\(kind)DirectoryMode")
      let octal = mode.flatMap { UnitScalar.mode($0.value) }
      var isGiven = false
      for directive in all("\(kind)Directory") {
        isGiven = true
        let entries = words(directive).map { word -> ManifestValue in
          // NAME:LINK makes a link as well.
          let parts = word.split(separator: ":", maxSplits: 1).map(String.init)
          if parts.count > 1 { remark("no link \(parts[1])", .breaks, directive) }
          var entry = ManifestObject()
          var name = parts.first ?? word
          while name.count > 1, name.hasSuffix("/") { name.removeLast() }
          entry["name"] = .text(name)
          if let octal, octal != "0755" { entry["mode"] = .text(octal) }
          for (key, owner) in owners.sorted(by: { $0.key > $1.key }) { entry[key] = owner }
          return entry.members.count == 1 ? .text(name) : .map(entry)
        }
        append(entries, to: "directories.\(key)")
        note(directive, .taken, keys: ["directories.\(key)"])
      }
      if let mode {
        if isGiven, octal != nil {
          note(mode, .taken, keys: ["directories.\(key)"])
        } else {
          drop(mode, .harmless, "there is no such directory")
        }
      }
    }
    if let directive = last("RuntimeDirectoryPreserve") {
      note(directive, .taken, "apus removes no directories")
    }
  }
}
