internal import ApusBase
internal import ApusManifest
internal import CApus

/// Reading files and folders for `check`.
enum Files {
  /// Reads a regular file of at most `limit` bytes and one more, which tells that it is longer.
  ///
  /// `ownership` is that of whatever stands there, also of what cannot be read for being something
  /// else. `-` is standard input, which may be a pipe but no terminal.
  static func read(_ path: Bytes, limit: Int, ownership: inout FileOwnership) throws(Errno) -> Bytes
  {
    var fd: Int32 = 0
    if !path.equals("-") {
      var owner = capus_owner()
      fd = unsafe path.withUnsafeBufferPointer {
        unsafe capus_open_regular($0.baseAddress, $0.count, &owner)
      }
      ownership = FileOwnership(user: owner.user, group: owner.group, mode: owner.mode)
    } else if capus_client_is_terminal(0) == 1 {
      ownership.mode = 0o020000
      fd = 0 - Errno.badDescriptor.code
    }
    try check(Int64(fd))
    defer { if fd > 0 { _ = capus_close(fd) } }
    var count: Int64 = 0
    let bytes = unsafe Bytes(unsafeUninitializedCapacity: limit + 1) { buffer, used in
      count = unsafe capus_read_all(fd, buffer.baseAddress, buffer.count)
      used = Int(max(0, count))
    }
    try check(count)
    return bytes
  }

  /// The bytes of a regular file of at most 1 MiB; none of another one, or one that is not there.
  static func text(_ path: Bytes) -> Bytes {
    var ownership = FileOwnership.nobody
    let bytes = try? read(path, limit: 1 << 20, ownership: &ownership)
    return bytes ?? Rows()
  }

  /// The drop-ins of a main file: what ends in `.json` in the folder beside it, in byte order.
  ///
  /// The folder of `PATH/x.json` is `PATH/x.d`; one that is not there is empty.
  static func dropIns(of main: Bytes) throws(Errno) -> Rows<Bytes> {
    guard main.ends(with: ".json") else { return Rows() }
    let folder = folder(of: main).with("/")
    var paths: Rows<Bytes> = Rows()
    for name in try names(in: folder) { paths.push(folder.joined(name)) }
    return paths
  }

  /// The names of a folder's drop-ins in byte order; none of one that is not there.
  static func names(in folder: Bytes) throws(Errno) -> Rows<Bytes> {
    var names = Bytes(repeating: 0, count: 1 << 18)
    let count = unsafe names.withUnsafeMutableBufferPointer { names in
      unsafe folder.withUnsafeBufferPointer { folder in
        unsafe capus_drop_ins(
          folder.baseAddress, folder.count, names.baseAddress, names.count)
      }
    }
    if count == 0 - Int64(Errno.noEntry.code) { return Rows() }
    var found: Rows<Bytes> = Rows()
    var name: Bytes = Rows()
    for index in 0..<(try check(count)) {
      if names[index] != 0 {
        name.push(names[index])
      } else {
        found.push(name)
        name = Rows()
      }
    }
    return found
  }

  /// Whose a file or folder is; nil when it is not there.
  static func ownership(of path: Bytes) -> FileOwnership? {
    var owner = capus_owner()
    let result = unsafe path.withUnsafeBufferPointer {
      unsafe capus_owner($0.baseAddress, $0.count, &owner)
    }
    return result == 0 ? FileOwnership(user: owner.user, group: owner.group, mode: owner.mode) : nil
  }

  /// The folder of a main file's drop-ins.
  static func folder(of main: Bytes) -> Bytes { main.without(last: 5).with(".d") }

  /// What a call of the shim gave, or the error it returned as -errno.
  @discardableResult
  private static func check(_ result: Int64) throws(Errno) -> Int {
    guard result >= 0 else { throw Errno(Int32(truncatingIfNeeded: 0 &- result)) }
    return Int(result)
  }
}
