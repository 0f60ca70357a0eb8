public import ApusBase
public import ApusCore
internal import ApusManifest
internal import CApus

/// A listener as the kernel layer holds it.
struct BoundListener {
  /// -1 while it is not bound.
  var fd: Int32 = -1
  /// Counts watches, so that readiness from before an unwatch is recognised.
  var generation: UInt32 = 0
  var isWatched = false
  /// Its clients are held off while its service is being stopped for being idle.
  var isHeldOff = false
  /// Processor time of the daemon at the last look, where that tells of traffic.
  var processorTime: Int64 = 0
  /// Who owns the node.
  var owner = NodeOwner()
  /// True when a name of the owner does not exist: then it is not bound.
  var isUnknownOwner = false
}

/// Every listener of the manifest, in a table made once.
struct ListenerTable {
  var listeners: Rows<BoundListener>
  /// Tells of interfaces and addresses while some listener waits for one, else -1.
  var network: Int32 = -1

  /// Resolves the owners' names.
  init(_ manifest: Manifest, users: UserDatabase) {
    listeners = Rows(repeating: BoundListener(), count: manifest.listeners.count)
    resolveOwners(manifest, users)
  }

  @inline(never)
  mutating func resolveOwners(_ manifest: Manifest, _ users: UserDatabase) {
    for index in listeners.indices {
      let declared = manifest.listeners[index]
      let owner = NodeOwner(declared.user, declared.group, of: manifest, users)
      listeners[index].isUnknownOwner = owner == nil
      if let owner { listeners[index].owner = owner }
    }
  }
}

extension LinuxKernel {
  mutating func bind(_ index: UInt16) -> Outcome {
    if listeners.listeners.at(Int(index))?.isUnknownOwner == true { resolveNames() }
    guard let bound = listeners.listeners.at(Int(index)) else { return .done }
    if bound.fd >= 0 {
      relink(Int(index))
      return .event(.bound(listener: index))
    }
    if bound.isUnknownOwner {
      return .event(.bindFailed(listener: index, step: .owner, errno: .noEntry))
    }
    if nodes.inotify < 0, listenerNodes.count > 0 { unsafe watchNodes(below: nil) }
    var node = capus_node()
    node.watch = nodes.inotify
    var result = bindListener(Int(index), of: manifest, owner: bound.owner, node: &node)
    if case .failed(_, let errno) = result, errno.isOfNetwork, watchNetwork() {
      // What it waits for may have come while nobody looked.
      node.watch = nodes.inotify
      result = bindListener(Int(index), of: manifest, owner: bound.owner, node: &node)
    }
    switch result {
    case .bound(let fd):
      hold(listener: Int(index), fd)
      tell(index, node)
      begin(nodeOf: Int(index), node)
      return .event(.bound(listener: index))
    case .failed(let step, let errno):
      // Once, whatever has copies of it.
      let events = CAPUS_READABLE | CAPUS_ONCE
      if node.channel > 0 { _ = watches.add(node.channel, Watch(.path), events: events) }
      return .event(
        .bindFailed(
          listener: index, step: step, errno: errno, place: UInt16(clamping: node.culprit)))
    }
  }

  /// Says what is wrong with the path of a listener that is bound all the same.
  mutating func tell(_ index: UInt16, _ node: capus_node) {
    if node.is_shared != 0 {
      tell(index, Reason(.sharedPath, value: Int32(clamping: node.culprit)))
    }
    if node.link_error != 0 {
      tell(
        index, Reason(.bindFailed, step: BindStep.link.rawValue, value: node.link_error))
    }
  }

  private mutating func tell(_ index: UInt16, _ reason: Reason) {
    guard let declared = manifest.listeners.at(Int(index)) else { return }
    log.write(
      Message(.listenerPath, service: declared.service, listener: index, reason: reason),
      manifest: manifest)
  }

  /// Listens to rtnetlink(7) until it has told something; true when that has just begun. A listener
  /// that still lacks an interface or address after that begins anew.
  private mutating func watchNetwork() -> Bool {
    if listeners.network >= 0 { return false }
    listeners.network = capus_network_watch()
    return listeners.network >= 0
      && watches.add(listeners.network, Watch(.network), events: CAPUS_READABLE) == nil
  }

  /// After an end of its service's process: drops what waits where `flush` says so, and tells of a
  /// listener that was shut down.
  mutating func settle(_ service: UInt16) -> Outcome {
    guard let service = manifest.services.at(Int(service)) else { return .done }
    var outcome = Outcome.done
    for index in service.listeners.indices {
      guard let bound = listeners.listeners.at(index), bound.fd >= 0,
        let declared = manifest.listeners.at(index), declared.kind != .special
      else { continue }
      letIn(index)
      if declared.flags.contains(.flush) { _ = capus_drain(bound.fd, 4096) }
      if capus_is_hung_up(bound.fd) != 0 {
        outcome = .event(.shutDownListener(listener: UInt16(truncatingIfNeeded: index)))
      }
    }
    return outcome
  }

  /// Drops the first connection or message that waits at one of a service's listeners.
  mutating func dropFirst(_ index: UInt16) {
    guard let service = manifest.services.at(Int(index)) else { return }
    for listener in service.listeners.indices {
      guard let bound = listeners.listeners.at(listener), bound.fd >= 0,
        manifest.listeners.at(listener)?.kind != .special, capus_drain(bound.fd, 1) > 0
      else { continue }
      return log.write(
        Message(.dropped, service: index, listener: UInt16(truncatingIfNeeded: listener)),
        manifest: manifest)
    }
  }

