import Foundation

/// What the imports of inittabs, scripts and compose files share: services that are made one by one.
final class TextImport {
  let options: ImportOptions
  let root: ImportRoot
  var draft = ManifestDraft()
  var report = Report()

  init(options: ImportOptions) {
    self.options = options
    root = ImportRoot(path: options.root)
  }

  /// Notes what became of a line.
  func note(
    _ directive: Directive, _ outcome: Outcome, _ text: String = "", _ effect: Effect = .harmless,
    service: String = "", keys: [String] = [], isKnown: Bool = true
  ) {
    report.findings.append(
      Finding(
        place: directive.place, section: directive.section, name: directive.name,
        value: directive.value, outcome: outcome, effect: effect, note: text, isKnown: isKnown,
        service: service, keys: keys))
  }

  /// Adds a service by a name that no other has; gives the name.
  func add(_ keys: ManifestObject, as wanted: String) -> String {
    let base = UnitImport.name(wanted)
    var name = base
    var number = 2
    while draft[name] != nil {
      name = "\(base.prefix(58))-\(number)"
      number += 1
    }
    draft[name] = keys
    return name
  }

  /// The absolute path of a program and what there is to say of it.
  func program(_ name: String) -> (path: String, problem: String?) {
    if name.hasPrefix("/") {
      let isMissing = root.isGiven && root.find(name) == nil
      return (name, isMissing ? "\(name) is not in \(root.path)" : nil)
    }
    if let found = root.program(name) ?? ImportRoot.usual(name) { return (found, nil) }
    return ("/usr/bin/\(name)", "no path: taken as /usr/bin/\(name)")
  }

  /// Reads a file of the import.
  func read(_ path: String) throws(ImportFailure) -> String {
    guard let text = ImportRoot.read(path) else {
      throw ImportFailure("cannot read \(path): no regular file of at most 1 MiB")
    }
    return text
  }

  /// Where a word is that a shell would read as more than a word.
  static func needsShell(_ text: String) -> Bool {
    text.contains { "~`!$^&*()=|\\{}[];\"'<>?".contains($0) }
  }
}
