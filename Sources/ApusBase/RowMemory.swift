#if hasFeature(Embedded)
  /// The memory of `Rows`, whatever its elements are: one copy of the code serves all types.
  ///
  /// A word before the elements says how many of them are in use, by whoever shares the memory.
  @safe
  struct RowMemory {
    /// The elements.
    var base: UnsafeMutableRawPointer
    /// How many there are.
    var used: UInt32 = 0
    /// For how many there is memory; 0 for a look.
    private var room: UInt32 = 0

    /// Nothing, and behind it, as in every memory, zeros where an element would be.
    @inline(__always)
    init(_ stride: Int) {
      unsafe base = stride <= MemoryLayout<Page>.size ? noElement : RowMemory.outside(stride)
    }

    private init(_ base: UnsafeMutableRawPointer, _ used: Int) {
      unsafe self.base = base
      self.used = UInt32(truncatingIfNeeded: used)
    }

    var count: Int { Int(truncatingIfNeeded: used) }

    /// Memory of exactly the size of other elements, with a copy of these.
    @inline(never)
    init(own other: RowMemory, _ stride: Int) {
      self.init(stride)
      reserve(other.count, stride)
      unsafe append(other.base, other.count, stride)
    }

    private var end: UnsafeMutablePointer<UInt32> {
      unsafe (base - 16).assumingMemoryBound(to: UInt32.self)
    }

    /// Makes the elements up to `count`, which are in place, part of the list.
    @inline(never)
    mutating func extend(to count: Int) {
      used = UInt32(truncatingIfNeeded: count)
      if room > 0 { unsafe end.pointee = used }
    }

    /// Where an element lies that is only read.
    ///
    /// An index outside traps on the host, where tests look. Here it leads to zeros behind the last
    /// element for which there is memory, or, in a look, to its first: something of the right type.
    @inline(__always)
    func place(_ index: Int, _ stride: Int) -> UnsafeMutableRawPointer {
      let isInside = UInt(bitPattern: index) < UInt(used)
      return unsafe base + (isInside ? index : Int(truncatingIfNeeded: room)) &* stride
    }

    /// Where an element lies that is changed; outside, zeroed memory that nobody else has. `apus
    /// status` then tells of an allocation.
    @inline(__always)
    func changedPlace(_ index: Int, _ stride: Int) -> UnsafeMutableRawPointer {
      if UInt(bitPattern: index) < UInt(used) { return unsafe base + index &* stride }
      return unsafe RowMemory.outside(stride)
    }

    @inline(never)
    private static func outside(_ stride: Int) -> UnsafeMutableRawPointer {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: stride, alignment: 16)
      unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
      return unsafe memory
    }

    /// A look at the elements from `start` to before `end`, as far as there are any.
    @inline(__always)
    func part(_ start: Int, _ end: Int, _ stride: Int) -> RowMemory {
      let low = min(max(start, 0), count)
      return unsafe RowMemory(base + low * stride, max(low, min(end, count)) - low)
    }

    /// Makes room for `wanted` elements: in place if there is, and if these are the last in use.
    @inline(never)
    mutating func reserve(_ wanted: Int, _ stride: Int) {
      if wanted <= Int(truncatingIfNeeded: room), unsafe room == 0 || end.pointee == used { return }
      room = max(UInt32(truncatingIfNeeded: wanted), wanted == 1 ? 8 : used &* 2)
      let memory = UnsafeMutableRawPointer.allocate(
        byteCount: 16 + (Int(room) + 1) * stride, alignment: 16)
      // Behind the elements, where the kernel's memory is still zeros, lies what is outside.
      unsafe (memory + 16).copyMemory(from: base, byteCount: count * stride)
      unsafe base = memory + 16
      unsafe end.pointee = used
    }

    /// Appends copies of elements.
    @inline(never)
    mutating func append(_ elements: UnsafeRawPointer, _ added: Int, _ stride: Int) {
      let sum = count + added
      reserve(sum, stride)
      unsafe (base + count * stride).copyMemory(from: elements, byteCount: added * stride)
      extend(to: sum)
    }
  }

  fileprivate typealias Line = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  fileprivate typealias Page = (Line, Line, Line, Line, Line, Line, Line, Line)

  /// Zeros for an element of lists that have no memory; never written to. Tuples, because only they are zeros from the start, without code that makes them so.
  private nonisolated(unsafe) var zeros: Page = (
    (0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0)
  )

  private var noElement: UnsafeMutableRawPointer {
    unsafe withUnsafeMutablePointer(to: &zeros) { UnsafeMutableRawPointer($0) }
  }
#endif
