import Foundation

/// All topics in their order, and what none of them has taken.
extension ServiceImport {
  /// Makes the service.
  func run() {
    takeDescription()
    takeSockets()
    takeTimers()
    takePaths()
    takeCommands()
    takeLife()
    takeRights()
    takeTemporaryFiles()
    takeSandbox()
    takeResources()
    takeConditions()
    takeRelations()
    takeInstall()
    for unit in [unit] + sockets + timers + paths {
      if unit !== self.unit { takeCompanion(unit) }
      for index in unit.directives.indices where unit.used.insert(index).inserted {
        apply(unit.directives[index], isLast: unit.isLast(index))
      }
      for directive in unit.nonsense { drop(directive, .harmless, "no directive") }
    }
  }

  private func takeDescription() {
    guard let directive = last("Description", in: "Unit") else { return }
    let text = specifiers.resolve(directive.value).text.trimmingCharacters(in: .whitespaces)
    set("description", .text(text), directive)
  }

  /// What [Unit] of a socket, timer or path says: the service says it for itself.
  private func takeCompanion(_ other: Unit) {
    for index in other.directives.indices {
      let directive = other.directives[index]
      guard directive.section == "Unit", !other.used.contains(index) else { continue }
      let isCondition = directive.name.hasPrefix("Condition") || directive.name.hasPrefix("Assert")
      switch directive.name {
      case "Description", "Documentation", "DefaultDependencies":
        note(directive, .taken, "for the service as a whole")
      case _ where isCondition:
        drop(directive, .breaks, "it is there in any case: the condition may be one of the service")
      case "RequiresMountsFor", "WantsMountsFor":
        note(directive, .taken, "mounts come before sockets")
      case "PartOf", "After", "Before", "Wants", "Requires", "Conflicts", "BindsTo":
        note(directive, .dropped, "order and dependencies are those of the service")
      default: continue
      }
      other.used.insert(index)
    }
  }

  /// Does with a directive what the table says.
  private func apply(_ directive: Directive, isLast: Bool) {
    guard let rule = DirectiveTable.rule(directive.section, directive.name) else {
      note(directive, .dropped, "not known to apus-tool", .breaks, isKnown: false)
      return
    }
    let isOff = directive.value.isEmpty || isNo(directive)
    switch rule {
    case .needless(let why): note(directive, .dropped, why)
    case .flag(let key):
      if !isLast {
        note(directive, .taken, "a later one replaces it")
      } else if isNo(directive) {
        note(directive, .taken)
      } else {
        set(key, .flag(true), directive)
      }
    case .paths(let key):
      append(words(directive).map { .text(runPath($0, directive)) }, to: key)
      note(directive, .taken, keys: [key])
    case .words(_, _) where directive.value.hasPrefix("~"):
      drop(directive, .wider, "apus lists what is allowed, not what is refused")
    case .words(let key, _) where directive.value == "none":
      set(key, .list([]), directive)
    case .words(let key, let prefix):
      append(
        words(directive).map { .text(($0.dropping(prefix) ?? $0).lowercased()) }, to: key)
      note(directive, .taken, keys: [key])
    case .foreign(let effect, let why):
      if isOff, !["SendSIGKILL", "IgnoreSIGPIPE"].contains(directive.name) {
        note(directive, .taken, "it asks for nothing")
      } else {
        drop(directive, effect, why)
      }
    }
  }
}

extension Unit {
  /// True when no later directive has the same name.
  fileprivate func isLast(_ index: Int) -> Bool {
    let one = directives[index]
    return !directives[(index + 1)...].contains { $0.section == one.section && $0.name == one.name }
  }
}
