import Testing

/// Names that no service has, asked for by whoever may ask.
@Suite struct UnknownNameTests {
  @Test("an unknown name of any form is answered, and nothing crashes") func unknown() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"a": {"exec": ["PROBE", "sleep"]},
        "w": {"exec": ["/bin/cat"], "accept": true, "stdio": "socket",
              "listen": [{"stream": "DIR/w.sock"}]}}}
      """#)
    try board.wait(for: "a", "ready")
    let long = String(repeating: "x", count: 64)
    for name in ["b", "7", "77", "b7", "b@", "w@", "w@0", "w@9", "@9", "a@1", "9@9", long] {
      let outcome = board.command(["status", name])
      #expect(outcome.code == 4, "\(name): \(outcome)")
    }
    #expect(try board.state("a") == "ready")
    #expect(!board.log.contains("fault"), "\(board.log)")
  }
}
