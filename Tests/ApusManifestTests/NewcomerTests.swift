import Testing

/// What somebody who knows systemd, Docker, runit or cron writes first, and what apus check makes of it.
///
/// A case whose name ends in `(no cure)` has a message that names the place and not what to write instead,
/// one in `(misleads)` a message that sends its reader the wrong way, `(not refused)` is taken without a word.
@Suite struct NewcomerTests {
  @Test func `Every mistake says what the golden file says`() throws {
    let golden = try GoldenCases("newcomer.txt")
    #expect(golden.cases.count >= 120)
    try golden.check()
  }

  @Test func `One message in twenty leaves its reader without a cure, and none misleads`() throws {
    let cases = try GoldenCases("newcomer.txt").cases
    #expect(cases.count { $0.name.hasSuffix("(no cure)") } * 20 <= cases.count)
    #expect(!cases.contains { $0.name.hasSuffix("(misleads)") })
  }

  @Test func `Every mistake is reported with its place`() throws {
    for mistake in try GoldenCases("newcomer.txt").cases {
      #expect(mistake.name.hasSuffix("(not refused)") == mistake.lines.isEmpty, "\(mistake.name)")
      for line in mistake.lines { #expect(line.hasPrefix("apus.json:"), "\(line)") }
    }
  }
}
