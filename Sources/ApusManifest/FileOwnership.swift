public import ApusBase

/// Who can change a file or a folder, as stat(2) tells it.
public struct FileOwnership: Equatable, Sendable {
  /// Its owner.
  public var user: UInt32
  /// Its group.
  public var group: UInt32
  /// Type and permission bits of `st_mode`.
  public var mode: UInt32

  /// That of a file nobody has looked at.
  public static let nobody = FileOwnership(user: 0, group: 0, mode: 0)

  /// What stat(2) said.
  public init(user: UInt32, group: UInt32, mode: UInt32) {
    self.user = user
    self.group = group
    self.mode = mode
  }

  /// True for a regular file; whatever else has the name of a manifest may wait for ever to be read.
  public var isRegular: Bool { mode & 0o170000 == 0o100000 }

  /// True for a symbolic link.
  public var isLink: Bool { mode & 0o170000 == 0o120000 }
  /// True for a folder.
  public var isFolder: Bool { mode & 0o170000 == 0o040000 }
  /// True for a regular file that somebody may run.
  public var isProgram: Bool { isRegular && mode & 0o111 != 0 }

  /// True when nobody but root and the caller can change it.
  ///
  /// An owner can always change the mode. A group can when it may write, but for root's group and the
  /// caller's own: those that share it are trusted by whoever gave them his group.
  public func isOnly(for user: UInt32, group: UInt32) -> Bool {
    guard self.user == 0 || self.user == user, mode & 0o002 == 0 else { return false }
    return mode & 0o020 == 0 || self.group == 0 || self.group == group
  }

  /// What stands at the path, in a word.
  var kind: Literal {
    switch mode >> 12 {
    case 0o01: "a FIFO"
    case 0o02: "a character device"
    case 0o04: "a folder"
    case 0o06: "a block device"
    case 0o14: "a socket"
    default: "something else"
    }
  }
}

extension ManifestLoader {
  /// Notes that what has the name of a file is no regular one; it counts as a file that was read.
  public mutating func addIrregular(file name: Bytes, _ ownership: FileOwnership) {
    var message = ByteWriter(capacity: 64)
    message.text("cannot read the file: not a regular file but ")
    message.text(ownership.kind)
    refuse(name, message.bytes)
  }

  /// Notes that others than root and the caller can change a file that comes next, or the folder of
  /// the drop-ins that come next. What is refused is an error and counts as a file that was read.
  public mutating func mistrust(file name: Bytes, _ ownership: FileOwnership, isRefused: Bool) {
    var message = ByteWriter(capacity: 128)
    message.text("others can change this ")
    message.text(ownership.isRegular ? "file: owner " : "folder: owner ")
    message.decimal(UInt64(ownership.user))
    message.text(", group ")
    message.decimal(UInt64(ownership.group))
    message.text(", mode 0")
    for shift in [6, 3, 0] {
      message.byte(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: ownership.mode >> shift & 7))
    }
    if isRefused { message.text("; refused, since only root may write what PID 1 obeys") }
    if isRefused { refuse(name, message.bytes) } else { warn(name, message.bytes) }
  }
}
