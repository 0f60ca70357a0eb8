#if !hasFeature(Embedded)
  /// A list that grows: on the host, where copies are copies, an array.
  public typealias Rows = Array

  extension Array {
    /// A list of its own with the same elements, in memory of exactly their size.
    public init(own other: Rows<Element>) {
      self = []
      reserveCapacity(other.count)
      append(contentsOf: other)
    }

    /// The element at `index`, or nil outside: the checked accessor of the pure core.
    @inlinable public func at(_ index: Int) -> Element? {
      indices.contains(index) ? self[index] : nil
    }

    /// The elements from `start` to before `end`, as far as there are any.
    public func part(_ start: Int, _ end: Int = Int.max) -> Rows<Element> {
      let low = Swift.min(Swift.max(start, 0), count)
      return Array(self[low..<Swift.max(low, Swift.min(end, count))])
    }

    /// Forgets everything after the first `count` elements.
    public mutating func shorten(to count: Int) {
      if count < self.count { removeLast(self.count - count) }
    }
  }
#else
  /// A list that grows and is never taken apart.
  ///
  /// What a load builds lives as long as the program, and after boot nothing allocates, so nothing
  /// here is counted or given back: growing leaves the old memory behind, a part of a list is a look
  /// at the whole, and a copy shares the elements. A copy may be appended to like an array's: the
  /// memory knows how far it is in use, and who is not at its end moves. But changing an element in
  /// place and taking elements away are for the owner, but for `removeLast(_:)` of many: who keeps a
  /// list that another goes on changing so takes its own with `Rows(own: list)`. An index outside
  /// leads to zeros: see `RowMemory`. Elements are plain values: nothing runs when one is copied or
  /// forgotten. There is room for 2³² − 1 of them.
  @safe
  public struct Rows<Element>: @unchecked Sendable {
    private var memory = RowMemory(MemoryLayout<Element>.stride)

    /// An empty list without memory.
    public init() {}

    /// A list of equal elements.
    public init(repeating element: Element, count: Int) {
      memory.reserve(count, stride)
      unsafe base.initialize(repeating: element, count: count)
      memory.extend(to: count)
    }

    /// A list of its own with the same elements, in memory of exactly their size.
    public init(own other: Rows) { memory = RowMemory(own: other.memory, stride) }

    /// A list whose first elements a function sets in memory for `capacity` of them.
    public init<Failure: Error>(
      unsafeUninitializedCapacity capacity: Int,
      initializingWith body: (inout UnsafeMutableBufferPointer<Element>, inout Int)
        throws(Failure) -> Void
    ) throws(Failure) {
      memory.reserve(capacity, stride)
      var buffer = unsafe UnsafeMutableBufferPointer(start: base, count: capacity)
      var count = 0
      unsafe try body(&buffer, &count)
      memory.extend(to: count)
    }

    private init(_ memory: RowMemory) { self.memory = memory }

    private var base: UnsafeMutablePointer<Element> {
      unsafe memory.base.assumingMemoryBound(to: Element.self)
    }
    private var stride: Int { MemoryLayout<Element>.stride }

    /// How many elements it holds.
    public var count: Int { memory.count }
    /// True when it holds none.
    public var isEmpty: Bool { memory.used == 0 }
    /// The indexes of all elements.
    public var indices: Positions { Positions(count: count) }
    /// The first element.
    public var first: Element? { isEmpty ? nil : unsafe base.pointee }
    /// The last element.
    public var last: Element? { at(count - 1) }

    /// The element at `index`, or nil outside: the checked accessor of the pure core.
    public func at(_ index: Int) -> Element? {
      UInt(bitPattern: index) < UInt(memory.used) ? unsafe (base + index).pointee : nil
    }

    /// An element.
    public subscript(index: Int) -> Element {
      unsafeAddress { unsafe UnsafePointer(place(index)) }
      unsafeMutableAddress {
        unsafe memory.changedPlace(index, stride).assumingMemoryBound(to: Element.self)
      }
    }

    private func place(_ index: Int) -> UnsafeMutablePointer<Element> {
      unsafe memory.place(index, stride).assumingMemoryBound(to: Element.self)
    }

    /// The elements from `start` to before `end`, as far as there are any: a look at these.
    public func part(_ start: Int, _ end: Int = Int.max) -> Rows {
      Rows(memory.part(start, end, stride))
    }

    /// Makes sure that it can hold `count` elements without moving.
    public mutating func reserveCapacity(_ count: Int) { memory.reserve(count, stride) }

    /// Appends an element.
    public mutating func append(_ element: Element) {
      unsafe withUnsafePointer(to: element) { unsafe memory.append($0, 1, stride) }
    }

    /// Appends the elements of another list.
    public mutating func append(contentsOf other: Rows) {
      unsafe memory.append(other.memory.base, other.count, stride)
    }

    /// Forgets everything after the first `count` elements, and goes on there.
    public mutating func shorten(to count: Int) {
      if count < self.count { memory.extend(to: count) }
    }

    /// Forgets all elements, and goes on at the start.
    public mutating func removeAll(keepingCapacity: Bool) { memory.extend(to: 0) }

    /// Takes the last element away.
    public mutating func popLast() -> Element? {
      guard let element = last else { return nil }
      memory.extend(to: count - 1)
      return element
    }

    /// Takes the last element away; there must be one.
    public mutating func removeLast() -> Element {
      let element = self[count - 1]
      memory.extend(to: Swift.max(0, count - 1))
      return element
    }

    /// Takes the last elements away, as far as there are any; what is appended then goes to other
    /// memory.
    public mutating func removeLast(_ dropped: Int) {
      memory.used &-= UInt32(truncatingIfNeeded: Swift.min(dropped, count))
    }

    /// Exchanges two elements.
    public mutating func swapAt(_ left: Int, _ right: Int) {
      let element = self[left]
      self[left] = self[right]
      self[right] = element
    }

    /// Puts an element before the one at an index.
    public mutating func insert(_ element: Element, at index: Int) {
      append(element)
      var place = count - 1
      while place > index {
        self[place] = self[place - 1]
        place -= 1
      }
      self[index] = element
    }

    /// Takes an element away.
    public mutating func remove(at index: Int) {
      guard indices.contains(index) else { return }
      var place = index
      while place + 1 < count {
        self[place] = self[place + 1]
        place += 1
      }
      memory.extend(to: count - 1)
    }

    /// The elements in place.
    public var span: Span<Element> {
      @_lifetime(borrow self)
      get {
        let span = unsafe Span(_unsafeStart: base, count: count)
        return unsafe _overrideLifetime(span, borrowing: self)
      }
    }

    /// Gives the memory of the elements to a function.
    public func withUnsafeBufferPointer<Result, Failure: Error>(
      _ body: (UnsafeBufferPointer<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      unsafe try body(UnsafeBufferPointer(start: base, count: count))
    }

    /// Gives the memory of the elements to a function that may change them.
    public mutating func withUnsafeMutableBufferPointer<Result, Failure: Error>(
      _ body: (inout UnsafeMutableBufferPointer<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      var buffer = unsafe UnsafeMutableBufferPointer(start: base, count: count)
      return unsafe try body(&buffer)
    }
  }

  extension Rows: Sequence {
    /// Walks over the elements.
    @safe public struct Iterator: IteratorProtocol {
      var place: UnsafePointer<Element>
      let end: UnsafePointer<Element>

      /// The next element.
      public mutating func next() -> Element? {
        guard unsafe place != end else { return nil }
        defer { unsafe place += 1 }
        return unsafe place.pointee
      }
    }

    /// Starts at the first element.
    public func makeIterator() -> Iterator { unsafe Iterator(place: base, end: base + count) }
  }

  extension Rows: Equatable where Element: Equatable {
    /// True when both hold equal elements.
    public static func == (left: Rows, right: Rows) -> Bool {
      guard left.count == right.count else { return false }
      for index in left.indices where left[index] != right[index] { return false }
      return true
    }
  }
#endif

/// A list of bytes.
public typealias Bytes = Rows<UInt8>
