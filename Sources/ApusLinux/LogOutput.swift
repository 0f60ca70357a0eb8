internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// Where apus's own lines go: the kernel's log and the console for PID 1, else standard error.
///
/// Writing never waits: a line the other side does not take is dropped and counted.
struct LogOutput {
  private let kernelLog: Int32
  private let console: Int32
  private let least: ApusCore.Severity
  private var line = ByteWriter.room(512)
  private var text = ByteWriter.room(448)
  /// Lines nobody took.
  private(set) var dropped: UInt64 = 0
  /// True once a line was kept that those who follow the log have not had.
  var hasNews = false

  /// Writes lines at least as important as `least`.
  init(files: FixedDescriptors, role: KernelRole, least: ApusCore.Severity) {
    self.least = least
    kernelLog = role == .initProcess ? files.kernelLog : -1
    console = role == .initProcess ? files.console : role == .foreground ? 2 : -1
  }

  /// Writes a message of the supervisor.
  mutating func write(_ message: Message, manifest: Manifest) {
    guard message.severity <= least else { return }
    text.empty()
    message.write(into: &text, manifest: manifest)
    emit(message.severity)
  }

  /// Writes `prefix: ERRNO (n)`, for what goes wrong outside the supervisor.
  mutating func write(_ severity: ApusCore.Severity, _ prefix: Literal, _ errno: Errno) {
    text.empty()
    text.text(prefix)
    text.text(": ")
    text.errno(errno)
    emit(severity)
  }

  /// Writes `what: object: ERRNO (n)`, and what to do about it.
  mutating func write(
    _ severity: ApusCore.Severity, _ what: Literal, of object: Bytes, _ errno: Errno,
    _ advice: Literal
  ) {
    text.empty()
    text.text(what)
    text.text(": ")
    text.bytes(object)
    text.text(": ")
    text.errno(errno)
    text.text(advice)
    emit(severity)
  }

  /// Writes `service: what: object: ERRNO (n)`.
  mutating func write(
    _ severity: ApusCore.Severity, _ service: Bytes, _ what: Literal,
    _ object: UnsafePointer<CChar>?, _ errno: Errno
  ) {
    text.empty()
    text.bytes(service)
    text.text(": ")
    text.text(what)
    text.text(": ")
    var at = unsafe object
    while let byte = unsafe at, unsafe byte.pointee != 0 {
      text.byte(unsafe UInt8(bitPattern: byte.pointee))
      unsafe at = byte + 1
    }
    text.text(": ")
    text.errno(errno)
    emit(severity)
  }

  /// Writes a sentence, and the number it ends with.
  @inline(never)
  mutating func say(
    _ sentence: Literal, _ number: UInt64? = nil,
    _ severity: ApusCore.Severity = .warning
  ) {
    text.reset()
    text.text(sentence)
    if let number { text.decimal(number) }
    emit(severity)
  }

  /// One record for the kernel's log, with the severity and the facility of daemons (syslog(2)),
  /// one line for people, and one for `apus logs`.
  private mutating func emit(_ severity: ApusCore.Severity) {
    guard severity <= least else { return }
    line.empty()
    line.byte(UInt8(ascii: "<"))
    line.decimal(UInt64(severity.rawValue))
    line.byte(UInt8(ascii: ">"))
    line.bytes(text.bytes)
    unsafe line.bytes.withUnsafeBufferPointer { bytes in
      unsafe capus_log_keep(
        0, bytes.baseAddress, UInt32(truncatingIfNeeded: bytes.count), capus_now())
    }
    hasNews = true
    if kernelLog >= 0 {
      line.empty()
      line.byte(UInt8(ascii: "<"))
      line.decimal(UInt64(3 << 3 | severity.rawValue))
      line.byte(UInt8(ascii: ">"))
      finish(kernelLog)
    }
    if console >= 0 {
      line.empty()
      finish(console)
    }
  }

  @inline(never)
  private mutating func finish(_ fd: Int32) {
    line.text("apus: ")
    line.bytes(text.bytes)
    line.byte(UInt8(ascii: "\n"))
    let written = unsafe line.bytes.withUnsafeBufferPointer { bytes in
      unsafe capus_write_now(fd, bytes.baseAddress, bytes.count)
    }
    if written < 0 { dropped &+= 1 }
  }
}
