import Foundation

/// What a service sees of the system.
extension ServiceImport {
  /// Takes the sandbox. What has a key of the same meaning is in `DirectiveTable`.
  func takeSandbox() {
    let isStrict = takeSystem()
    takeHome(isStrict: isStrict)
    takePaths(isStrict: isStrict)
    takeKernel()
    takeCalls()
    takeProcesses()
    takeDevices()
    for name in ["RootDirectory", "RootDirectoryStartOnly"] {
      guard let directive = last(name) else { continue }
      if name == "RootDirectory" {
        set("sandbox.root", .text(path(directive.value, directive)), directive)
      } else {
        drop(directive, .breaks, "all commands of a service have its root")
      }
    }
  }

  private func takeSystem() -> Bool {
    guard let directive = last("ProtectSystem") else { return false }
    switch directive.value {
    case "strict":
      set("sandbox.readOnly", .flag(true), directive)
      return true
    case _ where isNo(directive): note(directive, .taken)
    default:
      drop(
        directive, .wider,
        "apus has nothing as mild: readOnly with write lists what it may change")
    }
    return false
  }

  private func takeHome(isStrict: Bool) {
    guard let directive = last("ProtectHome") else { return }
    let homes: [ManifestValue] = ["/home", "/root", "/run/user"].map { .text($0) }
    switch directive.value {
    case "read-only":
      if isStrict {
        note(directive, .taken, keys: ["sandbox.readOnly"])
      } else {
        drop(directive, .wider, "/home stays writable: hide or readOnly would be more")
      }
    case _ where isNo(directive): note(directive, .taken)
    default:
      append(homes, to: "sandbox.hide")
      note(
        directive, directive.value == "tmpfs" ? .changed : .taken,
        directive.value == "tmpfs" ? "empty, and not to be written to" : "",
        keys: ["sandbox.hide"])
    }
  }

  /// The paths of a directive, without signs, and whether each may be missing.
  private func listed(_ directive: Directive) -> [(path: String, isOptional: Bool)] {
    words(directive).map { word in
      let signs = word.prefix { "-+".contains($0) }
      return (runPath(String(word.dropFirst(signs.count)), directive), signs.contains("-"))
    }
  }

  private func takePaths(isStrict: Bool) {
    for name in ["ReadWritePaths", "ReadWriteDirectories"] {
      for directive in all(name) {
        guard isStrict else {
          note(directive, .taken, "nothing is read-only")
          continue
        }
        for (path, isOptional) in listed(directive) {
          let isMissing = isOptional && root.isGiven && root.find(path) == nil
          if isMissing {
            remark("\(path) is not in \(root.path): left out", .breaks, directive)
            continue
          }
          if isOptional, !root.isGiven { remark("\(path) must be there", .breaks, directive) }
          append([.text(path)], to: "sandbox.write")
        }
        note(directive, .taken, keys: ["sandbox.write"])
      }
    }
    for name in ["InaccessiblePaths", "InaccessibleDirectories", "TemporaryFileSystem"] {
      for directive in all(name) {
        let isTemporary = name == "TemporaryFileSystem"
        append(
          listed(directive).map { entry in
            .text(entry.path.split(separator: ":").first.map(String.init) ?? entry.path)
          }, to: "sandbox.hide")
        note(
          directive, isTemporary ? .changed : .taken,
          isTemporary ? "empty, and not to be written to" : "", isTemporary ? .breaks : .harmless,
          keys: ["sandbox.hide"])
      }
    }
    for name in ["ReadOnlyPaths", "ReadOnlyDirectories"] {
      for directive in all(name) {
        if isStrict {
          note(directive, .taken, keys: ["sandbox.readOnly"])
        } else {
          drop(directive, .wider, "apus has no read-only paths without readOnly")
        }
      }
    }
  }

