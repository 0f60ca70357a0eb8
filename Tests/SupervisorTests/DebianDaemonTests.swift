import Foundation
import TestSockets
import Testing

/// Unchanged daemons, each asked something over its own protocol, ended, and asked again.
@Suite struct DebianDaemonTests {
  @Test("chronyd goes into the background as another user, and is found by its pid file")
  func chronyd() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"chrony": {"type": "forking", "start": "manual", "sandbox": "ROOT",
        "exec": ["/usr/sbin/chronyd", "-x", "-F", "1", "-f", "DIR/chrony.conf"],
        "pidFile": "DIR/debian/run/chrony/chronyd.pid",
        "pre": [["/bin/mkdir", "-p", "-m", "0700", "/run/chrony", "/var/lib/chrony"],
          ["/bin/chown", "_chrony:_chrony", "/run/chrony", "/var/lib/chrony"]]}}}
      """#, files: ["chrony.conf": "user _chrony\nlocal stratum 3\nport 0\n"],
      prefix: ["/usr/bin/setpriv", "--bounding-set", "-sys_resource"])
    func ask() throws -> String {
      try board.debian("chronyc", "-h", "/run/chrony/chronyd.sock", "tracking").output
    }
    #expect(board.command(["start", "chrony"]).code == 0, "\(board.log)")
    #expect(try ask().contains("Stratum         : 3"), "\(board.log)")
    let pid = try board.strike("chrony")
    try board.wait(for: "chrony", "ready")
    #expect(try board.pid("chrony") != pid)
    #expect(try ask().contains("Stratum         : 3"), "\(board.log)")
    #expect(board.command(["stop", "chrony"]).code == 0)
    #expect(try board.debian("ls", "/run/chrony").output.isEmpty, "it ended by itself")
  }

  @Test("gpg-agent takes three named listeners as another user")
  func gpgAgent() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"agent": {"exec": ["/usr/bin/gpg-agent", "--supervised"],
        "user": 65534, "environment": {"GNUPGHOME": "DIR/keys"}, "sandbox": "ROOT", "listen": [
          {"stream": "DIR/S.gpg-agent", "mode": "0600", "user": 65534, "name": "std"},
          {"stream": "DIR/S.gpg-agent.ssh", "mode": "0600", "user": 65534, "name": "ssh"},
          {"stream": "DIR/S.gpg-agent.extra", "mode": "0600", "user": 65534, "name": "extra"}]}}}
      """#)
    try FileManager.default.createDirectory(
      atPath: board.path("keys"), withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700, .ownerAccountID: 65534])
    for socket in ["S.gpg-agent", "S.gpg-agent.extra"] {
      let client = try #require(Client.connect(unix: board.path(socket)))
      #expect(Client.readLine(client).hasPrefix("OK Pleased to meet you"), "\(board.log)")
      #expect(write(client, "GETINFO pid\n", 12) == 12)
      if socket == "S.gpg-agent" {
        #expect(Client.readLine(client) == "D \(try board.pid("agent"))", "\(board.log)")
        #expect(Client.readLine(client) == "OK")
      } else {
        #expect(Client.readLine(client).hasPrefix("ERR "), "restricted")
      }
      close(client)
      try board.strike("agent")
    }
    // The protocol of ssh-agent: SSH_AGENTC_REQUEST_IDENTITIES, SSH_AGENT_IDENTITIES_ANSWER.
    let client = try #require(Client.connect(unix: board.path("S.gpg-agent.ssh")))
    #expect(write(client, [0, 0, 0, 1, 11] as [UInt8], 5) == 5)
    var answer = [UInt8](repeating: 0, count: 9)
    #expect(recv(client, &answer, 9, Int32(MSG_WAITALL)) == 9)
    #expect(answer == [0, 0, 0, 5, 12, 0, 0, 0, 0], "\(board.log)")
    close(client)
  }
}
