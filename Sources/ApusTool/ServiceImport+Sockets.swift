import Foundation

/// The sockets of a service.
extension ServiceImport {
  /// What a listener is, as far as options have an effect on it.
  private enum Kind { case path, fifo, internet, other }

  private static let addresses: [(name: String, key: String)] = [
    ("ListenStream", "stream"), ("ListenDatagram", "datagram"),
    ("ListenSequentialPacket", "seqpacket"), ("ListenFIFO", "fifo"), ("ListenSpecial", "special"),
    ("ListenNetlink", "netlink"), ("ListenUSBFunction", "special"),
  ]

  /// Takes all socket units.
  func takeSockets() {
    var list: [ManifestValue] = []
    for socket in sockets { list += listeners(of: socket, after: list.count) }
    guard !list.isEmpty else { return }
    keys["listen"] = .list(list)
    if isAccept { keys["accept"] = .flag(true) }
  }

  /// The listeners of one unit, all with its options.
  ///
  /// So many stand before them.
  private func listeners(of socket: Unit, after before: Int) -> [ManifestValue] {
    takeActivation(socket)
    var found: [(kind: Kind, object: ManifestObject)] = []
    // In the order of the file: that of the descriptors.
    for index in socket.directives.indices {
      let directive = socket.directives[index]
      guard directive.section == "Socket",
        let address = Self.addresses.first(where: { $0.name == directive.name }),
        socket.list("Socket", directive.name).counting.contains(index),
        socket.used.insert(index).inserted
      else { continue }
      var text = path(directive.value, directive)
      if directive.name == "ListenUSBFunction" {
        text += "/ep0"
        remark("its ep0", .harmless, directive)
      }
      if address.key == "netlink", !text.contains(" ") { text += " 0" }
      var object = ManifestObject()
      object[address.key] = .text(text)
      let kind: Kind =
        switch address.key {
        case "fifo": .fifo
        case "special", "netlink": .other
        default:
          text.hasPrefix("/")
            ? .path : text.hasPrefix("@") || text.hasPrefix("vsock") ? .other : .internet
        }
      found.append((kind, object))
      note(directive, .taken, keys: ["listen[\(before + found.count - 1)]"])
    }
    takeNames(socket, &found)
    takeNodes(socket, &found)
    takeOptions(socket, &found)
    return found.map { .map($0.object) }
  }

  /// What concerns the service as a whole.
  private func takeActivation(_ socket: Unit) {
    let section = "Socket"
    for name in ["Service", "Accept"] {
      if let directive = last(name, in: section, of: socket) {
        note(directive, .taken, keys: ["listen"])
      }
    }
    for (name, key) in [
      ("MaxConnections", "maxConnections"), ("MaxConnectionsPerSource", "maxConnectionsPerSource"),
    ] {
      guard let directive = last(name, in: section, of: socket) else { continue }
      if !isAccept {
        drop(directive, .harmless, "only with Accept=yes")
      } else if let count = Int(directive.value) {
        set(key, .number(count), directive)
      } else {
        drop(directive, .breaks, "no number")
      }
    }
    let interval = last("TriggerLimitIntervalSec", in: section, of: socket)
    let burst = last("TriggerLimitBurst", in: section, of: socket)
    for directive in [interval, burst].compactMap({ $0 }) {
      let window = UnitScalar.microseconds(interval?.value ?? "2s") ?? 0
      let count = burst.flatMap { Int($0.value) } ?? (isAccept ? 200 : 20)
      if window > 0, window < Int.max, count > 0 {
        keys["trigger"] = .text("\(count)/\(UnitScalar.duration(microseconds: window))")
        note(directive, .changed, "over it the socket is paused, not closed", keys: ["trigger"])
      } else {
        drop(directive, .harmless, "apus always has such a limit; it pauses, and closes nothing")
      }
    }
  }

