import Foundation
import Testing

/// What a stray store into PID 1 meets.
@Suite struct HardeningTests {
  private struct Mapping {
    let start: Substring
    let rights: Substring
    let isProgram: Bool
  }

  private func mappings(of pid: Int32) throws -> [Mapping] {
    let program = URL(fileURLWithPath: Board.binary).resolvingSymlinksInPath().path
    return try String(contentsOfFile: "/proc/\(pid)/maps", encoding: .utf8).split(separator: "\n")
      .compactMap { line in
        let words = line.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count >= 5 else { return nil }
        return Mapping(
          start: words[0].prefix { $0 != "-" }, rights: words[1],
          isProgram: words.last.map(String.init) == program)
      }
  }

  @Test("nothing can be written and executed, relocated tables are read-only, addresses differ")
  func memory() throws {
    var starts: Set<Substring> = []
    for _ in 0..<3 {
      let board = try Board(#"{"apus": 1, "services": {}}"#)
      let mappings = try mappings(of: board.process.pid)
      #expect(!mappings.contains { $0.rights.contains("w") && $0.rights.contains("x") })
      let program = mappings.filter(\.isProgram)
      starts.insert(try #require(program.first).start)
      let code = try #require(program.firstIndex { $0.rights.contains("x") })
      // Behind the code: what the start has relocated, then what may change.
      #expect(program[(code + 1)...].contains { $0.rights == "r--p" }, "\(mappings)")
    }
    #expect(starts.count > 1, "at the same address each time")
  }
}
