internal import ApusBase
internal import ApusManifest

/// `apus check --security`: what each service could do to the board, and who can reach it.
enum SecurityReport {
  static func table(_ manifest: Manifest, context: inout Context) {
    var table = Table()
    table.column("SERVICE", least: 12)
    table.column("USER", least: 8)
    table.column("CAPABILITIES", least: 12)
    table.column("NEW PRIVILEGES", least: 14)
    table.column("NETWORK", least: 12)
    table.column("LOCAL", least: 8)
    for service in manifest.services where !service.flags.contains(.template) {
      let rights = manifest.credentials(of: service)
      table.row(tint: isRoot(rights.user, manifest) ? .warning : .plain, column: 1)
      table.cell.text(service.name, of: manifest)
      table.next()
      user(rights.user, manifest, &table.cell)
      table.next()
      capabilities(rights, manifest, &table.cell)
      table.next()
      table.word(gainsPrivileges(rights, manifest) ? "yes" : "no")
      addresses(service, manifest, fromNetwork: true, &table.cell)
      table.next()
      addresses(service, manifest, fromNetwork: false, &table.cell)
      table.next()
    }
    table.render(into: &context.output, colour: context.colour)
  }

  static func json(_ manifest: Manifest, _ json: inout JSONStream, context: inout Context) {
    var text = ByteWriter(capacity: 8192)
    json.beginArray("security")
    for service in manifest.services where !service.flags.contains(.template) {
      let rights = manifest.credentials(of: service)
      json.beginObject()
      text.reset()
      text.text(service.name, of: manifest)
      json.member("service", text.bytes)
      text.reset()
      user(rights.user, manifest, &text)
      json.member("user", text.bytes)
      text.reset()
      capabilities(rights, manifest, &text)
      json.member("capabilities", text.bytes)
      json.member("newPrivileges", gainsPrivileges(rights, manifest))
      list(service, manifest, fromNetwork: true, &json)
      list(service, manifest, fromNetwork: false, &json)
      json.endObject()
      json.drain(into: &context.output)
    }
    json.endArray()
  }

  private static func list(
    _ service: Service, _ manifest: Manifest, fromNetwork: Bool, _ json: inout JSONStream
  ) {
    json.beginArray(fromNetwork ? "network" : "local")
    for index in service.listeners.indices {
      guard let listener = manifest.listeners.at(index), isNetwork(listener.address) == fromNetwork
      else { continue }
      var text = ByteWriter(capacity: 256)
      text.text(listener.spelling, of: manifest)
      json.element(text.bytes)
    }
    json.endArray()
  }

  private static func isRoot(_ user: Principal, _ manifest: Manifest) -> Bool {
    switch user {
    case .none: true
    case .id(let id): id == 0
    case .name(let name): manifest.equals(name, [UInt8]("root").span)
    }
  }

  @inline(never) private static func user(
    _ user: Principal, _ manifest: Manifest, _ out: inout ByteWriter
  ) {
    switch user {
    case .none: out.text("root")
    case .id(let id): out.decimal(UInt64(id))
    case .name(let name): out.text(name, of: manifest)
    }
  }

  @inline(never) private static func capabilities(
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
  private static func gainsPrivileges(_ rights: Credentials, _ manifest: Manifest) -> Bool {
    !(rights.noNewPrivileges ?? !isRoot(rights.user, manifest))
  }

  @inline(never) private static func addresses(
    _ service: Service, _ manifest: Manifest, fromNetwork: Bool, _ out: inout ByteWriter
  ) {
    var isFirst = true
    for index in service.listeners.indices {
      guard let listener = manifest.listeners.at(index), isNetwork(listener.address) == fromNetwork
      else { continue }
      if !isFirst { out.byte(UInt8(ascii: " ")) }
      isFirst = false
      out.text(listener.spelling, of: manifest)
    }
  }

  /// True when other machines can reach the address; loopback addresses are local.
  private static func isNetwork(_ address: ListenerAddress) -> Bool {
    switch address {
    case .path, .abstract, .netlink: false
    case .port, .vsock: true
    case .ipv4(let address, _): address >> 24 != 127
    case .ipv6(let high, let low, _, _): high != 0 || low != 1
    }
  }
}
