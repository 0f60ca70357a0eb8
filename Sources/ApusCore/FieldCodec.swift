public import ApusBase

/// Writes the fields of a value one after the other as little-endian bytes, or reads them back in
/// the same order.
///
/// One walk over the fields serves both ways, so that they cannot disagree. Fields are only ever
/// added at the end: what an older build did not write keeps the value it has, and what a newer one
/// wrote besides is not looked at. Any bytes can be read.
public struct FieldCodec: Sendable {
  /// The bytes; the first `count` are the value's.
  public var bytes: Bytes
  /// How many bytes were written, or can be read.
  public private(set) var count = 0
  /// True when fields take what the bytes say.
  public private(set) var isReading = false
  private var cursor = 0

  /// Room for that many bytes, the only allocation.
  public init(capacity: Int) { bytes = Bytes(repeating: 0, count: capacity) }

  /// Begins to write.
  public mutating func write() {
    isReading = false
    cursor = 0
    count = 0
  }

  /// Begins to read the first `count` of `bytes`.
  public mutating func read(_ count: Int) {
    isReading = true
    cursor = 0
    self.count = min(max(0, count), bytes.count)
  }

  /// Writes the number, or gives the one that was written.
  @inline(never)
  private mutating func number(_ value: UInt64, size: Int) -> UInt64 {
    let end = cursor + size
    guard end <= (isReading ? count : bytes.count) else {
      cursor = bytes.count
      return value
    }
    if !isReading { count = end }
    defer { cursor = end }
    // A slot has two dozen fields and a boot hundreds of slots: no check for each byte.
    let (start, isReading) = (cursor, isReading)
    return unsafe bytes.withUnsafeMutableBufferPointer { bytes in
      if isReading {
        var result: UInt64 = 0
        for index in (start..<end).reversed() {
          unsafe result = result << 8 | UInt64(bytes[index])
        }
        return result
      }
      var rest = value
      for index in start..<end {
        unsafe bytes[index] = UInt8(truncatingIfNeeded: rest)
        rest >>= 8
      }
      return value
    }
  }

  /// A whole number.
  mutating func field<Number: FixedWidthInteger>(_ value: inout Number) {
    value = Number(
      truncatingIfNeeded: number(
        UInt64(truncatingIfNeeded: value), size: MemoryLayout<Number>.size))
  }

  /// A truth.
  mutating func field(_ value: inout Bool) { value = number(value ? 1 : 0, size: 1) == 1 }

  /// A word; one this build does not know leaves the value alone.
  mutating func field<Word: RawRepresentable<UInt8>>(_ value: inout Word) {
    value =
      Word(rawValue: UInt8(truncatingIfNeeded: number(UInt64(value.rawValue), size: 1))) ?? value
  }

  /// A length of time.
  mutating func field(_ value: inout Interval) { field(&value.microseconds) }

  /// A moment.
  mutating func field(_ value: inout Instant) { field(&value.microseconds) }

  /// A reason.
  mutating func field(_ value: inout Reason) {
    field(&value.kind)
    field(&value.step)
    field(&value.value)
  }

  /// A peer.
  mutating func field(_ value: inout ConnectionSource) {
    field(&value.family)
    field(&value.key)
    field(&value.rest)
    field(&value.port)
  }

  /// An end of a process, or none.
  mutating func field(_ value: inout ExitReport?) {
    var kind: UInt8 = 0
    if let value {
      kind = value.isSignal ? value.ranOutOfMemory ? 4 : value.dumpedCore ? 3 : 2 : 1
    }
    var code = value?.number ?? 0
    field(&kind)
    field(&code)
    value = nil
    if kind > 0 {
      value = ExitReport(isSignal: kind > 1, number: code, dumpedCore: kind == 3)
      value?.ranOutOfMemory = kind == 4
    }
  }
}

extension Unit {
  /// What lasts of a service, in the order in which it was introduced. Main pid and number of
  /// connections are not part of it: others know them better.
  mutating func exchange(_ codec: inout FieldCodec) {
    codec.field(&state)
    codec.field(&goal)
    codec.field(&alarm)
    codec.field(&stopStage)
    codec.field(&isAlive)
    codec.field(&isInFlight)
    codec.field(&cycle)
    codec.field(&hasSucceeded)
    codec.field(&isBootPending)
    var end = forcedEnd.map { $0.rawValue &+ 1 } ?? 0
    codec.field(&end)
    forcedEnd = end == 0 ? nil : RunEnd(rawValue: end &- 1)
    codec.field(&reason)
    codec.field(&since)
    codec.field(&generation)
    codec.field(&restarts)
    codec.field(&starts)
    codec.field(&delay)
    codec.field(&windowStart)
    codec.field(&windowCount)
    codec.field(&startedAt)
    codec.field(&endedAt)
    codec.field(&lastExit)
    codec.field(&helper)
    codec.field(&helperGeneration)
    codec.field(&isReloading)
    codec.field(&watchdog)
    codec.field(&watchdogAt)
    codec.field(&runtimeAt)
    codec.field(&timerAt)
    codec.field(&calendarAt)
    codec.field(&frozenUntil)
    codec.field(&isLeaving)
    codec.field(&helperIndex)
    codec.field(&isHelperInFlight)
    codec.field(&lookAt)
    codec.field(&isMainNamed)
    codec.field(&restUntil)
  }
}

extension ListenerUnit {
  /// What lasts of a listener. Whether it is bound the kernel knows; watched it is not.
  mutating func exchange(_ codec: inout FieldCodec) {
    codec.field(&isPaused)
    codec.field(&reason)
    codec.field(&delay)
    codec.field(&windowStart)
    codec.field(&windowCount)
    codec.field(&triggers)
    codec.field(&accepted)
    codec.field(&lastTrigger)
    codec.field(&lastPeer)
  }
}

extension Connection {
  /// What lasts of a connection.
  mutating func exchange(_ codec: inout FieldCodec) {
    codec.field(&stage)
    codec.field(&isStopping)
    codec.field(&hasBeenKilled)
    codec.field(&service)
    codec.field(&listener)
    codec.field(&generation)
    codec.field(&number)
    codec.field(&source)
    codec.field(&since)
  }
}
