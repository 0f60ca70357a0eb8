import Foundation

/// The import of systemd units that belong together.
final class UnitImport {
  private let options: ImportOptions
  private let folder: UnitFolder
  private var units: [Unit] = []
  private var services: [ServiceImport] = []
  private var names: Set<String> = []
  private var known: [String: String] = [:]
  private var report = Report()

  init(options: ImportOptions) {
    self.options = options
    folder = UnitFolder(root: ImportRoot(path: options.root))
  }

  /// The name of a service for that of a unit.
  static func name(_ stem: String) -> String {
    let mapped = UnitWords.unescape(stem.replacingOccurrences(of: "-", with: "\\x2d")).map {
      character in
      character.isASCII && (character.isLetter || character.isNumber || "_.@-".contains(character))
        ? character : "-"
    }
    let text = String(mapped.prefix(64))
    return text.isEmpty || text.hasPrefix("@") ? "x" + text.dropFirst(text.isEmpty ? 0 : 1) : text
  }

  /// Imports files and folders of units.
  func run(_ paths: [String]) throws(ImportFailure) -> (draft: ManifestDraft, report: Report) {
    try load(paths)
    addCompanions()
    for unit in units where unit.kind == "service" { plan(unit) }
    noteOrphans()
    for service in services { service.known = known }
    for service in services { service.run() }
    return finish()
  }

  // MARK: Units

  private static let kinds = ["service", "socket", "timer", "path"]