  private func takeNames(_ socket: Unit, _ found: inout [(kind: Kind, object: ManifestObject)]) {
    let directive = last("FileDescriptorName", in: "Socket", of: socket)
    if let directive { note(directive, .taken, keys: ["listen"]) }
    if isAccept && directive == nil { return }
    // The name that systemd gives where the unit says none.
    let name = directive.map { resolve($0.value, $0) } ?? socket.name
    for index in found.indices { found[index].object["name"] = .text(name) }
  }

  /// What belongs to a node of the file system.
  private func takeNodes(_ socket: Unit, _ found: inout [(kind: Kind, object: ManifestObject)]) {
    let nodes = found.indices.filter { found[$0].kind == .path || found[$0].kind == .fifo }
    let mode = last("SocketMode", in: "Socket", of: socket)
    let octal = mode.map { UnitScalar.mode($0.value) } ?? "0666"
    for index in nodes {
      if let octal { found[index].object["mode"] = .text(octal) }
    }
    if let mode {
      noteOption(mode, octal == nil ? "no mode" : nil, isUsed: !nodes.isEmpty)
    }
    let rest: [(String, String, (Directive) -> ManifestValue?)] = [
      ("SocketUser", "user", { UnitScalar.principal(self.resolve($0.value, $0)) }),
      ("SocketGroup", "group", { UnitScalar.principal(self.resolve($0.value, $0)) }),
      ("DirectoryMode", "directoryMode", { UnitScalar.mode($0.value).map { .text($0) } }),
      ("Symlinks", "symlinks", { d in .list(self.words(d).map { .text(self.runPath($0, d)) }) }),
      ("RemoveOnStop", "removeOnStop", { UnitScalar.bool($0.value).map { .flag($0) } }),
    ]
    for (name, key, value) in rest {
      for directive in all(name, in: "Socket", of: socket) {
        let value = value(directive)
        for index in nodes {
          let list = found[index].object[key]?.asList ?? []
          found[index].object[key] = value?.asList.map { .list(list + $0) } ?? value
        }
        noteOption(directive, value == nil ? "no such value" : nil, isUsed: !nodes.isEmpty)
      }
    }
  }

  private func noteOption(_ directive: Directive, _ problem: String?, isUsed: Bool) {
    if let problem {
      drop(directive, .breaks, problem)
    } else if isUsed {
      note(directive, .taken, keys: ["listen"])
    } else {
      drop(directive, .harmless, "it has no effect on such a socket")
    }
  }

  // MARK: Options

  private enum Form { case flag, number, size, time, text, service }

  private static let options: [(name: String, key: String, form: Form)] = [
    ("Backlog", "backlog", .number), ("BindToDevice", "device", .text),
    ("FreeBind", "freeBind", .flag), ("Transparent", "transparent", .flag),
    ("ReusePort", "reusePort", .flag), ("NoDelay", "noDelay", .flag),
    ("DeferAcceptSec", "deferAccept", .time), ("SendBuffer", "sendBuffer", .size),
    ("ReceiveBuffer", "receiveBuffer", .size), ("Priority", "priority", .number),
    ("Mark", "mark", .number), ("IPTTL", "ttl", .number), ("TCPCongestion", "congestion", .text),
    ("Broadcast", "broadcast", .flag), ("PassCredentials", "passCredentials", .flag),
    ("PassPacketInfo", "packetInfo", .flag), ("PacketInfo", "packetInfo", .flag),
    ("PassPIDFD", "passPidfd", .flag), ("PipeSize", "pipeSize", .size),
    ("SocketProtocol", "protocol", .text), ("FlushPending", "flush", .flag),
    ("Writable", "writable", .flag),
  ]

