public import ApusBase

/// What the kernel command line asks of PID 1 (`/proc/cmdline`).
///
/// Words are separated by white space; double quotes keep white space together, as for the kernel
/// (kernel-parameters.rst). A word apus does not know belongs to somebody else.
public struct KernelCommandLine: Equatable, Sendable {
  /// `apus.manifest=PATH`; empty when not given.
  public var manifest: Bytes = Rows()
  /// `apus.mask=a,b`: services that are not started.
  public var masks: Rows<Bytes> = Rows()
  /// `apus.debug`: say more.
  public var isDebug = false
  /// `apus.rescue`, `rescue` or `single`: a shell instead of services.
  public var isRescue = false

  /// Reads a command line; the last of several values counts, masks add up.
  public init(parsing bytes: Bytes) {
    var word: Bytes = Rows()
    var isQuoted = false
    for index in 0...bytes.count {
      let byte = index < bytes.count ? bytes[index] : 0
      let isSpace = byte == 32 || (byte >= 9 && byte <= 13) || byte == 0
      if byte == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if isSpace, !isQuoted || index == bytes.count {
        take(word)
        word = Rows()
      } else {
        word.push(byte)
      }
    }
  }

  /// Takes one word.
  mutating func take(_ word: Bytes) {
    if word.starts(with: "apus.manifest=") {
      manifest = word.dropping(14)
    } else if word.starts(with: "apus.mask=") {
      var place = 10
      var name: Bytes = Rows()
      while name.read(word, from: &place, upTo: UInt8(ascii: ",")) {
        if !name.isEmpty { masks.push(name) }
      }
    } else if word.equals("apus.debug") {
      isDebug = true
    } else if word.equals("apus.rescue") || word.equals("rescue") || word.equals("single") {
      isRescue = true
    }
  }
}
