public import ApusBase

/// The kinds of frame the supervisor sends; the number is the frame's kind and never changes.
///
/// A listing is its records in order and then `end`; everything else is one `answer`. A supervisor
/// that goes down says `goingDown` to whoever still waits.
public enum ReplyKind: UInt8, CaseIterable, Sendable {
  case answer = 129
  case supervisor = 130
  case service = 131
  case socket = 132
  case bootSummary = 133
  case bootEntry = 134
  case end = 135
  case goingDown = 136
  case event = 137
  case line = 140
}

/// The result of a request; the number is the command's exit code.
public enum AnswerCode: UInt8, Sendable {
  case done = 0
  case failed = 1
  case noSuchService = 4
  case notPermitted = 5
}

/// Kinds of listener, with the numbers and words of the manifest's keys.
public enum SocketKind: UInt8, Sendable {
  case stream
  case datagram
  case seqpacket
  case fifo
  case netlink
  case special

  /// The word.
  public var word: Literal {
    switch self {
    case .stream: "stream"
    case .datagram: "datagram"
    case .seqpacket: "seqpacket"
    case .fifo: "fifo"
    case .netlink: "netlink"
    case .special: "special"
    }
  }
}

/// What a line of the boot's time line tells.
public enum BootStage: UInt8, Sendable {
  case mount
  case bind
  case start
  case ready
  case pre

  /// The word.
  public var word: Literal {
    switch self {
    case .mount: "mount"
    case .bind: "bind"
    case .start: "start"
    case .ready: "ready"
    case .pre: "pre"
    }
  }
}

/// How the last process of a service ended.
public struct LastExit: Equatable, Sendable {
  /// True when a signal ended it.
  public var isSignal: Bool
  /// Exit code or signal number.
  public var code: UInt8
  /// When.
  public var at: Instant
  /// True when the kernel killed it for want of memory.
  public var ranOutOfMemory: Bool

  /// An end and its moment.
  public init(isSignal: Bool, code: UInt8, at: Instant, ranOutOfMemory: Bool = false) {
    self.isSignal = isSignal
    self.ranOutOfMemory = ranOutOfMemory
    self.code = code
    self.at = at
  }
}

/// The numbers of a `service` frame.
///
/// Every time of the protocol is CLOCK_BOOTTIME, like all of apus; the client turns it into wall
/// time when it prints, so a clock that jumps never makes an answer lie.
public struct ServiceRecord: Equatable, Sendable {
  /// The state.
  public var state: ServiceState
  /// When it came into that state.
  public var since: Instant
  /// The main process; 0 is none.
  public var mainPid: Int32 = 0
  /// Automatic restarts since the supervisor started.
  public var restarts: UInt32 = 0
  /// The last end, if there was one.
  public var lastExit: LastExit?
  /// When the next start is due.
  public var nextStart: Instant?
  /// Bytes charged to it, where the kernel tells.
  public var memory: UInt64?
  /// Microseconds of processor time since its first start, where the kernel tells.
  public var processor: UInt64?
  /// Its processes and threads, where the kernel tells.
  public var tasks: UInt64?
  /// What its part of the manifest in force comes to; 0 for a connection.
  public var digest: UInt32 = 0
  /// How many of its sockets are not bound, because the kernel refuses them.
  public var socketErrors: UInt8 = 0
  /// True when the kernel command line keeps it from starting.
  public var isMasked = false

  /// A service that never ran.
  public init(state: ServiceState, since: Instant) {
    self.state = state
    self.since = since
  }
}

/// The numbers of a `socket` frame.
public struct SocketRecord: Equatable, Sendable {
  /// The kind.
  public var kind: SocketKind
  /// The state.
  public var state: ListenerState
  /// Connections in the kernel's queue, where it tells.
  public var queued: UInt32?
  /// Connections accepted for `accept` services.
  public var accepted: UInt64 = 0
  /// How often it started its service.
  public var triggers: UInt64 = 0
  /// When a pause ends, or a failed bind is tried again.
  public var pausedUntil: Instant?
  /// When it last started its service.
  public var lastTrigger: Instant?

  /// A listener nobody has used.
  public init(kind: SocketKind, state: ListenerState) {
    self.kind = kind
    self.state = state
  }
}

/// Writes the fields of the supervisor's frames, each into an emptied writer of `Frame.limit` bytes.
///
/// Texts come from closures that write them in place, so nothing is allocated; a text over its
/// limit is cut and the frame stays whole.
extension ByteWriter {
  /// The result of a request, with the service's name and a line of text.
  public mutating func answerFrame(
    _ code: AnswerCode, service: (inout ByteWriter) -> Void, text: (inout ByteWriter) -> Void
  ) {
    beginFrame(kind: ReplyKind.answer.rawValue)
    byte(code.rawValue)
    field(limit: Frame.nameLimit, service)
    field(limit: Frame.reasonLimit, text)
    endFrame()
  }

