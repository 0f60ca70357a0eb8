import ApusBase
import ApusCore
import ApusLinux
import ApusManifest
import Foundation
import TestSockets
import Testing

@Suite("Binding internet addresses")
struct BindAddressTests {
  @Test("a port is bound for IPv6 and IPv4 together")
  func dualStack() throws {
    let fd = try bind(manifest { $0.address = .port(0) })
    defer { close(fd) }
    let name = BoundName(fd)
    #expect(name.family == AF_INET6)
    #expect(name.bytes == Array(repeating: 0, count: 16))
    #expect(option(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY) == 0)
    #expect(option(fd, SOL_SOCKET, SO_REUSEADDR) == 1)
    #expect(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)
    #expect(connectLoopback(port: name.port))
  }

  @Test("ipv6Only keeps IPv4 out")
  func ipv6Only() throws {
    let fd = try bind(
      manifest {
        $0.address = .port(0)
        $0.flags.insert(.ipv6Only)
      })
    defer { close(fd) }
    #expect(option(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY) == 1)
    #expect(!connectLoopback(port: BoundName(fd).port))
  }

  @Test("an IPv4 address is bound as written")
  func ipv4() throws {
    let fd = try bind(manifest { $0.address = .ipv4(0x7F00_0001, 0) })
    defer { close(fd) }
    let name = BoundName(fd)
    #expect(name.family == AF_INET)
    #expect(name.bytes == [127, 0, 0, 1])
    #expect(connectLoopback(port: name.port))
  }

  @Test("an IPv6 address is bound as written, with its scope")
  func ipv6() throws {
    let loopback = try bind(manifest { $0.address = .ipv6(0, 1, 0, scope: .none) })
    defer { close(loopback) }
    #expect(BoundName(loopback).bytes == Array(repeating: 0, count: 15) + [1])
    var scoped = manifest()
    scoped.listeners[0].address = .ipv6(0, 1, 0, scope: scoped.add("lo"))
    close(try bind(scoped))
    var missing = manifest()
    missing.listeners[0].address = .ipv6(0xFE80_0000_0000_0000, 1, 0, scope: missing.add("none9"))
    #expect(
      bindListener(0, of: missing, owner: NodeOwner()) == .failed(.resolve, .noDevice))
  }

  @Test("SOC-14 an address that is not there yet is bound all the same, by default")
  func freeBind() throws {
    let fd = try bind(manifest { $0.address = .ipv4(0xCB00_7101, 0) })
    #expect(BoundName(fd).bytes == [203, 0, 113, 1])
    close(fd)
    let six = try bind(
      manifest { $0.address = .ipv6(0x2001_0DB8_0000_0000, 1, 0, scope: .none) })
    #expect(BoundName(six).bytes.prefix(4) == [0x20, 0x01, 0x0D, 0xB8])
    close(six)
  }

  @Test("SOC-09 an address that is taken or not there says so")
  func refusals() throws {
    let fd = try bind(manifest { $0.address = .ipv4(0x7F00_0001, 0) })
    defer { close(fd) }
    let port = BoundName(fd).port
    #expect(
      bindListener(
        0, of: manifest { $0.address = .ipv4(0x7F00_0001, port) }, owner: NodeOwner())
        == .failed(.listen, .addressInUse)
        || bindListener(
          0, of: manifest { $0.address = .ipv4(0x7F00_0001, port) }, owner: NodeOwner())
          == .failed(.bind, .addressInUse)
    )
    let absent = manifest {
      $0.address = .ipv4(0xCB00_7101, 0)
      $0.flags = []
    }
    #expect(
      bindListener(0, of: absent, owner: NodeOwner()) == .failed(.bind, .addressNotAvailable))
  }

  @Test("options reach the socket")
  func options() throws {
    let fd = try bind(
      manifest {
        $0.address = .ipv4(0x7F00_0001, 0)
        $0.flags = [.noDelay, .reusePort, .keepAlive]
      })
    defer { close(fd) }
    #expect(option(fd, Int32(IPPROTO_TCP), TCP_NODELAY) != 0)
    #expect(option(fd, SOL_SOCKET, SO_REUSEPORT) == 1)
    #expect(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1)
  }

  /// True when a connection to 127.0.0.1 is taken.
  private func connectLoopback(port: UInt16) -> Bool {
    let fd = Endpoint.port(port).connect()
    if fd >= 0 { close(fd) }
    return fd >= 0
  }
}
