internal import ApusBase
internal import CApus

/// A descriptor that is closed when its value goes.
struct NodeDescriptor: ~Copyable {
  /// The number, valid as long as the value; -1 once it has been handed on.
  private(set) var number: Int32

  /// Takes over an open descriptor.
  init(owning number: Int32) { self.number = number }

  deinit { if number >= 0 { _ = capus_close(number) } }

  /// Hands the open descriptor to somebody else. Embedded Swift cannot `discard self` in a module
  /// that another one imports.
  consuming func release() -> Int32 {
    let handed = number
    number = -1
    return handed
  }
}

/// The answer of a call of the shim: what it returned, or the error it returned as -errno.
@discardableResult
func checked(_ answer: Int32) throws(Errno) -> Int32 {
  guard answer >= 0 else { throw Errno(0 &- answer) }
  return answer
}

/// Where a node stands or will stand: its directory, held open, and its name.
///
/// The directory is reached one component at a time and never through a symbolic link, so nobody
/// who can write to a directory on the way decides where a node ends up (CVE-2018-6954 and its
/// kin). Directories that are missing are made.
struct NodePlace: ~Copyable {
  /// The directory, an O_PATH descriptor.
  let directory: NodeDescriptor
  /// Offset of the last component in the path.
  let nameStart: Int

  /// Walks an absolute path to its last component.
  ///
  /// Throws ELOOP for a symbolic link on the way, ENOTDIR for another kind of node, EINVAL for a
  /// path that is relative, holds `.` or `..`, or ends in a slash.
  init(_ path: borrowing Span<UInt8>, directoryMode: UInt32) throws(Errno) {
    let slash = UInt8(ascii: "/")
    guard path.count > 1, path[0] == slash, path[path.count - 1] != slash else {
      throw .invalid
    }
    var directory = NodeDescriptor(owning: try checked(capus_open_root()))
    var start = 1
    while true {
      while path[start] == slash { start += 1 }
      var end = start
      while end < path.count, path[end] != slash { end += 1 }
      let component = path.extracting(start..<end)
      if isDots(component) { throw .invalid }
      if end == path.count { break }
      directory = NodeDescriptor(
        owning: try enter(component, of: directory, mode: directoryMode))
      start = end
    }
    self.directory = directory
    nameStart = start
  }

  /// What stands there; nil for nothing.
  func kind(_ path: borrowing Span<UInt8>) throws(Errno) -> NodeKind? {
    let answer = unsafe path.withUnsafeBufferPointer { bytes in
      unsafe capus_node_kind(
        directory.number, bytes.baseAddress?.advanced(by: nameStart), bytes.count - nameStart)
    }
    if answer == 0 - Errno.noEntry.code { return nil }
    return NodeKind(rawValue: try checked(answer)) ?? .other
  }

  /// Removes a node that is no directory.
  func remove(_ path: borrowing Span<UInt8>) throws(Errno) {
    try checked(
      unsafe path.withUnsafeBufferPointer { bytes in
        unsafe capus_remove_node(
          directory.number, bytes.baseAddress?.advanced(by: nameStart), bytes.count - nameStart)
      })
  }
}

/// What a node is, as far as listeners care.
enum NodeKind: Int32 {
  case socket
  case link
  case directory
  case other
}

/// True for `.` and `..`.
private func isDots(_ name: borrowing Span<UInt8>) -> Bool {
  guard name.count == 1 || name.count == 2 else { return false }
  for index in name.indices where name[index] != UInt8(ascii: ".") { return false }
  return true
}

/// Opens a directory below another, making it when it is missing.
private func enter(
  _ name: borrowing Span<UInt8>, of directory: borrowing NodeDescriptor, mode: UInt32
) throws(Errno) -> Int32 {
  let parent = directory.number
  return try unsafe name.withUnsafeBufferPointer { bytes throws(Errno) in
    let found = unsafe capus_open_directory(parent, bytes.baseAddress, bytes.count)
    if found != 0 - Errno.noEntry.code { return try checked(found) }
    let made = unsafe capus_make_directory(parent, bytes.baseAddress, bytes.count, mode)
    // Somebody else made it meanwhile: good, if it is a directory.
    if made != 0 - Errno.exists.code { try checked(made) }
    return try checked(
      unsafe capus_open_directory(parent, bytes.baseAddress, bytes.count))
  }
}
