#if APUS_CRASHES
  internal import CApus

  /// Crashes on command, for tests: each of these signals makes apus fail from inside.
  ///
  /// Compiled only where `APUS_CRASHES` is set, which no binary for a board has.
  enum DeliberateCrash: UInt32 {
    /// Real-time signals above those that mean something (signal(7)).
    case overflow = 54
    case bounds, allocation, recursion, abort, access
    /// Does nothing ever again.
    case hang

    func happen() {
      switch self {
      case .overflow:
        var full = UInt8.max
        // Of a value that the optimizer does not know.
        full += UInt8(truncatingIfNeeded: rawValue & 2 | 1)
        capus_exit(Int32(full))
      case .bounds:
        let few = InlineArray<2, UInt32>(repeating: rawValue)
        capus_exit(Int32(bitPattern: few[Int(rawValue)]))
      case .allocation:
        let many = UnsafeMutablePointer<UInt32>.allocate(capacity: Int(rawValue) << 40)
        capus_exit(Int32(bitPattern: unsafe many.pointee))
      case .recursion: capus_exit(Int32(bitPattern: deeper(rawValue)))
      case .abort: capus_abort()
      case .access: unsafe capus_touch(UInt(rawValue))
      case .hang: capus_sleep_for_ever()
      }
    }

    @inline(never)
    private func deeper(_ depth: UInt32) -> UInt32 {
      var frame = InlineArray<256, UInt32>(repeating: depth)
      frame[Int(depth & 255)] = depth &+ 1
      let below = deeper(frame[Int(depth & 255)])
      return below &+ frame[Int(below & 255)]
    }
  }
#endif
