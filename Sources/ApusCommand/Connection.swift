internal import ApusBase
internal import ApusWire
internal import CApus

/// One request to the supervisor and the frames that answer it.
struct Connection: ~Copyable {
  private let fd: Int32
  private let timeoutMs: UInt32

  /// A listing longer than this is no listing of ours.
  private static let frameLimit = 1 << 17

  /// Connects to the control socket: `--control`, APUS_CONTROL, or the first of
  /// `$XDG_RUNTIME_DIR/apus/control` and `/run/apus/control` behind which somebody listens.
  init(_ invocation: Invocation, context: inout Context) throws(Failure) {
    var paths: [[UInt8]] = []
    if let given = invocation.control ?? context.control {
      paths = [given]
    } else {
      if let directory = context.runtimeDirectory {
        paths.append(directory + [UInt8]("/apus/control"))
      }
      paths.append([UInt8]("/run/apus/control"))
    }
    timeoutMs = context.timeoutMs
    var failure = Errno.noEntry
    var failed: [UInt8] = []
    for path in paths {
      let fd = unsafe path.withUnsafeBufferPointer {
        unsafe capus_client_connect($0.baseAddress, UInt32(clamping: $0.count), context.timeoutMs)
      }
      if fd >= 0 {
        self.fd = fd
        return
      }
      failure = Errno(-fd)
      failed = path
      if failure != .noEntry, failure != Errno(111) { break }
    }
    let isRefused = failure == .accessDenied || failure == .notPermitted
    context.complain(failure) {
      $0.text(isRefused ? "not permitted to use " : "no supervisor answers at ")
      $0.safe(failed)
    }
    throw Failure(isRefused ? .notPermitted : .noSupervisor)
  }

  deinit { capus_client_close(fd) }

  /// Sends a request.
  ///
  /// A supervisor that has already closed may have left an answer, so that is no error yet.
  func send(
    _ command: Command, name: [UInt8] = [], options: Options = [], context: inout Context
  ) throws(Failure) {
    var writer = ByteWriter(capacity: Frame.limit)
    RequestFrame.encode(
      command, name: name, noWait: options.contains(.noWait), now: options.contains(.now),
      into: &writer)
    let result = unsafe writer.bytes.withUnsafeBufferPointer {
      unsafe capus_client_send(fd, $0.baseAddress, UInt32(clamping: $0.count))
    }
    let errno = Errno(-result)
    if result < 0, errno != .brokenPipe, errno != Errno(104) {
      context.complain(errno) { $0.text("cannot send to the supervisor") }
      throw Failure(.noSupervisor)
    }
  }

  /// Receives one frame; nil when the supervisor has closed. `patient` waits for ever.
  func receive(patient: Bool, context: inout Context) throws(Failure) -> [UInt8]? {
    var frame = [UInt8](repeating: 0, count: Frame.limit)
    let timeout = patient ? -1 : Int32(clamping: timeoutMs)
    let count = unsafe frame.withUnsafeMutableBufferPointer {
      unsafe capus_client_receive(fd, $0.baseAddress, UInt32(Frame.limit), timeout)
    }
    if count == 0 { return nil }
    if count < 0 {
      let errno = Errno(-count)
      if errno == Errno(104) { return nil }
      context.complain(errno) { $0.text("no answer from the supervisor") }
      throw Failure(.noSupervisor)
    }
    frame.removeLast(frame.count - Int(count))
    return frame
  }

  /// Asks for a listing and gives its frames, whole and without the last one.
  func listing(
    _ command: Command, name: [UInt8], context: inout Context
  ) throws(Failure) -> [[UInt8]] {
    try send(command, name: name, context: &context)
    var frames: [[UInt8]] = []
    while frames.count < Connection.frameLimit {
      guard let frame = try receive(patient: false, context: &context) else {
        throw Connection.wentAway(context: &context)
      }
      switch try Connection.kind(of: frame, context: &context) {
      case .end: return frames
      case .answer:
        try Connection.accept(frame, name: name, context: &context)
        return frames
      case .goingDown: throw Connection.goingDown(context: &context)
      case .supervisor, .service, .socket, .bootSummary, .bootEntry: frames.append(frame)
      }
    }
    throw Connection.nonsense(.length, context: &context)
  }

  /// The kind of a frame.
  static func kind(of frame: [UInt8], context: inout Context) throws(Failure) -> ReplyKind {
    do {
      return try ReplyKind(decoding: frame)
    } catch {
      throw nonsense(error, context: &context)
    }
  }

  /// Takes an `answer` frame: good news is silent, bad news ends the command with its code.
  static func accept(
    _ frame: [UInt8], name: [UInt8], context: inout Context
  ) throws(Failure) {
    guard let answer = try? AnswerReply(decoding: frame) else {
      throw nonsense(.value, context: &context)
    }
    let service = answer.service.isEmpty ? name : answer.service
    switch answer.code {
    case .done: return
    case .noSuchService: throw noSuchService(service, context: &context)
    case .failed, .notPermitted:
      let isRefused = answer.code == .notPermitted
      context.complain {
        if !service.isEmpty {
          $0.safe(service)
          $0.text(": ")
        }
        if !answer.text.isEmpty {
          $0.safe(answer.text)
        } else {
          $0.text(isRefused ? "not permitted" : "failed")
        }
      }
      throw Failure(isRefused ? .notPermitted : .failed)
    }
  }

  /// Says that nobody has that name.
  static func noSuchService(_ name: [UInt8], context: inout Context) -> Failure {
    context.complain {
      $0.text("no such service: ")
      $0.safe(name)
    }
    return Failure(.noSuchService)
  }

  /// Says that it is too late to ask.
  static func goingDown(context: inout Context) -> Failure {
    context.complain { $0.text("the supervisor is going down") }
    return Failure(.noSupervisor)
  }

  /// Says that the supervisor closed in the middle.
  static func wentAway(context: inout Context) -> Failure {
    context.complain { $0.text("the supervisor went away before it had answered") }
    return Failure(.noSupervisor)
  }

  /// Says what the supervisor did not understand or do.
  static func nonsense(_ error: FrameError, context: inout Context) -> Failure {
    context.complain {
      $0.text("cannot understand the supervisor: ")
      $0.text(error.message)
    }
    return Failure(.failed)
  }
}
