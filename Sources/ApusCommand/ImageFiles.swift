internal import ApusBase
internal import ApusManifest
internal import CApus

/// The files of an image below a folder, or with an empty folder those of this machine.
///
/// Links are followed as they will be on the board: an absolute one begins at the image's root, and
/// none leads out of it.
struct ImageFiles {
  /// The folder, without a slash at its end.
  let root: Bytes

  /// What stands at a path of the image.
  struct Place {
    /// Where it is on this machine.
    var path: Bytes
    var ownership: FileOwnership
  }

  /// As the kernel: more links than these on one way are a loop.
  private static let mostLinks = 40

  /// The image below a folder.
  init(_ root: Bytes) {
    var root = root
    while root.last == UInt8(ascii: "/") { root = root.without(last: 1) }
    self.root = root
  }

  /// Finds what stands at an absolute path.
  func find(_ path: Bytes) throws(Errno) -> Place {
    var rest = components(of: path)
    var found: Rows<Bytes> = Rows()
    var links = 0
    while let component = rest.popLast() {
      if component.equals("..") {
        _ = found.popLast()
        continue
      }
      found.push(component)
      let here = joined(found)
      let ownership = try look(here)
      guard ownership.isLink else { continue }
      links += 1
      if links > ImageFiles.mostLinks { throw .linkLoop }
      let target = try readLink(here)
      _ = found.popLast()
      if target.first == UInt8(ascii: "/") { found = Rows() }
      for component in components(of: target) { rest.push(component) }
    }
    let here = found.isEmpty ? root.with("/") : joined(found)
    return Place(path: here, ownership: try look(here))
  }

  /// The components of a path, the first one last; empty ones and `.` are none.
  private func components(of path: Bytes) -> Rows<Bytes> {
    var components: Rows<Bytes> = Rows()
    var component: Bytes = Rows()
    var index = path.count
    while index > 0 {
      index -= 1
      if path[index] == UInt8(ascii: "/") {
        if !component.isEmpty, !component.equals(".") { components.push(reversed(component)) }
        component = Rows()
      } else {
        component.push(path[index])
      }
    }
    if !component.isEmpty, !component.equals(".") { components.push(reversed(component)) }
    return components
  }

  private func reversed(_ bytes: Bytes) -> Bytes {
    var result: Bytes = Rows()
    var index = bytes.count
    while index > 0 {
      index -= 1
      result.push(bytes[index])
    }
    return result
  }

  private func joined(_ components: Rows<Bytes>) -> Bytes {
    var path = root.with("")
    for component in components {
      path.push(UInt8(ascii: "/"))
      for byte in component { path.push(byte) }
    }
    return path
  }

  private func look(_ path: Bytes) throws(Errno) -> FileOwnership {
    var owner = capus_owner()
    let result = unsafe path.withUnsafeBufferPointer {
      unsafe capus_owner_of_link($0.baseAddress, $0.count, &owner)
    }
    guard result == 0 else { throw Errno(0 - result) }
    return FileOwnership(user: owner.user, group: owner.group, mode: owner.mode)
  }

  private func readLink(_ path: Bytes) throws(Errno) -> Bytes {
    var count: Int64 = 0
    let target = unsafe Bytes(unsafeUninitializedCapacity: 4096) { buffer, used in
      count = unsafe path.withUnsafeBufferPointer {
        unsafe capus_read_link($0.baseAddress, $0.count, buffer.baseAddress, buffer.count)
      }
      used = Int(max(0, count))
    }
    guard count >= 0 else { throw Errno(Int32(truncatingIfNeeded: 0 &- count)) }
    return target
  }

  /// The bytes of a regular file of at most 1 MiB; none of another one.
  func text(_ path: Bytes) -> Bytes {
    guard let place = try? find(path), place.ownership.isRegular else { return Rows() }
    return Files.text(place.path)
  }

  /// What a program needs to run.
  func program(at place: Place) throws(Errno) -> ProgramFile {
    var owner = capus_owner()
    let fd = unsafe place.path.withUnsafeBufferPointer {
      unsafe capus_open_regular($0.baseAddress, $0.count, &owner)
    }
    guard fd >= 0 else { throw Errno(0 - fd) }
    defer { _ = capus_close(fd) }
    return ProgramFile { offset, count in
      unsafe Bytes(unsafeUninitializedCapacity: count) { buffer, used in
        used = Int(max(0, unsafe capus_read_at(fd, offset, buffer.baseAddress, buffer.count)))
      }
    }
  }
}