  /// The supervisor itself, first in `status`.
  public mutating func supervisorFrame(
    pid: Int32, uptime: Interval, allocations: UInt64, manifest: Bytes = Rows(),
    digests: InlineArray<64, UInt32> = InlineArray(repeating: 0),
    boots: BootsRecord = BootsRecord()
  ) {
    beginFrame(kind: ReplyKind.supervisor.rawValue)
    little(UInt64(UInt32(bitPattern: pid)), bytes: 4)
    signed(uptime.microseconds)
    little(allocations, bytes: 8)
    field(limit: Frame.nameLimit) { $0.text(ApusVersion.text) }
    field(limit: Frame.addressLimit) { $0.bytes(manifest) }
    for index in digests.indices { little(UInt64(digests[index]), bytes: 4) }
    little(UInt64(boots.failed), bytes: 2)
    little(UInt64(boots.limit), bytes: 2)
    byte((boots.isGood ? 1 : 0) | (boots.isFallback ? 2 : 0))
    endFrame()
  }

  /// One service of `status`.
  public mutating func serviceFrame(
    _ record: ServiceRecord, name: (inout ByteWriter) -> Void, reason: (inout ByteWriter) -> Void,
    status: (inout ByteWriter) -> Void = { _ in },
    missing: (inout ByteWriter) -> Void = { _ in }
  ) {
    beginFrame(kind: ReplyKind.service.rawValue)
    byte(record.state.rawValue)
    signed(record.since.microseconds)
    little(UInt64(UInt32(bitPattern: record.mainPid)), bytes: 4)
    little(UInt64(record.restarts), bytes: 4)
    // 0 none, 1 an exit code, 2 a signal, 3 one for want of memory.
    byte(record.lastExit.map { $0.isSignal ? $0.ranOutOfMemory ? 3 : 2 : 1 } ?? 0)
    byte(record.lastExit?.code ?? 0)
    moment(record.lastExit?.at)
    moment(record.nextStart)
    little(record.memory ?? .max, bytes: 8)
    little(record.processor ?? .max, bytes: 8)
    little(record.tasks ?? .max, bytes: 8)
    little(UInt64(record.digest), bytes: 4)
    byte(record.socketErrors)
    byte(record.isMasked ? 1 : 0)
    field(limit: Frame.nameLimit, name)
    field(limit: Frame.reasonLimit, reason)
    field(limit: Frame.statusLimit, status)
    field(limit: Frame.reasonLimit, missing)
    endFrame()
  }

  /// One listener of `list-sockets`.
  public mutating func socketFrame(
    _ record: SocketRecord, service: (inout ByteWriter) -> Void,
    name: (inout ByteWriter) -> Void, address: (inout ByteWriter) -> Void,
    reason: (inout ByteWriter) -> Void, peer: (inout ByteWriter) -> Void
  ) {
    beginFrame(kind: ReplyKind.socket.rawValue)
    byte(record.kind.rawValue)
    byte(record.state.rawValue)
    little(UInt64(record.queued ?? .max), bytes: 4)
    little(record.accepted, bytes: 8)
    little(record.triggers, bytes: 8)
    moment(record.pausedUntil)
    moment(record.lastTrigger)
    field(limit: Frame.nameLimit, service)
    field(limit: Frame.addressLimit, name)
    field(limit: Frame.addressLimit, address)
    field(limit: Frame.reasonLimit, reason)
    field(limit: Frame.nameLimit, peer)
    endFrame()
  }

  /// The two parts of a boot, first in `boot`: until PID 1 ran, and from there until it was up.
  public mutating func bootSummaryFrame(kernel: Interval, initialization: Interval) {
    beginFrame(kind: ReplyKind.bootSummary.rawValue)
    signed(kernel.microseconds)
    signed(initialization.microseconds)
    endFrame()
  }

  /// One line of the boot's time line.
  public mutating func bootEntryFrame(
    _ stage: BootStage, at: Instant, duration: Interval, name: (inout ByteWriter) -> Void
  ) {
    beginFrame(kind: ReplyKind.bootEntry.rawValue)
    byte(stage.rawValue)
    signed(at.microseconds)
    signed(duration.microseconds)
    field(limit: Frame.addressLimit, name)
    endFrame()
  }

  /// One change of a service's state, of `events`.
  public mutating func eventFrame(
    at: Instant, from old: ServiceState, to new: ServiceState, name: (inout ByteWriter) -> Void,
    reason: (inout ByteWriter) -> Void
  ) {
    beginFrame(kind: ReplyKind.event.rawValue)
    signed(at.microseconds)
    byte(old.rawValue)
    byte(new.rawValue)
    field(limit: Frame.nameLimit, name)
    field(limit: Frame.reasonLimit, reason)
    endFrame()
  }

  /// One line of a service's output, or with nil only how many were lost; needs a writer of
  /// `Frame.replyLimit` bytes. The supervisor sends these frames from C (reader.c).
  public mutating func lineFrame(
    at: Instant, lost: UInt32, level: UInt8, service: Bytes, line: Bytes?
  ) {
    beginFrame(kind: ReplyKind.line.rawValue)
    byte(line == nil ? 0 : 1)
    byte(level)
    signed(at.microseconds)
    little(UInt64(lost), bytes: 4)
    field(limit: Frame.nameLimit) { $0.bytes(service) }
    field(limit: Frame.lineLimit) { $0.bytes(line ?? Rows()) }
    endFrame()
  }

  /// The end of a listing.
  public mutating func endListingFrame() {
    beginFrame(kind: ReplyKind.end.rawValue)
    endFrame()
  }

  /// The last word of a supervisor that goes down.
  public mutating func goingDownFrame() {
    beginFrame(kind: ReplyKind.goingDown.rawValue)
    endFrame()
  }
}
