public import ApusBase

/// The client's side of `ReplyKind`: which kind a frame is.
extension ReplyKind {
  /// Looks at the header of a frame. Any bytes give a kind or an error.
  public init(decoding frame: Bytes) throws(FrameError) {
    guard frame.count >= Frame.headerCount, frame.count <= Frame.replyLimit else { throw .length }
    guard frame[0] == Frame.version else { throw .version }
    guard Int(frame[2]) | Int(frame[3]) << 8 == frame.count else { throw .length }
    guard let kind = ReplyKind(rawValue: frame[1]) else { throw .kind }
    self = kind
  }

  /// Checks the header and starts reading the fields.
  func fields(of frame: Bytes) throws(FrameError) -> FieldReader {
    guard try ReplyKind(decoding: frame) == self else { throw .kind }
    return FieldReader(frame)
  }
}

/// A decoded `answer` frame.
public struct AnswerReply: Equatable, Sendable {
  /// The result.
  public var code: AnswerCode
  /// The service it is about, empty for none.
  public var service: Bytes
  /// Why, empty for nothing to say.
  public var text: Bytes

  /// Decodes an answer.
  public init(decoding frame: Bytes) throws(FrameError) {
    var fields = try ReplyKind.answer.fields(of: frame)
    let code = AnswerCode(rawValue: fields.byte())
    service = fields.text(limit: Frame.nameLimit)
    text = fields.text(limit: Frame.reasonLimit)
    guard fields.isWhole else { throw .length }
    guard let code else { throw .value }
    self.code = code
  }
}

/// What there is to tell of a board's boots.
public struct BootsRecord: Equatable, Sendable {
  /// So many before this one ended before they were good.
  public var failed: UInt16
  /// At so many the fallback manifest is taken; 0 where they are not counted.
  public var limit: UInt16
  /// True once this one is good.
  public var isGood: Bool
  /// True when the fallback manifest is in use.
  public var isFallback: Bool

  /// A board that counts none.
  public init(
    failed: UInt16 = 0, limit: UInt16 = 0, isGood: Bool = false, isFallback: Bool = false
  ) {
    self.failed = failed
    self.limit = limit
    self.isGood = isGood
    self.isFallback = isFallback
  }
}

/// A decoded `supervisor` frame.
public struct SupervisorReply: Equatable, Sendable {
  /// Its process.
  public var pid: Int32
  /// How long it has run, in microseconds.
  public var uptimeUs: Int64
  /// How often it has allocated memory since it was up; never is right.
  public var allocations: UInt64
  /// Its version.
  public var version: Bytes
  /// The main file of its manifest.
  public var manifest: Bytes
  /// What the keys of `system` look like there, by their numbers.
  public var digests: Rows<UInt32> = Rows()
  /// Its boots.
  public var boots = BootsRecord()

  /// Decodes the supervisor's own record.
  public init(decoding frame: Bytes) throws(FrameError) {
    var fields = try ReplyKind.supervisor.fields(of: frame)
    pid = fields.pid()
    uptimeUs = fields.signed()
    allocations = fields.number(bytes: 8)
    version = fields.text(limit: Frame.nameLimit)
    manifest = fields.text(limit: Frame.addressLimit)
    for _ in 0..<64 { digests.append(UInt32(truncatingIfNeeded: fields.number(bytes: 4))) }
    boots.failed = UInt16(truncatingIfNeeded: fields.number(bytes: 2))
    boots.limit = UInt16(truncatingIfNeeded: fields.number(bytes: 2))
    let flags = fields.byte()
    boots.isGood = flags & 1 != 0
    boots.isFallback = flags & 2 != 0
    guard fields.isWhole else { throw .length }
  }
}

/// A decoded `service` frame.
public struct ServiceReply: Equatable, Sendable {
  /// The numbers.
  public var record: ServiceRecord
  /// The name.
  public var name: Bytes
  /// Why it is in this state.
  public var reason: Bytes
  /// What it says of itself.
  public var status: Bytes
  /// The services of `wants` and `after` that the manifest does not have, separated by blanks.
  public var missing: Bytes

