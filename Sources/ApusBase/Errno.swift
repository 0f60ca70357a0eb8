/// A Linux error number, as system calls report it.
///
/// Kernel calls return `-errno`; this is the positive number. Zero never stands for an error.
public struct Errno: Error, Equatable, Sendable {
  /// The positive number of errno(3).
  public var code: Int32

  /// Wraps a positive errno number.
  @inlinable public init(_ code: Int32) { self.code = code }
}

extension Errno {
  /// Operation not permitted.
  public static let notPermitted = Errno(1)
  /// No such file or directory.
  public static let noEntry = Errno(2)
  /// No such process.
  public static let noProcess = Errno(3)
  /// Interrupted system call.
  public static let interrupted = Errno(4)
  /// Input/output error.
  public static let io = Errno(5)
  /// Argument list too long.
  public static let tooLarge = Errno(7)
  /// Exec format error.
  public static let badExecutable = Errno(8)
  /// Bad file descriptor.
  public static let badDescriptor = Errno(9)
  /// Resource temporarily unavailable.
  public static let again = Errno(11)
  /// Cannot allocate memory.
  public static let noMemory = Errno(12)
  /// Permission denied.
  public static let accessDenied = Errno(13)
  /// File exists.
  public static let exists = Errno(17)
  /// No such device.
  public static let noDevice = Errno(19)
  /// Not a directory.
  public static let notDirectory = Errno(20)
  /// Invalid argument.
  public static let invalid = Errno(22)
  /// Too many open files in system.
  public static let systemFileLimit = Errno(23)
  /// Too many open files.
  public static let fileLimit = Errno(24)
  /// Text file busy.
  public static let textBusy = Errno(26)
  /// No space left on device.
  public static let noSpace = Errno(28)
  /// EROFS: a read-only file system.
  public static let readOnly = Errno(30)
  /// Broken pipe.
  public static let brokenPipe = Errno(32)
  /// File name too long.
  public static let nameTooLong = Errno(36)
  /// Function not implemented.
  public static let notImplemented = Errno(38)
  /// Too many levels of symbolic links.
  public static let linkLoop = Errno(40)
  /// No such interface or address: one that comes up may mend it.
  public var isOfNetwork: Bool { self == .noDevice || self == .addressNotAvailable }
  /// Too few processes, descriptors or pages at the moment: clone(2), pipe(2), mkdir(2) of a group.
  @inline(never)
  public var isShortage: Bool {
    self == .again || self == .noMemory || self == .fileLimit || self == .systemFileLimit
      || self == .noSpace || self == .noBuffers
  }
  /// Address already in use.
  public static let addressInUse = Errno(98)
  /// Cannot assign requested address.
  public static let addressNotAvailable = Errno(99)
  /// Software caused connection abort.
  public static let connectionAborted = Errno(103)
  /// No buffer space available.
  public static let noBuffers = Errno(105)
  /// Connection timed out.
  public static let timedOut = Errno(110)
}
