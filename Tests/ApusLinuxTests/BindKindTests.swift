import ApusBase
import ApusCore
import ApusLinux
import ApusManifest
import Foundation
import TestSockets
import Testing

/// Sets options with values, as the decoder leaves them.
extension Manifest {
  mutating func set(_ options: [(UInt8, Int64)]) {
    listeners[0].options = TableRange(start: UInt32(values.count), count: UInt32(options.count))
    values += options.map { Int64($0.0) << 32 | $0.1 }
  }
}

/// Every kind of listener; of the same serialised suite because umask(2) belongs to the process.
extension BindTests {
  private func type(_ fd: Int32) -> Int32 { option(fd, SOL_SOCKET, SO_TYPE) }

  @Test("datagram and seqpacket sockets have nodes and abstract names like streams")
  func local() throws {
    for (kind, wanted) in [
      (ListenerKind.datagram, SOCK_DGRAM), (.seqpacket, SOCK_SEQPACKET),
    ] {
      let path = scratch["\(kind)"]
      let fd = try bind(
        manifest(path: path) {
          $0.kind = kind
          $0.mode = 0o620
        })
      defer { close(fd) }
      #expect(type(fd) == Int32(wanted.rawValue))
      #expect((status(path)?.st_mode ?? 0) & 0o7777 == 0o620)
      #expect(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == (kind == .seqpacket ? 1 : 0))
      // A live one of another type is live as well.
      #expect(
        bindListener(0, of: manifest(path: path), owner: NodeOwner())
          == .failed(.probe, .addressInUse))
      var named = manifest { $0.kind = kind }
      named.listeners[0].address = .abstract(named.add("apus-\(kind)-\(getpid())"))
      close(try bind(named))
    }
  }

  @Test("UDP for one family and for both, with no address taken from others")
  func udp() throws {
    for address in [
      ListenerAddress.port(0), .ipv4(0x7F00_0001, 0), .ipv6(0, 1, 0, scope: .none),
    ] {
      let fd = try bind(
        manifest {
          $0.kind = .datagram
          $0.address = address
        })
      defer { close(fd) }
      #expect(type(fd) == Int32(SOCK_DGRAM.rawValue))
      #expect(option(fd, SOL_SOCKET, SO_REUSEADDR) == 0)
      #expect(BoundName(fd).port != 0)
      if address == .port(0) { #expect(option(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY) == 0) }
    }
  }

  @Test("SOC-06 SOC-08 a FIFO has its mode, never hangs up, and only a stale one is replaced")
  func fifo() throws {
    let path = scratch["a/pipe"]
    var manifest = manifest(path: path) {
      $0.kind = .fifo
      $0.mode = 0o640
    }
    manifest.set([(SocketKey.pipeSize.rawValue, 8192)])
    let old = umask(0o77)
    defer { umask(old) }
    let fd = try bind(manifest)
    #expect((status(path)?.st_mode ?? 0) == S_IFIFO | 0o640)
    #expect(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK) == O_RDWR | O_NONBLOCK)
    #expect(fcntl(fd, 1032) == 8192)
    let writer = open(path, O_WRONLY | O_NONBLOCK)
    write(writer, "x", 1)
    close(writer)
    var ready = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    #expect(poll(&ready, 1, 0) == 1 && ready.revents == Int16(POLLIN))
    #expect(
      bindListener(0, of: manifest, owner: NodeOwner()) == .failed(.probe, .addressInUse))
    close(fd)
    let before = status(path)?.st_ino
    link(path, scratch["kept"])
    close(try bind(manifest))
    #expect(status(path)?.st_ino != before)
    #expect(
      bindListener(0, of: self.fifoAsSocket(path), owner: NodeOwner())
        == .failed(.probe, .exists))
  }

  private func fifoAsSocket(_ path: String) -> Manifest { manifest(path: path) }

  @Test("a special file is opened as it allows; what is no file or device is refused")
  func special() throws {
    func open(_ path: String, writable: Bool = false) -> BindResult {
      bindListener(
        0,
        of: manifest(path: path) {
          $0.kind = .special
          if writable { $0.flags.insert(.writable) }
        }, owner: NodeOwner())
    }
    for (path, isWritten) in [
      ("/dev/null", false), ("/dev/null", true), ("/proc/self/mounts", false),
    ] {
      guard case .bound(let fd) = open(path, writable: isWritten) else {
        Issue.record("\(path): \(open(path))")
        continue
      }
      #expect(fcntl(fd, F_GETFL) & O_NONBLOCK != 0)
      #expect(fcntl(fd, F_GETFL) & O_ACCMODE == (isWritten ? O_RDWR : O_RDONLY))
      close(fd)
    }
    // A read-only attribute cannot be written, whatever is asked for.
    #expect(open("/sys/kernel/uevent_seqnum", writable: true) == .failed(.bind, .accessDenied))
    guard case .bound(let fd) = open("/sys/kernel/uevent_seqnum") else {
      Issue.record("no /sys file")
      return
    }
    // An attribute was read once and stands at its beginning.
    #expect(fcntl(fd, F_GETFL) & O_ACCMODE == O_RDONLY)
    #expect(lseek(fd, 0, SEEK_CUR) == 0)
    close(fd)
    #expect(open("/proc") == .failed(.bind, Errno(EISDIR)))
    close(Endpoint.path(scratch["s"]).listen())
    #expect(open(scratch["s"]) == .failed(.bind, Errno(ENXIO)))
    #expect(open("/dev/none") == .failed(.bind, .noEntry))
  }

  @Test("netlink is joined by family and groups")
  func netlink() throws {
    let fd = try bind(
      manifest {
        $0.kind = .netlink
        $0.address = .netlink(15, 1)
      })
    defer { close(fd) }
    #expect(option(fd, SOL_SOCKET, SO_DOMAIN) == AF_NETLINK)
    #expect(option(fd, SOL_SOCKET, SO_PROTOCOL) == 15)
    // Port, then the groups of sockaddr_nl.
    #expect(BoundName(fd).bytes[6...] == [1, 0, 0, 0])
  }

  @Test("vsock is bound where the kernel has it, and says so where it has not")
  func vsock() {
    let manifest = manifest { $0.address = .vsock(0xffff_ffff, 4711) }
    let probe = socket(40, Int32(SOCK_STREAM.rawValue), 0)
    let refusal = errno
    let result = bindListener(0, of: manifest, owner: NodeOwner())
    guard probe >= 0 else {
      #expect(result == .failed(.socket, Errno(refusal)))
      return
    }
    close(probe)
    guard case .bound(let fd) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(option(fd, SOL_SOCKET, SO_DOMAIN) == 40)
    close(fd)
  }

  @Test(
    "symbolic links lead to the node; a foreign node in their place stays, and so does the socket")
  func symlinks() throws {
    let path = scratch["web.sock"]
    var manifest = manifest(path: path) { $0.flags.insert(.removeOnStop) }
    let links = [scratch["l/one"], scratch["two"]]
    symlink("/nowhere", scratch["two"])
    manifest.set(links.map { (SocketKey.symlinks.rawValue, Int64(manifest.add($0).offset)) })
    let fd = try bind(manifest)
    for link in links {
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == path)
    }
    unbindListener(fd, 0, of: manifest)
    for gone in links + [path] { #expect(status(gone) == nil) }
    try Data("precious".utf8).write(to: URL(fileURLWithPath: scratch["two"]))
    close(try bind(manifest))
    #expect(status(path) != nil)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: links[0]) == path)
    #expect(FileManager.default.contents(atPath: scratch["two"]) == Data("precious".utf8))
  }

  @Test(
    "a peer is written as people write it",
    arguments: [
      (ConnectionSource(family: 2, key: 0x7F00_0102, port: 80), "127.0.1.2:80"),
      (ConnectionSource(family: 10, key: 0, rest: 1, port: 9), "[::1]:9"),
      (
        ConnectionSource(family: 10, key: 0x2001_0DB8_0000_0001, rest: 0xA0B, port: 65535),
        "[2001:db8:0:1::a0b]:65535"
      ),
      (ConnectionSource(family: 1, key: 1000), "uid 1000"),
      (ConnectionSource(family: 0, key: 0), ""), (ConnectionSource(family: 40, key: 3), ""),
    ])
  func peer(source: ConnectionSource, text: String) {
    var writer = ByteWriter(capacity: 64)
    LinuxKernel.write(source, into: &writer)
    #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
  }

  @Test("an option a kind does not have is left out, one the kernel refuses is an error")
  func applicability() throws {
    var plain = manifest(path: scratch["u"]) { $0.flags = [.noDelay, .packetInfo, .transparent] }
    plain.set([(SocketKey.deferAccept.rawValue, 3), (SocketKey.ttl.rawValue, 4)])
    close(try bind(plain))
    var strange = manifest { $0.address = .ipv4(0x7F00_0001, 0) }
    strange.set([(SocketKey.congestion.rawValue, Int64(strange.add("no-such").offset))])
    #expect(
      bindListener(0, of: strange, owner: NodeOwner()) == .failed(.options, .noEntry))
    strange.set([(SocketKey.device.rawValue, Int64(strange.add("none9").offset))])
    #expect(
      bindListener(0, of: strange, owner: NodeOwner()) == .failed(.options, .noDevice))
  }
}
