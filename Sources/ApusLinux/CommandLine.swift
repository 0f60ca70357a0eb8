/// What the kernel command line asks of PID 1 (`/proc/cmdline`).
///
/// Words are separated by white space; double quotes keep white space together, as for the kernel
/// (kernel-parameters.rst). A word apus does not know belongs to somebody else.
public struct KernelCommandLine: Equatable, Sendable {
  /// `apus.manifest=PATH`; empty when not given.
  public var manifest: [UInt8] = []
  /// `apus.mask=a,b`: services that are not started.
  public var masks: [[UInt8]] = []
  /// `apus.debug`: say more.
  public var isDebug = false
  /// `apus.rescue`, `rescue` or `single`: a shell instead of services.
  public var isRescue = false

  /// Reads a command line; the last of several values counts, masks add up.
  public init(parsing bytes: [UInt8]) {
    var word: [UInt8] = []
    var isQuoted = false
    for byte in bytes {
      let isSpace = byte == 32 || (9...13).contains(byte) || byte == 0
      if byte == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if isSpace, !isQuoted {
        take(word)
        word.removeAll(keepingCapacity: true)
      } else {
        word.append(byte)
      }
    }
    take(word)
  }

  private mutating func take(_ word: [UInt8]) {
    if let value = word.value(after: "apus.manifest=") {
      manifest = value
    } else if let value = word.value(after: "apus.mask=") {
      for part in value.split(separator: UInt8(ascii: ",")) { masks.append(Array(part)) }
    } else if word.value(after: "apus.debug") == [] {
      isDebug = true
    } else if word.value(after: "apus.rescue") == [] || word.value(after: "rescue") == []
      || word.value(after: "single") == []
    {
      isRescue = true
    }
  }
}

extension [UInt8] {
  /// What follows a prefix; nil without it.
  func value(after prefix: StaticString) -> [UInt8]? {
    guard starts(with: prefix) else { return nil }
    return Array(self[prefix.utf8CodeUnitCount...])
  }

  /// True when it begins with that literal.
  func starts(with prefix: StaticString) -> Bool {
    guard count >= prefix.utf8CodeUnitCount else { return false }
    for index in 0..<prefix.utf8CodeUnitCount
    where unsafe self[index] != prefix.utf8Start[index] { return false }
    return true
  }

  /// Appends a literal.
  mutating func append(_ literal: StaticString) {
    for index in 0..<literal.utf8CodeUnitCount { append(unsafe literal.utf8Start[index]) }
  }
}
