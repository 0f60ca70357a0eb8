public import ApusBase
public import ApusCore
internal import ApusManifest
internal import ApusWire
internal import CApus

/// One control client.
struct ControlClient {
  /// -1 while the slot is free.
  var fd: Int32 = -1
  var generation: UInt32 = 0
  var rights = PeerRights.none
  /// Since when it has not read what it was sent, or not said anything yet.
  var quietSince: Instant?
  /// True when it waits for new lines of services' output.
  var follows = false
}

/// The control socket and its clients, in a table made once.
///
/// A client has no buffer of its own: what the kernel does not take at once is sent when the
/// client has read, and a client that does not read or speak for a while loses its place to the
/// next one.
struct ControlSocket: ~Copyable {
  /// How long a quiet client keeps its place when somebody else waits.
  static let patience = Interval.seconds(5)
  /// -1 while there is none.
  var listener: Int32 = -1
  var isWatched = false
  /// When to look again for a place.
  var retryAt: Instant?
  var clients: Rows<ControlClient>
  /// Group that may look, -1 for none.
  var group: Int64 = -1
  let ownUid: UInt32
  var frame: Bytes

  /// No socket yet.
  init(ownUid: UInt32) {
    self.ownUid = ownUid
    clients = Rows(repeating: ControlClient(), count: Limits.clients)
    frame = Rows(repeating: 0, count: Limits.frame)
  }

  deinit {
    for client in clients where client.fd >= 0 { _ = capus_close(client.fd) }
    if listener >= 0 { _ = capus_close(listener) }
  }

  /// The client of that generation, if it is still there.
  func client(_ id: ClientID) -> ControlClient? {
    guard let client = clients.at(Int(id.slot)), client.fd >= 0,
      client.generation == id.generation
    else { return nil }
    return client
  }
}

extension LinuxKernel {
  /// Binds the control socket, mode 0660 and the group that may look.
  mutating func openControl(_ users: UserDatabase) {
    if options.controlPath.isEmpty { return }
    switch manifest.system.controlGroup {
    case .none: break
    case .id(let gid): control.group = Int64(gid)
    case .name(let name):
      if let gid = users.group(named: manifest.bytes(name)) { control.group = Int64(gid) }
    }
    control.listener = capus_record_control()
    if control.listener >= 0 { return watchControl() }
    var path = options.controlPath
    path.append(0)
    let group = own.isPrivileged ? Int32(truncatingIfNeeded: max(0, control.group)) : -1
    let fd = unsafe path.withUnsafeBufferPointer { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { text in
        unsafe capus_control_listen(text.baseAddress, 0o660, group)
      }
    }
    if fd < 0 {
      log.write(.error, "cannot bind the control socket", Errno(-fd))
      return
    }
    control.listener = fd
    watchControl()
  }

  private mutating func watchControl() {
    control.retryAt = nil
    if control.listener < 0 || control.isWatched { return }
    if watches.add(control.listener, Watch(.control), events: CAPUS_READABLE) == nil {
      control.isWatched = true
    } else {
      control.retryAt = now + .seconds(1)
    }
  }

  /// Looks away from the socket for a moment: new clients wait in its queue.
  private mutating func pauseControl() {
    if control.isWatched { watches.remove(control.listener) }
    control.isWatched = false
    control.retryAt = now + .seconds(1)
  }

  /// Requests, ends and free buffers of clients, then new clients.
  mutating func reportClients(into events: inout EventBuffer) {
    if let retry = control.retryAt, retry <= now { watchControl() }
    var hasNew = false
    for index in 0..<watches.readyCount {
      guard let watch = Watch(data: watches.ready[index].data) else { continue }
      if watch.kind == .control { hasNew = true }
      guard watch.kind == .client else { continue }
      let id = ClientID(
        slot: UInt8(truncatingIfNeeded: watch.index), generation: watch.generation)
      report(id, Int(watches.ready[index].events), into: &events)
    }
    if hasNew { acceptClients(into: &events) }
  }

