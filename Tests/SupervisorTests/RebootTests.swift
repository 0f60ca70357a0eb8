import Foundation
import Testing

/// `apus reboot ARG`, up to reboot(2): that itself is a boot case's business.
@Suite struct RebootTests {
  @Test("of several arguments the first counts, and one that no kernel could take is refused")
  func arguments() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"a": {
        "exec": ["/bin/sh", "-c", "trap '' TERM; echo up >DIR/up; while :; do sleep 1; done"],
        "stop": {"timeout": "3s"}}}}
      """#)
    try board.wait("the trap") { try board.report("up") == ["up"] }
    for words in [["reboot", "0", "tryboot"], ["reboot", "a\nb"], ["poweroff", "0 tryboot"]] {
      #expect(board.command(words).code == 2)
    }
    #expect(try board.service("a")["state"] as? String == "ready")
    #expect(board.command(["reboot", "0 tryboot"]).code == 0)
    let second = board.command(["reboot", "other"])
    #expect(second.code == 1)
    #expect(second.errors == "apus: other: reboot refused: exit was ordered first\n")
    #expect(board.command(["reboot"]).code == 0)
    #expect(board.end() == 0)
  }
}
