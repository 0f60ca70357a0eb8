internal import ApusBase
internal import ApusManifest
internal import CApus

/// `apus check --security`: what each service could do to the board, and who can reach it. A service
/// that is invalid can do nothing, and is left out; the mistakes that make it so stand above.
struct SecurityReport {
  let manifest: Manifest
  /// The image the services will run in, or this machine.
  let image: ImageFiles
  private let users: UserDatabase

  /// A report of a manifest's services.
  init(_ manifest: Manifest, _ image: ImageFiles) {
    self.manifest = manifest
    self.image = image
    users = UserDatabase(passwd: image.text(Bytes("/etc/passwd")), group: Rows())
  }

  /// Writes a table, and below it what else makes each service weak.
  func table(context: inout Context) {
    var table = Table()
    table.column("SERVICE")
    table.column("USER")
    table.column("CAPABILITIES")
    table.column("SETUID")
    table.column("EXPOSURE", isNumber: true)
    table.column("IMPROVE")
    table.column("NETWORK")
    table.column("LOCAL")
    for rank in worstFirst(manifest) { row(Int(rank & 0xffff), manifest, &table) }
    table.render(into: &context.output, colour: context.colour, width: context.width)
    for rank in worstFirst(manifest) {
      let index = Int(rank & 0xffff)
      for finding in findings(of: index) {
        context.output.writer.text(manifest.services[index].name, of: manifest)
        context.output.writer.text(": ")
        context.output.writer.printable(finding)
        context.output.endLine()
      }
    }
  }

  /// The services that can do anything, by index, those with the highest exposure first.
  @inline(never) private func worstFirst(_ manifest: Manifest) -> Rows<UInt32> {
    var ranks: Rows<UInt32> = Rows()
    for index in manifest.services.indices {
      let service = manifest.services[index]
      if !service.flags.isDisjoint(with: [.template, .invalid]) { continue }
      let sum = UInt32(truncatingIfNeeded: exposure(service, manifest).sum)
      let rank = (100 &- sum) << 16 | UInt32(truncatingIfNeeded: index)
      var place = ranks.count
      while place > 0, ranks[place - 1] > rank { place -= 1 }
      ranks.insert(rank, at: place)
    }
    return ranks
  }

  @inline(never) private func exposure(_ service: Service, _ manifest: Manifest) -> Exposure {
    Exposure(
      of: service, in: manifest, isRoot: isRoot(manifest.credentials(of: service).user, manifest),
      gainsPrivileges: gainsPrivileges(service, manifest))
  }

  private func row(_ index: Int, _ manifest: Manifest, _ table: inout Table) {
    let service = manifest.services[index]
    let exposure = exposure(service, manifest)
    let rights = manifest.credentials(of: service)
    table.row(tint: isRoot(rights.user, manifest) ? .warning : .plain, column: 1)
    table.cell.text(service.name, of: manifest)
    table.next()
    user(rights.user, manifest, &table.cell)
    table.next()
    capabilities(rights, manifest, &table.cell)
    table.next()
    table.word(gainsPrivileges(service, manifest) ? "yes" : "no")
    table.number(exposure.sum)
    exposure.improvement(into: &table.cell)
    table.next()
    for fromNetwork in [true, false] {
      var isFirst = true
      for index in service.listeners.indices where isReached(index, fromNetwork, manifest) {
        if !isFirst { table.cell.byte(UInt8(ascii: " ")) }
        isFirst = false
        table.cell.text(manifest.listeners[index].spelling, of: manifest)
        Self.shared(index, manifest, &table.cell)
      }
      table.next()
    }
  }

  /// Writes the same as the member `security` of an object.
  func json(_ json: inout JSONStream, context: inout Context) {
    json.beginArray("security")
    for rank in worstFirst(manifest) {
      object(Int(rank & 0xffff), manifest, &json)
      json.drain(into: &context.output)
    }
    json.endArray()
  }

