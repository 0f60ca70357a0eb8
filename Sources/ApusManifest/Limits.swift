public import ApusBase

/// The limits of a manifest, all in one place; each has a message of its own.
///
/// Files, nesting and single strings are limited by `JSONLimits.manifest`.
public enum ManifestLimits {
  /// Services, templates and their instances together.
  public static let services = 1024
  /// Sockets of one service.
  public static let sockets = 64
  /// Directories of one service.
  public static let directories = 64
  /// Strings of one argv.
  public static let arguments = 256
  /// Commands of one of `pre`, `started` and `post`.
  public static let commands = 64
  /// Bytes of one service's environment, names, values, `=` and NUL included.
  public static let environmentBytes = 65536
  /// Entries of any other list or map.
  public static let entries = 1024
  /// Members of one object, but for `services`, whose limit is that of services.
  public static let members = 1024
  /// Bytes that the instances of all templates may have together. Each one counts its strings with a
  /// byte behind them, 4 for each element of a list, and a sixteenth of the text it is written in.
  public static let expandedBytes = 2 << 20
  /// The shortest period of a timer: a shorter one would keep the processor busy.
  public static let timer = Interval.milliseconds(100)
  /// The shortest time between two looks at whether a service is ready.
  public static let probe = Interval.milliseconds(1)
  /// Bytes of a unix(7) path or abstract name: `sun_path` holds 108, one of them NUL.
  public static let socketPath = 107
  /// Bytes of any other path (PATH_MAX holds 4,096, one of them NUL).
  public static let path = 4095
  /// Services in one chain of dependencies.
  public static let chain = 256
  /// Diagnostics of one load; what comes after is only counted.
  public static let diagnostics = 1000
  /// The same of warnings, so that there is always room for errors.
  public static let warnings = 200
}
