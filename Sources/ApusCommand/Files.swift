internal import ApusBase
internal import CApus

/// Reading files and folders for `check`.
enum Files {
  /// Reads a file of at most `limit` bytes and one more, which tells that it is longer.
  static func read(_ path: [UInt8], limit: Int) throws(Errno) -> [UInt8] {
    let isInput = path.equals("-")
    let fd = isInput ? 0 : try open(path)
    defer { if !isInput { capus_client_close(fd) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16384)
    while bytes.count <= limit {
      let wanted = min(chunk.count, limit + 1 - bytes.count)
      let got = unsafe chunk.withUnsafeMutableBufferPointer {
        unsafe capus_client_read(fd, $0.baseAddress, UInt32(wanted))
      }
      if got < 0 { throw Errno(Int32(truncatingIfNeeded: -got)) }
      if got == 0 { break }
      bytes += chunk[0..<Int(got)]
    }
    return bytes
  }

  /// The drop-ins of a main file: what ends in `.json` in the folder beside it, in byte order.
  ///
  /// The folder of `PATH/x.json` is `PATH/x.d`; one that is not there is empty.
  static func dropIns(of main: [UInt8]) throws(Errno) -> [[UInt8]] {
    guard main.ends(with: ".json") else { return [] }
    let folder = folder(of: main)
    var names = [UInt8](repeating: 0, count: 1 << 18)
    let count = unsafe names.withUnsafeMutableBufferPointer { names in
      unsafe folder.withUnsafeBufferPointer { folder in
        unsafe capus_client_entries(
          folder.baseAddress, UInt32(clamping: folder.count), names.baseAddress,
          UInt32(clamping: names.count))
      }
    }
    if count < 0 {
      let errno = Errno(Int32(truncatingIfNeeded: -count))
      if errno == .noEntry { return [] }
      throw errno
    }
    var paths: [[UInt8]] = []
    var name: [UInt8] = []
    for byte in names[0..<Int(count)] {
      if byte != 0 {
        name.append(byte)
        continue
      }
      if name.first != UInt8(ascii: "."), name.ends(with: ".json") {
        insert(folder + [UInt8]("/") + name, into: &paths)
      }
      name = []
    }
    return paths
  }

  /// Adds a path at its place in byte order.
  private static func insert(_ path: [UInt8], into paths: inout [[UInt8]]) {
    paths.append(path)
    var place = paths.count - 1
    while place > 0, path.precedes(paths[place - 1]) {
      paths.swapAt(place - 1, place)
      place -= 1
    }
  }

  /// The folder of a main file's drop-ins.
  static func folder(of main: [UInt8]) -> [UInt8] { main.dropLast(5) + [UInt8](".d") }

  private static func open(_ path: [UInt8]) throws(Errno) -> Int32 {
    let fd = unsafe path.withUnsafeBufferPointer {
      unsafe capus_client_open($0.baseAddress, UInt32(clamping: $0.count))
    }
    if fd < 0 { throw Errno(-fd) }
    return fd
  }
}
