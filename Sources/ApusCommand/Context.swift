package import ApusBase
internal import CApus

/// What a command knows of the world around it; tests make their own.
package struct Context: ~Copyable {
  /// Standard output.
  package var output: Output
  /// Standard error.
  package var error: Output
  /// APUS_CONTROL.
  package var control: Bytes?
  /// XDG_RUNTIME_DIR.
  package var runtimeDirectory: Bytes?
  /// Whether tables may use colour.
  package var colour = false
  /// Columns of the terminal that tables have to fit; nil for a pipe, into which they go whole.
  package var width: Int?
  /// CLOCK_BOOTTIME in microseconds.
  package var now: Int64
  /// What turns CLOCK_BOOTTIME into CLOCK_REALTIME, in microseconds.
  package var wallOffset: Int64
  /// True for the process's own world, whose clock may be set while a command runs.
  private var hasClock = false
  /// Requests from now on only wait for what has been ordered.
  var onlyWaits = false
  /// How long a listing or a connection may take, in milliseconds.
  package var timeoutMs: UInt32 = 10_000

  /// A world that keeps what is written.
  package init(now: Int64, wallOffset: Int64) {
    output = .keeping()
    error = .keeping()
    self.now = now
    self.wallOffset = wallOffset
  }

  /// The process's own world.
  init() {
    output = Output(fd: 1)
    error = Output(fd: 2)
    control = Context.variable("APUS_CONTROL")
    runtimeDirectory = Context.variable("XDG_RUNTIME_DIR")
    colour = Context.variable("NO_COLOR") == nil && capus_client_is_terminal(1) == 1
    if capus_client_is_terminal(1) == 1 {
      let columns = capus_client_columns(1)
      width = columns > 0 ? Int(columns) : Table.usualWidth
    }
    now = capus_now()
    wallOffset = capus_wall_time() - now
    hasClock = true
  }

  /// Looks at the clocks anew.
  mutating func readClock() {
    if hasClock { wallOffset = capus_wall_time() - capus_now() }
  }

  /// A variable of the environment; an empty one counts as not set.
  @inline(never) package static func variable(_ name: Literal) -> Bytes? {
    guard let value = unsafe capus_environment(name.cString) else { return nil }
    let bytes = unsafe Bytes(string: value)
    return bytes.isEmpty ? nil : bytes
  }

  /// Where the supervisor of a user's session is controlled, if there is a place for it.
  var runtimeControl: Bytes? { runtimeDirectory.map { ControlPath.session(in: $0) } }

  /// Starts a line on standard error: `apus: SUBJECT TEXT`.
  @inline(never) mutating func begin(_ text: Literal, after subject: Bytes = Rows()) {
    output.flush()
    error.writer.text("apus: ")
    error.writer.safe(subject)
    error.writer.text(text)
  }

  /// Ends the line that `begin` started, and the command.
  @inline(never) mutating func end(_ code: Failure.Code) -> Failure {
    error.endLine()
    return Failure(code)
  }

  /// Says what is wrong, and with which error, as one line on standard error.
  @inline(never) mutating func failure(
    _ code: Failure.Code, _ text: Literal, _ subject: Bytes = Rows(), _ errno: Errno? = nil
  ) -> Failure {
    begin(text)
    error.writer.safe(subject)
    if let errno {
      error.writer.text(": ")
      error.writer.errno(errno)
    }
    return end(code)
  }

  /// A moment as wall time in microseconds; nil for one that never comes.
  @inline(never) func wall(_ moment: Instant) -> Int64? {
    if moment == .never { return nil }
    let (sum, overflow) = moment.microseconds.addingReportingOverflow(wallOffset)
    return overflow ? nil : sum
  }

  /// How long ago a moment was, in microseconds.
  @inline(never) func age(of moment: Instant) -> Int64 {
    (Instant(microseconds: now) - moment).microseconds
  }

  /// How long until a moment, in microseconds.
  @inline(never) func delay(until moment: Instant) -> Int64 {
    (moment - Instant(microseconds: now)).microseconds
  }
}
