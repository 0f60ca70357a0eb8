public import ApusBase

/// What every frame of the control protocol has in common.
///
/// A frame is one datagram of a SOCK_SEQPACKET socket: one byte of protocol version, one byte of
/// kind, the whole frame's length as 16 bits, then the fields of its kind. Numbers are
/// little-endian, strings are a 16-bit length and that many bytes, absent numbers are all ones.
public enum Frame {
  /// The version of the protocol; a frame of another one is refused.
  public static let version: UInt8 = 1
  /// The most bytes of a frame; a buffer of this size takes every one.
  public static let limit = 1024
  /// Bytes before the first field.
  public static let headerCount = 4
  /// The most bytes of a service name.
  public static let nameLimit = 64
  /// The most bytes of an address or a listener's name.
  public static let addressLimit = 255
  /// The most bytes of a reason; longer ones are cut.
  public static let reasonLimit = 320
  /// The most bytes of a line of output; a longer one comes as several.
  public static let lineLimit = 2048
  /// The most bytes of any frame the supervisor sends.
  public static let replyLimit = 2304
  /// The most bytes of what a service says of itself.
  public static let statusLimit = 80
}

/// The version of apus.
public enum ApusVersion {
  /// As `apus version` prints it.
  public static var text: Literal { "0.1.0" }
}

/// Why a frame was refused.
public enum FrameError: UInt8, Error, Sendable {
  /// Shorter than its fields, longer than the limit, or its length field lies.
  case length
  /// Another protocol version.
  case version
  /// A kind nobody knows.
  case kind
  /// A flag nobody knows.
  case flags
  /// No service name: empty, longer than 64 bytes, or not of `[A-Za-z0-9_.@-]`.
  case name
  /// A field holds a value its type does not have.
  case value

  /// What is wrong, for people.
  public var message: Literal {
    switch self {
    case .length: "frame of a wrong length"
    case .version: "frame of another protocol version"
    case .kind: "unknown command"
    case .flags: "unknown flag"
    case .name: "not a service name"
    case .value: "frame with a value out of range"
    }
  }
}

/// The names services can have, checked on both ends.
public enum ServiceName {
  /// True for 1 to 64 bytes of `[A-Za-z0-9_.@-]` other than `.` and `..`.
  public static func isValid(_ name: borrowing Span<UInt8>) -> Bool {
    guard name.count > 0, name.count <= Frame.nameLimit else { return false }
    var onlyDots = true
    for index in 0..<name.count {
      switch name[index] {
      case UInt8(ascii: "."): continue
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "@"),
        UInt8(ascii: "-"):
        onlyDots = false
      default: return false
      }
    }
    return !onlyDots || name.count > 2
  }
}

extension ByteWriter {
  /// Starts a frame in an emptied writer.
  mutating func beginFrame(kind: UInt8) {
    reset()
    byte(Frame.version)
    byte(kind)
    little(0, bytes: 2)
  }

  /// Fills in the frame's length.
  mutating func endFrame() { patch(UInt64(count), at: 2, bytes: 2) }

  /// Appends a string field, cut to `limit` bytes.
  mutating func field(limit: Int, _ write: (inout ByteWriter) -> Void) {
    let mark = count
    little(0, bytes: 2)
    write(&self)
    shorten(to: mark + 2 + limit)
    patch(UInt64(max(0, count - mark - 2)), at: mark, bytes: 2)
  }

  /// Appends a signed 64-bit field.
  mutating func signed(_ value: Int64) { little(UInt64(bitPattern: value), bytes: 8) }

  /// Appends an optional moment; none is all ones.
  mutating func moment(_ value: Instant?) { signed(value?.microseconds ?? -1) }
}
