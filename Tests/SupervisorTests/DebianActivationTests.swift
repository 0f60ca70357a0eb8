import Foundation
import TestSockets
import Testing

/// Unchanged programs that are started by what comes, and end when nothing comes any more.
@Suite struct DebianActivationTests {
  private static let cups = """
    Listen /run/cups/cups.sock
    IdleExitTimeout 1
    DirtyCleanInterval 0
    PreserveJobHistory No
    Browsing No
    WebInterface No
    ErrorPolicy retry-job
    <Location />
      Order allow,deny
      Allow from all
    </Location>
    <Policy default>
      <Limit All>
        Order deny,allow
      </Limit>
    </Policy>

    """

  @Test("cupsd prints every byte to a printer of the network, ends when idle, and prints again")
  func cups() throws {
    // The printer is a service, too: what it is sent comes after what it has.
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {
        "cups": {"type": "notify", "exec": ["/usr/sbin/cupsd", "-l", "-c", "DIR/cupsd.conf"],
          "listen": [{"stream": "DIR/debian/run/cups/cups.sock", "mode": "0666"}],
          "directories": {"cache": [{"name": "cups", "mode": "0770", "group": 7}],
            "log": ["cups"], "runtime": ["cups"]}, "sandbox": "ROOT"},
        "printer": {"exec": ["/bin/sh", "-c", "cat >>DIR/printed"], "accept": true,
          "stdio": "socket", "listen": [{"stream": "127.0.0.1:9100"}]}}}
      """#, files: ["cupsd.conf": Self.cups])
    func printed() -> Data { FileManager.default.contents(atPath: board.path("printed")) ?? Data() }
    let made = try board.debian(
      "/usr/sbin/lpadmin", "-h", "/run/cups/cups.sock", "-p", "paper", "-E", "-m", "raw", "-v",
      "socket://127.0.0.1:9100")
    try #require(made.code == 0, "\(made.output)\n\(board.log)")
    var page = Data((0..<300_000).map { _ in UInt8.random(in: 0...255) })
    var all = Data()
    for round in 1...2 {
      page.append(UInt8(round))
      try page.write(to: URL(fileURLWithPath: board.path("page")))
      let sent = try board.debian(
        "lp", "-h", "/run/cups/cups.sock", "-d", "paper", "-o", "raw", board.path("page"))
      #expect(sent.code == 0, "\(sent.output)\n\(board.log)")
      all.append(page)
      try board.wait("page \(round)") { printed().count >= all.count }
      #expect(printed() == all)
      try board.wait(for: "cups", "listening")
      let last = try #require(try board.service("cups")["lastExit"] as? [String: Any])
      #expect(last["code"] as? Int == 0, "\(last)")
    }
    #expect(try board.service("cups")["restarts"] as? Int == 0, "\(board.log)")
  }

  @Test("node answers on its listener with the rights of another user, after its end, too")
  func node() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"node": {"exec": ["/usr/bin/node", "DIR/server.js"], "user": 65534,
        "listen": [{"stream": "DIR/node.sock", "mode": "0666"}], "sandbox": "ROOT"}}}
      """#,
      files: [
        "server.js": """
        const server = require('http').createServer((request, response) =>
          response.end(`${process.pid} of ${process.getuid()}: ${request.url}\\n`))
        server.listen({fd: Number(process.env.LISTEN_FDS) + 2})
        process.on('SIGTERM', () => server.close())

        """
      ])
    for turn in 0..<3 {
      let page = board.page("node.sock", "/\(turn)")
      let pid = try board.pid("node")
      #expect(page == "\(pid) of 65534: /\(turn)\n", "\(board.log)")
      #expect(board.page("node.sock", "/again") == "\(pid) of 65534: /again\n")
      if turn == 0 { try board.strike("node") }
      if turn == 1 { #expect(board.command(["restart", "node"]).code == 0) }
    }
    #expect(board.command(["stop", "node"]).code == 0)
    let last = try #require(try board.service("node")["lastExit"] as? [String: Any])
    #expect(last["code"] as? Int == 0, "it closed its server: \(last)")
  }

  @Test("ifup and ifdown of ifupdown bring an interface and take it away, at the board's end, too")
  func ifupdown() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"network": {"type": "oneshot", "remain": true, "start": "manual",
        "exec": ["/sbin/ifup", "-i", "DIR/interfaces", "-a"],
        "stop": {"exec": ["/sbin/ifdown", "-i", "DIR/interfaces", "-a", "--exclude=lo"]},
        "post": [["/usr/bin/touch", "DIR/stopped"]],
        "directories": {"runtime": ["network"]}, "sandbox": "ROOT"}}}
      """#,
      files: [
        "interfaces": """
        auto lo wire0
        iface lo inet loopback
        iface wire0 inet static
          address 192.0.2.1/24
          pre-up ip link add wire0 type veth peer name wire1
          down echo down >>DIR/down
          post-down ip link delete wire0

        """
      ])
    func addresses() throws -> String { try board.debian("ip", "-o", "-4", "address").output }
    func downs() -> Int {
      let text = try? String(contentsOfFile: board.path("down"), encoding: .utf8)
      return text?.split(separator: "\n").count ?? 0
    }
    for turn in 1...2 {
      #expect(board.command(["start", "network"]).code == 0, "\(board.log)")
      #expect(try board.state("network") == "ready")
      #expect(try addresses().contains("wire0    inet 192.0.2.1/24"), "\(board.log)")
      #expect(downs() == turn - 1)
      if turn == 1 {
        #expect(board.command(["stop", "network"]).code == 0, "\(board.log)")
        #expect(try !addresses().contains("wire0") && addresses().contains("127.0.0.1/8"))
        #expect(downs() == 1)
      }
    }
    try FileManager.default.removeItem(atPath: board.path("stopped"))
    #expect(board.end() == 0)
    #expect(downs() == 2, "\(board.log)")
    #expect(FileManager.default.fileExists(atPath: board.path("stopped")))
  }
}
