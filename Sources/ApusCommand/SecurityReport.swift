internal import ApusBase
internal import ApusJSON
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
      table.cell { $0.text(service.name, of: manifest) }
      table.cell { user(rights.user, manifest, &$0) }
      table.cell { capabilities(rights, manifest, &$0) }
      table.cell { $0.text(gainsPrivileges(rights, manifest) ? "yes" : "no") }
      table.cell { addresses(service, manifest, fromNetwork: true, &$0) }
      table.cell { addresses(service, manifest, fromNetwork: false, &$0) }
    }
    table.render(into: &context.output, colour: context.colour)
  }

  static func json(_ manifest: Manifest, _ writer: inout JSONStream, context: inout Context) {
    var text = ByteWriter(capacity: 8192)
    writer.json.key("security")
    writer.json.beginArray()
    for service in manifest.services where !service.flags.contains(.template) {
      let rights = manifest.credentials(of: service)
      writer.json.beginObject()
      writer.json.key("service")
      text.reset()
      text.text(service.name, of: manifest)
      writer.json.string(text.bytes)
      writer.json.key("user")
      text.reset()
      user(rights.user, manifest, &text)
      writer.json.string(text.bytes)
      writer.json.key("capabilities")
      text.reset()
      capabilities(rights, manifest, &text)
      writer.json.string(text.bytes)
      writer.json.key("newPrivileges")
      writer.json.bool(gainsPrivileges(rights, manifest))
      for fromNetwork in [true, false] {
        writer.json.key(fromNetwork ? "network" : "local")
        writer.json.beginArray()
        for index in service.listeners.indices {
          guard let listener = manifest.listeners.at(index),
            isNetwork(listener.address) == fromNetwork
          else { continue }
          text.reset()
          text.text(listener.spelling, of: manifest)
          writer.json.string(text.bytes)
        }
        writer.json.endArray()
      }
      writer.json.endObject()
      writer.drain(into: &context.output)
    }
    writer.json.endArray()
  }

  private static func isRoot(_ user: Principal, _ manifest: Manifest) -> Bool {
    switch user {
    case .none: true
    case .id(let id): id == 0
    case .name(let name): manifest.equals(name, [UInt8]("root").span)
    }
  }

  private static func user(_ user: Principal, _ manifest: Manifest, _ out: inout ByteWriter) {
    switch user {
    case .none: out.text("root")
    case .id(let id): out.decimal(UInt64(id))
    case .name(let name): out.text(name, of: manifest)
    }
  }

  private static func capabilities(
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

  private static func addresses(
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
