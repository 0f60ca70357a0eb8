/// Where something stands in a file.
public struct Place: Equatable, Hashable, Sendable {
  /// The file as it was named.
  public var file: String
  /// The line, counted from 1.
  public var line: Int

  /// A place.
  public init(file: String, line: Int) { (self.file, self.line) = (file, line) }
}

/// What became of a directive.
public enum Outcome: String, CaseIterable, Sendable {
  /// The manifest says the same.
  case taken
  /// The manifest says it differently, or nearly.
  case changed
  /// The manifest does not say it.
  case dropped
}

/// What it means for the service that something was changed or dropped.
public enum Effect: String, CaseIterable, Sendable {
  /// Nothing that anybody would notice.
  case harmless
  /// The service may do more than it could: less of a sandbox.
  case wider
  /// The service may behave differently, or not work.
  case breaks
}

/// What became of one directive.
public struct Finding: Sendable {
  /// Where the directive stands.
  public var place: Place
  /// Its section or kind, empty where the format has none.
  public var section: String
  /// Its name.
  public var name: String
  /// Its value as it was read.
  public var value: String
  /// What became of it.
  public var outcome: Outcome
  /// What that means; of something taken always harmless.
  public var effect: Effect
  /// Why, and what to do; may be empty.
  public var note: String
  /// False for a directive that the importer has never heard of.
  public var isKnown: Bool
  /// The service it went to.
  public var service: String
  /// The keys of that service, like `sandbox.readOnly`.
  public var keys: [String]
}

/// What became of everything that was read.
public struct Report: Sendable {
  /// Directive by directive.
  public var findings: [Finding] = []
  /// What there is to say about the whole.
  public var notes: [String] = []

  /// An empty report.
  public init() {}

  /// How many have that outcome.
  public func count(_ outcome: Outcome) -> Int { findings.count { $0.outcome == outcome } }

  /// How many were changed or dropped with that effect.
  public func count(_ effect: Effect) -> Int {
    findings.count { $0.outcome != .taken && $0.effect == effect }
  }

  /// Notes that a key of a service is not in the manifest after all, or that a list lacks an entry.
  ///
  /// `entry` is the text of an entry that was taken out of a list.
  mutating func withdraw(
    service: String, key: String, entry: String? = nil, because reason: String
  ) {
    let list = key.lastIndex(of: "[").map { String(key[..<$0]) }
    let touched = findings.indices.filter { index in
      guard findings[index].service == service, findings[index].outcome != .dropped else {
        return false
      }
      return key.isEmpty
        || findings[index].keys.contains {
          $0 == key || $0 == list || Self.isInside($0, key) || Self.isInside(key, $0)
        }
    }
    let own = touched.filter { findings[$0].keys.contains(key) }
    let said = touched.filter { index in entry.map { findings[index].value.contains($0) } ?? false }
    for index in !own.isEmpty ? own : said.isEmpty ? touched : said {
      let isPart =
        list != nil && own.isEmpty && !key.isEmpty && findings[index].value != entry
      findings[index].outcome = isPart ? .changed : .dropped
      findings[index].effect = .breaks
      let what = isPart ? "\(entry ?? "an entry") is left out: " : ""
      let before =
        isPart && findings[index].note.contains("apus check refuses")
        ? findings[index].note + "; " : ""
      findings[index].note = "\(before)\(what)apus check refuses it: \(reason)"
    }
    if let list { shift(service, list, after: key) }
  }

  /// The entries behind one that was taken out have other numbers now.
  private mutating func shift(_ service: String, _ list: String, after key: String) {
    guard let number = Int(key.dropFirst(list.count + 1).dropLast()) else { return }
    for index in findings.indices where findings[index].service == service {
      findings[index].keys = findings[index].keys.map { own in
        guard own.hasPrefix(list + "["), let other = Int(own.dropFirst(list.count + 1).dropLast()),
          other > number
        else { return own }
        return "\(list)[\(other - 1)]"
      }
    }
  }

  private static func isInside(_ key: String, _ outer: String) -> Bool {
    key.hasPrefix(outer + ".") || key.hasPrefix(outer + "[")
  }
}

/// The report for people and for programs.
extension Report {
  /// One line for each directive, GCC style, then the sums.
  public var text: String {
    var lines = findings.map(\.line)
    lines += notes.map { "note: \($0)" }
    lines.append(
      """
      \(findings.count) directives: \(count(.taken)) taken, \(count(.changed)) taken in another form, \
      \(count(.dropped)) dropped; \(count(Effect.breaks)) may break something, \
      \(count(Effect.wider)) make a service wider
      """)
    return lines.joined(separator: "\n") + "\n"
  }

  /// The same as JSON.
  public var json: String {
    let entries = findings.map { finding in
      ManifestValue.object(
        ("file", .text(finding.place.file)), ("line", .number(finding.place.line)),
        ("section", .text(finding.section)), ("directive", .text(finding.name)),
        ("value", .text(finding.value)), ("outcome", .text(finding.outcome.rawValue)),
        ("effect", .text(finding.outcome == .taken ? "none" : finding.effect.rawValue)),
        ("service", .text(finding.service)), ("keys", .texts(finding.keys)),
        ("known", .flag(finding.isKnown)), ("note", .text(finding.note)))
    }
    return ManifestValue.object(
      ("findings", .list(entries)), ("notes", .texts(notes)),
      (
        "summary",
        .object(
          ("directives", .number(findings.count)), ("taken", .number(count(.taken))),
          ("changed", .number(count(.changed))), ("dropped", .number(count(.dropped))),
          ("harmless", .number(count(Effect.harmless))), ("wider", .number(count(Effect.wider))),
          ("breaks", .number(count(Effect.breaks))))
      )
    ).rendered
  }
}

extension Finding {
  /// One line: `web.service:12: dropped (wider): ProtectSystem=full: why`.
  var line: String {
    let how =
      switch outcome {
      case .taken: "taken"
      case .changed: "taken in another form\(effect == .harmless ? "" : " (\(effect.words))")"
      case .dropped: "dropped (\(effect.words))"
      }
    var short = value.split(whereSeparator: \.isNewline).joined(separator: " ")
    if short.count > 100 { short = short.prefix(97) + "..." }
    var line = "\(place.file):\(place.line): \(how): \(name)=\(short)"
    if section == "inittab" || section == "init.d" || section == "tmpfiles.d" {
      let what = section == "tmpfiles.d" ? "\(name) \(short)" : short
      line = "\(place.file):\(place.line): \(how): \(what)"
    }
    if !keys.isEmpty, outcome != .dropped {
      line +=
        " -> " + keys.map { service == "system" ? "system.\($0)" : $0 }.joined(separator: ", ")
    }
    if !note.isEmpty { line += ": \(note)" }
    return line
  }
}

extension Effect {
  /// As the report says it.
  var words: String {
    switch self {
    case .harmless: "harmless"
    case .wider: "wider"
    case .breaks: "may break"
    }
  }
}
