import Foundation

/// The import of the plain parts of a compose file: programs of containers as services of a board.
///
/// An image is not read: without `command` or `entrypoint` a service is left out.
final class ComposeImport {
  private let base: TextImport
  private var names: [String: String] = [:]
  private var file = ""
  private var name = ""
  private var keys = ManifestObject()

  init(options: ImportOptions) { base = TextImport(options: options) }

  func run(_ paths: [String]) throws(ImportFailure) -> (draft: ManifestDraft, report: Report) {
    for path in paths {
      file = path
      let top: PlainYAML.Node
      let text = try base.read(path)
      do throws(PlainYAML.Refusal) {
        top = try PlainYAML.parse(text)
      } catch {
        throw ImportFailure("\(path):\(error.line): YAML: \(error.reason)")
      }
      for (key, _) in top.value["services"]?.value.members ?? [] {
        names[key] = UnitImport.name(key)
      }
      for (key, node) in top.value.members {
        switch key {
        case "services": for (key, node) in node.value.members { takeService(key, node) }
        case "version", "name": note(key, node, .dropped, "for compose")
        case _ where key.hasPrefix("x-"): note(key, node, .dropped, "for others")
        default: note(key, node, .dropped, "apus has no \(key)", .breaks)
        }
      }
    }
    return (base.draft, base.report)
  }

  private func note(
    _ key: String, _ node: PlainYAML.Node, _ outcome: Outcome, _ text: String = "",
    _ effect: Effect = .harmless, keys: [String] = [], isKnown: Bool = true
  ) {
    base.note(
      Directive(
        section: "compose", name: key, value: Self.short(node),
        place: Place(file: file, line: node.line)),
      outcome, text, effect, service: name, keys: keys, isKnown: isKnown)
  }

  private static func short(_ node: PlainYAML.Node) -> String {
    switch node.value {
    case .scalar(let text, _): text
    case .list(let list): list.map { short($0) }.joined(separator: ", ")
    case .map(let members): members.map { "\($0.key): \(short($0.node))" }.joined(separator: ", ")
    }
  }

  private func set(_ key: String, _ value: ManifestValue, _ said: String, _ node: PlainYAML.Node) {
    keys[key.components(separatedBy: ".")] = value
    note(said, node, .taken, keys: [key])
  }

  // MARK: Services

  private func takeService(_ key: String, _ node: PlainYAML.Node) {
    name = names[key] ?? UnitImport.name(key)
    keys = ManifestObject()
    exec(node.value)
    // `restart: no` is the default there.
    keys["restart"] = .text("no")
    for (key, node) in node.value.members { takeKey(key, node) }
    base.draft[name] = keys
    name = ""
  }

  /// The words of a command: a list, or a line as a shell reads it.
  private func words(_ node: PlainYAML.Node?) -> [String] {
    guard let node else { return [] }
    if case .list(let list) = node.value { return list.compactMap(\.value.text) }
    return UnitWords.plain(node.value.text ?? "").map {
      $0.replacingOccurrences(of: "$$", with: "$")
    }
  }

  private func exec(_ service: PlainYAML) {
    var argv = words(service["entrypoint"]) + words(service["command"])
    guard let first = argv.first else { return }
    argv[0] = base.program(first).path
    keys["exec"] = .texts(argv)
  }

  /// Whatever a look finds, compose only says it; apus ends what has failed.
  private func health(_ node: PlainYAML.Node) {
    var argv = words(node.value["test"])
    let form = argv.first ?? "NONE"
    if form == "NONE" || node.value["disable"]?.value.text == "true" {
      return note("healthcheck", node, .taken, "no look is asked for")
    }
    if case .list = node.value["test"]?.value {
      // As compose does: a line for a shell, or a program that is found in PATH.
      let shell = ["/bin/sh", "-c"]
      argv.removeFirst()
      argv = form == "CMD-SHELL" ? shell + argv : shell + ["exec \"$@\"", "sh"] + argv
    } else {
      argv = ["/bin/sh", "-c", node.value["test"]?.value.text ?? ""]
    }
    var health = ManifestObject()
    health["exec"] = .texts(argv)
    for (name, own) in [("interval", "interval"), ("timeout", "timeout")] {
      guard let text = node.value[name]?.value.text else { continue }
      health[own] = .text(UnitScalar.duration(text) ?? text)
    }
    if let count = node.value["retries"]?.value.text.flatMap({ Int($0) }) {
      health["failures"] = .number(count)
    }
    keys["health"] = .map(health)
    note(
      "healthcheck", node, .changed, "apus ends it when it is not healthy", keys: ["health"])
  }

