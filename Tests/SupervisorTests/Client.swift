import Foundation
import TestSockets

/// The other end of a listener.
enum Client {
  /// Connects to a path; nil when that is refused.
  static func connect(unix path: String, type: __socket_type = SOCK_STREAM) -> Int32? {
    taken(Endpoint.path(path).connect(type))
  }

  /// Connects to a TCP port of 127.0.0.1; nil when that is refused.
  static func connect(port: UInt16) -> Int32? { taken(Endpoint.port(port).connect()) }

  private static func taken(_ fd: Int32) -> Int32? { fd >= 0 ? fd : nil }

  /// Reads until the other end closes, at most ten seconds.
  static func readAll(_ fd: Int32) -> String {
    var text: [UInt8] = []
    while let more = receive(fd) { text += more }
    close(fd)
    return String(decoding: text, as: UTF8.self)
  }

  /// What comes next, within ten seconds; nil at the end.
  private static func receive(_ fd: Int32, _ size: Int = 4096) -> ArraySlice<UInt8>? {
    var buffer = [UInt8](repeating: 0, count: size)
    var waited = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    guard poll(&waited, 1, 10_000) == 1 else { return nil }
    let count = read(fd, &buffer, buffer.count)
    return count > 0 ? buffer[..<count] : nil
  }

  static func talk(unix path: String) -> String { connect(unix: path).map(readAll) ?? "refused" }
  static func talk(port: UInt16) -> String { connect(port: port).map(readAll) ?? "refused" }

  /// A TCP port nobody listens on at the moment.
  static func freePort() -> UInt16 { Endpoint.freePort() }

  /// Sends a byte to a UDP port of 127.0.0.1.
  static func send(port: UInt16) -> Bool { send(Endpoint.port(port), SOCK_DGRAM) }

  /// Connects to a path with a socket of that type and sends a byte.
  static func send(unix path: String, _ type: __socket_type) -> Bool {
    send(Endpoint.path(path), type)
  }

  private static func send(_ endpoint: Endpoint, _ type: __socket_type) -> Bool {
    guard let fd = taken(endpoint.connect(type)) else { return false }
    defer { close(fd) }
    return write(fd, "x", 1) == 1
  }

  /// Sends a byte to a UDP port of 127.0.0.1 and gives the answer.
  static func exchange(port: UInt16) -> String? {
    guard let fd = taken(Endpoint.port(port).connect(SOCK_DGRAM)) else { return nil }
    defer { close(fd) }
    guard write(fd, "x", 1) == 1 else { return nil }
    return receive(fd).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Sends a request and reads until the other end closes, at most ten seconds.
  static func ask(_ endpoint: Endpoint, _ request: String) -> String {
    guard let fd = taken(endpoint.connect()) else { return "refused" }
    // The other end may have closed already, which the answer tells.
    _ = Foundation.send(fd, request, request.utf8.count, Int32(MSG_NOSIGNAL))
    return readAll(fd)
  }

  /// Reads up to the end of a line, at most ten seconds.
  static func readLine(_ fd: Int32) -> String {
    var text: [UInt8] = []
    while let byte = receive(fd, 1)?.first, byte != 10 { text.append(byte) }
    return String(decoding: text, as: UTF8.self)
  }

  /// The port a TCP connection of ours comes from.
  static func localPort(_ fd: Int32) -> UInt16 { Endpoint.localPort(fd) }
}