  /// apus has one key for four of systemd's. It is set where tunables and modules are both closed:
  /// anything less would take more than was asked for.
  private func takeKernel() {
    let names = [
      "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups",
    ]
    let given = names.map { last($0) }
    let asked = given.map { directive in directive.map { !isNo($0) } ?? false }
    let isWhole = asked[0] && asked[1]
    if isWhole { keys[["sandbox", "protectKernel"]] = .flag(true) }
    for (directive, isAsked) in zip(given, asked) {
      guard let directive else { continue }
      if !isAsked {
        note(directive, .taken)
      } else if isWhole {
        note(
          directive, asked.contains(false) ? .changed : .taken,
          asked.contains(false) ? "protectKernel closes all four" : "",
          keys: ["sandbox.protectKernel"])
      } else {
        drop(
          directive, .wider,
          "protectKernel also closes /proc/sys, /sys, modules and the log: set it where that works")
      }
    }
  }

  private func takeCalls() {
    let directives = all("SystemCallFilter")
    let number = last("SystemCallErrorNumber")
    let architectures = last("SystemCallArchitectures")
    var isFirst = true
    var allows = false
    for directive in directives {
      let isInverted = directive.value.hasPrefix("~")
      let names = words(directive).map { word -> String in
        let name = word.dropping("~") ?? word
        return name.split(separator: ":").first.map(String.init) ?? name
      }
      if isFirst { allows = !isInverted }
      isFirst = false
      if isInverted {
        let plain = names.filter { !$0.hasPrefix("@") }
        var list = keys[["sandbox", "seccomp"]]?.asList ?? []
        let before = list.count
        list.removeAll { entry in names.contains { entry == .text($0) } }
        if allows, list.count < before { keys[["sandbox", "seccomp"]] = .list(list) }
        if allows, plain.count == names.count, before - list.count == names.count {
          note(directive, .taken, keys: ["sandbox.seccomp"])
        } else {
          drop(
            directive, .wider,
            allows
              ? "apus cannot take calls out of a group: list what it may call"
              : "apus lists what is allowed, not what is refused: \"default\" is what daemons use")
        }
      } else if allows {
        append(names.map { .text($0) }, to: "sandbox.seccomp")
        note(directive, .taken, keys: ["sandbox.seccomp"])
      } else {
        note(directive, .dropped, "nothing of it is refused")
      }
    }
    let hasFilter = keys[["sandbox", "seccomp"]] != nil
    if let number {
      if hasFilter {
        drop(number, .breaks, "a refused call ends the service (SIGSYS)")
      } else {
        note(number, .dropped, "no call is refused")
      }
    }
    if let architectures {
      if architectures.value == "native" {
        set("sandbox.nativeCallsOnly", .flag(true), architectures)
      } else {
        drop(architectures, .wider, "apus allows the board's own or all")
      }
    }
    for name in ["SystemCallLog"] {
      if let directive = last(name) { drop(directive, .harmless, "calls are not logged") }
    }
  }

  private func takeProcesses() {
    if let directive = last("ProtectProc") {
      if directive.value == "default" {
        note(directive, .taken)
      } else {
        set("sandbox.hideProcesses", .flag(true), directive)
      }
    }
    if let directive = last("RestrictNamespaces") {
      if isNo(directive) {
        note(directive, .taken)
      } else if UnitScalar.bool(directive.value) == true {
        set("sandbox.denyNamespaces", .flag(true), directive)
      } else {
        drop(directive, .wider, "apus denies all of them or none")
      }
    }
  }

  /// Devices by path; kinds of them, like `char-pps`, have no name that apus knows.
  private func takeDevices() {
    let policy = last("DevicePolicy")
    let allowed = all("DeviceAllow")
    let paths = allowed.compactMap { words($0).first }
    let isClosed = policy.map { ["closed", "strict"].contains($0.value) } ?? false
    guard isClosed || !allowed.isEmpty else {
      if let policy { note(policy, .taken) }
      return
    }
    let isWhole = paths.allSatisfy { $0.hasPrefix("/dev/") && !$0.contains("*") }
    for directive in allowed + (policy.map { [$0] } ?? []) {
      if isWhole {
        note(directive, .taken, keys: ["sandbox.devices"])
      } else {
        drop(directive, .wider, "apus knows devices by path: without kinds of them all stay open")
      }
    }
    if isWhole { keys[["sandbox", "devices"]] = .texts(paths) }
  }
}
