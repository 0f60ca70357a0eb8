public import ApusBase

/// How bad a diagnostic is.
public enum Severity: UInt8, Sendable {
  /// The value or the service is refused.
  case error
  /// Accepted, but hardly what was meant.
  case warning

  /// The word in messages and JSON.
  public var word: Literal {
    switch self {
    case .error: "error"
    case .warning: "warning"
    }
  }
}

/// Something the loader has to say about a place in a manifest.
public struct Diagnostic: Equatable, Sendable {
  /// The file as the caller named it.
  public var file: Bytes
  /// The line, counted from 1.
  public var line: Int
  /// The column in bytes, counted from 1.
  public var column: Int
  /// Where in the manifest, like `services.web.listen[0].stream`; empty for the file itself.
  public var path: Bytes
  /// How bad it is.
  public var severity: Severity
  /// One line, lower case.
  public var message: Bytes
  /// The service it is about, as an index of `Manifest.services`.
  public var service: Int?

  /// Writes `file:line:column: error: path: message`, without a line feed.
  public func write(into writer: inout ByteWriter) {
    writer.bytes(file)
    writer.byte(UInt8(ascii: ":"))
    writer.decimal(Int64(line))
    writer.byte(UInt8(ascii: ":"))
    writer.decimal(Int64(column))
    writer.text(": ")
    writer.text(severity.word)
    writer.text(": ")
    if !path.isEmpty {
      writer.bytes(path)
      writer.text(": ")
    }
    writer.bytes(message)
  }
}

/// The diagnostics of one load, bounded, in the order of the files and of what stands in them.
struct Reports: Sendable {
  private(set) var diagnostics: Rows<Diagnostic> = Rows()
  /// What the diagnostics are sorted by: file, line and column in one number.
  private var keys: Rows<UInt64> = Rows()
  /// Errors so far, the dropped ones included.
  private(set) var errors = 0

  /// Warnings so far that were kept.
  private var warnings = 0

  /// True for a diagnostic that would not be kept, which is then counted: whoever asks first need not
  /// compose it.
  mutating func count(unlessShown severity: Severity) -> Bool {
    switch severity {
    case .error:
      if diagnostics.count - warnings <= ManifestLimits.diagnostics { return false }
      errors += 1
      return true
    case .warning: return warnings > ManifestLimits.warnings
    }
  }

  /// Keeps a diagnostic of a file of that number, or says once that there are too many.
  ///
  /// Most come in order; the others move back to their place.
  mutating func add(_ diagnostic: Diagnostic, file: Int) {
    if count(unlessShown: diagnostic.severity) { return }
    var diagnostic = diagnostic
    let isError = diagnostic.severity == .error
    if isError { errors += 1 }
    let isLast =
      isError
      ? diagnostics.count - warnings == ManifestLimits.diagnostics
      : warnings == ManifestLimits.warnings
    var file = file
    if isLast {
      diagnostic.path = Rows()
      diagnostic.service = nil
      diagnostic.message = Rows()
      diagnostic.message.append(
        isError
          ? "too many diagnostics; the rest are not shown"
          : "too many warnings; the rest are not shown")
      file = Int(UInt16.max)
    }
    let (line, column) = (UInt64(diagnostic.line), UInt64(diagnostic.column))
    let key = UInt64(min(file, Int(UInt16.max))) << 48 | line << 24 | column
    if !isError {
      // A value that is looked at twice is warned of once.
      for index in keys.indices
      where keys[index] == key && diagnostics[index].message == diagnostic.message { return }
      warnings += 1
    }
    diagnostics.add(diagnostic)
    keys.add(key)
    var index = keys.count - 1
    while index > 0, keys[index - 1] > key {
      keys.swapAt(index - 1, index)
      diagnostics.swapAt(index - 1, index)
      index -= 1
    }
  }
}

extension Rows where Element == UInt8 {
  /// Appends a word of the manifest so that it stays on one line: at most 64 bytes, controls as `?`.
  @inline(never) mutating func append(printable word: Bytes) {
    var start = count
    append(contentsOf: word.part(0, 64))
    while start < count {
      if self[start] < 0x20 || self[start] == 0x7f { self[start] = UInt8(ascii: "?") }
      start += 1
    }
    if word.count > 64 { append("...") }
  }

  /// Where a byte first stands, `count` where it does not.
  @inline(__always) func place(of byte: UInt8, from start: Int = 0) -> Int {
    var index = start
    while index < count, self[index] != byte { index += 1 }
    return index
  }

  /// Appends a number in decimal.
  @inline(never) mutating func append(decimal value: UInt64) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      add(UInt8(truncatingIfNeeded: value / divisor % 10) + UInt8(ascii: "0"))
      divisor /= 10
    }
  }
}