  private func takeKey(_ key: String, _ node: PlainYAML.Node) {
    let text = node.value.text ?? ""
    switch key {
    case "command", "entrypoint":
      let first = words(node).first ?? ""
      let isFirst = keys["exec"]?.strings.first == base.program(first).path
      let problem = isFirst ? base.program(first).problem : nil
      note(
        key, node, problem == nil ? .taken : .changed, problem ?? "",
        problem == nil ? .harmless : .breaks, keys: ["exec"])
    case "image", "build":
      note(key, node, .dropped, "apus runs what is on the board: its files must be there", .breaks)
    case "container_name", "labels", "logging", "stdin_open", "init", "pull_policy", "platform":
      note(key, node, .dropped, "nothing of it concerns the program")
    case "restart": restart(text, node)
    case "environment": environment(node)
    case "env_file":
      let files = node.value.text.map { [$0] } ?? node.value.entries.compactMap(\.value.text)
      set("environmentFile", .texts(files), key, node)
    case "user": user(text, node)
    case "group_add":
      set(
        "groups", .list(node.value.entries.compactMap(\.value.text).map(UnitScalar.principal)), key,
        node)
    case "working_dir": set("workingDirectory", .text(text), key, node)
    case "depends_on": dependsOn(node)
    case "stop_signal":
      set("stop.signal", .text(UnitScalar.signal(text) ?? text), key, node)
    case "stop_grace_period":
      set("stop.timeout", .text(UnitScalar.duration(text) ?? text), key, node)
    case "read_only":
      if UnitScalar.bool(text) == true {
        set(
          "sandbox.readOnly", .flag(true), key, node)
      } else {
        note(key, node, .taken)
      }
    case "tmpfs":
      let isTmp = (node.value.text.map { [$0] } ?? node.value.entries.compactMap(\.value.text))
        .allSatisfy { $0.hasPrefix("/tmp") }
      if isTmp {
        set("sandbox.privateTmp", .flag(true), key, node)
      } else {
        note(key, node, .dropped, "only /tmp can be its own (privateTmp)", .breaks)
      }
    case "cap_drop", "cap_add": capabilities(key, node)
    case "privileged": note(key, node, .dropped, "a service of root has all rights of the board")
    case "mem_limit", "pids_limit", "cpus", "deploy", "ulimits", "oom_score_adj", "cpuset":
      limits(key, node)
    case "network_mode":
      if text == "none" {
        set("sandbox.privateNetwork", .flag(true), key, node)
      } else {
        note(
          key, node, .dropped, "it is in the board's network", text == "host" ? .harmless : .wider)
      }
    case "ports", "expose":
      note(
        key, node, .dropped, "it listens on its own ports of the board",
        key == "ports" ? .breaks : .harmless)
    case "networks", "links", "dns", "extra_hosts":
      note(key, node, .dropped, "it is in the board's network, names of others included", .breaks)
    case "volumes": note(key, node, .dropped, "it sees the board's files where they are", .breaks)
    case "devices": note(key, node, .dropped, "a service has the board's devices", .harmless)
    case "healthcheck": health(node)
    case "security_opt":
      let isPlain = node.value.entries.allSatisfy {
        $0.value.text?.hasPrefix("no-new-privileges") == true
      }
      if isPlain {
        set("noNewPrivileges", .flag(true), key, node)
      } else {
        note(key, node, .dropped, "apus has keys of its own for that", .wider)
      }
    case "sysctls", "secrets", "configs", "profiles", "extends", "tty", "hostname", "shm_size",
      "ipc", "pid":
      note(key, node, .dropped, "apus has nothing like it for a service", .breaks)
    case _ where key.hasPrefix("x-"): note(key, node, .dropped, "for others")
    default: note(key, node, .dropped, "not known to apus-tool", .breaks, isKnown: false)
    }
  }

  private func restart(_ text: String, _ node: PlainYAML.Node) {
    let policies = ["no": "no", "always": "always", "unless-stopped": "always", "false": "no"]
    let word = text.split(separator: ":").first.map(String.init) ?? text
    if let policy = word == "on-failure" ? word : policies[word] {
      set("restart", .text(policy), "restart", node)
    } else {
      note("restart", node, .dropped, "no such policy", .breaks)
    }
  }

