import ApusBase
import ApusWire
import Foundation
import Testing

private let some = [
  line("web", "one", at: 78_099_199_999_000),
  line("db", "two \u{1b}[31m", lost: 1), line("web", "<3> three", at: 2_345_678, level: 3),
  line("db", nil, lost: 12),
]

@Suite struct LogsTests {
  @Test("lines with their time, and what was lost in its place")
  func table() throws {
    let (outcome, requests) = try ask(["logs"], some + [endFrame])
    #expect(outcome.code == 0 && outcome.error == "")
    #expect(requests == [[1, 17, 6, 0, 0, 0]])
    #expect(
      outcome.output == """
        2004-02-29 23:59:59.999 web: one
        -- db: 1 line lost --
        2001-09-09 01:46:41.000 db: two \\x1b[31m
        2001-09-09 01:46:42.345 web: <3> three
        -- db: 12 lines lost --

        """)
  }

  @Test("the last lines only, of the one service that is named")
  func last() throws {
    for words in [["-n", "1"], ["--lines", "1"], ["--lines=1"]] {
      let (outcome, requests) = try ask(["logs", "db"] + words, some + [endFrame])
      #expect(requests == [[1, 17, 8, 0, 0, 2] + Array("db".utf8)])
      #expect(outcome.output == "-- db: 12 lines lost --\n")
    }
    #expect(try ask(["logs", "-n", "0"], some + [endFrame]).outcome.output == "")
    #expect(
      try ask(["logs", "-n", "99"], some + [endFrame]).outcome.output.split(separator: "\n").count
        == 5)
  }

  @Test("an object a line")
  func json() throws {
    let (outcome, _) = try ask(["logs", "--json"], some + [endFrame])
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines.count == 5)
    #expect(lines[1] == #"{"service":"db","lost":1}"#)
    #expect(
      lines[3]
        == #"{"atUs":1000000002345678,"service":"web","level":3,"line":"<3> three"}"#)
    for line in lines { _ = try parsed(line) }
    // The longest line, every byte of it escaped.
    let worst = String(repeating: "\u{1}", count: Frame.lineLimit)
    let (long, _) = try ask(["logs", "--json"], [line("web", worst), endFrame])
    #expect(try parsed(long.output)["line"] as? String == worst)
  }

  @Test("of several services only their lines, and each has to be there")
  func several() throws {
    let status = [frame { $0.supervisorFrame(pid: 1, uptime: .zero, allocations: 0) }, endFrame]
    let (outcome, requests) = try ask(
      ["logs", "web", "x", "-n", "2"], status, status, some + [endFrame])
    #expect(requests.count == 3 && requests[2] == [1, 17, 6, 0, 0, 0])
    #expect(
      outcome.output.split(separator: "\n").map { $0.dropFirst(24) } == [
        "web: one", "web: <3> three",
      ])
    let (refused, _) = try ask(["logs", "web", "x"], status, [answer(.noSuchService, "x")])
    #expect(refused.code == 4 && refused.output == "")
  }

  @Test("following goes on after the lines that are there")
  func follow() throws {
    for word in ["-f", "--follow"] {
      let (outcome, requests) = try ask(
        ["logs", word, "-n", "0"],
        some + [endFrame, line("a", "new", at: 0), line("a", "more", at: 0)])
      #expect(requests == [[1, 17, 6, 0, 4, 0]])
      #expect(
        outcome.output
          == "2001-09-09 01:46:40.000 a: new\n2001-09-09 01:46:40.000 a: more\n")
      // Its supervisor has gone away.
      #expect(outcome.code == 6)
    }
  }
}
