package import ApusBase

/// Times and sizes as people read them; integers only, no floating point.
extension ByteWriter {
  /// Appends a length of time with its two largest units: `2min 3s`, `350ms`.
  @inline(never) package mutating func duration(_ microseconds: Int64) {
    let total = UInt64(max(0, microseconds))
    let seconds = total / 1_000_000
    if total < 1000 {
      part(total, "us")
    } else if seconds == 0 {
      part(total / 1000, "ms")
    } else if seconds < 60 {
      part(seconds, "s")
    } else if seconds < 3600 {
      parts(seconds / 60, "min", seconds % 60, "s")
    } else if seconds < 86_400 {
      parts(seconds / 3600, "h", seconds / 60 % 60, "min")
    } else {
      parts(seconds / 86_400, "d", seconds / 3600 % 24, "h")
    }
  }

  /// Appends a length of time whose parts of a second count: `1.5s`, `350ms`, `2min 3s`.
  @inline(never) package mutating func length(_ microseconds: Int64) {
    let milliseconds = UInt64(max(0, microseconds)) / 1000
    guard milliseconds >= 1000, milliseconds < 60_000 else { return duration(microseconds) }
    decimal(milliseconds / 1000)
    var rest = milliseconds % 1000
    if rest > 0 { byte(UInt8(ascii: ".")) }
    var unit: UInt64 = 100
    while rest > 0 {
      decimal(rest / unit)
      rest %= unit
      unit /= 10
    }
    byte(UInt8(ascii: "s"))
  }

  /// Appends a length of time in seconds with three decimals, so that a column of them compares.
  @inline(never) package mutating func seconds(_ microseconds: Int64) {
    let milliseconds = UInt64(max(0, microseconds)) / 1000
    decimal(milliseconds / 1000)
    byte(UInt8(ascii: "."))
    decimal(milliseconds / 100 % 10)
    decimal(milliseconds / 10 % 10)
    decimal(milliseconds % 10)
    byte(UInt8(ascii: "s"))
  }

  /// Appends a size in binary units, one decimal below ten: `1.2M`, `640K`.
  @inline(never) package mutating func size(_ bytes: UInt64) {
    var shift: UInt64 = 0
    var unit: Literal = ""
    if bytes >= 1 << 30 {
      shift = 30
      unit = "G"
    } else if bytes >= 1 << 20 {
      shift = 20
      unit = "M"
    } else if bytes >= 1 << 10 {
      shift = 10
      unit = "K"
    }
    decimal(bytes >> shift)
    if shift > 0, bytes >> shift < 10 {
      byte(UInt8(ascii: "."))
      decimal(((bytes & ((1 << shift) - 1)) * 10) >> shift)
    }
    text(unit)
  }

  @inline(never) private mutating func part(_ value: UInt64, _ unit: Literal) {
    decimal(value)
    text(unit)
  }

  private mutating func parts(
    _ large: UInt64, _ largeUnit: Literal, _ small: UInt64, _ smallUnit: Literal
  ) {
    part(large, largeUnit)
    if small > 0 {
      byte(UInt8(ascii: " "))
      part(small, smallUnit)
    }
  }

  /// Appends a moment, in microseconds of CLOCK_REALTIME, as UTC: `2026-11-25 01:45:23.123`.
  @inline(never) package mutating func date(_ microseconds: Int64) {
    let milliseconds = max(0, microseconds) / 1000
    let seconds = milliseconds / 1000
    let date = CivilDate(day: Int(seconds / 86_400))
    decimal(Int64(date.year))
    pair(Int64(date.month), "-")
    pair(Int64(date.day), "-")
    pair(seconds / 3600 % 24, " ")
    pair(seconds / 60 % 60, ":")
    pair(seconds % 60, ":")
    pair(milliseconds % 1000 / 10, ".")
    decimal(milliseconds % 10)
  }

  @inline(never) private mutating func pair(_ value: Int64, _ separator: Literal) {
    text(separator)
    decimal(value / 10)
    decimal(value % 10)
  }
}
