public import Foundation

/// A place tests connect to or listen at.
public enum Endpoint: Sendable {
  /// A unix socket, at most 107 bytes.
  case path(String)
  /// A unix socket without a file.
  case abstract(String)
  /// A port of 127.0.0.1; 0 lets the kernel choose.
  case port(UInt16)
  /// A port of every address, of IPv6 and IPv4; a client comes from IPv4.
  case everywhere(UInt16)

  /// A socket of that type that is connected there; -errno when that is refused.
  public func connect(_ type: __socket_type = SOCK_STREAM) -> Int32 {
    if case .everywhere(let port) = self { return Endpoint.port(port).connect(type) }
    return open(type) { Foundation.connect($0, $1, $2) }
  }

  /// A socket of that type that is bound there and listens, if its kind can; -errno when not.
  public func listen(_ type: __socket_type = SOCK_STREAM) -> Int32 {
    open(type) { fd, address, size in
      let bound = Foundation.bind(fd, address, size)
      return bound == 0 && type != SOCK_DGRAM ? Foundation.listen(fd, 128) : bound
    }
  }

  /// A TCP port nobody used a moment ago.
  public static func freePort() -> UInt16 {
    let fd = Endpoint.port(0).listen()
    defer { close(fd) }
    return localPort(fd)
  }

  /// The port an IPv4 or IPv6 socket is bound to.
  public static func localPort(_ fd: Int32) -> UInt16 {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(fd, $0, &size) }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  private func open(
    _ type: __socket_type, _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    let fd: Int32
    let result: Int32
    switch self {
    case .path(let path):
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
      fd = socket(AF_UNIX, Int32(type.rawValue), 0)
      result = Self.with(&address) { use(fd, $0, $1) }
    case .abstract(let name):
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) {
        $0.dropFirst().copyBytes(from: name.utf8.prefix(107))
      }
      fd = socket(AF_UNIX, Int32(type.rawValue), 0)
      result = Self.with(&address, 3 + name.utf8.prefix(107).count) { use(fd, $0, $1) }
    case .everywhere(let port):
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      fd = socket(AF_INET6, Int32(type.rawValue), 0)
      result = Self.with(&address) { use(fd, $0, $1) }
    case .port(let port):
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      fd = socket(AF_INET, Int32(type.rawValue), 0)
      result = Self.with(&address) { use(fd, $0, $1) }
    }
    if result == 0 { return fd }
    let code = errno
    close(fd)
    return -code
  }

  private static func with<Address>(
    _ address: inout Address, _ size: Int = MemoryLayout<Address>.size,
    _ use: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        use($0, socklen_t(size))
      }
    }
  }
}
