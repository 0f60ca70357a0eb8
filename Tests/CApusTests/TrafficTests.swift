import CApus
import Foundation
import Testing

@Suite struct TrafficTests {
  enum Kind: String, CaseIterable { case path, abstract, v4, v6 }

  private static let stream = Int32(SOCK_STREAM.rawValue)

  /// A listener, and where it is.
  private func listen(_ kind: Kind) throws -> (fd: Int32, connect: () -> Int32) {
    var address = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_un>.size)
    switch kind {
    case .path, .abstract:
      let name = "/tmp/apus-traffic-\(UUID().uuidString)"
      var local = sockaddr_un()
      local.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &local.sun_path) { $0.copyBytes(from: name.utf8) }
      if kind == .abstract { local.sun_path.0 = 0 }
      size = socklen_t(MemoryLayout<sa_family_t>.size + name.utf8.count)
      withUnsafeMutableBytes(of: &address) { room in
        withUnsafeBytes(of: &local) { room.copyBytes(from: $0) }
      }
    case .v4:
      var inet = sockaddr_in()
      inet.sin_family = sa_family_t(AF_INET)
      inet.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      size = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutableBytes(of: &address) { room in
        withUnsafeBytes(of: &inet) { room.copyBytes(from: $0) }
      }
    case .v6:
      var inet = sockaddr_in6()
      inet.sin6_family = sa_family_t(AF_INET6)
      size = socklen_t(MemoryLayout<sockaddr_in6>.size)
      withUnsafeMutableBytes(of: &address) { room in
        withUnsafeBytes(of: &inet) { room.copyBytes(from: $0) }
      }
    }
    let family = Int32(address.ss_family)
    let fd = socket(family, Self.stream, 0)
    try #require(Self.call(&address, size) { Foundation.bind(fd, $0, $1) } == 0)
    try #require(Foundation.listen(fd, 5) == 0)
    if family != AF_UNIX {
      withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(fd, $0, &size) }
      }
    }
    let (target, length) = (address, size)
    return (
      fd,
      {
        var target = target
        var length = length
        if kind == .v6 {
          // An IPv4 client of a dual-stack listener.
          let port = withUnsafeBytes(of: &target) { $0.load(as: sockaddr_in6.self).sin6_port }
          var inet = sockaddr_in()
          inet.sin_family = sa_family_t(AF_INET)
          inet.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
          inet.sin_port = port
          withUnsafeMutableBytes(of: &target) { room in
            withUnsafeBytes(of: &inet) { room.copyBytes(from: $0) }
          }
          length = socklen_t(MemoryLayout<sockaddr_in>.size)
        }
        let client = socket(Int32(target.ss_family), Self.stream, 0)
        return Self.call(&target, length) { Foundation.connect(client, $0, $1) } == 0 ? client : -1
      }
    )
  }

  private static func call(
    _ address: inout sockaddr_storage, _ size: socklen_t,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
    }
  }

  private let quiet = Int32(CAPUS_QUIET.rawValue)
  private let busy = Int32(CAPUS_BUSY.rawValue)

  @Test(
    "a connection is seen in the queue and once accepted, asked for and in /proc/net",
    arguments: Kind.allCases, [Int32(1), 0])
  func connection(_ kind: Kind, _ asks: Int32) throws {
    let (listener, connect) = try listen(kind)
    let (other, connectOther) = try listen(kind)
    #expect(capus_traffic(listener, asks) == quiet)
    let stranger = connectOther()
    let strangers = accept(other, nil, nil)
    #expect(capus_traffic(listener, asks) == quiet, "connections of others")
    let client = connect()
    try #require(client >= 0)
    #expect(capus_traffic(listener, asks) == busy, "in the queue")
    let accepted = accept(listener, nil, nil)
    #expect(capus_traffic(listener, asks) == busy, "accepted")
    close(client)
    #expect(capus_traffic(listener, asks) == busy, "the daemon has not closed it")
    close(accepted)
    #expect(capus_traffic(listener, asks) == quiet, "over")
    for fd in [listener, other, stranger, strangers] { close(fd) }
  }

  @Test("what the daemon has closed is over, whatever the client does")
  func halfClosed() throws {
    let (listener, connect) = try listen(.v4)
    let client = connect()
    let accepted = accept(listener, nil, nil)
    shutdown(accepted, Int32(SHUT_WR))
    #expect(capus_traffic(listener, 1) == busy, "it may still read")
    close(accepted)
    #expect(capus_traffic(listener, 1) == quiet)
    close(client)
    close(listener)
  }

  @Test("a datagram socket has a queue and no connections")
  func datagram() {
    var ends: [Int32] = [0, 0]
    #expect(socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &ends) == 0)
    #expect(capus_traffic(ends[0], 1) == Int32(CAPUS_UNCONNECTED.rawValue))
    write(ends[1], "x", 1)
    #expect(capus_traffic(ends[0], 1) == busy)
    for fd in ends { close(fd) }
  }

  @Test("processor time of a process grows as it computes, and only then")
  func processorTime() throws {
    let first = capus_processor_time(getpid())
    var sum = 0
    for index in 0..<200_000 { sum &+= index }
    #expect(first > 0 && sum > 0)
    #expect(capus_processor_time(getpid()) > first)
    #expect(capus_processor_time(4_190_000) < 0)
  }
}
