/// A length of time in microseconds.
///
/// Arithmetic saturates, so that counters near their limit never trap; `never` is the largest value
/// and absorbs additions.
public struct Interval: Equatable, Comparable, Sendable {
  /// Microseconds; negative values do not occur in manifests.
  public var microseconds: Int64

  /// A length of time in microseconds.
  @inlinable public init(microseconds: Int64) { self.microseconds = microseconds }

  /// A length of time in milliseconds.
  @inlinable public static func milliseconds(_ value: Int64) -> Interval {
    let (product, overflow) = value.multipliedReportingOverflow(by: 1000)
    return overflow ? .never : Interval(microseconds: product)
  }

  /// A length of time in seconds.
  @inlinable public static func seconds(_ value: Int64) -> Interval {
    let (product, overflow) = value.multipliedReportingOverflow(by: 1_000_000)
    return overflow ? .never : Interval(microseconds: product)
  }

  /// Longer than any other.
  public static let never = Interval(microseconds: .max)
  /// No time at all.
  public static let zero = Interval(microseconds: 0)

  /// Orders by length.
  @inlinable public static func < (left: Interval, right: Interval) -> Bool {
    left.microseconds < right.microseconds
  }

  /// Adds, saturating at `never`.
  @inlinable public static func + (left: Interval, right: Interval) -> Interval {
    let (sum, overflow) = left.microseconds.addingReportingOverflow(right.microseconds)
    return overflow ? .never : Interval(microseconds: sum)
  }

  /// Subtracts, stopping at zero; `never` stays `never`.
  @inlinable public static func - (left: Interval, right: Interval) -> Interval {
    if left == .never { return .never }
    let (difference, overflow) = left.microseconds.subtractingReportingOverflow(right.microseconds)
    return Interval(microseconds: overflow ? 0 : max(0, difference))
  }
}

/// A moment on CLOCK_BOOTTIME, in microseconds since the kernel started (clock_gettime(2)).
///
/// Wall time is text for logs and the business of calendar timers; everything else is one of these.
public struct Instant: Equatable, Comparable, Sendable {
  /// Microseconds since the kernel started.
  public var microseconds: Int64

  /// A moment in microseconds since the kernel started.
  @inlinable public init(microseconds: Int64) { self.microseconds = microseconds }

  /// A moment that never comes.
  public static let never = Instant(microseconds: .max)
  /// The start of the kernel.
  public static let zero = Instant(microseconds: 0)

  /// Orders by time.
  @inlinable public static func < (left: Instant, right: Instant) -> Bool {
    left.microseconds < right.microseconds
  }

  /// The moment `interval` later; `never` when that does not fit.
  @inlinable public static func + (left: Instant, interval: Interval) -> Instant {
    let (sum, overflow) = left.microseconds.addingReportingOverflow(interval.microseconds)
    return overflow ? .never : Instant(microseconds: sum)
  }

  /// The time from `right` to `left`, zero when `left` is the earlier.
  @inlinable public static func - (left: Instant, right: Instant) -> Interval {
    let (difference, overflow) = left.microseconds.subtractingReportingOverflow(right.microseconds)
    if overflow { return .never }
    return Interval(microseconds: max(0, difference))
  }
}
