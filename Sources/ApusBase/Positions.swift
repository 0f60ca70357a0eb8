/// The indexes of a list, counted up from the first: as `Range<Int>`, but cheaper to loop over.
///
/// The iterator of a range compares each index with both bounds, in a function of its own; here a
/// step of a loop is one comparison and one addition, in place.
@frozen
public struct Positions: Sequence, Equatable, Sendable {
  /// The first index, the bound itself where there is none.
  public let lowerBound: Int
  /// What is behind the last index.
  public let upperBound: Int

  /// The indexes of a range.
  @inlinable @inline(__always)
  public init(_ range: Range<Int>) {
    lowerBound = range.lowerBound
    upperBound = range.upperBound
  }

  /// The first `count` indexes.
  @inlinable @inline(__always)
  public init(count: Int) {
    lowerBound = 0
    upperBound = count
  }

  /// True for one of the indexes.
  @inlinable @inline(__always)
  public func contains(_ index: Int) -> Bool { lowerBound <= index && index < upperBound }

  /// Starts a loop.
  @inlinable @inline(__always)
  public func makeIterator() -> Iterator { Iterator(index: lowerBound, end: upperBound) }

  /// Where a loop stands.
  @frozen
  public struct Iterator: IteratorProtocol, Sendable {
    @usableFromInline var index: Int
    @usableFromInline let end: Int

    @inlinable @inline(__always)
    init(index: Int, end: Int) {
      self.index = index
      self.end = end
    }

    /// The next index; nil behind the last.
    @inlinable @inline(__always)
    public mutating func next() -> Int? {
      guard index < end else { return nil }
      defer { index &+= 1 }
      return index
    }
  }
}

#if !hasFeature(Embedded)
  extension Array {
    /// The elements at some positions, all of which must be in the array.
    public subscript(positions: Positions) -> ArraySlice<Element> {
      self[positions.lowerBound..<positions.upperBound]
    }
  }
#endif
