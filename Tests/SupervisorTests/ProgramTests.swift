import Foundation
import Testing

/// `apus run -- PROGRAM`: a program alone, as in a container.
@Suite struct ProgramTests {
  /// Runs it in an environment of its own; what it says, and the exit code.
  private func run(
    _ words: [String], options: [String] = [], environment: [String: String] = [:]
  ) throws -> (output: String, errors: String, code: Int32) {
    let folder = "/tmp/apus-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let child = try Child(
      [Board.binary, "run", "--control", folder + "/control"] + options + words,
      environment: ["PATH": "/nowhere:/usr/bin:/bin"].merging(environment) { $1 },
      output: .file(folder + "/output"), errors: .file(folder + "/errors"))
    let code = child.wait()
    func text(_ name: String) throws -> String {
      try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
    }
    return try (text("output"), text("errors"), code)
  }

  @Test("it has the environment, the folder and the streams of apus, and its exit code is apus's")
  func program() throws {
    let said = try run(
      ["--", "sh", "-c", "echo \"$GREETING\"; pwd; cat; exit 7"],
      environment: ["GREETING": "\"hello\" \\ w\u{f6}rld\n%i $x"])
    let here = FileManager.default.currentDirectoryPath
    #expect(said.output == "\"hello\" \\ w\u{f6}rld\n%i $x\n\(here)\n")
    #expect(said.code == 7)
    let options = try run(["--", "/bin/echo", "--manifest", "--"])
    #expect(options.output == "--manifest --\n" && options.code == 0)
  }

  @Test("its end by a signal is told as shells do, and a stop of apus is one of it")
  func signals() throws {
    #expect(try run(["--", "sh", "-c", "kill -KILL $$"]).code == 137)
    let script =
      "trap 'echo stopped; exit 3' TERM; kill -TERM $PPID; while :; do sleep 1 & wait; done"
    let stopped = try run(["--", "sh", "-c", script])
    #expect(stopped.output == "stopped\n" && stopped.code == 3)
  }

  @Test("what is not there is named, and nothing is no program")
  func mistakes() throws {
    let missing = try run(["--", "no-such-program"])
    #expect(missing.code == 127)
    #expect(missing.errors.contains("main: exec /usr/bin/no-such-program: No such file"))
    let large = (0..<20).map { ("V\($0)", String(repeating: "x", count: 4000)) }
    let crowded = try run(
      ["--", "/bin/true"], environment: Dictionary(uniqueKeysWithValues: large))
    #expect(crowded.code == 1)
    #expect(crowded.errors.contains("the environment is larger than 65536 bytes"))
    #expect(try run(["--"]).code == 2)
    #expect(try run(["--wrong"]).code == 2)
  }

  @Test("a manifest may stand without its option")
  func operand() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"m": {"exec": ["/bin/sleep", "1"], "main": true, "restart": "no"}}}
      """#)
    #expect(board.process.wait() == 0)
    #expect(try run([board.path("apus.json")]).code == 0)
  }
}
