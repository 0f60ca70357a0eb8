import ApusBase
import ApusLinux
import ApusManifest
import Foundation

/// A folder of its own below the temporary one, gone with the value.
final class Scratch {
  let path: String

  init() {
    let template = NSTemporaryDirectory() + "apus-XXXXXX"
    var bytes = Array(template.utf8CString)
    guard mkdtemp(&bytes) != nil else { preconditionFailure("mkdtemp: errno \(errno)") }
    let made = String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // The temporary folder may be reached through a link; apus follows none.
    path = URL(fileURLWithPath: made).resolvingSymlinksInPath().path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  subscript(name: String) -> String { path + "/" + name }
}

/// A manifest of one service with one listener.
func manifest(
  path: String? = nil, accepts: Bool = false, _ change: (inout Listener) -> Void = { _ in }
) -> Manifest {
  var manifest = Manifest()
  var service = Service()
  if accepts { service.flags.insert(.accept) }
  service.listeners = TableRange(start: 0, count: 1)
  var listener = Listener()
  if let path { listener.address = .path(manifest.add(path)) }
  change(&listener)
  manifest.services = [service]
  manifest.listeners = [listener]
  return manifest
}

extension Manifest {
  /// Puts a string into the pool.
  mutating func add(_ string: String) -> Text {
    let text = Text(offset: UInt32(pool.count), count: UInt32(string.utf8.count))
    pool += Array(string.utf8) + [0]
    return text
  }
}

/// What lstat(2) says of a path; nil for nothing there.
func status(_ path: String) -> stat? {
  var status = stat()
  return lstat(path, &status) == 0 ? status : nil
}

/// The name getsockname(2) gives: family, port and address bytes, or the path.
struct BoundName {
  var family: Int32 = -1
  var port: UInt16 = 0
  var bytes: [UInt8] = []

  init(_ fd: Int32) {
    var storage = [UInt8](repeating: 0, count: 128)
    var length = socklen_t(storage.count)
    let answer = storage.withUnsafeMutableBytes {
      getsockname(fd, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
    }
    guard answer == 0 else { return }
    family = Int32(storage[0]) | Int32(storage[1]) << 8
    switch family {
    case AF_INET:
      (port, bytes) = (UInt16(storage[2]) << 8 | UInt16(storage[3]), Array(storage[4..<8]))
    case AF_INET6:
      (port, bytes) = (UInt16(storage[2]) << 8 | UInt16(storage[3]), Array(storage[8..<24]))
    default: bytes = Array(storage[2..<Int(length)])
    }
  }
}

/// An integer socket option.
func option(_ fd: Int32, _ level: Int32, _ name: Int32) -> Int32 {
  var value: Int32 = -1
  var length = socklen_t(4)
  return getsockopt(fd, level, name, &value, &length) == 0 ? value : -errno
}
