internal import ApusBase
internal import ApusManifest
internal import ApusWire

/// Where a client's listing stands; records are made one by one as its buffer takes them, so that
/// a slow client costs a few bytes and nobody else's time.
struct ListingCursor: Sendable {
  var isActive = false
  var client = ClientID(slot: 0, generation: 0)
  var listing = Listing.status
  /// Only this service, when asked.
  var service: UInt16?
  /// 0 is the head record, then one more than the index; of lines, how many have been sent.
  var next = 0
  /// True once all lines there were have been sent.
  var isLive = false
}

// Listings and answers.
extension Driver where K: ~Copyable {
  mutating func list(_ client: ClientID, _ listing: Listing, _ service: UInt16?) {
    let slot = Int(client.slot) % Limits.clients
    cursors[slot] = ListingCursor(
      isActive: true, client: client, listing: listing, service: service,
      next: listing == .events ? history.count : 0)
    continueListing(client)
  }

  mutating func continueListing(_ client: ClientID) {
    let slot = Int(client.slot) % Limits.clients
    guard cursors[slot].isActive, cursors[slot].client == client else { return }
    if cursors[slot].listing == .events { return continueEvents(slot) }
    if cursors[slot].listing.rawValue >= Listing.logs.rawValue { return continueLines(slot) }
    while true {
      let isLast = !makeRecord(cursors[slot])
      switch kernel.send(frame, to: client) {
      case .full: return
      case .gone:
        cursors[slot].isActive = false
        return
      case .sent: cursors[slot].next = following(cursors[slot])
      }
      if isLast {
        cursors[slot].isActive = false
        return kernel.close(client)
      }
    }
  }

  /// Sends lines for as long as there are some and the client takes them, then the end, once.
  @inline(never)
  private mutating func continueLines(_ slot: Int) {
    let cursor = cursors[slot]
    let follows = cursor.listing == .follow
    while true {
      let line = kernel.sendLine(
        to: cursor.client, had: cursors[slot].next, of: cursor.service, follows: follows)
      if line == .sent { cursors[slot].next += 1 }
      if line == .full || line == nil && cursor.isLive { return }
      if line == .sent { continue }
      frame.endListingFrame()
      let end = line ?? kernel.send(frame, to: cursor.client)
      if end == .full { return }
      cursors[slot].isLive = true
      cursors[slot].isActive = follows && end == .sent
      if !cursors[slot].isActive { kernel.close(cursor.client) }
      return
    }
  }

  private func following(_ cursor: ListingCursor) -> Int {
    var next = cursor.next + 1
    let manifest = supervisor.manifest
    switch cursor.listing {
    case .status:
      while next <= manifest.services.count, isHidden(service: next - 1, cursor.service) {
        next += 1
      }
      // Behind the services the connections being served.
      let connections = manifest.services.count
      while next > connections, next <= connections + supervisor.connectionCount,
        isHidden(connection: next - connections - 1, cursor.service)
      {
        next += 1
      }
    case .sockets:
      while next <= manifest.listeners.count,
        isHidden(service: Int(manifest.listeners[next - 1].service), cursor.service)
      {
        next += 1
      }
    case .boot, .events, .logs, .follow: break
    }
    return next
  }

  private func isHidden(connection: Int, _ only: UInt16?) -> Bool {
    guard let report = supervisor.report(connection: connection) else { return true }
    return only.map { $0 != report.service } ?? false
  }

  private func isHidden(service: Int, _ only: UInt16?) -> Bool {
    if let only { return Int(only) != service }
    return supervisor.manifest.services.at(service)?.flags.contains(.template) ?? true
  }

  /// Writes the cursor's record into `frame`; false when it is the end record.
  private mutating func makeRecord(_ cursor: ListingCursor) -> Bool {
    let now = kernel.now
    switch cursor.listing {
    case .status:
      if cursor.next == 0 {
        frame.supervisorFrame(
          pid: kernel.pid, uptime: now - timeline.start, allocations: kernel.allocations,
          manifest: supervisor.manifest.path, digests: supervisor.manifest.system.digests,
          boots: supervisor.boots)
        return true
      }
      if let report = supervisor.report(service: cursor.next - 1) {
        write(report, cursor.next - 1)
        return true
      }
      if let report = supervisor.report(
        connection: cursor.next - 1 - supervisor.manifest.services.count)
      {
        write(report)
        return true
      }
    case .sockets:
      let first = cursor.next == 0 ? following(cursor) : cursor.next
      if cursor.next == 0 { cursors[Int(cursor.client.slot) % Limits.clients].next = first }
      if let report = supervisor.report(listener: first - 1) {
        write(report, first - 1)
        return true
      }
    case .boot:
      if cursor.next == 0 {
        frame.bootSummaryFrame(
          kernel: timeline.start - .zero,
          initialization: (timeline.end ?? now) - timeline.start)
        return true
      }
      if cursor.next <= timeline.count {
        writeBootEntry(cursor.next - 1)
        return true
      }
    case .events, .logs, .follow: break
    }
    frame.endListingFrame()
    return false
  }

