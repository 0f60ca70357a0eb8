import Foundation

/// When a service is skipped.
extension ServiceImport {
  /// The conditions about paths that apus has, and what it asks for when they are negated.
  private static let pathConditions: [(name: String, key: String, negated: String?)] = [
    ("PathExists", "exists", "missing"), ("PathIsDirectory", "exists", "missing"),
    ("PathIsReadWrite", "exists", nil), ("PathIsSymbolicLink", "exists", "missing"),
    ("DirectoryNotEmpty", "directoryNotEmpty", nil), ("FileNotEmpty", "fileNotEmpty", nil),
    ("FileIsExecutable", "executable", nil), ("KernelCommandLine", "kernelArg", nil),
  ]

  /// Takes conditions and assertions of [Unit].
  func takeConditions() {
    for kind in ["Condition", "Assert"] {
      for condition in Self.pathConditions {
        for directive in all(kind + condition.name, in: "Unit") {
          take(directive, condition, isAssert: kind == "Assert")
        }
      }
      for directive in all(kind + "Architecture", in: "Unit") { takeArchitecture(directive) }
      for directive in all(kind + "Virtualization", in: "Unit") { takeVirtualization(directive) }
      for directive in all(kind + "Capability", in: "Unit") { takeCapability(directive) }
    }
  }

  private func take(
    _ directive: Directive, _ condition: (name: String, key: String, negated: String?),
    isAssert: Bool
  ) {
    let signs = directive.value.prefix { "|!".contains($0) }
    let isNegated = signs.contains("!")
    guard let key = isNegated ? condition.negated : condition.key else {
      return drop(directive, .breaks, "apus cannot ask for the opposite: it starts in any case")
    }
    if signs.contains("|"), triggers > 1 {
      return drop(directive, .breaks, "apus has no alternatives: it starts in any case")
    }
    let raw = String(directive.value.dropFirst(signs.count))
    if let problem = specifiers.resolve(raw).problems.first {
      return drop(directive, .breaks, "\(problem): it starts in any case")
    }
    let text = path(raw, directive)
    if condition.name == "PathIsReadWrite" || condition.name.hasPrefix("PathIs") {
      remark("only that it is there", .breaks, directive)
    }
    if isAssert { remark("skipped, not failed", .harmless, directive) }
    append([.text(text)], to: "conditions.\(key)")
    note(directive, .taken, keys: ["conditions.\(key)"])
  }

  /// How many conditions are alternatives of each other.
  private var triggers: Int {
    unit.directives.count {
      $0.section == "Unit" && ($0.name.hasPrefix("Condition") || $0.name.hasPrefix("Assert"))
        && $0.value.hasPrefix("|")
    }
  }

  private func takeArchitecture(_ directive: Directive) {
    let names = ["x86-64": "x86_64", "arm64": "aarch64", "arm": "arm", "riscv64": "riscv64"]
    guard let name = names[directive.value] else {
      return drop(directive, .breaks, "apus cannot ask for that: it starts in any case")
    }
    set("conditions.architecture", .text(name), directive)
  }

  private func takeVirtualization(_ directive: Directive) {
    switch directive.value {
    case "container": set("conditions.container", .flag(true), directive)
    case "!container": set("conditions.container", .flag(false), directive)
    case "no", "false", "0":
      set(
        "conditions.container", .flag(false), directive, .changed, "in a virtual machine as well",
        .breaks)
    default: drop(directive, .breaks, "apus knows containers only: it starts in any case")
    }
  }

  private func takeCapability(_ directive: Directive) {
    let value = directive.value.lowercased()
    if value.hasPrefix("!") || keys[["conditions", "capability"]] != nil {
      return drop(directive, .breaks, "apus asks for one capability: it starts in any case")
    }
    set("conditions.capability", .text(value.dropping("cap_") ?? value), directive)
  }
}
