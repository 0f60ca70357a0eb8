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

    /// Nothing.
    init() { unsafe base = UnsafeMutableRawPointer(bitPattern: 16).unsafelyUnwrapped }

    var count: Int { Int(truncatingIfNeeded: used) }

    /// Memory of exactly the size of other elements, with a copy of these.
    @inline(never)
    init(own other: RowMemory, _ stride: Int) {
      self.init()
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

    /// Where an element lies.
    @inline(__always)
    func place(_ index: Int, _ stride: Int) -> UnsafeMutableRawPointer {
      precondition(UInt(bitPattern: index) < UInt(used))
      return unsafe base + index &* stride
    }

    /// A look at the elements from `start` to before `end`, as far as there are any.
    @inline(__always)
    func part(_ start: Int, _ end: Int, _ stride: Int) -> RowMemory {
      var part = RowMemory()
      let low = min(max(start, 0), count)
      unsafe part.base = base + low * stride
      part.used = UInt32(truncatingIfNeeded: max(low, min(end, count)) - low)
      return part
    }

    /// Makes room for `wanted` elements: in place if there is, and if these are the last in use.
    @inline(never)
    mutating func reserve(_ wanted: Int, _ stride: Int) {
      if wanted <= Int(truncatingIfNeeded: room), unsafe room == 0 || end.pointee == used { return }
      room = max(UInt32(truncatingIfNeeded: wanted), wanted == 1 ? 8 : used &* 2)
      let memory = UnsafeMutableRawPointer.allocate(
        byteCount: 16 + Int(room) * stride, alignment: 16)
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
#endif
