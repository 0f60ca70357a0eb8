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
  var uid: UInt32 = 0
  /// Since when it has not read what it was sent, or not said anything yet.
  var quietSince: Instant?
  /// True when it waits for new lines of services' output.
  var follows = false
}

/// The control socket and its clients, in a table made once.
///
/// A client has no buffer of its own: what the kernel does not take at once is sent when the
/// client has read. Nobody waits for a place: who may do nothing is told so and put out, and a
/// client that does not read or speak makes room for the next one, the oldest of its user's first.
/// Root takes the place of anybody else.
struct ControlSocket: ~Copyable {
  /// Places of one user who is not root.
  static let placesOfUser = 4
  /// The place that only root gets.
  static let ownersPlace = 0
  /// -1 while there is none.
  var listener: Int32 = -1
  var isWatched = false
  /// What tells its node from another that stands there later.
  var node: UInt64 = 0
  /// The pause after the last failure to bind it.
  var bindDelay = Interval.zero
  /// When to look again for a place, or to bind it.
  var retryAt: Instant?
  var clients: Rows<ControlClient>
  /// Group that may look, -1 for none.
  var group: Int64 = -1
  let ownUid: UInt32
  var frame: Bytes
  /// How many bytes of the frame are a `reboot`, whose argument the supervisor may ask for
  /// (`keepArgument`); 0 for another one.
  var keptBytes = 0

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
  ///
  /// Ends apus with 1 when another supervisor answers there and this one is not the board's init:
  /// nothing has been started yet, and every daemon would run twice.
  mutating func openControl(_ users: UserDatabase) {
    if options.controlPath.isEmpty { return }
    switch manifest.system.controlGroup {
    case .none: break
    case .id(let gid): control.group = Int64(gid)
    case .name(let name):
      if let gid = users.group(named: manifest.bytes(name)) { control.group = Int64(gid) }
    }
    control.listener = capus_record_control()
    if control.listener >= 0 {
      control.node = controlIdentity()
      nodes.isToBeLookedAt = control.node == 0
      unsafe watchNodes(below: nodes.control)
      return watchControl()
    }
    bindControl(isFirst: options.role == .foreground && own.pid != 1)
  }

  /// Makes the control socket; one that cannot be made is tried again, ever more slowly.
  @inline(never)
  mutating func bindControl(isFirst: Bool = false) {
    let group = own.isPrivileged ? Int32(truncatingIfNeeded: max(0, control.group)) : -1
    var refusal: Int32 = 0
    let fd = unsafe capus_control_listen(nodes.control, 0o660, group, &refusal)
    unsafe watchNodes(below: nodes.control)
    if fd < 0 {
      let failure = Errno(0 &- fd)
      if isFirst, failure == .addressInUse {
        var line = ByteWriter.room(1024)
        line.text("apus: a supervisor already answers at ")
        line.bytes(options.controlPath)
        finishNow(&line)
        capus_exit(1)
      }
      let last = control.bindDelay
      control.bindDelay = last == .zero ? .seconds(1) : min(.seconds(30), last + last)
      control.retryAt = now + control.bindDelay
      return log.write(
        .error, "cannot bind the control socket, trying again", of: options.controlPath, failure,
        isFirst ? "; --control PATH or $XDG_RUNTIME_DIR puts it elsewhere" : "")
    }
    control.bindDelay = .zero
    control.listener = fd
    if refusal < 0, group > 0 {
      log.write(
        .warning, "cannot give the control socket to its group", of: options.controlPath,
        Errno(0 &- refusal), "; root alone may use it")
    }
    holdControl()
    control.node = controlIdentity()
    watchControl()
  }

  /// Gives up the control socket; its clients stay.
  mutating func closeControl() {
    if control.isWatched { watches.remove(control.listener) }
    control.isWatched = false
    capus_put_away(control.listener)
    control.listener = -1
    holdControl()
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
    if let retry = control.retryAt, retry <= now {
      if control.listener < 0 { bindControl() } else { watchControl() }
    }
    var hasNew = false
    control.keptBytes = 0
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
    guard control.keptBytes == 0, let client = control.client(id),
      events.capacity - events.elements.count >= 2
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
    // Its argument is asked for in this turn: the next client's frame comes with the next one.
    if control.frame[1] == Command.reboot.rawValue { control.keptBytes = Int(count) }
    let frame = control.frame.span.extracting(0..<Int(count))
    events.append(
      ControlDesk.event(for: frame, from: id, rights: client.rights, manifest: manifest))
  }

