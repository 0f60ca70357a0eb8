import Foundation
import Testing

/// Every kind of listener and every option, as the service finds them.
@Suite struct SocketKindTests {
  /// What a probe found of each passed descriptor: name and value of what it has.
  private func descriptors(_ board: Board, _ name: String) throws -> [[String: String]] {
    try board.report(name).dropFirst(2).map { line in
      var found: [String: String] = [:]
      for word in line.split(separator: " ").dropFirst() {
        let parts = word.split(separator: "=", omittingEmptySubsequences: false)
        found[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
      }
      return found
    }
  }

  private func expect(_ found: [String: String], _ wanted: [String: String]) {
    for (key, value) in wanted {
      #expect(found[key] == value, "\(key): \(found[key] ?? "-"), not \(value)")
    }
  }

  @Test("every option of a TCP listener is read back by its service")
  func streamOptions() throws {
    let (first, second) = (Client.freePort(), Client.freePort())
    let board = try Board(
      #"""
      {"apus": 1, "services": {"o": {
        "exec": ["PROBE", "sockets", "DIR/report"], "start": "boot", "listen": [
          {"stream": "127.0.0.1:\#(first)", "name": "a", "reusePort": true, "noDelay": true,
           "keepAlive": {"time": "70s", "interval": "7s", "probes": 3}, "deferAccept": "2s",
           "fastOpen": 9, "sendBuffer": 9000, "receiveBuffer": "9000", "priority": 3, "tos": 16,
           "ttl": 77, "congestion": "reno", "broadcast": true, "packetInfo": true},
          {"stream": "\#(second)", "name": "b", "freeBind": false, "tos": 8, "ttl": 5}]}}}
      """#)
    let found = try descriptors(board, "report")
    #expect(found.count == 2)
    expect(
      found[0],
      [
        "type": "1", "domain": "2", "protocol": "6", "reuseAddress": "1", "reusePort": "1",
        "noDelay": "1", "keepAlive": "1", "keepAliveTime": "70", "keepAliveInterval": "7",
        "keepAliveProbes": "3", "fastOpen": "9", "sendBuffer": "18000", "receiveBuffer": "18000",
        "priority": "3", "tos": "16", "ttl": "77", "congestion": "reno", "broadcast": "1",
        "packetInfo": "1", "freeBind": "1", "transparent": "0", "pipeSize": "-1",
      ])
    // The kernel rounds to what its retransmissions take.
    #expect((Int(found[0]["deferAccept"] ?? "") ?? 0) >= 2)
    expect(
      found[1],
      [
        "type": "1", "domain": "10", "protocol": "6", "ipv6Only": "0", "trafficClass": "8",
        "tos": "8", "hops": "5", "ttl": "5", "freeBind": "0", "reusePort": "0",
      ])
  }

  @Test(
    "another protocol is used where the kernel has it, and refused with its reason where not",
    arguments: [("stream", "mptcp", 262), ("stream", "sctp", 132), ("datagram", "udplite", 136)])
  func protocols(kind: String, name: String, number: Int32) throws {
    let type = kind == "stream" ? SOCK_STREAM : SOCK_DGRAM
    let probe = socket(AF_INET6, Int32(type.rawValue), number)
    let refusal = errno
    close(probe)
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {"o": {
        "exec": ["PROBE", "sockets", "DIR/report"], "start": "boot",
        "listen": [{"\#(kind)": "\#(port)", "protocol": "\#(name)", "noDelay": true}]}}}
      """#)
    guard probe >= 0 else {
      let socket = try board.socket("\(port)")
      #expect(socket["state"] as? String == "error")
      let reason = try #require(socket["reason"] as? String)
      #expect(reason.contains("cannot make a socket for \(port)"))
      #expect(reason.hasSuffix("(\(refusal))"), "\(reason)")
      return
    }
    expect(try descriptors(board, "report")[0], ["domain": "10", "protocol": "\(number)"])
  }

  @Test("every other kind and its options are read back, in manifest order with their names")
  func otherOptions() throws {
    let (first, second) = (Client.freePort(), Client.freePort())
    let board = try Board(
      #"""
      {"apus": 1, "services": {"o": {
        "exec": ["PROBE", "sockets", "DIR/report"], "start": "boot", "listen": [
          {"datagram": "[::1]:\#(first)", "name": "udp6", "packetInfo": true, "timestamps": "ns",
           "ipv6Only": true, "receiveBuffer": "64K"},
          {"datagram": "\#(second)", "name": "udp", "timestamps": "us", "broadcast": true},
          {"datagram": "DIR/d", "passCredentials": true, "passPidfd": true, "sendBuffer": "8K"},
          {"seqpacket": "@DIR/q"},
          {"fifo": "DIR/f", "pipeSize": "64K", "name": "fifo"},
          {"netlink": "route 1", "name": "net", "packetInfo": true, "passCredentials": true},
          {"special": "/dev/null", "name": "null"},
          {"special": "/dev/zero", "name": "zero", "writable": true}]}}}
      """#)
    let report = try board.report("report")
    #expect(report[0] == "names=udp6:udp:o:o:fifo:net:null:zero")
    let found = try descriptors(board, "report")
    #expect(found.count == 8)
    expect(
      found[0],
      [
        "type": "2", "domain": "10", "protocol": "17", "packetInfo6": "1", "timestampNs": "1",
        "ipv6Only": "1", "receiveBuffer": "131072", "reuseAddress": "0",
      ])
    expect(
      found[1],
      ["type": "2", "domain": "10", "timestamp": "1", "broadcast": "1", "ipv6Only": "0"])
    expect(
      found[2],
      [
        "type": "2", "domain": "1", "passCredentials": "1", "passPidfd": "1",
        "sendBuffer": "16384",
      ])
    expect(found[3], ["type": "5", "domain": "1", "passPidfd": "0"])
    expect(found[4], ["pipeSize": "65536"])
    // Both ends, and it never waits.
    #expect(Int32(found[4]["flags"] ?? "", radix: 8).map { $0 & 0o4003 } == O_RDWR | O_NONBLOCK)
    expect(
      found[5], ["domain": "16", "protocol": "0", "netlinkPacketInfo": "1", "passCredentials": "1"])
    for (index, mode) in [(6, O_RDONLY), (7, O_RDWR)] {
      #expect(found[index]["domain"] == nil)
      #expect(Int32(found[index]["flags"] ?? "", radix: 8).map { $0 & 0o4003 } == mode | O_NONBLOCK)
    }
    for (address, kind) in [
      ("\(second)", "datagram"), (board.path("f"), "fifo"), ("route 1", "netlink"),
      ("/dev/null", "special"),
    ] {
      let socket = try board.socket(address)
      #expect(socket["kind"] as? String == kind)
      #expect(socket["queued"] is NSNull)
      #expect(socket["state"] as? String == "active")
    }
  }

  @Test(
    "options that need privileges are set, and buffers go beyond the board's limit",
    .enabled(if: Board.isRoot, "needs root"))
  func privilegedOptions() throws {
    let board = try Board(
      #"""
      {"apus": 1, "system": {"loopback": true}, "services": {"o": {
        "exec": ["PROBE", "sockets", "DIR/report"], "start": "boot", "listen": [
          {"datagram": "127.0.0.1:4711", "device": "lo", "mark": 4711, "priority": 9,
           "transparent": true, "receiveBuffer": "64M"}]}}}
      """#, isolated: true)
    let found = try descriptors(board, "report")
    expect(
      found[0],
      [
        "device": "lo", "mark": "4711", "priority": "9", "transparent": "1",
        "receiveBuffer": "134217728",
      ])
  }

  @Test("an option the kernel lacks is shown with its reason, and holds up nobody")
  func refusedOption() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "bad": {"exec": ["PROBE", "serve"],
                "listen": [{"stream": "127.0.0.1:\#(Client.freePort())", "name": "x",
                            "congestion": "no-such"}]},
        "good": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/good"}]}}}
      """#)
    #expect(board.talk("good").hasSuffix(" good\n"))
    let answer = board.command(["list-sockets", "bad", "--json"]).output
    #expect(answer.contains(#""state":"error""#))
    #expect(answer.contains("cannot set options of 127.0.0.1:"))
    #expect(answer.contains("ENOENT (2)"))
    #expect(answer.contains(#""pausedUntilUs":1"#))
  }

  @Test("LISTEN_PIDFDID is the inode of the service's own pidfd, where the kernel has pidfs")
  func pidfdIdentifier() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"o": {
        "exec": ["PROBE", "sockets", "DIR/report"], "start": "boot",
        "listen": [{"stream": "DIR/s"}]}}}
      """#)
    let line = try board.report("report")[1]
    let words = line.split(separator: " ").map { $0.split(separator: "=")[1] }
    var system = utsname()
    uname(&system)
    let release = withUnsafeBytes(of: &system.release) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let version = release.split(separator: ".").compactMap { Int($0) }
    let hasPidfs = version.count > 1 && (version[0], version[1]) >= (6, 9)
    #expect(words[1] == (hasPidfs ? words[0] : "-"), "\(line)")
  }

  @Test("traffic on a datagram, seqpacket, FIFO or terminal listener starts its service")
  func triggers() throws {
    let port = Client.freePort()
    let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    defer { close(master) }
    // TIOCSPTLCK and TIOCGPTN: the other end of the terminal.
    var (lock, number) = (Int32(0), Int32(0))
    #expect(ioctl(master, 0x4004_5431, &lock) == 0 && ioctl(master, 0x8004_5430, &number) == 0)
    let terminal = "/dev/pts/\(number)"
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "udp": {"exec": ["PROBE", "sleep"], "listen": [{"datagram": "\#(port)"}]},
        "local": {"exec": ["PROBE", "sleep"], "listen": [{"datagram": "DIR/d"}]},
        "packet": {"exec": ["PROBE", "sleep"], "listen": [{"seqpacket": "DIR/q"}]},
        "fifo": {"exec": ["PROBE", "sleep"], "listen": [{"fifo": "DIR/f"}]},
        "tty": {"exec": ["PROBE", "sleep"], "listen": [{"special": "\#(terminal)"}]}}}
      """#)
    for name in ["udp", "local", "packet", "fifo", "tty"] {
      #expect(try board.state(name) == "listening")
    }
    #expect(Client.send(port: port))
    #expect(Client.send(unix: board.path("d"), SOCK_DGRAM))
    #expect(Client.send(unix: board.path("q"), SOCK_SEQPACKET))
    let pipe = open(board.path("f"), O_WRONLY | O_NONBLOCK)
    #expect(write(pipe, "x", 1) == 1)
    close(pipe)
    #expect(write(master, "x\n", 2) == 2)
    for name in ["udp", "local", "packet", "fifo", "tty"] { try board.wait(for: name, "ready") }
  }

  @Test("news of the kernel start a netlink service", .enabled(if: Board.isRoot, "needs root"))
  func news() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"net": {
        "exec": ["PROBE", "sleep"], "listen": [{"netlink": "route 1"}]}}}
      """#, isolated: true)
    #expect(try board.state("net") == "listening")
    try board.inside(["ip", "link", "add", "new0", "type", "bridge"])
    try board.wait(for: "net", "ready")
  }

  @Test("a /proc file that changes starts its service", .enabled(if: Board.isRoot, "needs root"))
  func changes() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"m": {
        "exec": ["PROBE", "exit", "0"], "listen": [{"special": "/proc/self/mounts"}]}}}
      """#)
    func count() throws -> Int { try board.socket("/proc/self/mounts")["triggers"] as? Int ?? 0 }
    #expect(try board.state("m") == "listening")
    let before = try count()
    mkdir(board.path("mount"), 0o755)
    #expect(mount("none", board.path("mount"), "tmpfs", 0, nil) == 0)
    try board.wait("the change to be seen") { try count() > before }
    umount(board.path("mount"))
  }
}