  mutating func watch(_ index: UInt16) -> Outcome {
    letIn(Int(index))
    guard var bound = listeners.listeners.at(Int(index)), !bound.isWatched else { return .done }
    if bound.fd < 0 { return .event(.watchFailed(listener: index, errno: .badDescriptor)) }
    bound.generation &+= 1
    let watch = Watch(.listener, index: index, generation: bound.generation)
    var events = CAPUS_READABLE
    if let declared = manifest.listeners.at(Int(index)), declared.kind == .special {
      events = unsafe pointer(declared.spelling).map { unsafe Int(capus_special_events($0)) } ?? 0
    }
    if let errno = watches.add(bound.fd, watch, events: events) {
      return .event(.watchFailed(listener: index, errno: errno))
    }
    bound.isWatched = true
    listeners.listeners[Int(index)] = bound
    return .done
  }

  mutating func unwatch(_ index: UInt16) {
    guard let bound = listeners.listeners.at(Int(index)), bound.isWatched else { return }
    watches.remove(bound.fd)
    listeners.listeners[Int(index)].isWatched = false
    listeners.listeners[Int(index)].generation &+= 1
  }

  mutating func unbind(_ index: UInt16) {
    unwatch(index)
    guard let bound = listeners.listeners.at(Int(index)), bound.fd >= 0 else { return }
    hold(listener: Int(index), -1)
    unbindListener(bound.fd, Int(index), of: manifest)
  }

  /// Accepts without waiting and keeps the connection for the instance.
  mutating func accept(_ index: UInt16, _ id: InstanceID) -> Outcome {
    guard let bound = listeners.listeners.at(Int(index)), bound.fd >= 0,
      var process = table.processes.at(Int(id.slot)), !process.isUsed
    else { return .event(.acceptFailed(id, listener: index, errno: .badDescriptor)) }
    var peer = capus_peer()
    let fd = unsafe capus_accept(bound.fd, &peer)
    if fd < 0 { return .event(.acceptFailed(id, listener: index, errno: Errno(-fd))) }
    process = Process()
    process.generation = id.generation
    process.connection = fd
    process.isUsed = true
    table.set(id.slot, process)
    table.setPeer(id.slot, peer)
    return .event(.accepted(id, listener: index, source: ConnectionSource(peer)))
  }

  /// Closes the connection of an instance that does not start.
  mutating func discard(_ id: InstanceID) {
    guard var process = table.process(id), process.pid == 0 else { return }
    capus_put_away(process.connection)
    process.connection = -1
    process.isUsed = false
    table.set(id.slot, process)
  }

  /// Readiness of listeners, the last of a turn.
  mutating func reportListeners(into events: inout EventBuffer) {
    for index in 0..<watches.readyCount {
      let ready = watches.ready[index]
      guard let watch = Watch(data: ready.data) else { continue }
      if watch.kind == .network, listeners.network >= 0, events.append(.networkChanged) {
        watches.remove(listeners.network)
        _ = capus_close(listeners.network)
        listeners.network = -1
      }
      if watch.kind == .path { events.append(.networkChanged) }
      guard watch.kind == .listener,
        let bound = listeners.listeners.at(Int(watch.index)), bound.isWatched,
        bound.generation == watch.generation
      else { continue }
      // A listener that is shut down is readable as well.
      let isReadable =
        Int(ready.events) & (CAPUS_READABLE | CAPUS_URGENT) != 0
        && Int(ready.events) & CAPUS_HUNG_UP == 0
      events.append(
        isReadable ? .readable(listener: watch.index) : .brokenListener(listener: watch.index))
    }
  }

  /// Connections waiting in the queue of a TCP or unix listener.
  public mutating func queueLength(listener: UInt16) -> UInt32? {
    guard let bound = listeners.listeners.at(Int(listener)), bound.fd >= 0,
      let kind = manifest.listeners.at(Int(listener))?.kind, kind == .stream || kind == .seqpacket
    else { return nil }
    let length = capus_queue_length(bound.fd)
    return length < 0 ? nil : UInt32(clamping: length)
  }

  /// An address with its port, or the uid at the other end of a unix socket.
  public static func write(_ source: ConnectionSource, into writer: inout ByteWriter) {
    if source.family == 1 {
      writer.text("uid ")
      writer.decimal(source.key)
    }
    guard source.family == 2 || source.family == 10 else { return }
    let isIPv6 = source.family == 10
    var peer = capus_peer()
    peer.family = source.family
    unsafe withUnsafeMutableBytes(of: &peer.address) { bytes in
      unsafe bytes.storeBytes(
        of: isIPv6
          ? source.key.bigEndian : UInt64(UInt32(truncatingIfNeeded: source.key).bigEndian),
        as: UInt64.self)
      unsafe bytes.storeBytes(of: source.rest.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    if isIPv6 { writer.byte(UInt8(ascii: "[")) }
    var text = unsafe capus_peer_text(&peer)
    while let start = unsafe text, unsafe start.pointee != 0 {
      writer.byte(unsafe UInt8(bitPattern: start.pointee))
      unsafe text = start + 1
    }
    if isIPv6 { writer.byte(UInt8(ascii: "]")) }
    writer.byte(UInt8(ascii: ":"))
    writer.decimal(UInt64(source.port))
  }
}

extension ConnectionSource {
  /// What the supervisor keeps of a peer.
  init(_ peer: capus_peer) {
    let (high, low) = unsafe withUnsafeBytes(of: peer.address) { bytes in
      unsafe (
        UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
    let key = peer.family == 1 ? UInt64(peer.uid) : peer.family == 2 ? high >> 32 : high
    self.init(family: peer.family, key: key, rest: low, port: peer.port)
  }
}
