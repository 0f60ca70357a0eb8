import Foundation

/// What a service has to do with other units.
extension ServiceImport {
  /// What the name of a unit leads to.
  private enum Target {
    /// A service of the manifest, or one that may be there some day.
    case service(String, isKnown: Bool)
    /// Nothing that needs to be said: why.
    case needless(String)
    /// Something that apus does not know: what that means.
    case unknown(String)
  }

  /// Targets that a board has reached before its first service starts.
  private static let early: Set<String> = [
    "local-fs", "local-fs-pre", "sysinit", "basic", "swap", "sockets", "timers", "paths", "slices",
    "cryptsetup", "cryptsetup-pre", "integritysetup", "veritysetup", "remote-fs-pre", "getty-pre",
    "network-pre", "nss-lookup", "nss-user-lookup", "rpcbind", "time-set", "first-boot-complete",
    "network", "multi-user", "graphical", "default", "getty", "remote-fs", "final", "umount",
    "system-update-pre", "boot-complete", "initrd-switch-root", "emergency", "rescue",
  ]

  private func target(_ name: String) -> Target {
    if let service = options.map[name] { return .service(service, isKnown: true) }
    if let service = known[name] { return .service(service, isKnown: true) }
    let stem = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    let kind = name.lastIndex(of: ".").map { String(name[name.index(after: $0)...]) } ?? ""
    switch kind {
    case "service":
      if stem.hasPrefix("systemd-") || stem == "dracut-pre-pivot" {
        return .needless("\(stem) is part of systemd")
      }
      // An instance of another template, by this one's.
      let parts = stem.components(separatedBy: "%i").map { $0.isEmpty ? "" : UnitImport.name($0) }
      return .service(parts.joined(separator: "%i"), isKnown: false)
    case "socket":
      if stem.hasPrefix("systemd-") { return .needless("\(stem) is part of systemd") }
      return .needless("sockets are bound before any service starts")
    case "target":
      if ["shutdown", "reboot", "poweroff", "halt", "kexec"].contains(stem) {
        return .needless("everything is stopped at the end of the board")
      }
      if Self.early.contains(stem) { return .needless("apus has no targets") }
      if stem == "network-online" || stem == "time-sync" {
        return .unknown("say --map \(name)=SERVICE for the service that brings it")
      }
      return .unknown("apus has no targets")
    case "mount", "automount", "swap": return .needless("mounts come before services")
    case "device": return .unknown(DirectiveTable.lacks("needsPath"))
    case "slice", "scope": return .needless("each service has a group of its own")
    default: return .unknown("apus has no such unit")
    }
  }

  /// Takes order and dependencies of [Unit].
  func takeRelations() {
    let after = unit.peekWords("Unit", "After")
    let before = unit.peekWords("Unit", "Before")
    for (name, key) in [
      ("Requires", "needs"), ("BindsTo", "needs"), ("Requisite", "needs"), ("Wants", "wants"),
      ("Upholds", "wants"), ("After", "after"), ("OnFailure", "onFailure"),
      ("PartOf", "partOf"), ("StopPropagatedFrom", "partOf"),
    ] {
      for directive in all(name, in: "Unit") { take(directive, key, after: after, before: before) }
    }
    for directive in all("Before", in: "Unit") { takeBefore(directive) }
    for directive in all("Conflicts", in: "Unit") {
      let others = words(directive).filter { !$0.hasSuffix(".target") }
      if others.isEmpty {
        note(directive, .dropped, "everything is stopped at the end of the board")
      } else {
        drop(directive, .breaks, DirectiveTable.lacks("conflicts"))
      }
    }
    for directive in all("RequiresMountsFor", in: "Unit") + all("WantsMountsFor", in: "Unit") {
      note(directive, .taken, "mounts come before services")
    }
  }

  private func take(_ directive: Directive, _ key: String, after: [String], before: [String]) {
    var texts: [String] = []
    var (taken, changed, worst) = ([String](), false, Effect.harmless)
    for name in words(directive) where !sockets.contains(where: { $0.name == name }) {
      switch target(name) {
      case .service(let service, _) where service == self.name:
        texts.append("that is itself")
      case .service(let service, let isKnown):
        var key = key
        if key == "needs", !isKnown {
          key = "wants"
          changed = true
          texts.append("\(service) is not in this import: wanted, not needed")
        }
        if key == "onFailure", !isKnown {
          worst = .breaks
          texts.append("\(service) is not in this import")
          continue
        }
        if key == "needs" || key == "wants", before.contains(name) {
          worst = .breaks
          texts.append("\(service) comes after it: it cannot be started for it")
          continue
        }
        append([.text(service)], to: key)
        if !taken.contains(key) { taken.append(key) }
        if key == "needs" || key == "wants", isKnown, !after.contains(name) { changed = true }
      case .needless(let why): if !texts.contains(why) { texts.append(why) }
      case .unknown(let why):
        worst = .breaks
        texts.append("\(name): \(why)")
      }
    }
    if directive.name == "BindsTo", !taken.isEmpty {
      (changed, worst) = (true, .breaks)
      texts.append("it is stopped with it, but not when the other fails")
    }
    if directive.name == "Requisite", !taken.isEmpty {
      changed = true
      texts.append("it is started for it")
    }
    let outcome: Outcome =
      taken.isEmpty
      ? (texts.isEmpty ? .taken : .dropped) : changed || worst != .harmless ? .changed : .taken
    note(directive, outcome, texts.joined(separator: "; "), worst, keys: taken)
  }

