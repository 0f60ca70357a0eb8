import Foundation

/// The scalars of unit files, and how a manifest spells them.
enum UnitScalar {
  /// systemd's words for yes and no.
  static func bool(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "1", "yes", "y", "true", "t", "on": true
    case "0", "no", "n", "false", "f", "off": false
    default: nil
    }
  }

  /// Microseconds for each unit of systemd.time(7).
  private static let units: [String: Double] = [
    "us": 1, "usec": 1, "µs": 1, "ms": 1e3, "msec": 1e3, "": 1e6, "s": 1e6, "sec": 1e6,
    "second": 1e6, "seconds": 1e6, "m": 6e7, "min": 6e7, "minute": 6e7, "minutes": 6e7,
    "h": 3.6e9, "hr": 3.6e9, "hour": 3.6e9, "hours": 3.6e9, "d": 8.64e10, "day": 8.64e10,
    "days": 8.64e10, "w": 6.048e11, "week": 6.048e11, "weeks": 6.048e11, "month": 2.6298e12,
    "months": 2.6298e12, "M": 2.6298e12, "y": 3.15576e13, "year": 3.15576e13, "years": 3.15576e13,
  ]

  /// A time span in microseconds, `Int.max` for infinity; nil for what is none.
  static func microseconds(_ text: String, unit: String = "s") -> Int? {
    if text == "infinity" { return Int.max }
    var total = 0.0
    var rest = Substring(text)
    var hasNumber = false
    while true {
      rest = rest.drop { $0.isWhitespace }
      guard !rest.isEmpty else { break }
      let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
      guard let number = Double(digits) else { return nil }
      rest = rest.dropFirst(digits.count).drop { $0.isWhitespace }
      let word = rest.prefix { $0.isLetter }
      guard let factor = units[word.isEmpty ? unit : String(word)] else { return nil }
      total += number * factor
      hasNumber = true
      rest = rest.dropFirst(word.count)
    }
    guard hasNumber, total < 1e18 else { return nil }
    return Int(total)
  }

  /// A time span as a manifest spells it, rounded up to a millisecond; `never` for infinity.
  static func duration(microseconds: Int) -> String {
    if microseconds == Int.max { return "never" }
    var milliseconds = microseconds / 1000 + (microseconds % 1000 > 0 ? 1 : 0)
    var words: [String] = []
    for (unit, length) in [
      ("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1),
    ] where milliseconds >= length {
      words.append("\(milliseconds / length)\(unit)")
      milliseconds %= length
    }
    return words.isEmpty ? "0s" : words.joined(separator: " ")
  }

  /// A time span as a manifest spells it.
  static func duration(_ text: String, unit: String = "s") -> String? {
    microseconds(text, unit: unit).map { duration(microseconds: $0) }
  }

  /// Bytes, by powers of 1,024; nil for what is none, `infinity` and percentages included.
  static func bytes(_ text: String) -> Int? {
    let suffixes: [Character: Int] = ["B": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5]
    var number = text.trimmingCharacters(in: .whitespaces)
    var power = 0
    if let last = number.last, let known = suffixes[last] {
      power = known
      number.removeLast()
    }
    guard let value = Double(number.trimmingCharacters(in: .whitespaces)), value >= 0 else {
      return nil
    }
    let total = value * Double(1 << (10 * power))
    return total < 9e18 ? Int(total) : nil
  }

  /// A size as a manifest spells it: `64K` where that is exact.
  static func size(_ bytes: Int) -> ManifestValue {
    for (unit, shift) in [("G", 30), ("M", 20), ("K", 10)]
    where bytes > 0 && bytes % (1 << shift) == 0 {
      return .text("\(bytes >> shift)\(unit)")
    }
    return .number(bytes)
  }

  /// An octal mode as a manifest spells it.
  static func mode(_ text: String) -> String? {
    guard let mode = Int(text, radix: 8), mode >= 0, mode <= 0o777 else { return nil }
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  private static let signals: [String] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
  ]

  /// A signal by name, with or without SIG, or by number.
  static func signal(_ text: String) -> String? {
    if let number = Int(text), number > 0, number <= signals.count {
      return "SIG" + signals[number - 1]
    }
    let upper = text.uppercased()
    let name = upper.dropping("SIG") ?? upper
    if name == "IOT" { return "SIGABRT" }
    if name == "POLL" { return "SIGIO" }
    if name == "CLD" { return "SIGCHLD" }
    if signals.contains(name) { return "SIG" + name }
    return name.hasPrefix("RTMIN") || name.hasPrefix("RTMAX") ? "SIG" + name : nil
  }

  private static let exits: [String: Int] = [
    "SUCCESS": 0, "FAILURE": 1, "INVALIDARGUMENT": 2, "NOTIMPLEMENTED": 3, "NOPERMISSION": 4,
    "NOTINSTALLED": 5, "NOTCONFIGURED": 6, "NOTRUNNING": 7, "USAGE": 64, "DATAERR": 65,
    "NOINPUT": 66, "NOUSER": 67, "NOHOST": 68, "UNAVAILABLE": 69, "SOFTWARE": 70, "OSERR": 71,
    "OSFILE": 72, "CANTCREAT": 73, "IOERR": 74, "TEMPFAIL": 75, "PROTOCOL": 76, "NOPERM": 77,
    "CONFIG": 78,
  ]

  /// An exit code by number or name, or a signal.
  static func exitStatus(_ text: String) -> ManifestValue? {
    if let code = Int(text) { return (0...255).contains(code) ? .number(code) : nil }
    if let code = exits[text] { return .number(code) }
    return signal(text).map { .text($0) }
  }

  /// A user or group: a number stays one.
  static func principal(_ text: String) -> ManifestValue {
    Int(text).map { .number($0) } ?? .text(text)
  }
}
