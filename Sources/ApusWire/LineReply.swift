public import ApusBase

/// A decoded `line` frame.
public struct LineReply: Equatable, Sendable {
  /// False when it only tells how many lines were lost.
  public var isLine: Bool
  /// The level of syslog(3).
  public var level: UInt8
  /// When it was written.
  public var at: Instant
  /// How many lines of the service before it are not there any more.
  public var lost: UInt32
  /// Whose it is.
  public var service: Bytes
  /// Its bytes, as they were written.
  public var text: Bytes

  /// Decodes a line of a service's output.
  public init(decoding frame: Bytes) throws(FrameError) {
    var fields = try ReplyKind.line.fields(of: frame)
    isLine = fields.byte() == 1
    level = fields.byte()
    at = Instant(microseconds: fields.signed())
    lost = UInt32(truncatingIfNeeded: fields.number(bytes: 4))
    service = fields.text(limit: Frame.nameLimit)
    text = fields.text(limit: Frame.lineLimit)
    guard fields.isWhole else { throw .length }
    guard level < 8 else { throw .value }
  }
}
