import Foundation

/// The other end of a listener.
enum Client {
  /// Connects to a path; nil when that is refused.
  static func connect(unix path: String, type: __socket_type = SOCK_STREAM) -> Int32? {
    let fd = socket(AF_UNIX, Int32(type.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { space in
      space.copyBytes(from: path.utf8.prefix(space.count - 1))
    }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Foundation.connect(fd, $0, size) }
    }
    return keep(fd, result)
  }

  /// Connects to a TCP port of 127.0.0.1; nil when that is refused.
  static func connect(port: UInt16) -> Int32? {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Foundation.connect(fd, $0, size) }
    }
    return keep(fd, result)
  }

  private static func keep(_ fd: Int32, _ result: Int32) -> Int32? {
    if result == 0 { return fd }
    close(fd)
    return nil
  }

  /// Reads until the other end closes, at most ten seconds.
  static func readAll(_ fd: Int32) -> String {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      var waited = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      guard poll(&waited, 1, 10_000) == 1 else { break }
      let count = read(fd, &buffer, buffer.count)
      guard count > 0 else { break }
      text += buffer[..<count]
    }
    close(fd)
    return String(decoding: text, as: UTF8.self)
  }

  static func talk(unix path: String) -> String { connect(unix: path).map(readAll) ?? "refused" }
  static func talk(port: UInt16) -> String { connect(port: port).map(readAll) ?? "refused" }

  /// A TCP port nobody listens on at the moment.
  static func freePort() -> UInt16 {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(fd) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        _ = bind(fd, generic, size)
        _ = getsockname(fd, generic, &size)
      }
    }
    return UInt16(bigEndian: address.sin_port)
  }
}

extension Client {
  /// Sends a byte to a UDP port of 127.0.0.1.
  static func send(port: UInt16) -> Bool {
    let fd = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(fd) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(fd, "x", 1, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 1
      }
    }
  }

  /// Connects to a path with a socket of that type and sends a byte.
  static func send(unix path: String, _ type: Int32) -> Bool {
    let fd = socket(AF_UNIX, type, 0)
    defer { close(fd) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { space in
      space.copyBytes(from: path.utf8.prefix(space.count - 1))
    }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Foundation.connect(fd, $0, size) }
    }
    return result == 0 && write(fd, "x", 1) == 1
  }

  /// Reads up to the end of a line, at most ten seconds.
  static func readLine(_ fd: Int32) -> String {
    var text: [UInt8] = []
    var byte: UInt8 = 0
    while true {
      var waited = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      guard poll(&waited, 1, 10_000) == 1, read(fd, &byte, 1) == 1, byte != 10 else { break }
      text.append(byte)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The port a TCP connection of ours comes from.
  static func localPort(_ fd: Int32) -> UInt16 {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(fd, $0, &size) }
    }
    return UInt16(bigEndian: address.sin_port)
  }
}