  /// What is to come after this one: the order is the other's key.
  private func takeBefore(_ directive: Directive) {
    var texts: [String] = []
    var targets: [String] = []
    var worst = Effect.harmless
    for name in words(directive) {
      switch target(name) {
      case .service(let service, true):
        if service != self.name { targets.append(service) }
      case .service(let service, false):
        worst = .breaks
        texts.append("\(service) is not in this import: give it \"after\": [\"\(self.name)\"]")
      case .needless(let why): if !texts.contains(why) { texts.append(why) }
      case .unknown:
        if !texts.contains("apus has no targets") { texts.append("apus has no targets") }
      }
    }
    let number = note(
      directive, targets.isEmpty ? .dropped : .changed,
      (targets.map { "after of \($0)" } + texts).joined(separator: "; "), worst)
    before += targets.map { ($0, number) }
  }

  /// What is needed also comes first: no need to say it twice.
  func dropRepeats() {
    let needs = keys["needs"]?.asList ?? []
    let wants = (keys["wants"]?.asList ?? []).filter { !needs.contains($0) }
    let after = (keys["after"]?.asList ?? []).filter { !needs.contains($0) && !wants.contains($0) }
    keys["wants"] = wants.isEmpty ? nil : .list(wants)
    keys["after"] = after.isEmpty ? nil : .list(after)
  }

  /// Takes [Install]: whether it starts with the board.
  func takeInstall() {
    var startsAtBoot = isWanted
    for (name, key) in [("WantedBy", "wants"), ("RequiredBy", "needs"), ("UpheldBy", "wants")] {
      for directive in all(name, in: "Install") {
        takeWantedBy(directive, key, &startsAtBoot)
      }
    }
    for directive in all("Alias", in: "Install") {
      note(directive, .taken, "other units of this import may use the name")
    }
    for directive in all("Also", in: "Install") { note(directive, .taken, "imported with it") }
    if let directive = last("DefaultInstance", in: "Install") {
      note(directive, .taken, keys: ["instances"])
    }
    for other in sockets + timers + paths { takeInstall(of: other) }
    if isAccept || keys["timer"] != nil { return }
    if listens {
      if startsAtBoot { keys["start"] = .text("boot") }
    } else if !startsAtBoot {
      keys["start"] = .text("manual")
    }
  }

  private func takeWantedBy(_ directive: Directive, _ key: String, _ startsAtBoot: inout Bool) {
    for name in words(directive) {
      if name.hasSuffix(".target") {
        let stem = String(name.dropLast(".target".count))
        let isLate = [
          "sleep", "suspend", "hibernate", "hybrid-sleep", "suspend-then-hibernate", "shutdown",
          "reboot", "poweroff", "halt", "kexec", "rescue", "emergency", "final", "exit",
          "system-update", "factory-reset", "umount",
        ].contains(stem)
        if isLate {
          remark("it is not started by \(name): apus has no targets", .breaks, directive)
        } else {
          startsAtBoot = true
        }
      } else if case .service(let service, true) = target(name) {
        wantedBy.append((service, key, findings.count))
      } else if name.hasSuffix(".device") {
        remark(
          "it is not started by \(name): \(DirectiveTable.lacks("needsPath"))", .breaks, directive)
      } else {
        remark("\(name) is not in this import", .breaks, directive)
      }
    }
    note(directive, .taken, keys: isAccept ? [] : ["start"])
  }

  private func takeInstall(of other: Unit) {
    for name in ["WantedBy", "RequiredBy"] {
      for directive in all(name, in: "Install", of: other) {
        if other.kind == "path" {
          drop(directive, .breaks, "apus starts nothing for a file")
        } else {
          note(
            directive, .taken, other.kind == "socket" ? "sockets are always bound" : "",
            keys: [other.kind == "socket" ? "listen" : "timer"])
        }
      }
    }
    for name in ["Also", "Alias"] {
      for directive in all(name, in: "Install", of: other) { note(directive, .taken) }
    }
  }
}
