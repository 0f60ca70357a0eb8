import Foundation
import TestSockets
import Testing

/// What waits in a listener's queue: nobody keeps out the others.
@Suite struct QueueTests {
  @Test("one address of the network has a quarter of the connections, and does not use up the rate")
  func share() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {"hold": {"exec": ["PROBE", "hold"], "accept": true,
        "stdio": "socket", "maxConnections": 8, "trigger": "10/1h",
        "listen": [{"stream": "127.0.0.1:\#(port)"}, {"stream": "DIR/hold"}]}}}
      """#)
    let held = (0..<2).compactMap { _ in Client.connect(port: port) }
    for client in held { #expect(Client.readLine(client).hasPrefix("127.0.0.1 ")) }
    for _ in 0..<30 { #expect(Client.talk(port: port) == "") }
    #expect(try board.socket("127.0.0.1:\(port)")["state"] as? String != "paused")
    // Of a unix socket everybody is one source.
    let local = (0..<5).compactMap { _ in Client.connect(unix: board.path("hold")) }
    for client in local { #expect(Client.readLine(client).hasPrefix("- -")) }
    for client in held + local { close(client) }
    try board.wait("the ends") { try board.service("hold")["reason"] as? String == "" }
    let next = try #require(Client.connect(port: port))
    #expect(Client.readLine(next).hasPrefix("127.0.0.1 "))
    close(next)
  }

  @Test("what makes a service fail again and again is dropped, and the next one is served")
  func poison() throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "messages": {"exec": ["PROBE", "poisoned"], "restart": {"delay": "1ms", "maxDelay": "20ms"},
          "trigger": "1000/1s", "listen": [{"datagram": "127.0.0.1:\#(port)"}]}}}
      """#)
    let first = Endpoint.port(port).connect(SOCK_DGRAM)
    #expect(send(first, "poison", 6, 0) == 6)
    #expect(Client.exchange(port: port) == "x")
    close(first)
    #expect(
      board.log.contains(
        "messages: failed again and again, dropped the first that waited at 127.0.0.1:\(port)"))
  }

  @Test("a connection whose client is gone keeps no idle service")
  func gone() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"leaks": {"exec": ["PROBE", "leak"], "idleStop": "50ms",
        "listen": [{"stream": "DIR/leaks"}]}}}
      """#)
    for _ in 0..<3 {
      let client = try #require(Client.connect(unix: board.path("leaks")))
      #expect(Client.readLine(client) == "leaked")
      close(client)
    }
    try board.wait(for: "leaks", "listening")
    #expect(try board.service("leaks")["reason"] as? String == "idle")
  }
}
