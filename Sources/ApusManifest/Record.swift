public import ApusBase

/// The members of an object in the manifest, in a fixed order, as entries of `Manifest.values`.
///
/// Objects that few services have are kept as numbers: microseconds, bytes, counts, or the packed
/// offset and count of a string or list. That costs no type, and no code, for each of them.
public struct Record: Equatable, Sendable {
  /// Index of the first member; 0 stands for an object that is not there.
  public var start: UInt32

  /// The object that is not there.
  public static let none = Record(start: 0)
  /// What stands in the place of a member that was not given.
  static let absent = Int64.min

  /// True when the manifest has the object.
  public var isGiven: Bool { start > 0 }

  /// The object whose first member is the first entry after the one that stands for none.
  public static let first = Record(start: 1)

  /// The object whose first member stands there.
  public init(start: UInt32) { self.start = start }

  static func pack(_ text: Text) -> Int64 { Int64(text.offset) << 32 | Int64(text.count) }
  static func pack(_ range: TableRange) -> Int64 { Int64(range.start) << 32 | Int64(range.count) }
}

extension TableRange {
  /// Reads a packed run of entries back.
  public init(packed value: Int64) {
    self.init(
      start: UInt32(truncatingIfNeeded: value >> 32), count: UInt32(truncatingIfNeeded: value))
  }
}

extension Manifest {
  /// A member of a record, nil when it was not given.
  @inline(never) public func value(_ record: Record, _ member: Int) -> Int64? {
    guard record.isGiven, let value = values.at(Int(record.start) + member),
      value != Record.absent
    else { return nil }
    return value
  }

  /// A member that is a duration.
  public func interval(_ record: Record, _ member: Int) -> Interval? {
    value(record, member).map { Interval(microseconds: $0) }
  }

  /// A member that is a string.
  public func text(_ record: Record, _ member: Int) -> Text? {
    value(record, member).map { Text(packed: $0) }
  }

  /// A member that is a list or a command.
  public func range(_ record: Record, _ member: Int) -> TableRange? {
    value(record, member).map { TableRange(packed: $0) }
  }
}