  private func object(_ index: Int, _ manifest: Manifest, _ json: inout JSONStream) {
    let service = manifest.services[index]
    let exposure = exposure(service, manifest)
    let rights = manifest.credentials(of: service)
    var text = ByteWriter.room(8192)
    json.beginObject()
    text.text(service.name, of: manifest)
    json.member("service", &text)
    user(rights.user, manifest, &text)
    json.member("user", &text)
    capabilities(rights, manifest, &text)
    json.member("capabilities", &text)
    json.member("newPrivileges", gainsPrivileges(service, manifest))
    let sandbox = manifest.sandbox(of: service)
    json.beginArray("sandbox")
    for member in 0..<SandboxKeys.count
    where sandbox.contains(SandboxKeys(rawValue: 1 << UInt32(member))) {
      json.element(SandboxKeys.name(member))
    }
    json.endArray()
    json.member("exposure", unsigned: exposure.sum)
    exposure.improvement(into: &text)
    json.member("improve", &text)
    json.beginArray("findings")
    for finding in findings(of: index) { json.element(finding) }
    json.endArray()
    for fromNetwork in [true, false] {
      json.beginArray(fromNetwork ? "network" : "local")
      for index in service.listeners.indices where isReached(index, fromNetwork, manifest) {
        text.text(manifest.listeners[index].spelling, of: manifest)
        json.element(text.bytes)
        text.empty()
      }
      json.endArray()
    }
    json.beginArray("sharedPaths")
    for index in service.listeners.indices {
      Self.shared(index, manifest, &text)
      guard !text.bytes.isEmpty else { continue }
      text.empty()
      text.text(manifest.listeners[index].spelling, of: manifest)
      json.element(text.bytes)
      text.empty()
    }
    json.endArray()
    json.endObject()
  }

  /// Says who else may decide what a listener's path leads to on this machine; nothing when nobody.
  @inline(never) private static func shared(
    _ index: Int, _ manifest: Manifest, _ out: inout ByteWriter
  ) {
    guard manifest.listeners.indices.contains(index),
      case .path(let path) = manifest.listeners[index].address
    else { return }
    let start = Int(path.offset)
    var name = Bytes()
    for at in start..<start + Int(path.count) { name.append(manifest.pool[at]) }
    name.append(0)
    var culprit: UInt32 = 0
    let isShared = unsafe name.withUnsafeBufferPointer { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { text in
        unsafe text.baseAddress.map { unsafe capus_is_shared($0, &culprit) } ?? 0
      }
    }
    guard isShared != 0 else { return }
    out.text(culprit > 0 ? " (others may replace " : " (others may write to its directory")
    for at in 0..<Int(min(culprit, path.count)) { out.byte(name[at]) }
    out.text(")")
  }

  /// True for a listener of the manifest that other machines can reach, or cannot.
  @inline(never)
  func isReached(_ index: Int, _ fromNetwork: Bool, _ manifest: Manifest) -> Bool {
    manifest.listeners.indices.contains(index)
      && isNetwork(manifest.listeners[index].address) == fromNetwork
  }

  @inline(never) func isRoot(_ user: Principal, _ manifest: Manifest) -> Bool {
    switch user {
    case .none: true
    case .id(let id): id == 0
    case .name(let name): manifest.equals(name, Bytes("root").span) || isRootToo(name, manifest)
    }
  }

  /// True for a name that /etc/passwd gives the id 0.
  @inline(never) func isRootToo(_ name: Text, _ manifest: Manifest) -> Bool {
    let start = Int(name.offset)
    return users.user(named: manifest.pool.part(start, start + Int(name.count)))?.uid == 0
  }

  @inline(never) private func user(
    _ user: Principal, _ manifest: Manifest, _ out: inout ByteWriter
  ) {
    switch user {
    case .none: out.text("root")
    case .id(let id): out.decimal(UInt64(id))
    case .name(let name):
      out.text(name, of: manifest)
      if !manifest.equals(name, Bytes("root").span), isRootToo(name, manifest) {
        out.text(" (uid 0)")
      }
    }
  }

  @inline(never) private func capabilities(
    _ rights: Credentials, _ manifest: Manifest, _ out: inout ByteWriter
  ) {
    if rights.capabilityForm == .standard {
      out.text(isRoot(rights.user, manifest) ? "all" : "none")
    } else if rights.capabilities.count == 0 {
      out.text("none")
    }
    for index in rights.capabilities.indices {
      if index > Int(rights.capabilities.start) { out.byte(UInt8(ascii: ",")) }
      if let name = manifest.texts.at(index) { out.text(name, of: manifest) }
    }
  }

  /// True when set-user-ID programs can give the service more than it has.
  @inline(never) private func gainsPrivileges(_ service: Service, _ manifest: Manifest)
    -> Bool
  {
    let rights = manifest.credentials(of: service)
    if let declared = rights.noNewPrivileges { return !declared }
    return isRoot(rights.user, manifest) && !manifest.sandbox(of: service).endsPrivileges
  }

  /// True when other machines can reach the address; loopback addresses are local.
  func isNetwork(_ address: ListenerAddress) -> Bool {
    switch address {
    case .path, .abstract, .netlink: false
    case .port, .vsock: true
    case .ipv4(let address, _): address >> 24 != 127
    case .ipv6(let high, let low, _, _): high != 0 || low != 1
    }
  }
}
