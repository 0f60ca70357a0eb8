/// A manifest that is being made: its services in the order in which they came, and `system`.
struct ManifestDraft {
  private(set) var services: [String: ManifestObject] = [:]
  private(set) var names: [String] = []
  var system = ManifestObject()

  /// The keys of a service; nil where there is none, and to remove it.
  subscript(name: String) -> ManifestObject? {
    get { services[name] }
    set {
      if newValue == nil { names.removeAll { $0 == name } }
      if newValue != nil, services[name] == nil { names.append(name) }
      services[name] = newValue
    }
  }

  /// The order in which a reader expects the keys of a service; others follow.
  private static let order = [
    "description", "exec", "expand", "type", "remain", "pidFile", "start", "instances", "listen",
    "accept",
    "stdio", "maxConnections", "maxConnectionsPerSource", "trigger", "needs", "wants", "after",
    "partOf",
    "ready", "health", "restart", "successExit", "onFailure", "critical", "stop", "reload", "pre",
    "started",
    "post", "watchdog", "runtimeMax", "fdStore", "timer", "conditions", "user", "group", "groups",
    "capabilities", "noNewPrivileges",
  ]

  /// The whole manifest.
  var value: ManifestValue {
    var top = ManifestObject()
    top["apus"] = .number(1)
    if !system.members.isEmpty { top["system"] = .map(system) }
    var all = ManifestObject()
    for name in names {
      guard let keys = services[name] else { continue }
      all[name] = .map(Self.sorted(keys))
    }
    top["services"] = .map(all)
    return .map(top)
  }

  private static func sorted(_ keys: ManifestObject) -> ManifestObject {
    let ranked = keys.members.enumerated().sorted { left, right in
      let places = [left, right].map { entry in
        (order.firstIndex(of: entry.element.name) ?? order.count, entry.offset)
      }
      return places[0] < places[1]
    }
    return ManifestObject(ranked.map(\.element))
  }
}
