package import ApusBase
internal import ApusJSON
internal import CApus

/// A stream that a command writes to: a descriptor, or a buffer where a test looks at it.
package struct Output: ~Copyable {
  /// What is not written yet.
  package var writer = ByteWriter.room(Output.capacity)
  /// What was written when there is no descriptor.
  package private(set) var kept: Bytes = Rows()
  /// The errno of the first write that failed.
  private(set) var failure: Errno?
  private let fd: Int32

  /// More than the longest line: an address and a reason, every byte escaped.
  private static let capacity = 16384

  /// Writes to a descriptor, which stays the caller's.
  init(fd: Int32) { self.fd = fd }

  /// Keeps what is written.
  package static func keeping() -> Output { Output(fd: -1) }

  /// Ends a line, and writes when much has come together.
  @inline(never) mutating func endLine() {
    writer.byte(UInt8(ascii: "\n"))
    if writer.count > Output.capacity / 2 { flush() }
  }

  /// Ends a line and takes back the spaces before its end.
  @inline(never) mutating func endRow() {
    while writer.bytes.last == UInt8(ascii: " ") { writer.shorten(to: writer.count - 1) }
    endLine()
  }

  /// Writes what has come together.
  @inline(never) package mutating func flush() {
    if fd < 0 {
      kept.append(contentsOf: writer.bytes)
    } else if failure == nil, writer.count > 0 {
      let result = unsafe writer.bytes.withUnsafeBufferPointer {
        unsafe capus_client_write(fd, $0.baseAddress, UInt32(clamping: $0.count))
      }
      if result < 0 { failure = Errno(-result) }
    }
    writer.empty()
  }
}

extension ByteWriter {
  /// Appends text of others so that it cannot steer a terminal or break a line.
  ///
  /// Control characters, those of ISO 6429's second set and what is not UTF-8 become `\xNN`. The
  /// backslash is doubled, so that an escape cannot be forged.
  @inline(never) mutating func safe(_ text: Bytes) { printable(text, doublesBackslash: true) }

  /// As `safe`, for a line that is already quoted where it needs to be.
  @inline(never) mutating func printable(_ text: Bytes, doublesBackslash: Bool = false) {
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte < 0x80 {
        if byte < 0x20 || byte == 0x7f {
          escape(byte)
        } else {
          if doublesBackslash, byte == UInt8(ascii: "\\") { self.byte(byte) }
          self.byte(byte)
        }
        index += 1
        continue
      }
      let sequence = UTF8Sequence.at(index, in: text, end: text.count)
      let isControl = byte == 0xc2 && sequence.count == 2 && text[index + 1] < 0xa0
      for position in index..<index + sequence.count {
        if sequence.isValid, !isControl {
          self.byte(text[position])
        } else {
          escape(text[position])
        }
      }
      index += sequence.count
    }
  }

  @inline(never) private mutating func escape(_ value: UInt8) {
    text(value < 16 ? "\\x0" : "\\x")
    hex(UInt64(value))
  }
}