  /// Decodes a service's record.
  public init(decoding frame: Bytes) throws(FrameError) {
    var fields = try ReplyKind.service.fields(of: frame)
    let state = ServiceState(rawValue: fields.byte())
    var record = ServiceRecord(
      state: state ?? .stopped, since: Instant(microseconds: fields.signed()))
    record.mainPid = fields.pid()
    record.restarts = UInt32(truncatingIfNeeded: fields.number(bytes: 4))
    let exitKind = fields.byte()
    let exitCode = fields.byte()
    let exitMoment = fields.moment()
    record.nextStart = fields.moment()
    record.memory = fields.amount()
    record.processor = fields.amount()
    record.tasks = fields.amount()
    record.digest = UInt32(truncatingIfNeeded: fields.number(bytes: 4))
    record.socketErrors = fields.byte()
    record.isMasked = fields.byte() & 1 != 0
    name = fields.text(limit: Frame.nameLimit)
    reason = fields.text(limit: Frame.reasonLimit)
    status = fields.text(limit: Frame.statusLimit)
    missing = fields.text(limit: Frame.reasonLimit)
    guard fields.isWhole else { throw .length }
    guard state != nil, exitKind <= 3, (exitKind == 0) == (exitMoment == nil) else { throw .value }
    if let exitMoment {
      record.lastExit = LastExit(
        isSignal: exitKind >= 2, code: exitCode, at: exitMoment, ranOutOfMemory: exitKind == 3)
    }
    self.record = record
  }
}

/// A decoded `socket` frame.
public struct SocketReply: Equatable, Sendable {
  /// The numbers.
  public var record: SocketRecord
  /// The service it belongs to.
  public var service: Bytes
  /// Its LISTEN_FDNAMES entry.
  public var name: Bytes
  /// The address as the manifest spells it.
  public var address: Bytes
  /// Why it is paused or not bound.
  public var reason: Bytes
  /// Who connected last, empty when that is not known.
  public var peer: Bytes

  /// Decodes a listener's record.
  public init(decoding frame: Bytes) throws(FrameError) {
    var fields = try ReplyKind.socket.fields(of: frame)
    let kind = SocketKind(rawValue: fields.byte())
    let state = ListenerState(rawValue: fields.byte())
    var record = SocketRecord(kind: kind ?? .stream, state: state ?? .error)
    let queued = UInt32(truncatingIfNeeded: fields.number(bytes: 4))
    record.queued = queued == .max ? nil : queued
    record.accepted = fields.number(bytes: 8)
    record.triggers = fields.number(bytes: 8)
    record.pausedUntil = fields.moment()
    record.lastTrigger = fields.moment()
    service = fields.text(limit: Frame.nameLimit)
    name = fields.text(limit: Frame.addressLimit)
    address = fields.text(limit: Frame.addressLimit)
    reason = fields.text(limit: Frame.reasonLimit)
    peer = fields.text(limit: Frame.nameLimit)
    guard fields.isWhole else { throw .length }
    guard kind != nil, state != nil else { throw .value }
    self.record = record
  }
}

/// A decoded `bootSummary` frame.
public struct BootSummaryReply: Equatable, Sendable {
  /// Microseconds from the kernel's start until apus ran.
  public var kernelUs: Int64
  /// Microseconds from there until the board was up.
  public var initUs: Int64

  /// Decodes the summary of a boot.
  public init(decoding frame: Bytes) throws(FrameError) {
    var fields = try ReplyKind.bootSummary.fields(of: frame)
    kernelUs = fields.signed()
    initUs = fields.signed()
    guard fields.isWhole else { throw .length }
  }
}

/// A decoded `bootEntry` frame.
public struct BootEntryReply: Equatable, Sendable {
  /// What happened.
  public var stage: BootStage
  /// When it began, in microseconds since the kernel started.
  public var atUs: Int64
  /// How long it took, in microseconds.
  public var durationUs: Int64
  /// To whom.
  public var name: Bytes

  /// Decodes a line of the time line.
  public init(decoding frame: Bytes) throws(FrameError) {
    var fields = try ReplyKind.bootEntry.fields(of: frame)
    let stage = BootStage(rawValue: fields.byte())
    atUs = fields.signed()
    durationUs = fields.signed()
    name = fields.text(limit: Frame.addressLimit)
    guard fields.isWhole else { throw .length }
    guard let stage else { throw .value }
    self.stage = stage
  }
}

/// A decoded `event` frame.
public struct EventReply: Equatable, Sendable {
  /// When.
  public var at: Instant
  /// The state before.
  public var old: ServiceState
  /// The state after.
  public var new: ServiceState
  /// Whose.
  public var name: Bytes
  /// Why, empty for nothing to say.
  public var reason: Bytes

  /// Decodes a change of state.
  public init(decoding frame: Bytes) throws(FrameError) {
    var fields = try ReplyKind.event.fields(of: frame)
    at = Instant(microseconds: fields.signed())
    let old = ServiceState(rawValue: fields.byte())
    let new = ServiceState(rawValue: fields.byte())
    name = fields.text(limit: Frame.nameLimit)
    reason = fields.text(limit: Frame.reasonLimit)
    guard fields.isWhole else { throw .length }
    guard let old, let new else { throw .value }
    self.old = old
    self.new = new
  }
}
