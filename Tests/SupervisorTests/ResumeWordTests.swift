import Foundation
import Testing

/// The word by which one program hands its record to the next, said by somebody else.
@Suite struct ResumeWordTests {
  /// What the script makes as descriptor 9, for a user without rights.
  private static let forged: [String] = [
    "exec 9</dev/null", "exec 9</", "exec 9</dev/zero", "exec 9</proc/self/maps",
    "exec 9<>f", "head -c 65536 /dev/urandom >f; exec 9<>f",
    // Its magic, and sizes that lie.
    #"printf 'apu1\374\0\0\0\377\377\0\0' >f; truncate -s 1M f; exec 9<>f"#,
    #"printf 'apu1\1\0\0\0\1\0\0\0\0\0\0\0' >f; head -c 65536 /dev/urandom >>f; exec 9<>f"#,
  ]

  @Test("a record that an ordinary user hands over gains nothing and crashes nothing")
  func forged() throws {
    let board = try Board(#"{"apus": 1, "services": {}}"#)
    let folder = board.path("forged")
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true,
      attributes: [.ownerAccountID: 65534, .posixPermissions: 0o755])
    for forged in Self.forged {
      for command in ["version", "status --control \(board.control)", "run --manifest none"] {
        for number in command == "version" ? ["9", "99", "", "-1", "4294967305", "0"] : ["9"] {
          let script =
            "cd \(folder) || exit 9; rm -f f; \(forged)\n"
            + "\(Board.binary) --resume=\(number) \(command) >/dev/null 2>errors; echo $? >code"
          let user = try Child([
            "/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
            "/bin/sh", "-c", script,
          ])
          user.wait()
          let code = try String(contentsOfFile: folder + "/code", encoding: .utf8)
          let errors = try String(contentsOfFile: folder + "/errors", encoding: .utf8)
          let expected = command == "version" ? "0\n" : command.hasPrefix("run") ? "1\n" : "5\n"
          #expect(code == expected, "\(number) \(command) \(forged): \(code) \(errors)")
        }
      }
    }
    #expect(board.command(["status"]).code == 0)
  }
}
