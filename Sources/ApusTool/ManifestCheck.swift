internal import ApusBase
internal import ApusManifest
internal import CApus

/// What `apus check` says of a manifest, and the way to one that it accepts.
enum ManifestCheck {
  /// One thing that the check says.
  struct Complaint {
    var path: String
    var message: String
    var isError: Bool
  }

  /// Loads a text as `apus check` does.
  static func complaints(about text: String) -> [Complaint] {
    var loader = ManifestLoader(knowsCall: capus_filter_knows)
    loader.add(file: Array("manifest".utf8), bytes: Array(text.utf8))
    return loader.finish().diagnostics.map { diagnostic in
      Complaint(
        path: String(decoding: diagnostic.path, as: UTF8.self),
        message: String(decoding: diagnostic.message, as: UTF8.self),
        isError: diagnostic.severity == .error)
    }
  }

  /// Takes out whatever is refused until nothing is, and says so in the report; gives the warnings
  /// of what is left.
  ///
  /// Each turn takes out something, so it ends.
  static func settle(_ draft: inout ManifestDraft, _ report: inout Report) -> [String] {
    while true {
      let complaints = complaints(about: draft.value.rendered)
      let errors = complaints.filter(\.isError)
      guard !errors.isEmpty else {
        return complaints.map { "\($0.path): \($0.message)" }
      }
      let before = draft.value
      for error in errors.prefix(1) { remove(error, from: &draft, &report) }
      if draft.value == before {
        report.notes.append("nothing is left of it: \(errors[0].path): \(errors[0].message)")
        draft = ManifestDraft()
        return []
      }
    }
  }

  private static func remove(
    _ error: Complaint, from draft: inout ManifestDraft, _ report: inout Report
  ) {
    if let rest = error.path.dropping("system.") {
      var system = ManifestValue.map(draft.system)
      _ = system.remove(steps(of: rest)[...])
      draft.system = system.asMap ?? ManifestObject()
      report.withdraw(service: "system", key: rest, because: error.message)
      return
    }
    guard let rest = error.path.dropping("services."), let (name, said) = service(rest, draft),
      let keys = draft[name]
    else { return }
    var key = String(rest.dropFirst(said.count).drop { $0 == "." })
    // Without its address a listener is none.
    if key.hasPrefix("listen["), let end = key.firstIndex(of: "]"),
      ["stream", "datagram", "seqpacket", "fifo", "netlink", "special"]
        .contains(String(key[key.index(after: end)...].dropFirst()))
    {
      key = String(key[...end])
    }
    let reason = error.message.replacing(/\ at manifest:\d+:\d+/, with: "")
    var value = ManifestValue.map(keys)
    let removed = value.at(steps(of: key)[...])
    _ = value.remove(steps(of: key)[...])
    // Without its program or its sockets a service is another one.
    let isWhole =
      key.isEmpty || key.hasPrefix("exec") || value.asMap?["listen"] == nil && keys["listen"] != nil
    if isWhole {
      draft[name] = nil
      let why = key.isEmpty ? reason : "\(key): \(reason)"
      report.withdraw(service: name, key: "", because: why)
      report.notes.append("the service \(name) is left out: \(why)")
      return
    }
    draft[name] = value.asMap
    report.withdraw(service: name, key: key, entry: removed?.asText, because: reason)
  }

  /// The service a path is about, and how the path says it: the longest name that it begins with, of
  /// a service or of an instance of a template.
  private static func service(
    _ path: String, _ draft: ManifestDraft
  ) -> (name: String, said: String)? {
    let known = draft.names.flatMap { name in
      [(name: name, said: name)]
        + (draft[name]?["instances"]?.strings ?? []).map { (name: name, said: name + $0) }
    }
    return known.filter { path == $0.said || path.hasPrefix($0.said + ".") }
      .max { $0.said.count < $1.said.count }
  }

  /// `sandbox.write[2]` as steps.
  static func steps(of path: String) -> [ManifestStep] {
    var steps: [ManifestStep] = []
    for part in path.split(separator: ".", omittingEmptySubsequences: true) {
      let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
      if let key = pieces.first, !key.isEmpty { steps.append(.key(String(key))) }
      for piece in pieces.dropFirst() {
        if let index = Int(piece.dropLast()) { steps.append(.index(index)) }
      }
    }
    return steps
  }
}

extension String {
  /// What follows a prefix; nil without it.
  func dropping(_ prefix: String) -> String? {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
  }
}
