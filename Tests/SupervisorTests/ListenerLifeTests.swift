import Foundation
import Testing

/// What becomes of listeners and their queues while services come and go.
@Suite struct ListenerLifeTests {
  @Test("accept: peer, port and cookie are told, and status shows each connection as name@N")
  func connections() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {"each": {
        "exec": ["PROBE", "hold"], "accept": true, "stdio": "socket",
        "listen": [{"stream": "\#(port)"}, {"stream": "DIR/u"}]}}}
      """#)
    let first = try #require(Client.connect(port: port))
    let words = Client.readLine(first).split(separator: " ").map(String.init)
    #expect(words.count == 3 && words[0] == "127.0.0.1", "\(words)")
    let client = Client.localPort(first)
    #expect(words[1] == "\(client)")
    #expect((UInt64(words[2]) ?? 0) > 0)
    let second = try #require(Client.connect(unix: board.path("u")))
    #expect(Client.readLine(second).hasPrefix("- - "))
    let one = try board.service("each@1")
    #expect(one["state"] as? String == "ready")
    #expect(one["reason"] as? String == "127.0.0.1:\(client)")
    let pid = try #require(one["mainPid"] as? Int32)
    #expect(kill(pid, 0) == 0)
    #expect(try board.service("each@2")["reason"] as? String == "uid \(getuid())")
    #expect(board.command(["status"]).output.contains("each@1"))
    #expect(try board.socket("\(port)")["lastPeer"] as? String == "127.0.0.1:\(client)")
    close(first)
    try board.wait("the first to be gone") {
      !board.command(["status", "--json"]).output.contains("each@1")
    }
    #expect(board.command(["status", "--json"]).output.contains("each@2"))
    close(second)
  }

  @Test("maxConnectionsPerSource: one more of the same source is closed, others are served")
  func perSource() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {"each": {
        "exec": ["PROBE", "hold"], "accept": true, "stdio": "socket",
        "maxConnectionsPerSource": 1,
        "listen": [{"stream": "\#(port)"}, {"stream": "DIR/u"}]}}}
      """#)
    let first = try #require(Client.connect(port: port))
    #expect(Client.readLine(first).hasPrefix("127.0.0.1 "))
    #expect(Client.talk(port: port) == "")
    let other = try #require(Client.connect(unix: board.path("u")))
    #expect(Client.readLine(other).hasPrefix("- "))
    #expect(board.talk("u") == "")
    close(first)
    try board.wait("room for the source") {
      guard let next = Client.connect(port: port) else { return false }
      defer { close(next) }
      return Client.readLine(next).hasPrefix("127.0.0.1 ")
    }
    close(other)
  }

  @Test("name@N is one connection: it is shown, stopped and killed alone")
  func instances() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "each": {"exec": ["PROBE", "hold"], "accept": true, "stdio": "socket",
          "listen": [{"stream": "DIR/each"}]},
        "web": {"exec": ["PROBE", "sleep"]}}}
      """#)
    var clients: [Int32] = []
    for _ in 0..<3 {
      clients.append(try #require(Client.connect(unix: board.path("each"))))
      #expect(Client.readLine(clients[clients.count - 1]).hasPrefix("- "))
    }
    let second = try #require(try board.service("each@2")["mainPid"] as? Int32)
    let shown = board.command(["status", "each@2"])
    #expect(shown.code == 0 && shown.output.hasPrefix("each@2: ready for "), "\(shown)")
    #expect(shown.output.contains("main pid: \(second)\n"))
    #expect(!shown.output.contains("each@1"))
    // Answered once it has ended.
    #expect(board.command(["stop", "each@2"]).code == 0)
    #expect(kill(second, 0) != 0)
    #expect(Client.readAll(clients[1]) == "")
    for name in ["each@2", "each@0", "each@", "each@x", "each@02x", "web@1", "each@4294967299"] {
      let refused = board.command(["stop", name])
      #expect(refused.code == 4 && refused.errors.contains("no such service: \(name)"))
      #expect(board.command(["status", name]).code == 4, "\(name)")
    }
    // What has no meaning for one connection is refused.
    for deed in ["start", "restart", "reload", "reset"] {
      #expect(board.command([deed, "each@1"]).code == 4, "\(deed)")
    }
    let first = try #require(try board.service("each@1")["mainPid"] as? Int32)
    #expect(board.command(["kill", "each@1"]).code == 0)
    try board.wait("the end of the first") { kill(first, 0) != 0 }
    #expect(board.command(["wait", "each@3", "stopped", "--timeout", "50ms"]).code != 0)
    #expect(board.command(["status", "each@3"]).code == 0)
    close(clients[2])
    try board.wait("the end of the last") { board.command(["status", "each@3"]).code == 4 }
    #expect(try board.state("each") == "listening")
    close(clients[0])
  }

  @Test("queued tells what waits at TCP and unix listeners, and flush drops it at the end")
  func queueAndFlush() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {"idle": {
        "exec": ["PROBE", "sleep"], "restart": "no",
        "listen": [{"stream": "127.0.0.1:\#(port)", "flush": true},
                   {"stream": "DIR/u", "flush": true}, {"seqpacket": "DIR/q"},
                   {"datagram": "DIR/d", "flush": true}]}}}
      """#)
    func queued(_ address: String) throws -> Int? {
      try board.socket(address)["queued"] as? Int
    }
    #expect(try queued(board.path("u")) == 0)
    let clients =
      (0..<3).compactMap { _ in Client.connect(port: port) }
      + (0..<2).compactMap { _ in Client.connect(unix: board.path("u")) }
    #expect(clients.count == 5)
    try board.wait(for: "idle", "ready")
    #expect(Client.send(unix: board.path("d"), SOCK_DGRAM))
    #expect(try queued("127.0.0.1:\(port)") == 3)
    #expect(try queued(board.path("u")) == 2)
    #expect(try queued(board.path("q")) == 0)
    kill(try board.pid("idle"), SIGKILL)
    for client in clients { #expect(Client.readAll(client) == "") }
    try board.wait(for: "idle", "listening")
    #expect(try queued("127.0.0.1:\(port)") == 0)
    #expect(try queued(board.path("u")) == 0)
    // Nothing is left that starts it again.
    #expect(try board.service("idle")["restarts"] as? Int == 0)
    #expect(try board.socket(board.path("d"))["triggers"] as? Int == 0)
    #expect(try board.socket(board.path("u"))["state"] as? String == "listening")
  }

  @Test("SOC-10 a listener that its service shuts down is made anew")
  func shutDown() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "tcp": {"exec": ["PROBE", "shut"], "listen": [{"stream": "127.0.0.1:\#(port)"}]},
        "unix": {"exec": ["PROBE", "shut"], "listen": [{"stream": "DIR/u"}]}}}
      """#)
    for address in ["127.0.0.1:\(port)", board.path("u")] {
      let isUnix = address.hasPrefix("/")
      for round in 1...2 {
        try board.wait("\(address) to be bound") {
          try board.socket(address)["state"] as? String == "listening"
        }
        let client = isUnix ? Client.connect(unix: address) : Client.connect(port: port)
        close(try #require(client))
        try board.wait("\(address) to be refused by its own service") {
          let socket = try board.socket(address)
          return socket["triggers"] as? Int == round && socket["state"] as? String == "error"
        }
      }
    }
  }

  @Test(
    "SOC-09 an address or interface that comes up is bound at once, without polling",
    .enabled(if: Board.isRoot, "needs root"))
  func lateAddress() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"late": {
        "exec": ["PROBE", "serve"],
        "listen": [{"stream": "[fd00::7]:80", "freeBind": false},
                   {"stream": "81", "device": "late0"}]}}}
      """#, isolated: true)
    let addresses = ["[fd00::7]:80", "81"]
    // Far enough away that no retry by the clock comes in between.
    func due() throws -> Int64 {
      try addresses.map { address in
        let socket = try board.socket(address)
        return (socket["pausedUntilUs"] as? NSNumber)?.int64Value ?? 0
      }.min() ?? 0
    }
    func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }
    try board.wait("a long pause") { try due() - now() > 5_500_000 }
    let deadline = try due()
    for address in addresses {
      #expect(try board.socket(address)["state"] as? String == "error")
    }
    try board.inside(["ip", "link", "add", "late0", "type", "bridge"])
    try board.inside(["ip", "link", "set", "late0", "up"])
    try board.inside(["ip", "address", "add", "fd00::7/128", "dev", "late0", "nodad"])
    try board.wait("both to be bound") {
      try addresses.allSatisfy { try board.socket($0)["state"] as? String == "listening" }
    }
    #expect(now() < deadline - 1_000_000)
  }

  @Test("removeOnStop removes nodes and links when apus ends")
  func removal() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"s": {
        "exec": ["PROBE", "sleep"], "listen": [
          {"stream": "DIR/gone", "symlinks": ["DIR/link"], "removeOnStop": true},
          {"fifo": "DIR/pipe", "removeOnStop": true}, {"stream": "DIR/kept"}]}}}
      """#)
    let files = FileManager.default
    #expect(
      try files.destinationOfSymbolicLink(atPath: board.path("link")) == board.path("gone"))
    #expect(board.end() == 0)
    for name in ["gone", "pipe"] { #expect(!files.fileExists(atPath: board.path(name))) }
    #expect((try? files.destinationOfSymbolicLink(atPath: board.path("link"))) == nil)
    #expect(files.fileExists(atPath: board.path("kept")))
  }
}
