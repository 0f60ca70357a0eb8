public import ApusBase

/// What a control client can ask for; the number is the frame's kind and never changes.
public enum Command: UInt8, CaseIterable, Sendable {
  case status = 1
  case listSockets = 2
  case boot = 3
  case start = 4
  case stop = 5
  case restart = 6
  case reload = 7
  case reset = 8
  case kill = 9
  case reboot = 10
  case poweroff = 11
  case halt = 12
  case kexec = 13
  case reexec = 14
  case events = 15
  case apply = 16
  case logs = 17

  /// Whether a request names a service.
  public enum Naming: UInt8, Sendable {
    case never
    case optional
    case always
    /// None, and in the place of its name there may be an argument for reboot(2).
    case argument
  }

  /// Whether a request of this kind names a service.
  public var naming: Naming {
    switch self {
    case .status, .listSockets, .logs: .optional
    case .start, .stop, .restart, .reload, .reset, .kill: .always
    case .boot, .events, .poweroff, .halt, .kexec, .reexec, .apply: .never
    case .reboot: .argument
    }
  }

  /// True when it only looks; the rest is for root (behaviour.md, control socket).
  public var isListing: Bool {
    switch self {
    case .status, .listSockets, .boot, .events, .logs: true
    default: false
    }
  }
}

/// What reboot(2) hands on to the firmware or the boot loader, as `0 tryboot` on a Raspberry Pi.
public enum RebootArgument {
  /// True for 1 to 64 printable bytes of ASCII; the kernel would take up to 255 of any kind.
  public static func isValid(_ text: borrowing Span<UInt8>) -> Bool {
    guard text.count > 0, text.count <= Frame.nameLimit else { return false }
    for index in text.indices where !(0x20...0x7e ~= text[index]) { return false }
    return true
  }
}

/// A client's request: flags byte, then the length of the name in one byte, then the name.
///
/// The decoded value holds the place of the name in the frame and not its bytes, so that the
/// supervisor decodes without allocating.
public struct RequestFrame: Equatable, Sendable {
  /// What is asked for.
  public var command: Command
  /// Answer at once instead of when it is done.
  public var noWait: Bool
  /// Skip the orderly part.
  public var now: Bool
  /// Wait for the result of a `start` or `stop` that somebody else orders; after the `logs` that are
  /// there, for new ones.
  public var onlyWait: Bool
  /// Where the service's name stands in the frame, or the argument of `reboot`; empty for none.
  public var name: Range<Int>

  /// Decodes a request. Any bytes give a request or an error, and nothing is allocated.
  public init(decoding frame: borrowing Span<UInt8>) throws(FrameError) {
    guard frame.count >= Frame.headerCount + 2, frame.count <= Frame.limit else { throw .length }
    guard frame[0] == Frame.version else { throw .version }
    guard Int(frame[2]) | Int(frame[3]) << 8 == frame.count else { throw .length }
    guard let command = Command(rawValue: frame[1]) else { throw .kind }
    let flags = frame[4]
    let mayOnlyWait = command == .start || command == .stop || command == .logs || command == .apply
    guard flags & ~(mayOnlyWait ? 7 : 3) == 0 else { throw .flags }
    let start = Frame.headerCount + 2
    let end = start + Int(frame[5])
    guard end == frame.count else { throw .length }
    if start == end {
      guard command.naming != .always else { throw .name }
    } else {
      let text = frame.extracting(start..<end)
      guard command.naming != .never,
        command == .reboot ? RebootArgument.isValid(text) : ServiceName.isValid(text)
      else { throw .name }
    }
    self.command = command
    noWait = flags & 1 != 0
    now = flags & 2 != 0
    onlyWait = flags & 4 != 0
    name = start..<end
  }

  /// Writes a request into an emptied writer.
  public static func encode(
    _ command: Command, name: Bytes = Rows(), noWait: Bool = false, now: Bool = false,
    onlyWait: Bool = false, into writer: inout ByteWriter
  ) {
    writer.beginFrame(kind: command.rawValue)
    writer.byte((noWait ? 1 : 0) | (now ? 2 : 0) | (onlyWait ? 4 : 0))
    writer.byte(UInt8(clamping: name.count))
    writer.bytes(name)
    writer.endFrame()
  }
}
