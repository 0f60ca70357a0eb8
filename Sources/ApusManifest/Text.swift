public import ApusBase

/// A string of the manifest: a range of `Manifest.pool`, always followed there by a NUL byte.
///
/// Keeping every string in one pool makes a service a flat record of a few hundred bytes, and lets
/// the pool's own memory serve as argv and path names of system calls.
public struct Text: Equatable, Sendable {
  /// Offset of the first byte in the pool.
  public var offset: UInt32
  /// Bytes, without the NUL.
  public var count: UInt32

  /// A range of the pool.
  public init(offset: UInt32, count: UInt32) {
    self.offset = offset
    self.count = count
  }

  /// Reads a packed string of a record back.
  public init(packed value: Int64) {
    let range = TableRange(packed: value)
    self.init(offset: range.start, count: range.count)
  }

  /// The absent string; offset 0 of every pool is a NUL byte.
  public static let none = Text(offset: 0, count: 0)

  /// True for the absent and the empty string.
  public var isEmpty: Bool { count == 0 }
}

/// A run of entries in one of the manifest's tables.
public struct TableRange: Equatable, Sendable {
  /// Index of the first entry.
  public var start: UInt32
  /// How many entries.
  public var count: UInt32

  /// A run of `count` entries from `start`.
  public init(start: UInt32, count: UInt32) {
    self.start = start
    self.count = count
  }

  /// The entries from `start` up to `end`.
  @inline(never) init(from start: Int, to end: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    count = UInt32(truncatingIfNeeded: end - start)
  }

  /// No entries.
  public static let none = TableRange(start: 0, count: 0)

  /// The indexes of the run.
  public var indices: Positions { Positions(Int(start)..<Int(start) + Int(count)) }
}

/// Index of a service in `Manifest.services`.
public typealias ServiceIndex = Int
/// Index of a listener in `Manifest.listeners`.
public typealias ListenerIndex = Int