  private func load(_ paths: [String]) throws(ImportFailure) {
    var files: [String] = []
    for path in paths {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        throw ImportFailure("cannot read \(path): no such file")
      }
      if isFolder.boolValue {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        files += entries.sorted().filter { Self.kinds.contains(Unit(name: $0).kind) }
          .map { path + "/" + $0 }
        folder.add(path)
      } else {
        files.append(path)
        let parent = (path as NSString).deletingLastPathComponent
        folder.add(parent)
      }
    }
    for file in files {
      let name = (file as NSString).lastPathComponent
      guard Self.kinds.contains(Unit(name: name).kind) else {
        report.notes.append(
          "\(file): not read: apus has nothing for a \(Unit(name: name).kind) unit")
        continue
      }
      if let unit = folder.load(file) {
        add(unit)
      } else {
        report.notes.append("\(file): not read: no regular file of at most 1 MiB")
      }
    }
  }

  private func add(_ unit: Unit) {
    if !units.contains(where: { $0.name == unit.name }) { units.append(unit) }
  }

  private func unit(_ name: String) -> Unit? { units.first { $0.name == name } }

  /// The service that a socket, timer or path starts.
  private func target(of unit: Unit) -> String {
    switch unit.kind {
    case "socket":
      unit.peek("Socket", "Service")
        ?? (unit.says("Socket", "Accept") ? "\(unit.stem)@.service" : "\(unit.stem).service")
    case "timer": unit.peek("Timer", "Unit") ?? "\(unit.stem).service"
    default: unit.peek("Path", "Unit") ?? "\(unit.stem).service"
    }
  }

  /// Adds what the units name that belongs to them.
  private func addCompanions() {
    var index = 0
    while index < units.count, index < 1024 {
      let unit = units[index]
      index += 1
      var names = unit.peekWords("Install", "Also") + unit.peekWords("Service", "Sockets")
      if unit.kind == "service" {
        names += unit.peekWords("Unit", "Requires").filter { $0 == "\(unit.stem).socket" }
      } else {
        names.append(target(of: unit))
      }
      for name in names where self.unit(name) == nil && Self.kinds.contains(Unit(name: name).kind) {
        let template = Unit(name: name)
        let isInstance = template.instance.map { !$0.isEmpty } ?? false
        let found =
          folder.find(name)
          ?? (isInstance ? folder.find("\(template.prefix)@.\(template.kind)") : nil)
        if let found { add(found) }
      }
    }
  }

  // MARK: Services

  private func plan(_ unit: Unit) {
    let sockets = units.filter { other in
      other.kind == "socket"
        && (target(of: other) == unit.name
          || unit.peekWords("Service", "Sockets").contains(other.name))
    }
    let accepting = sockets.filter { $0.says("Socket", "Accept") }
    if let socket = accepting.first {
      let service = make(unit, Self.name(socket.stem), .connection)
      service.sockets = accepting
      return
    }
    guard unit.isTemplate else {
      let instance = unit.instance.map { Specifiers.Instance.literal($0) } ?? .none
      companions(make(unit, Self.name(unit.stem), instance), sockets)
      return
    }
    let instances = instances(of: unit)
    // What is unescaped differs from what a manifest puts for %i.
    let isPlain = instances.allSatisfy { instance in
      Self.name(instance) == instance && (!instance.contains("-") || !usesUnescaped(unit))
    }
    if isPlain {
      let service = make(unit, Self.name(unit.prefix) + "@", .template)
      companions(service, sockets)
      if !instances.isEmpty { service.keys["instances"] = .texts(instances) }
      for instance in instances {
        known["\(unit.prefix)@\(instance).service"] = "\(Self.name(unit.prefix))@\(instance)"
      }
      if instances.isEmpty {
        report.notes.append("\(unit.name) starts nothing: say --instance NAME")
      }
      return
    }
    for instance in instances {
      let one = Unit(name: "\(unit.prefix)@\(instance).service")
      one.directives = unit.directives
      companions(make(one, Self.name("\(unit.prefix)@\(instance)"), .literal(instance)), sockets)
    }
  }

  private func make(
    _ unit: Unit, _ name: String, _ instance: Specifiers.Instance
  ) -> ServiceImport {
    var free = name
    // ssh.service and ssh.socket with ssh@.service are two ways to the same.
    var number = 2
    while !names.insert(free).inserted {
      free = String(name.prefix(56)) + (number == 2 ? "-accept" : "-\(number)")
      number += 1
    }
    let service = ServiceImport(name: free, unit: unit, options: options, instance: instance)
    service.isWanted =
      folder.isWanted(unit.name) || unit.isTemplate && !folder.instances(of: unit).isEmpty
    services.append(service)
    known[unit.name] = free
    for alias in unit.peekWords("Install", "Alias") where !unit.isTemplate { known[alias] = free }
    return service
  }

  private func companions(_ service: ServiceImport, _ sockets: [Unit]) {
    service.sockets = sockets
    service.timers = units.filter { $0.kind == "timer" && target(of: $0) == service.unit.name }
    service.paths = units.filter { $0.kind == "path" && target(of: $0) == service.unit.name }
  }

  private func instances(of unit: Unit) -> [String] {
    var found = options.instances + folder.instances(of: unit)
    for other in units {
      for name in ["Wants", "Requires", "BindsTo"].flatMap({ other.peekWords("Unit", $0) }) {
        let reference = Unit(name: name)
        guard reference.prefix == unit.prefix, reference.kind == "service",
          let instance = reference.instance, !instance.isEmpty, !instance.contains("%")
        else { continue }
        found.append(instance)
      }
    }
    if found.isEmpty, let instance = unit.peek("Install", "DefaultInstance") { found = [instance] }
    var unique: [String] = []
    for instance in found where !unique.contains(instance) { unique.append(instance) }
    return unique
  }

  private func usesUnescaped(_ unit: Unit) -> Bool {
    unit.directives.contains { directive in
      ["%I", "%f", "%j", "%J"].contains { directive.value.contains($0) }
    }
  }

  /// Sockets, timers and paths whose service is not there.
  private func noteOrphans() {
    for unit in units where unit.kind != "service" {
      let isUsed = services.contains { service in
        (service.sockets + service.timers + service.paths).contains { $0 === unit }
      }
      if isUsed { continue }
      report.notes.append("\(unit.name): left out: there is no \(target(of: unit))")
      for directive in unit.directives {
        report.findings.append(
          Finding(
            place: directive.place, section: directive.section, name: directive.name,
            value: directive.value, outcome: .dropped, effect: .breaks,
            note: "there is no \(target(of: unit))", isKnown: true, service: "", keys: []))
      }
    }
  }

  // MARK: Together

  private func finish() -> (draft: ManifestDraft, report: Report) {
    link()
    var draft = ManifestDraft()
    for service in services {
      service.dropRepeats()
      draft[service.name] = service.keys
      report.findings += service.findings
    }
    let hasty = services.filter { service in
      !service.isAccept && service.type != "oneshot" && service.keys[["stop", "timeout"]] == nil
    }
    if !hasty.isEmpty {
      let names = hasty.map(\.name).joined(separator: ", ")
      report.notes.append(
        "without TimeoutStopSec= SIGKILL comes 5 s after the stop signal, with systemd 90 s: \(names)"
      )
    }
    var files: [String: Int] = [:]
    for directive in units.flatMap({ $0.directives + $0.nonsense })
    where files[directive.place.file] == nil {
      files[directive.place.file] = files.count
    }
    for finding in report.findings where files[finding.place.file] == nil {
      files[finding.place.file] = files.count
    }
    report.findings = report.findings.enumerated().sorted { left, right in
      let keys = [left, right].map { entry in
        (files[entry.element.place.file] ?? 0, entry.element.place.line, entry.offset)
      }
      return keys[0] < keys[1]
    }.map(\.element)
    return (draft, report)
  }

  /// Gives the others what a service says of them: Before= and WantedBy=.
  private func link() {
    for service in services {
      for (target, finding) in service.before {
        add(service, to: target, key: "after", finding)
      }
      for (target, key, finding) in service.wantedBy {
        add(service, to: target, key: key, finding)
      }
    }
  }

  private func add(_ service: ServiceImport, to target: String, key: String, _ finding: Int) {
    let stem = target.firstIndex(of: "@").map { String(target[...$0]) }
    guard let other = services.first(where: { $0.name == target || $0.name == stem }),
      other !== service, !service.name.hasSuffix("@")
    else { return }
    let own = ["needs", "wants", "after"].flatMap { service.keys[$0]?.strings ?? [] }
    if own.contains(target) {
      service.findings[finding].outcome = .dropped
      service.findings[finding].effect = .breaks
      service.findings[finding].note = "\(target) comes first, as this service says itself"
      return
    }
    other.append([.text(service.name)], to: key)
  }
}

/// Why nothing could be imported.
public struct ImportFailure: Error, CustomStringConvertible {
  /// The reason, one line.
  public let description: String

  /// A reason.
  public init(_ description: String) { self.description = description }
}
