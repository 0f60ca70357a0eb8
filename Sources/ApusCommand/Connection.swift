internal import ApusBase
internal import ApusWire
internal import CApus

/// One request to the supervisor and the frames that answer it.
enum Connection {
  /// A listing longer than this is no listing of ours.
  private static let frameLimit = 1 << 17

  /// Sends a request and gives the frames of a listing, whole and without the last one.
  ///
  /// A deed waits for its answer as long as it takes and has no frames. A supervisor that goes away
  /// instead of answering a request for the end of the board has done what was asked; then an empty
  /// frame is given.
  @inline(never)
  static func ask(
    _ command: Command, name: Bytes, _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) -> Rows<Bytes> {
    let fd = try connect(invocation, context: &context)
    defer { _ = capus_close(fd) }
    let onlyWaits = invocation.verb == .wait || context.onlyWaits
    let follows = command == .logs && invocation.options.contains(.follow)
    try send(
      command, name: name, invocation.options,
      onlyWaits: onlyWaits && !command.isListing || follows,
      to: fd,
      context: &context)
    let isListing = command.isListing
    let isBoard = !isListing && command.naming != .always
    var frames: Rows<Bytes> = Rows()
    var isLive = false
    var last = invocation.lines
    while frames.count < frameLimit {
      if isLive || command == .events {
        // Who follows for days keeps nothing of what has been shown.
        apus_arena_drop()
        apus_arena_scratch(true)
      }
      let limit =
        isLive || command == .events
        ? -1 : isListing ? Int32(clamping: context.timeoutMs) : invocation.timeoutMs
      guard let frame = try receive(fd, timeout: limit, context: &context) else {
        if onlyWaits, !isListing { throw timedOut(name, invocation, context: &context) }
        throw context.failure(.noSupervisor, "no answer from the supervisor: timed out")
      }
      var kind = ReplyKind.goingDown
      if !frame.isEmpty { kind = try self.kind(of: frame, context: &context) }
      switch kind {
      case .answer:
        try accept(frame, name: name, context: &context)
        return frames
      case .goingDown:
        if isBoard, frame.isEmpty || command != .apply {
          frames.push(frame)
          return frames
        }
        if command == .events {
          throw context.failure(.noSupervisor, "the supervisor went away")
        }
        throw context.failure(
          .noSupervisor,
          frame.isEmpty
            ? "the supervisor went away before it had answered" : "the supervisor is going down")
      case .event:
        try EventsCommand.show(frame, invocation, context: &context)
        if context.output.failure != nil { return frames }
      case .end:
        if isListing, !follows { return frames }
        isLive = follows
      case .supervisor, .service, .socket, .bootSummary, .bootEntry:
        if isListing { frames.push(frame) }
      case .line where command == .events:
        try EventsCommand.showPast(frame, invocation, context: &context)
      case .line:
        if LogsCommand.isWanted(frame, invocation) { frames.push(frame) }
      }
      if isLive {
        try LogsCommand.show(frames, last: last, invocation, context: &context)
        frames = Rows()
        last = -1
        context.output.flush()
        if context.output.failure != nil { return Rows() }
      }
    }
    throw nonsense(.length, context: &context)
  }

  /// Asks for a listing: of the one service that is named, else of all.
  static func listing(
    _ command: Command, _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) -> Rows<Bytes> {
    try ask(command, name: invocation.onlyOperand, invocation, context: &context)
  }

  /// Connects to the control socket: `--control`, APUS_CONTROL, or the first of
  /// `$XDG_RUNTIME_DIR/apus/control` and `/run/apus/control` behind which somebody listens.
  private static func connect(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) -> Int32 {
    var path = invocation.control ?? context.control ?? context.runtimeControl ?? ControlPath.board
    var failure = dial(path, context)
    if failure >= 0 { return failure }
    if failure == -2 || failure == -111, invocation.control == nil, context.control == nil,
      context.runtimeDirectory != nil
    {
      path = ControlPath.board
      failure = dial(path, context)
      if failure >= 0 { return failure }
    }
    let errno = Errno(0 &- failure)
    let isRefused = errno == .accessDenied || errno == .notPermitted
    throw context.failure(
      isRefused ? .notPermitted : .noSupervisor,
      isRefused ? "not permitted to use " : "no supervisor answers at ", path, errno)
  }

