import Foundation

/// Directories that tmpfiles.d(5) makes for a service, where the image is known.
extension ServiceImport {
  /// Where apus makes directories, and the key that names them.
  private static let places = [
    ("/run/", "runtime"), ("/var/lib/", "state"), ("/var/cache/", "cache"), ("/var/log/", "log"),
  ]

  /// Takes the lines of `NAME.conf` and `NAME.….conf`, of /etc before /usr/lib.
  func takeTemporaryFiles() {
    guard root.isGiven, specifiers.instance == .none else { return }
    var seen: Set<String> = []
    for folder in ["/etc/tmpfiles.d", "/usr/lib/tmpfiles.d"] {
      guard let place = root.find(folder),
        let names = try? FileManager.default.contentsOfDirectory(atPath: place)
      else { continue }
      for name in names.sorted()
      where name.hasPrefix(unit.stem + ".") && name.hasSuffix(".conf") && seen.insert(name).inserted
      {
        take(root.text("\(folder)/\(name)") ?? "", file: "\(root.path)\(folder)/\(name)")
      }
    }
  }

  private func take(_ text: String, file: String) {
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = raw.trimmingCharacters(in: .whitespaces)
      let words = UnitWords.plain(line)
      if line.hasPrefix("#") || words.isEmpty { continue }
      let directive = Directive(
        section: "tmpfiles.d", name: words[0], value: words.dropFirst().joined(separator: " "),
        place: Place(file: file, line: index + 1))
      take(words, directive)
    }
  }

  private func take(_ words: [String], _ directive: Directive) {
    let kind = words[0].filter { $0.isLetter }
    guard ["d", "D", "q", "Q", "v"].contains(kind), words.count > 1 else {
      return drop(directive, .breaks, "apus makes directories, nothing else")
    }
    let path = path(words[1], directive)
    guard let (prefix, key) = Self.places.first(where: { path.hasPrefix($0.0) }) else {
      return drop(
        directive, .breaks, "apus makes directories below /run, /var/lib, /var/cache, /var/log")
    }
    var name = String(path.dropFirst(prefix.count))
    while name.hasSuffix("/") { name.removeLast() }
    let list = keys[["directories", key]]?.asList ?? []
    let isThere = list.contains { $0.asText == name || $0.asMap?["name"]?.asText == name }
    if isThere {
      note(directive, .taken, "the unit asks for it as well")
      return
    }
    var entry = ManifestObject()
    entry["name"] = .text(name)
    let mode = words.count > 2 ? words[2].drop { "~:".contains($0) } : "-"
    if let bits = Int(mode, radix: 8), bits != 0o755, bits >= 0 {
      if bits > 0o777 { remark("only the permission bits", .harmless, directive) }
      let octal = UnitScalar.mode(String(bits & 0o777, radix: 8))
      entry["mode"] = octal == "0755" ? nil : octal.map { .text($0) }
    }
    for (index, key) in [(3, "user"), (4, "group")] {
      let owner = words.count > index && words[index] != "-" ? words[index] : "root"
      // As the service has it: root, or its own.
      let own = keys[key] ?? (key == "group" ? keys["user"] : nil) ?? .text("root")
      if own != UnitScalar.principal(owner) { entry[key] = UnitScalar.principal(owner) }
    }
    append([entry.members.count == 1 ? .text(name) : .map(entry)], to: "directories.\(key)")
    note(directive, .taken, keys: ["directories.\(key)"])
  }
}
