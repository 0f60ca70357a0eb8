internal import ApusBase
internal import CApus

// Small files of the kernel and of /etc, and how PID 1 says what went wrong with them.

extension [UInt8] {
  /// Lends the bytes, which must end in a NUL, as a path.
  func withCPath<Result>(_ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    unsafe withUnsafeBufferPointer {
      unsafe body(UnsafeRawPointer($0.baseAddress)?.assumingMemoryBound(to: CChar.self))
    }
  }
}

extension StaticString {
  /// The literal as a path; literals end in a NUL.
  var cPath: UnsafePointer<CChar> {
    unsafe UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}

/// The bytes of a file, at most `limit`.
///
/// Files of /proc have no size, so at least 4 KiB are asked for.
func readFile(_ path: [UInt8], limit: Int) throws(Errno) -> [UInt8] {
  let terminated = path + [0]
  let size = unsafe terminated.withCPath { unsafe capus_file_size($0) }
  guard size >= 0 else { throw Errno(Int32(truncatingIfNeeded: 0 &- size)) }
  let capacity = Swift.min(limit, Swift.max(4096, Int(clamping: size) &+ 1))
  var bytes = [UInt8](repeating: 0, count: capacity)
  let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
    unsafe terminated.withCPath {
      unsafe capus_read_file($0, buffer.baseAddress, buffer.count)
    }
  }
  guard count >= 0 else { throw Errno(Int32(truncatingIfNeeded: 0 &- count)) }
  bytes.removeLast(bytes.count - Int(count))
  return bytes
}

/// The bytes of a file with a literal path.
func readFile(_ path: StaticString, limit: Int) throws(Errno) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.append(path)
  return try readFile(bytes, limit: limit)
}

/// Says a line on the console: PID 1's own words before and after there is a supervisor.
///
/// Never waits; a line the console does not take is dropped.
func say(_ write: (inout ByteWriter) -> Void) {
  var line = ByteWriter(capacity: 512)
  line.text("apus: ")
  write(&line)
  line.text("\n")
  unsafe line.bytes.withUnsafeBufferPointer {
    _ = unsafe capus_write(2, $0.baseAddress, $0.count)
  }
}

/// Says that something failed: `cannot mount /proc: EPERM (1)`.
func complain(_ deed: StaticString, _ subject: [UInt8], _ error: Errno) {
  say {
    $0.text("cannot ")
    $0.text(deed)
    $0.text(" ")
    $0.bytes(subject)
    $0.text(": ")
    $0.errno(error)
  }
}

/// Says that something with a literal name failed.
func complain(_ deed: StaticString, _ subject: StaticString, _ error: Errno) {
  var bytes: [UInt8] = []
  bytes.append(subject)
  complain(deed, bytes, error)
}