  private func environment(_ node: PlainYAML.Node) {
    var variables = ManifestObject()
    var missing: [String] = []
    for (key, value) in node.value.members { variables[key] = .text(value.value.text ?? "") }
    for entry in node.value.entries.compactMap(\.value.text) {
      guard let equals = entry.firstIndex(of: "=") else {
        missing.append(entry)
        continue
      }
      variables[String(entry[..<equals])] = .text(String(entry[entry.index(after: equals)...]))
    }
    keys["environment"] = .map(variables)
    let hasReference = variables.members.contains { $0.value.asText?.contains("${") == true }
    let text =
      missing.isEmpty
      ? hasReference ? "${…} stays as it is" : ""
      : "of the caller: \(missing.joined(separator: " "))"
    note(
      "environment", node, text.isEmpty ? .taken : .changed, text,
      text.isEmpty ? .harmless : .breaks,
      keys: ["environment"])
  }

  private func user(_ text: String, _ node: PlainYAML.Node) {
    let parts = text.split(separator: ":").map(String.init)
    if let user = parts.first { keys["user"] = UnitScalar.principal(user) }
    if parts.count > 1 { keys["group"] = UnitScalar.principal(parts[1]) }
    note("user", node, .taken, keys: ["user"])
  }

  private func dependsOn(_ node: PlainYAML.Node) {
    var needs: [ManifestValue] = node.value.entries.compactMap(\.value.text)
      .map { .text(names[$0] ?? UnitImport.name($0)) }
    var isExact = true
    for (key, value) in node.value.members {
      needs.append(.text(names[key] ?? UnitImport.name(key)))
      if let condition = value.value["condition"]?.value.text, condition == "service_healthy" {
        isExact = false
      }
    }
    keys["needs"] = .list(needs)
    note(
      "depends_on", node, isExact ? .taken : .changed, isExact ? "" : "ready, not healthy",
      isExact ? .harmless : .breaks, keys: ["needs"])
  }

  private func capabilities(_ key: String, _ node: PlainYAML.Node) {
    let names = node.value.entries.compactMap(\.value.text).map {
      let name = $0.lowercased()
      return name.dropping("cap_") ?? name
    }
    if key == "cap_drop", names == ["all"] {
      if keys["capabilities"] == nil { keys["capabilities"] = .list([]) }
      return note(key, node, .taken, keys: ["capabilities"])
    }
    if key == "cap_add", !names.contains("all") {
      keys["capabilities"] = .texts((keys["capabilities"]?.strings ?? []) + names)
      return note(
        key, node, .changed, "these and no other", .harmless, keys: ["capabilities"])
    }
    note(key, node, .dropped, "capabilities lists what it may have", .wider)
  }

  private func limits(_ key: String, _ node: PlainYAML.Node) {
    let text = node.value.text ?? ""
    switch key {
    case "mem_limit": set("cgroup.memoryMax", Self.memory(text), key, node)
    case "pids_limit": set("cgroup.pidsMax", .number(Int(text) ?? 0), key, node)
    case "cpus": set("cgroup.cpuMax", Self.processors(text), key, node)
    case "cpuset": set("cpuAffinity", .text(text), key, node)
    case "oom_score_adj": set("oomScoreAdjust", .number(Int(text) ?? 0), key, node)
    case "ulimits":
      for (name, value) in node.value.members {
        let soft = value.value["soft"]?.value.text ?? value.value.text ?? ""
        let hard = value.value["hard"]?.value.text ?? soft
        keys[["rlimits", name]] = .text(
          "\(soft):\(hard)".replacingOccurrences(of: "-1", with: "infinity"))
      }
      note(key, node, .taken, keys: ["rlimits"])
    default:
      let limits = node.value["resources"]?.value["limits"]?.value
      let before = keys["cgroup"]
      if let text = limits?["memory"]?.value.text {
        keys[["cgroup", "memoryMax"]] = Self.memory(text)
      }
      if let text = limits?["cpus"]?.value.text {
        keys[["cgroup", "cpuMax"]] = Self.processors(text)
      }
      if keys["cgroup"] == before {
        note(key, node, .dropped, "there is one board")
      } else {
        note(key, node, .changed, "its limits", keys: ["cgroup"])
      }
    }
    if keys["cgroup"] != nil { keys[["cgroup", "x-optional"]] = .flag(true) }
  }

  private static func memory(_ text: String) -> ManifestValue {
    let size = text.uppercased().replacingOccurrences(of: "B", with: "")
    return UnitScalar.bytes(size).map(UnitScalar.size) ?? .text(text)
  }

  private static func processors(_ text: String) -> ManifestValue {
    guard let share = Double(text), share >= 0, share < 1000 else { return .text(text) }
    return .text("\(Int(share * 100))%")
  }
}
