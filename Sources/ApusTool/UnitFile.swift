import Foundation

/// One line of a unit file that sets something.
struct Directive: Equatable {
  var section: String
  var name: String
  var value: String
  var place: Place
}

/// A unit: its own file and its drop-ins as one list, in the order in which systemd reads them.
final class Unit {
  /// The whole name, like `ssh@.service`.
  let name: String
  var directives: [Directive] = []
  /// Directives that somebody has looked at.
  var used: Set<Int> = []
  /// Lines that are no directive.
  var nonsense: [Directive] = []

  init(name: String) { self.name = name }

  /// `service`, `socket`, …
  var kind: String { name.lastIndex(of: ".").map { String(name[name.index(after: $0)...]) } ?? "" }

  /// The name without its kind: `ssh@`.
  var stem: String { name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name }

  /// The name before an `@`.
  var prefix: String { stem.firstIndex(of: "@").map { String(stem[..<$0]) } ?? stem }

  /// What follows the `@`; nil without one, empty for a template.
  var instance: String? {
    stem.firstIndex(of: "@").map { String(stem[stem.index(after: $0)...]) }
  }

  var isTemplate: Bool { instance == "" }

  /// Reads one file more.
  func read(_ text: String, file: String) {
    var section = ""
    var pending = ""
    var start = 1
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      var line = raw.hasSuffix("\r") ? String(raw.dropLast()) : String(raw)
      if pending.isEmpty { start = index + 1 }
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      if trimmed.isEmpty && pending.isEmpty { continue }
      // A comment within a continued line is left out of it.
      if trimmed.hasPrefix("#") || trimmed.hasPrefix(";") { continue }
      if line.hasSuffix("\\") {
        pending += line.dropLast() + " "
        continue
      }
      line = (pending + line).trimmingCharacters(in: .whitespaces)
      pending = ""
      add(line, &section, Place(file: file, line: start))
    }
    if !pending.isEmpty {
      add(pending.trimmingCharacters(in: .whitespaces), &section, Place(file: file, line: start))
    }
  }

  private func add(_ line: String, _ section: inout String, _ place: Place) {
    if line.hasPrefix("["), line.hasSuffix("]") {
      section = String(line.dropFirst().dropLast())
      return
    }
    guard let equals = line.firstIndex(of: "="), equals != line.startIndex else {
      nonsense.append(Directive(section: section, name: line, value: "", place: place))
      return
    }
    directives.append(
      Directive(
        section: section,
        name: line[..<equals].trimmingCharacters(in: .whitespaces),
        value: line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces),
        place: place))
  }

  /// The numbers of the directives of a name that count, and of those before them that an empty one
  /// has taken back.
  func list(_ section: String, _ name: String) -> (counting: [Int], replaced: [Int]) {
    let all = directives.indices.filter {
      directives[$0].section == section && directives[$0].name == name
    }
    guard let reset = all.last(where: { directives[$0].value.isEmpty }) else { return (all, []) }
    return (all.filter { $0 > reset }, all.filter { $0 <= reset })
  }

  /// The value of the last directive of a name, without noting that it was looked at.
  func peek(_ section: String, _ name: String) -> String? {
    directives.last { $0.section == section && $0.name == name }?.value
  }

  /// The words of all directives of a name, without noting that they were looked at.
  func peekWords(_ section: String, _ name: String) -> [String] {
    list(section, name).counting.flatMap {
      directives[$0].value.split(whereSeparator: \.isWhitespace).map(String.init)
    }
  }

  /// Whether a directive says yes.
  func says(_ section: String, _ name: String) -> Bool {
    peek(section, name).flatMap(UnitScalar.bool) ?? false
  }
}
