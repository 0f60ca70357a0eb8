internal import ApusBase
internal import ApusManifest

/// What makes a service weak besides its rights, each as a line with what would mend it.
extension SecurityReport {
  func findings(of index: ServiceIndex) -> Rows<Bytes> {
    guard let service = manifest.services.at(index) else { return Rows() }
    var findings: Rows<Bytes> = Rows()
    rootByAnotherName(service, &findings)
    sandboxOfRoot(service, &findings)
    connections(service, &findings)
    secrets(service, &findings)
    sockets(service, &findings)
    let extras = manifest.extras(of: service)
    if let file = manifest.text(extras.log, 1) { parents(of: text(file), "log.file ", &findings) }
    let streams = manifest.streams(of: service)
    for stream in [streams.output, streams.error] {
      if case .file(let path) = stream { parents(of: text(path), "output file ", &findings) }
      if case .append(let path) = stream { parents(of: text(path), "output file ", &findings) }
    }
    return findings
  }

  private func text(_ text: Text) -> Bytes {
    manifest.pool.part(Int(text.offset), Int(text.offset) + Int(text.count))
  }

  private func rootByAnotherName(_ service: Service, _ findings: inout Rows<Bytes>) {
    guard case .name(let name) = manifest.credentials(of: service).user, isRootToo(name, manifest),
      !manifest.equals(name, Bytes("root").span)
    else { return }
    var finding = Bytes("user ")
    finding.add(text(name))
    finding.add(Bytes(" is root: its id is 0"))
    findings.push(finding)
  }

  // MARK: Sandboxes

  /// Root undoes its own sandbox with any of some capabilities.
  private func sandboxOfRoot(_ service: Service, _ findings: inout Rows<Bytes>) {
    let rights = manifest.credentials(of: service)
    let sandbox = manifest.sandbox(of: service)
    guard isRoot(rights.user, manifest), !sandbox.isEmpty else { return }
    let dangerous: [Literal] = [
      "sys_admin", "sys_ptrace", "sys_module", "dac_read_search", "sys_rawio",
    ]
    var held: Bytes = Rows()
    for name in dangerous where holds(Bytes(name), rights) {
      if !held.isEmpty { held.add(Bytes(", ")) }
      held.add(Bytes(name))
    }
    if held.isEmpty { return }
    var finding = Bytes("root can undo this sandbox with ")
    finding.add(held)
    finding.add(Bytes(": give it a user, or capabilities without"))
    findings.push(finding)
  }

  /// True when a service of root keeps a capability.
  private func holds(_ name: Bytes, _ rights: Credentials) -> Bool {
    switch rights.capabilityForm {
    case .standard: return true
    case .list:
      for index in rights.capabilities.indices {
        guard let other = manifest.texts.at(index) else { continue }
        if manifest.equals(other, name.span) { return true }
      }
      return false
    case .text:
      // execve(2) gives root everything that is not dropped.
      guard let text = manifest.texts.at(Int(rights.capabilities.start)),
        let sets = CapabilityText(self.text(text)), let number = Manifest.capability(named: name)
      else { return true }
      return sets.dropped >> UInt64(number) & 1 == 0
    }
  }

  // MARK: Sockets

  private func connections(_ service: Service, _ findings: inout Rows<Bytes>) {
    guard service.accepts, service.maxConnectionsPerSource == 0 else { return }
    for index in service.listeners.indices where isReached(index, true, manifest) {
      return findings.push(
        Bytes("one peer can take all connections: maxConnectionsPerSource limits that"))
    }
  }

  private func sockets(_ service: Service, _ findings: inout Rows<Bytes>) {
    for index in service.listeners.indices {
      guard let listener = manifest.listeners.at(index), listener.kind != .special,
        case .path(let path) = listener.address
      else { continue }
      parents(of: text(path), "socket ", &findings)
      if listener.mode & 0o002 != 0 {
        var finding = Bytes("socket ")
        finding.add(text(path))
        finding.add(Bytes(": everybody may connect (mode)"))
        findings.push(finding)
      }
    }
  }

  /// Who can change a folder on the way decides what is there.
  private func parents(of path: Bytes, _ what: Literal, _ findings: inout Rows<Bytes>) {
    for end in path.indices where path[end] == UInt8(ascii: "/") {
      let folder = path.part(0, max(end, 1))
      guard let place = try? image.find(folder) else { return }
      // In a folder like /tmp nobody removes what is another one's, but anybody makes what is not
      // there yet.
      if place.ownership.isFolder, place.ownership.isOnly(for: 0, group: 0) { continue }
      var finding = Bytes(what)
      finding.add(path)
      finding.add(Bytes(": others can change "))
      finding.add(folder)
      return findings.push(finding)
    }
  }

  // MARK: Secrets

  /// A manifest, its environment and a command line are for everybody to read.
  private func secrets(_ service: Service, _ findings: inout Rows<Bytes>) {
    for index in service.environment.indices {
      guard let setting = manifest.texts.at(index) else { continue }
      var name: Bytes = Rows()
      for byte in text(setting) {
        if byte == UInt8(ascii: "=") { break }
        name.push(byte)
      }
      if name.count + 1 < Int(setting.count), SecurityReport.isSecret(name) {
        var finding = Bytes("environment ")
        finding.add(name)
        finding.add(Bytes(" looks like a secret: an environmentFile of mode 0600 keeps one"))
        findings.push(finding)
      }
    }
    for index in service.exec.indices.dropFirst() {
      guard let argument = manifest.texts.at(index) else { continue }
      let word = text(argument)
      if word.has(UInt8(ascii: "=")), word.first == UInt8(ascii: "-"), SecurityReport.isSecret(word)
      {
        findings.push(
          Bytes("an argument looks like a secret: every process sees the arguments of all"))
      }
    }
    for index in manifest.extras(of: service).environmentFiles.indices {
      guard let file = manifest.texts.at(index) else { continue }
      var path = text(file)
      if path.first == UInt8(ascii: "-") { path = path.dropping(1) }
      guard let place = try? image.find(path) else { continue }
      if place.ownership.mode & 0o004 != 0, place.ownership.isRegular {
        var finding = Bytes("environmentFile ")
        finding.add(path)
        finding.add(Bytes(": everybody can read it"))
        findings.push(finding)
      }
      parents(of: path, "environmentFile ", &findings)
    }
  }

  /// True for a name with one of the words that secrets have.
  private static func isSecret(_ name: Bytes) -> Bool {
    let words: [Literal] = [
      "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "API_KEY", "API-KEY",
      "PRIVATE_KEY", "CREDENTIAL",
    ]
    for word in words where contains(name, Bytes(word)) { return true }
    return false
  }

  private static func contains(_ text: Bytes, _ word: Bytes) -> Bool {
    guard text.count >= word.count else { return false }
    for start in 0...text.count - word.count {
      var matched = 0
      while matched < word.count {
        let byte = text[start + matched]
        let upper = byte >= 0x61 && byte <= 0x7a ? byte & 0xdf : byte
        if upper != word[matched] { break }
        matched += 1
      }
      if matched == word.count { return true }
    }
    return false
  }
}