  private mutating func write(_ report: ServiceReport, _ index: Int) {
    let manifest = supervisor.manifest
    let number = UInt16(truncatingIfNeeded: index)
    var record = ServiceRecord(state: report.state, since: report.since)
    record.mainPid = report.pid
    record.restarts = report.restarts
    record.digest = manifest.services[index].digest
    if let exit = report.lastExit {
      record.lastExit = LastExit(
        isSignal: exit.isSignal, code: exit.number, at: report.endedAt,
        ranOutOfMemory: exit.ranOutOfMemory)
    }
    record.nextStart = report.nextStart
    record.isMasked = report.reason.kind == .mask
    let refused = supervisor.firstSocketError(of: index, count: &record.socketErrors)
    if report.pid != 0 || report.connections > 0 {
      let usage = kernel.usage(of: report.instance, service: number)
      record.memory = usage.memory
      record.processor = usage.processor
      record.tasks = usage.tasks
    }
    status.reset()
    kernel.writeStatus(of: index, into: &status)
    let status = status
    frame.serviceFrame(
      record, name: { writer in writer.text(manifest.services[index].name, of: manifest) },
      reason: { writer in
        if report.connections > 0 {
          writer.decimal(UInt64(report.connections))
          writer.text(report.connections == 1 ? " connection" : " connections")
          if report.reason.kind != .none { writer.text(", ") }
        }
        report.reason.write(into: &writer, manifest: manifest, service: number)
        guard let refused else { return }
        writer.text(report.reason.kind == .none ? "socket error: " : ", socket error: ")
        refused.reason.write(
          into: &writer, manifest: manifest, service: number,
          listener: UInt16(truncatingIfNeeded: refused.index))
      }, status: { writer in writer.bytes(status.bytes) },
      missing: { writer in
        var separator: Literal = ""
        for link in manifest.missing where link.service == number || link.service == .max {
          writer.text(separator)
          writer.text(link.name, of: manifest)
          separator = " "
        }
      })
  }

  private mutating func write(_ report: ConnectionReport) {
    let manifest = supervisor.manifest
    var record = ServiceRecord(state: report.state, since: report.since)
    record.nextStart = report.nextStart
    record.mainPid = report.pid
    frame.serviceFrame(
      record,
      name: { writer in
        writer.text(manifest.services[Int(report.service)].name, of: manifest)
        writer.byte(UInt8(ascii: "@"))
        writer.decimal(UInt64(report.number))
      },
      reason: { writer in K.write(report.source, into: &writer) })
  }

  private mutating func write(_ report: ListenerReport, _ index: Int) {
    let manifest = supervisor.manifest
    let listener = manifest.listeners[index]
    let number = UInt16(truncatingIfNeeded: index)
    var record = SocketRecord(
      kind: SocketKind(rawValue: listener.kind.rawValue) ?? .stream, state: report.state)
    record.queued = report.state == .error ? nil : kernel.queueLength(listener: number)
    record.accepted = report.accepted
    record.triggers = report.triggers
    record.pausedUntil = report.pausedUntil
    record.lastTrigger = report.lastTrigger
    frame.socketFrame(
      record,
      service: { writer in
        writer.text(manifest.services[Int(listener.service)].name, of: manifest)
      },
      name: { writer in writer.text(listener.name, of: manifest) },
      address: { writer in writer.text(listener.spelling, of: manifest) },
      reason: { writer in
        report.reason.write(
          into: &writer, manifest: manifest, service: listener.service, listener: number)
      },
      peer: { writer in K.write(report.lastPeer, into: &writer) })
  }

  private mutating func writeBootEntry(_ index: Int) {
    if let entry = timeline.setup.at(index) {
      frame.bootEntryFrame(entry.stage, at: entry.at, duration: entry.duration) { writer in
        writer.bytes(entry.name)
      }
      return
    }
    guard let entry = timeline.entries.at(index - timeline.setup.count) else { return }
    let manifest = supervisor.manifest
    let duration = timeline.duration(of: entry, now: kernel.now)
    frame.bootEntryFrame(
      entry.stage, at: timeline.start + Interval(microseconds: Int64(entry.at)),
      duration: duration
    ) { writer in
      if entry.stage == .bind {
        if let listener = manifest.listeners.at(Int(entry.index)) {
          writer.text(listener.spelling, of: manifest)
        }
      } else if let service = manifest.services.at(Int(entry.index)) {
        writer.text(service.name, of: manifest)
      }
    }
  }

  mutating func send(_ answer: Answer, to client: ClientID) {
    let manifest = supervisor.manifest
    if supervisor.isGoingDown, answer.code == .failed, answer.reason.kind == .shutdown {
      frame.goingDownFrame()
    } else {
      frame.answerFrame(
        answer.code,
        service: { writer in
          if let service = answer.service {
            writeName(of: Int32(service), manifest, into: &writer)
          }
        },
        text: { writer in
          answer.reason.write(into: &writer, manifest: manifest, service: answer.service)
        })
    }
    // An answer fits the empty buffer of a client that reads; it is the last one.
    _ = kernel.send(frame, to: client)
    kernel.close(client)
  }

  mutating func refuse(_ client: ClientID, _ code: Answer.Code) {
    frame.answerFrame(
      code, service: { _ in },
      text: { writer in
        if code == .failed { writer.text("not a request") }
      })
    _ = kernel.send(frame, to: client)
    kernel.close(client)
  }
}

extension Supervisor {
  /// The first socket of a service that the kernel has refused, with its index, and how many there are.
  ///
  /// A service may be `listening` with some of its sockets alone, so its state does not tell.
  func firstSocketError(of service: Int, count: inout UInt8) -> (index: Int, reason: Reason)? {
    var first: (index: Int, reason: Reason)?
    guard let declared = manifest.services.at(service) else { return nil }
    for index in declared.listeners.indices {
      guard let report = report(listener: index), report.state == .error,
        report.reason.kind != .none
      else { continue }
      count = count == .max ? count : count + 1
      if first == nil { first = (index, report.reason) }
    }
    return first
  }
}
