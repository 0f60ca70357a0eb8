import Foundation
import TestSockets
import Testing

/// Every form in which a descriptor reaches a service, as its program reads from and writes to it.
@Suite struct DescriptorTests {
  /// How a service may be confined without another way to its descriptors.
  private static let confinements = [
    "", #", "user": 65534"#,
    #", "sandbox": {"readOnly": true, "privateDevices": true}"#,
    #", "user": 65534, "sandbox": {"readOnly": true, "write": ["/tmp"], "protectKernel": true}"#,
  ].filter { Board.isRoot || $0.isEmpty }

  private func ask(_ endpoint: Endpoint, _ lines: String...) -> [String] {
    let fd = endpoint.connect()
    guard fd >= 0 else { return ["refused"] }
    defer { close(fd) }
    return lines.map { line in
      let text = line + "\n"
      guard send(fd, text, text.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else { return "not sent" }
      return Client.readLine(fd)
    }
  }

  @Test("a listener, several, and a datagram socket are read and written", arguments: confinements)
  func listeners(_ confinement: String) throws {
    let (port, datagrams) = (Client.freePort(), Client.freePort())
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "one": {"exec": ["PROBE", "echo"], "listen": [{"stream": "DIR/one"}]\#(confinement)},
        "three": {"exec": ["PROBE", "echo"], "listen": [{"stream": "DIR/a", "name": "path"},
          {"stream": "127.0.0.1:\#(port)"}, {"datagram": "127.0.0.1:\#(datagrams)", "name": "udp"}
          ]\#(confinement)},
        "stdin": {"exec": ["PROBE", "echo"], "stdin": "socket", "start": "demand",
          "listen": [{"stream": "DIR/stdin"}]\#(confinement)}}}
      """#)
    #expect(ask(.path(board.path("one")), "x", "y") == ["3 one x", "3 one y"])
    #expect(ask(.path(board.path("a")), "x") == ["3 path x"])
    #expect(ask(.port(port), "x", "y") == ["4 three x", "4 three y"])
    #expect(Client.exchange(port: datagrams) == "5 udp x\n")
    #expect(ask(.path(board.path("stdin")), "x") == ["0 - x"])
  }

  @Test(
    "a connection is read and written on 3 or on the standard streams", arguments: confinements)
  func connections(_ confinement: String) throws {
    let port = Client.freePort()
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "three": {"exec": ["PROBE", "echo"], "accept": true, "listen": [
          {"stream": "127.0.0.1:\#(port)", "name": "other"}, {"stream": "DIR/three"}]\#(confinement)},
        "stdio": {"exec": ["PROBE", "echo"], "accept": true, "stdio": "socket",
          "listen": [{"stream": "DIR/stdio"}]\#(confinement)},
        "stdin": {"exec": ["PROBE", "echo"], "accept": true, "stdin": "socket",
          "listen": [{"stream": "DIR/stdin"}]\#(confinement)},
        "stdout": {"exec": ["/bin/sh", "-c", "read x <&3; echo \"$x $LISTEN_FDS\""],
          "accept": true, "stdout": "socket", "listen": [{"stream": "DIR/stdout"}]\#(confinement)},
        "shell": {"exec": ["/bin/sh", "-c", "echo $LISTEN_FDS $LISTEN_FDNAMES hello >&3"],
          "accept": true, "listen": [{"stream": "DIR/shell"}]\#(confinement)}}}
      """#)
    #expect(ask(.port(port), "x", "y") == ["3 connection x", "3 connection y"])
    #expect(ask(.path(board.path("three")), "x") == ["3 connection x"])
    #expect(ask(.path(board.path("stdio")), "x", "y") == ["0 - x", "0 - y"])
    #expect(ask(.path(board.path("stdin")), "x") == ["0 - x"])
    #expect(ask(.path(board.path("stdout")), "x") == ["x 1"])
    #expect(board.talk("shell") == "1 connection hello\n")
  }

  @Test("parked descriptors are read and written behind listeners", arguments: confinements)
  func store(_ confinement: String) throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "only": {"exec": ["PROBE", "store", "DIR/only", "FDSTORE=1\nFDNAME=a"],
          "type": "notify", "fdStore": 2, "restart": "always"},
        "both": {"exec": ["PROBE", "echo", "first", "second"], "type": "notify", "start": "boot",
          "fdStore": 4, "listen": [{"stream": "DIR/x"}, {"stream": "DIR/y", "name": "why"}],
          "restart": {"policy": "always", "delay": "1ms"}\#(confinement)}}}
      """#)
    try board.wait(for: "both", "ready")
    for round in 1...2 {
      let pid = try board.pid("both")
      #expect(ask(.path(board.path("x")), "1") == ["3 both 1"])
      #expect(ask(.path(board.path("y")), "2") == ["4 why 2"])
      kill(pid, SIGKILL)
      try board.wait("another start") {
        try board.pid("both") != pid && board.state("both") == "ready"
      }
      // Each start has appended the names by which the files were passed.
      let next = try board.pid("both")
      for (fd, name) in [(5, "first"), (6, "second")] {
        let text = try String(contentsOfFile: "/proc/\(next)/fd/\(fd)", encoding: .utf8)
        #expect(text == name + String(repeating: name + "+", count: round), "\(fd)")
      }
    }
  }

  @Test("a connection comes before parked descriptors")
  func mixture() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"mix": {"exec": ["PROBE", "echo", "parked"], "accept": true,
        "fdStore": 1, "listen": [{"stream": "DIR/mix"}]}}}
      """#)
    #expect(ask(.path(board.path("mix")), "x") == ["3 connection x"])
    #expect(ask(.path(board.path("mix")), "x", "y") == ["3 connection x", "3 connection y"])
  }
}