  /// One frame of a client, and one word about its buffer.
  private mutating func report(
    _ id: ClientID, _ readiness: Int, into events: inout EventBuffer
  ) {
    guard let client = control.client(id), events.capacity - events.elements.count >= 2
    else { return }
    if readiness & CAPUS_WRITABLE != 0 {
      control.clients[Int(id.slot)].quietSince = nil
      _ = watches.change(client.fd, watch(of: id), events: CAPUS_READABLE)
      events.append(.clientWritable(id))
    }
    guard readiness & (CAPUS_READABLE | CAPUS_BROKEN | CAPUS_HUNG_UP) != 0 else { return }
    let count = unsafe control.frame.withUnsafeMutableBufferPointer { buffer in
      unsafe capus_receive(client.fd, buffer.baseAddress, buffer.count)
    }
    if count == -11 || count == -4 { return }
    if count <= 0 {
      close(id)
      events.append(.clientGone(id))
      return
    }
    control.clients[Int(id.slot)].quietSince = nil
    if count > control.frame.count {
      events.append(.refused(id, .failed))
      return
    }
    let frame = control.frame.span.extracting(0..<Int(count))
    events.append(
      ControlDesk.event(for: frame, from: id, rights: client.rights, manifest: manifest))
  }

  /// Takes new clients while there are places, at most as many as there are.
  private mutating func acceptClients(into events: inout EventBuffer) {
    for _ in 0..<Limits.clients {
      guard let slot = freeSlot(into: &events) else { return pauseControl() }
      var peer = capus_credentials()
      let fd = unsafe capus_control_accept(control.listener, control.group, &peer)
      if fd == -11 { return }
      if fd == -103 || fd == -4 { continue }
      if fd < 0 { return pauseControl() }
      var client = ControlClient()
      client.fd = fd
      client.generation = control.clients[slot].generation &+ 1
      client.quietSince = now
      if peer.uid == 0 || peer.uid == own.uid {
        client.rights = .change
      } else if peer.in_group == 1 {
        client.rights = .look
      }
      let watch = Watch(
        .client, index: UInt16(truncatingIfNeeded: slot), generation: client.generation)
      if watches.add(fd, watch, events: CAPUS_READABLE) != nil {
        capus_put_away(fd)
        return pauseControl()
      }
      control.clients[slot] = client
    }
  }

  /// A place: a free one, or that of the client that has been quiet for too long.
  private mutating func freeSlot(into events: inout EventBuffer) -> Int? {
    var quietest: (slot: Int, since: Instant)?
    for slot in control.clients.indices {
      let client = control.clients[slot]
      if client.fd < 0 { return slot }
      if let since = client.quietSince, since + ControlSocket.patience <= now,
        since < quietest?.since ?? .never
      {
        quietest = (slot, since)
      }
    }
    guard let quietest, !events.isFull else { return nil }
    let id = ClientID(
      slot: UInt8(truncatingIfNeeded: quietest.slot),
      generation: control.clients[quietest.slot].generation)
    close(id)
    events.append(.clientGone(id))
    return quietest.slot
  }

  private func watch(of id: ClientID) -> Watch {
    Watch(.client, index: UInt16(id.slot), generation: id.generation)
  }

  /// Sends one frame without waiting.
  public mutating func send(_ frame: borrowing ByteWriter, to id: ClientID) -> SendOutcome {
    guard let client = control.client(id) else { return .gone }
    let sent = unsafe frame.bytes.withUnsafeBufferPointer { bytes in
      unsafe capus_send(client.fd, bytes.baseAddress, bytes.count)
    }
    return outcome(Int32(truncatingIfNeeded: sent), Int(id.slot))
  }

  /// What became of a frame; a full buffer is awaited.
  @inline(never)
  mutating func outcome(_ sent: Int32, _ slot: Int) -> SendOutcome {
    if sent >= 0 { return .sent }
    guard sent == -11 || sent == -105 || sent == -12 else { return .gone }
    awaitRoom(slot)
    return .full
  }

  /// Tells when a client has room for a frame, from the next turn on.
  @inline(never)
  mutating func awaitRoom(_ slot: Int) {
    let client = control.clients[slot]
    control.clients[slot].quietSince = client.quietSince ?? now
    let id = ClientID(slot: UInt8(truncatingIfNeeded: slot), generation: client.generation)
    _ = watches.change(client.fd, watch(of: id), events: CAPUS_READABLE | CAPUS_WRITABLE)
  }

  /// Closes a client.
  public mutating func close(_ id: ClientID) {
    guard let client = control.client(id) else { return }
    // A child before its execve(2) may have a copy, which would keep it in the epoll set.
    watches.remove(client.fd)
    capus_put_away(client.fd)
    control.clients[Int(id.slot)].fd = -1
    control.clients[Int(id.slot)].follows = false
    control.clients[Int(id.slot)].quietSince = nil
    if control.retryAt != nil { watchControl() }
  }
}