  private func takeOptions(_ socket: Unit, _ found: inout [(kind: Kind, object: ManifestObject)]) {
    for option in Self.options {
      guard let directive = last(option.name, in: "Socket", of: socket) else { continue }
      let text = resolve(directive.value, directive)
      let value: ManifestValue? =
        switch option.form {
        case .flag: UnitScalar.bool(text).map { .flag($0) }
        case .number: Int(text).map { .number($0) }
        case .size: UnitScalar.bytes(text).map(UnitScalar.size)
        case .time: UnitScalar.duration(text).map { .text($0) }
        case .text, .service: .text(text)
        }
      give(value, option.key, directive, &found)
    }
    if let directive = last("Timestamping", in: "Socket", of: socket) {
      let names = ["us": "us", "usec": "us", "µs": "us", "ns": "ns", "nsec": "ns", "off": "off"]
      give(names[directive.value].map { .text($0) }, "timestamps", directive, &found)
    }
    if let directive = last("IPTOS", in: "Socket", of: socket) {
      let names = ["low-delay": 16, "throughput": 8, "reliability": 4, "low-cost": 2]
      give(
        (names[directive.value] ?? Int(directive.value)).map { .number($0) }, "tos", directive,
        &found)
    }
    if let directive = last("BindIPv6Only", in: "Socket", of: socket) {
      switch directive.value {
      case "ipv6-only": give(.flag(true), "ipv6Only", directive, &found)
      case "both": give(.flag(false), "ipv6Only", directive, &found)
      default: note(directive, .taken, "the kernel's own way")
      }
    }
    takeKeepAlive(socket, &found)
  }

  /// Gives an option to every listener that it has an effect on.
  private func give(
    _ value: ManifestValue?, _ key: String, _ directive: Directive,
    _ found: inout [(kind: Kind, object: ManifestObject)]
  ) {
    guard let value else { return drop(directive, .breaks, "no such value") }
    var isUsed = false
    for index in found.indices where Self.takes(found[index].object, found[index].kind, key) {
      isUsed = true
      found[index].object[key] = value
    }
    noteOption(directive, nil, isUsed: isUsed)
  }

  private static func takes(_ object: ManifestObject, _ kind: Kind, _ key: String) -> Bool {
    let isStream = object["stream"] != nil
    let isNetlink = object["netlink"] != nil
    let isSpecial = object["special"] != nil
    let isAbstract = ["stream", "datagram", "seqpacket"].contains {
      object[$0]?.asText?.hasPrefix("@") == true
    }
    switch key {
    case "flush": return true
    case "backlog": return isStream || object["seqpacket"] != nil
    case "ipv6Only":
      let address = (object["stream"] ?? object["datagram"])?.asText ?? ""
      return kind == .internet && (address.hasPrefix("[") || Int(address) != nil)
    case "device", "freeBind", "transparent", "reusePort", "tos", "ttl", "broadcast", "protocol":
      return kind == .internet
    case "noDelay", "keepAlive", "deferAccept", "congestion": return kind == .internet && isStream
    case "pipeSize": return kind == .fifo
    case "writable": return isSpecial
    case "passCredentials": return kind == .path || isNetlink || isAbstract
    case "passPidfd": return kind == .path || isAbstract
    case "packetInfo": return kind == .internet || isNetlink
    default: return kind != .fifo && !isSpecial
    }
  }

  private func takeKeepAlive(_ socket: Unit, _ found: inout [(kind: Kind, object: ManifestObject)])
  {
    var times = ManifestObject()
    var given: [Directive] = []
    for (name, key) in [("KeepAliveTimeSec", "time"), ("KeepAliveIntervalSec", "interval")] {
      guard let directive = last(name, in: "Socket", of: socket) else { continue }
      given.append(directive)
      times[key] = UnitScalar.duration(directive.value).map { .text($0) }
    }
    if let directive = last("KeepAliveProbes", in: "Socket", of: socket) {
      given.append(directive)
      times["probes"] = Int(directive.value).map { .number($0) }
    }
    guard let directive = last("KeepAlive", in: "Socket", of: socket),
      let isOn = UnitScalar.bool(directive.value)
    else {
      for directive in given { drop(directive, .harmless, "without KeepAlive=yes") }
      return
    }
    let value: ManifestValue = isOn && !times.members.isEmpty ? .map(times) : .flag(isOn)
    give(value, "keepAlive", directive, &found)
    for directive in given {
      if isOn {
        note(directive, .taken, keys: ["listen"])
      } else {
        drop(directive, .harmless, "off")
      }
    }
  }
}
