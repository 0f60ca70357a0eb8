internal import ApusBase
internal import CApus

/// What a command knows of the world around it; tests make their own.
package struct Context: ~Copyable {
  /// Standard output.
  package var output: Output
  /// Standard error.
  package var error: Output
  /// APUS_CONTROL.
  package var control: [UInt8]?
  /// XDG_RUNTIME_DIR.
  package var runtimeDirectory: [UInt8]?
  /// Whether tables may use colour.
  package var colour = false
  /// CLOCK_BOOTTIME in microseconds.
  package var now: Int64
  /// What turns CLOCK_BOOTTIME into CLOCK_REALTIME, in microseconds.
  package var wallOffset: Int64
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
    now = capus_client_boottime()
    wallOffset = capus_client_realtime() - now
  }

  /// A variable of the environment; an empty one counts as not set.
  private static func variable(_ name: StaticString) -> [UInt8]? {
    guard
      let value = unsafe capus_client_variable(
        UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self))
    else { return nil }
    var bytes: [UInt8] = []
    var index = 0
    while unsafe value[index] != 0 {
      unsafe bytes.append(UInt8(bitPattern: value[index]))
      index += 1
    }
    return bytes.isEmpty ? nil : bytes
  }

  /// Says what is wrong, as one line on standard error.
  mutating func complain(_ write: (inout ByteWriter) -> Void) {
    output.flush()
    error.writer.text("apus: ")
    write(&error.writer)
    error.endLine()
  }

  /// Says what is wrong with the command line.
  mutating func usage(_ write: (inout ByteWriter) -> Void) -> Failure {
    complain(write)
    return Failure(.usage)
  }

  /// Says what is wrong and with which error.
  mutating func complain(_ errno: Errno, _ write: (inout ByteWriter) -> Void) {
    complain {
      write(&$0)
      $0.text(": ")
      $0.errno(errno)
    }
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
