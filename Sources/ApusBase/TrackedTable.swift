/// A table of fixed size that knows which of its elements may have changed.
///
/// What must survive a crash is written down after every step, and only what the step may have
/// changed: every mutable access marks its element, so that nobody has to remember to. On the
/// device the elements lie in memory that is made once and never moves, which also spares each
/// change the look whether an array is shared; copies of the table share it there, so the device
/// makes none. On the host it is an array, and copies are copies. An index outside the table traps on
/// the host, where tests look, and leads to a spare element on the device.
@safe
public struct TrackedTable<Element: Sendable>: @unchecked Sendable {
  /// How many elements there are.
  public let count: Int
  /// Indexes of marked elements, each once.
  private var changed: Rows<UInt16> = Rows()
  private var isChanged: Rows<Bool>
  #if hasFeature(Embedded)
    private let base: UnsafeMutablePointer<Element>
  #else
    private var elements: Rows<Element>
  #endif

  /// A table of equal elements, all of them marked; the only allocation.
  public init(repeating element: Element, count: Int) {
    self.count = count
    isChanged = Rows<Bool>(repeating: false, count: count)
    changed.reserveCapacity(count)
    #if hasFeature(Embedded)
      unsafe base = UnsafeMutablePointer<Element>.allocate(capacity: count + 1)
      unsafe base.initialize(repeating: element, count: count + 1)
    #else
      elements = Rows<Element>(repeating: element, count: count)
    #endif
    for index in 0..<count { mark(index) }
  }

  /// The indexes of all elements.
  public var indices: Positions { Positions(count: count) }

  /// An element; nil outside the table.
  public func at(_ index: Int) -> Element? { indices.contains(index) ? self[index] : nil }

  /// A marked element; nil when no element may have changed.
  public var changedIndex: Int? { changed.last.map { Int($0) } }

  /// Takes away the mark of the element at `changedIndex`, which has been written down.
  public mutating func unmark() {
    if let index = changed.popLast() { isChanged[Int(index)] = false }
  }

  #if hasFeature(Embedded)
    /// An element; changing it marks it.
    public subscript(index: Int) -> Element {
      unsafeAddress { unsafe UnsafePointer(place(index)) }
      unsafeMutableAddress { unsafe touched(index) }
    }

    /// Where an element lies; the spare one outside the table.
    @inline(never)
    private func place(_ index: Int) -> UnsafeMutablePointer<Element> {
      unsafe base + (indices.contains(index) ? index : count)
    }

    /// Where an element lies that is about to change.
    @inline(never)
    private mutating func touched(_ index: Int) -> UnsafeMutablePointer<Element> {
      mark(index)
      return unsafe place(index)
    }
  #else
    /// An element; changing it marks it.
    public subscript(index: Int) -> Element {
      get { elements[index] }
      _modify {
        mark(index)
        yield &elements[index]
      }
    }
  #endif

  private mutating func mark(_ index: Int) {
    guard isChanged.indices.contains(index), !isChanged[index] else { return }
    isChanged[index] = true
    changed.append(UInt16(truncatingIfNeeded: index))
  }
}
