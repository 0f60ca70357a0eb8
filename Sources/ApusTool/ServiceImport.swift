import Foundation

/// One service on its way from units to a manifest.
///
/// Each topic takes its directives from the units and notes what became of them; what nobody took
/// is looked up in `DirectiveTable` at the end.
final class ServiceImport {
  /// The name in the manifest.
  let name: String
  let unit: Unit
  let options: ImportOptions
  let root: ImportRoot
  var specifiers: Specifiers
  var keys = ManifestObject()
  var findings: [Finding] = []
  /// The sockets, timers and paths that start it.
  var sockets: [Unit] = []
  var timers: [Unit] = []
  var paths: [Unit] = []
  /// The user and group of directories where the service itself starts as root.
  var owners: [String: ManifestValue] = [:]
  /// True when apus has to resolve variables in its commands: the key `expand`.
  private(set) lazy var expands = options.variables == .atStart && hasVariables
  /// What relations of other units say of this one.
  var isWanted = false
  /// Names of the services of this import by the names of their units.
  var known: [String: String] = [:]
  /// Services that are to be started after this one, and what says so.
  var before: [(target: String, finding: Int)] = []
  /// Services that want this one, and what says so.
  var wantedBy: [(target: String, key: String, finding: Int)] = []
  /// Remarks on a directive that come before it is known what becomes of it.
  private var remarks: [Place: [(text: String, effect: Effect)]] = [:]

  var isAccept: Bool { sockets.contains { $0.says("Socket", "Accept") } }
  var listens: Bool { !sockets.isEmpty }
  var type: String { unit.peek("Service", "Type") ?? "simple" }

  init(name: String, unit: Unit, options: ImportOptions, instance: Specifiers.Instance) {
    self.name = name
    self.unit = unit
    self.options = options
    root = ImportRoot(path: options.root)
    specifiers = Specifiers(unit: unit.stem, prefix: unit.prefix, instance: instance)
  }

  // MARK: Taking directives

  /// The directives of a name that count; those they replace are noted.
  func all(_ name: String, in section: String = "Service", of other: Unit? = nil) -> [Directive] {
    let unit = other ?? self.unit
    let (counting, replaced) = unit.list(section, name)
    for index in replaced where unit.used.insert(index).inserted {
      note(unit.directives[index], .taken, "an empty one takes it back")
    }
    return counting.compactMap {
      unit.used.insert($0).inserted ? unit.directives[$0] : nil
    }
  }

  /// The last directive of a name; earlier ones are noted as replaced.
  func last(_ name: String, in section: String = "Service", of other: Unit? = nil) -> Directive? {
    let list = all(name, in: section, of: other)
    for directive in list.dropLast() {
      note(directive, .taken, "a later one replaces it")
    }
    return list.last
  }

  /// Every word of the directives of a name.
  func words(_ directive: Directive) -> [String] {
    UnitWords.plain(directive.value).map { resolve($0, directive) }
  }

  // MARK: Values

  /// A text with its specifiers resolved; what could not be is remembered for the note.
  func resolve(_ text: String, _ directive: Directive) -> String {
    let (result, problems) = specifiers.resolve(text)
    for problem in problems { remark(problem, .breaks, directive) }
    return result
  }

  /// A path with its specifiers resolved, below /run where it says /var/run.
  func path(_ text: String, _ directive: Directive) -> String {
    runPath(resolve(text, directive), directive)
  }

  /// The same of a text that is resolved.
  func runPath(_ text: String, _ directive: Directive) -> String {
    guard text.hasPrefix("/var/run/") else { return text }
    remark("/var/run is /run", .harmless, directive)
    return String(text.dropFirst("/var".count))
  }

  /// Remembers something for the note that is to come.
  func remark(_ text: String, _ effect: Effect, _ directive: Directive) {
    var list = remarks[directive.place] ?? []
    if !list.contains(where: { $0.text == text }) { list.append((text, effect)) }
    remarks[directive.place] = list
  }

  // MARK: Noting

  /// Notes what became of a directive, with what was remarked before; gives the note's number.
  @discardableResult
  func note(
    _ directive: Directive, _ outcome: Outcome, _ text: String = "", _ effect: Effect = .harmless,
    keys: [String] = [], isKnown: Bool = true
  ) -> Int {
    var (outcome, effect) = (outcome, effect)
    var texts = text.isEmpty ? [] : [text]
    for remark in remarks.removeValue(forKey: directive.place) ?? [] {
      texts.append(remark.text)
      if outcome == .taken { outcome = .changed }
      if remark.effect == .breaks || effect == .harmless { effect = remark.effect }
    }
    findings.append(
      Finding(
        place: directive.place, section: directive.section, name: directive.name,
        value: directive.value, outcome: outcome, effect: effect,
        note: texts.joined(separator: "; "), isKnown: isKnown, service: name, keys: keys))
    return findings.count - 1
  }

  /// Sets a key like `sandbox.readOnly` and notes the directive.
  func set(
    _ key: String, _ value: ManifestValue, _ directive: Directive, _ outcome: Outcome = .taken,
    _ text: String = "", _ effect: Effect = .harmless
  ) {
    keys[key.components(separatedBy: ".")] = value
    note(directive, outcome, text, effect, keys: [key])
  }

  /// Adds to the list of a key.
  func append(_ values: [ManifestValue], to key: String) {
    let path = key.components(separatedBy: ".")
    var list = keys[path]?.asList ?? []
    for value in values where !list.contains(value) { list.append(value) }
    keys[path] = .list(list)
  }

  func drop(_ directive: Directive, _ effect: Effect, _ text: String) {
    note(directive, .dropped, text, effect)
  }

  func isNo(_ directive: Directive) -> Bool {
    UnitScalar.bool(directive.value) == false
  }
}

/// How an import is done.
public struct ImportOptions: Sendable {
  /// The root directory of the image, or empty.
  public var root = ""
  /// Instances of the templates that are imported.
  public var instances: [String] = []
  /// Who resolves variables in commands.
  public var variables = VariableStyle.atStart
  /// Services of the manifest that stand for units, like `network` for `network-online.target`.
  public var map: [String: String] = [:]

  /// The defaults: no root, no instances.
  public init() {}
}

/// Who resolves `$NAME` and `${NAME}` in commands, and when.
public enum VariableStyle: Sendable {
  /// apus, at each start: the key `expand`.
  case atStart
  /// A shell, at each start.
  case byShell
  /// The import, from the units and the image.
  case now
}
