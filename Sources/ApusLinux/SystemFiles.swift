internal import ApusBase
internal import ApusManifest
internal import CApus

// Small files of the kernel and of /etc, and how PID 1 says what went wrong with them.

extension Rows where Element == UInt8 {
  /// The bytes with a NUL behind them.
  var terminated: Bytes {
    @inline(never) get {
      var copy = self
      copy.push(0)
      return copy
    }
  }

  /// Becomes what stands in `text` from `place` to the next `separator`, and moves `place` behind
  /// that; false at the end of the text.
  @inline(never)
  mutating func read(_ text: Bytes, from place: inout Int, upTo separator: UInt8) -> Bool {
    if place >= text.count {
      self = Rows()
      return false
    }
    var end = place
    while end < text.count, text[end] != separator { end += 1 }
    self = text.part(place, end)
    place = end + 1
    return true
  }

  /// Lends the bytes, which must end in a NUL, as a path.
  func withCPath<Result>(_ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    unsafe withUnsafeBufferPointer {
      unsafe body(UnsafeRawPointer($0.baseAddress)?.assumingMemoryBound(to: CChar.self))
    }
  }
}

/// The bytes of a file, at most `limit`.
@inline(never)
func readFile(_ path: Bytes, limit: Int) throws(Errno) -> Bytes {
  let terminated = path.terminated
  var count: Int64 = 0
  // Address space only: pages count once they are read into.
  let bytes = unsafe Bytes(unsafeUninitializedCapacity: limit) { buffer, used in
    count = unsafe terminated.withCPath {
      unsafe capus_read_file($0, buffer.baseAddress, buffer.count)
    }
    used = Int(Swift.max(0, count))
  }
  guard count >= 0 else { throw Errno(Int32(truncatingIfNeeded: 0 &- count)) }
  return bytes
}

/// The bytes of a file with a literal path; none when it cannot be read.
@inline(never)
func textFile(_ path: Literal, limit: Int) -> Bytes {
  (try? readFile(Bytes(path), limit: limit)) ?? Rows()
}

// PID 1's own words on the console, before and after there is a supervisor. They never wait; a line
// the console does not take is dropped.

/// Starts a line.
@inline(never)
private func beginLine() -> ByteWriter {
  var line = ByteWriter.room(512)
  line.text("apus: ")
  return line
}

/// Ends a line and writes it.
@inline(never)
func finish(_ line: inout ByteWriter) {
  line.text("\n")
  unsafe line.bytes.withUnsafeBufferPointer {
    _ = unsafe capus_write(2, $0.baseAddress, $0.count)
  }
}

/// Says something.
@inline(never)
func say(_ words: Literal) {
  var line = beginLine()
  line.text(words)
  finish(&line)
}

/// Says what a manifest's diagnostic says.
@inline(never)
func say(_ diagnostic: Diagnostic) {
  var line = beginLine()
  diagnostic.write(into: &line)
  finish(&line)
}

/// Says that something failed: `cannot mount /proc: EPERM (1)`.
@inline(never)
func complain(
  _ deed: Literal, _ subject: Bytes, _ error: Errno, of source: Bytes = Rows()
) {
  var line = beginLine()
  line.text("cannot ")
  line.text(deed)
  line.text(" ")
  line.bytes(subject)
  line.text(": ")
  line.errno(error)
  if !source.isEmpty {
    line.text(", source ")
    line.bytes(source)
  }
  finish(&line)
}

/// Says that something with a literal name failed.
@inline(never)
func complain(_ deed: Literal, _ subject: Literal, _ error: Errno) {
  complain(deed, Bytes(subject), error)
}

extension ByteWriter {
  /// A writer with room for so many bytes; one copy of the code that makes it.
  @inline(never) static func room(_ capacity: Int) -> ByteWriter { ByteWriter(capacity: capacity) }

  /// Forgets what was written; one copy of the code of `reset`.
  @inline(never) mutating func empty() { reset() }
}