  /// Keeps the argument of the `reboot` in the frame for the end.
  func keepArgument() {
    let frame = control.frame.span.extracting(0..<control.keptBytes)
    guard let request = try? RequestFrame(decoding: frame) else { return }
    let text = control.frame.part(request.name.lowerBound, request.name.upperBound)
    unsafe text.withUnsafeBufferPointer { unsafe capus_argument_keep($0.baseAddress, $0.count) }
  }

  /// Takes new clients, at most as many as wait at a time.
  private mutating func acceptClients(into events: inout EventBuffer) {
    for _ in 0..<Limits.eventsPerTurn {
      if events.isFull { return }
      var peer = capus_credentials()
      let fd = unsafe capus_control_accept(control.listener, control.group, &peer)
      if fd == -11 { return }
      if fd == -103 || fd == -4 { continue }
      if fd < 0 { return pauseControl() }
      let isOwner = peer.uid == 0 || peer.uid == own.uid
      guard isOwner || peer.in_group == 1 else {
        turnAway(fd, .notPermitted, "")
        continue
      }
      guard let slot = place(for: peer.uid, isOwner: isOwner, into: &events) else {
        turnAway(fd, .failed, "too many control connections of this user")
        continue
      }
      var client = ControlClient()
      client.fd = fd
      client.generation = control.clients[slot].generation &+ 1
      client.quietSince = now
      client.uid = peer.uid
      client.rights = isOwner ? .change : .look
      let watch = Watch(
        .client, index: UInt16(truncatingIfNeeded: slot), generation: client.generation)
      if watches.add(fd, watch, events: CAPUS_READABLE) != nil {
        capus_control_close(fd)
        return pauseControl()
      }
      control.clients[slot] = client
    }
  }

  /// Tells somebody who gets no place why.
  @inline(never)
  private mutating func turnAway(_ fd: Int32, _ code: AnswerCode, _ text: Literal) {
    scratch.answerFrame(code, service: { _ in }, text: { writer in writer.text(text) })
    _ = unsafe scratch.bytes.withUnsafeBufferPointer { bytes in
      unsafe capus_send(fd, bytes.baseAddress, bytes.count)
    }
    capus_shut_down(fd)
    capus_control_close(fd)
  }

  /// A place: a free one, or that of a client who has to make room.
  private mutating func place(
    for uid: UInt32, isOwner: Bool, into events: inout EventBuffer
  ) -> Int? {
    var free: Int?
    var count = 0
    for slot in control.clients.indices {
      if control.clients[slot].fd < 0 {
        if isOwner || slot != ControlSocket.ownersPlace { free = slot }
      } else if control.clients[slot].uid == uid {
        count += 1
      }
    }
    let isOver = !isOwner && count >= ControlSocket.placesOfUser
    if let free, !isOver { return free }
    guard let slot = leastDeserving(uid, isOwner: isOwner, isOver: isOver) else { return nil }
    let id = ClientID(
      slot: UInt8(truncatingIfNeeded: slot), generation: control.clients[slot].generation)
    close(id)
    events.append(.clientGone(id))
    return slot
  }

  /// Who makes room: the client that has been mute for longest, of the user's own where that has too
  /// many places; for root else any other user's, and its own mute ones last.
  private func leastDeserving(_ uid: UInt32, isOwner: Bool, isOver: Bool) -> Int? {
    var found: (slot: Int, rank: Int, since: Instant)?
    for slot in control.clients.indices {
      let client = control.clients[slot]
      let isOwners = client.rights == .change
      if client.fd < 0 || isOver && client.uid != uid || !isOwner && isOwners { continue }
      if client.quietSince == nil, !isOwner || isOwners { continue }
      let rank = isOwners ? 2 : client.quietSince == nil ? 1 : 0
      let since = client.quietSince ?? .zero
      if let best = found, (best.rank, best.since.microseconds) <= (rank, since.microseconds) {
        continue
      }
      found = (slot, rank, since)
    }
    return found?.slot
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
    capus_shut_down(client.fd)
    capus_control_close(client.fd)
    control.clients[Int(id.slot)].fd = -1
    control.clients[Int(id.slot)].follows = false
    control.clients[Int(id.slot)].quietSince = nil
    if control.retryAt != nil, control.listener >= 0 { watchControl() }
  }
}
