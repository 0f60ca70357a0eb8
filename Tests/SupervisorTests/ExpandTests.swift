import Foundation
import Testing

/// `expand`: variables in the arguments of programs, by the real binary.
@Suite struct ExpandTests {
  /// What a service and its commands were called with.
  private func run(_ keys: String) throws -> [String] {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"x": {"type": "oneshot", "restart": "no", "start": "manual",
        "environment": {"ONE": "a b  'c d' \"e'f\" g\\ h", "EMPTY": "", "B": "value", "BLANK": "  "},
        \#(keys)}}}
      """#)
    for (name, text) in [("one", "B='from a file'\nC=c\n"), ("two", "D=$B\n")] {
      try text.write(toFile: board.path(name), atomically: true, encoding: .utf8)
    }
    let start = board.command(["start", "x"])
    #expect(start.code == 0, "\(start.errors)")
    return board.command(["logs", "x"]).output.split(separator: "\n").map {
      String($0.dropFirst(27))
    }
  }

  @Test("a variable that is an argument becomes its words, one within braces its value")
  func words() throws {
    let given =
      #"["/usr/bin/printf", "[%s]", "$ONE", "$EMPTY", "$BLANK", "$NONE", "${EMPTY}", "x${B}-${NONE}y", "$$B", "$B!", "${B", "$", "${1}", "$1", "a$"]"#
    let expected =
      #"[a][b][c d][e'f][g h][][xvalue-y][$B][$B!][${B][$][${1}][$1][a$]"#
    #expect(try run(#""expand": true, "exec": \#(given)"#) == [expected])
  }

  @Test("the environment's files and what the start says count, in commands too")
  func commands() throws {
    let lines = try run(
      #"""
      "expand": true, "environmentFile": ["DIR/one", "DIR/two"],
      "pre": [["/bin/echo", "pre", "$B", "${C}"]], "exec": ["/bin/echo", "${D}", "$B", "$PATH"],
      "directories": {"runtime": []}, "post": [["/bin/echo", "post", "$SERVICE_RESULT"]]
      """#)
    #expect(lines.first == "pre from a file c")
    #expect(lines.contains { $0.hasPrefix("$B from a file /usr/local/sbin:") })
    #expect(lines.last == "post success")
  }

  @Test("without the key nothing is expanded")
  func plain() throws {
    #expect(try run(#""exec": ["/usr/bin/printf", "[%s]", "$B", "${B}"]"#) == ["[$B][${B}]"])
  }

  @Test("more words than there is room for fail the start with the program's name")
  func tooMuch() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "words": {"exec": ["/bin/true", "$W"], "expand": true, "restart": "no", "type": "oneshot",
          "environment": {"W": "\#(String(repeating: "w ", count: 600))"}},
        "bytes": {"exec": ["/bin/true", "${W}${W}"], "expand": true, "restart": "no", "type": "oneshot",
          "environment": {"W": "\#(String(repeating: "w", count: 9000))"}}}}
      """#)
    for name in ["words", "bytes"] {
      try board.wait(for: name, "failed")
      #expect(
        try board.service(name)["reason"] as? String
          == "exec /bin/true: Argument list too long, E2BIG (7)")
    }
  }
}