  @inline(never)
  private static func dial(_ path: Bytes, _ context: borrowing Context) -> Int32 {
    let timeout = context.timeoutMs
    return unsafe path.withUnsafeBufferPointer {
      unsafe capus_client_connect($0.baseAddress, UInt32(clamping: $0.count), timeout)
    }
  }

  /// Sends a request.
  ///
  /// A supervisor that has already closed may have left an answer, so that is no error yet.
  private static func send(
    _ command: Command, name: Bytes, _ options: Options, onlyWaits: Bool, to fd: Int32,
    context: inout Context
  ) throws(Failure) {
    var writer = ByteWriter.room(Frame.limit)
    RequestFrame.encode(
      command, name: name, noWait: !options.isDisjoint(with: [.noWait, .past]),
      now: options.contains(.now),
      onlyWait: onlyWaits, into: &writer)
    let result = unsafe writer.bytes.withUnsafeBufferPointer {
      unsafe capus_client_send(fd, $0.baseAddress, UInt32(clamping: $0.count))
    }
    let errno = Errno(0 &- result)
    if result < 0, errno != .brokenPipe, errno != .connectionReset {
      throw context.failure(.noSupervisor, "cannot send to the supervisor", Rows(), errno)
    }
  }

  /// Says in which state a service is that nobody could wait for any longer.
  private static func timedOut(
    _ name: Bytes, _ invocation: borrowing Invocation, context: inout Context
  ) -> Failure {
    let frames = (try? ask(.status, name: name, invocation, context: &context)) ?? Rows()
    var state: ServiceReply?
    for frame in frames {
      if let service = try? ServiceReply(decoding: frame), service.name.same(as: name) {
        state = service
      }
    }
    context.begin(name.isEmpty ? "timed out" : ": timed out", after: name)
    if let state {
      context.error.writer.text(": ")
      context.error.writer.text(state.record.state.word)
      if !state.reason.isEmpty { context.error.writer.text(": ") }
      context.error.writer.safe(state.reason)
    }
    return context.end(.failed)
  }

  /// Receives one frame, empty when the supervisor has closed, nil when none has come in so many
  /// milliseconds; -1 waits for ever.
  private static func receive(
    _ fd: Int32, timeout: Int32, context: inout Context
  ) throws(Failure) -> Bytes? {
    var frame = Bytes(repeating: 0, count: Frame.replyLimit)
    let count = unsafe frame.withUnsafeMutableBufferPointer {
      unsafe capus_client_receive(fd, $0.baseAddress, UInt32(Frame.replyLimit), timeout)
    }
    let errno = Errno(0 &- count)
    if count < 0, errno != .connectionReset {
      if errno == .timedOut { return nil }
      throw context.failure(.noSupervisor, "no answer from the supervisor", Rows(), errno)
    }
    frame.removeLast(Frame.replyLimit - Int(max(0, count)))
    return frame
  }

  /// The kind of a frame.
  @inline(never)
  static func kind(of frame: Bytes, context: inout Context) throws(Failure) -> ReplyKind {
    do {
      return try ReplyKind(decoding: frame)
    } catch {
      throw nonsense(error, context: &context)
    }
  }

  /// Takes an `answer` frame: good news is silent, bad news ends the command with its code.
  private static func accept(
    _ frame: Bytes, name: Bytes, context: inout Context
  ) throws(Failure) {
    guard let answer = try? AnswerReply(decoding: frame) else {
      throw nonsense(.value, context: &context)
    }
    let service = answer.service.isEmpty ? name : answer.service
    if answer.code == .done { return }
    if answer.code == .noSuchService { throw noSuchService(service, context: &context) }
    let isRefused = answer.code == .notPermitted
    context.begin(service.isEmpty ? "" : ": ", after: service)
    if answer.text.isEmpty {
      context.error.writer.text(isRefused ? "not permitted" : "failed")
    } else {
      context.error.writer.safe(answer.text)
    }
    throw context.end(isRefused ? .notPermitted : .failed)
  }

  /// Says that nobody has that name.
  @inline(never)
  static func noSuchService(_ name: Bytes, context: inout Context) -> Failure {
    context.failure(.noSuchService, "no such service: ", name)
  }

  /// Says what the supervisor did not understand or do.
  @inline(never)
  static func nonsense(_ error: FrameError, context: inout Context) -> Failure {
    context.begin("cannot understand the supervisor: ")
    context.error.writer.text(error.message)
    return context.end(.failed)
  }
}

extension Errno {
  /// ECONNRESET.
  fileprivate static var connectionReset: Errno { Errno(104) }
}
