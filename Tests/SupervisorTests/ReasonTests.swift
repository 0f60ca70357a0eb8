import Foundation
import Testing

/// Every start that fails says the command, the step, the object it was at and the errno.
@Suite struct ReasonTests {
  private func reason(_ keys: String, exec: String = #"["/bin/sleep", "9"]"#) throws -> String {
    let board = try Board(
      #"{"apus": 1, "services": {"x": {"exec": \#(exec), "restart": "no", \#(keys)}}}"#)
    try board.wait("the failure") { try ["failed", "invalid"].contains(board.state("x")) }
    return try board.service("x")["reason"] as? String ?? "none"
  }

  @Test(
    "the object of a failed start is named",
    arguments: [
      (#""user": "nosuch""#, "look up the user nosuch: "),
      (#""user": "nobody", "group": "nogrp""#, "look up the group nogrp: "),
      (#""user": "nobody", "groups": ["root", "nogrp2"]"#, "look up the group nogrp2: "),
      (#""workingDirectory": "/no/wd""#, "chdir /no/wd: "),
      (#""stdout": "file:/no/out""#, "open /no/out: "),
      (#""stdin": "file:/dev/null", "stderr": "append:/no/err""#, "open /no/err: "),
      (#""tty": "/dev/notty""#, "open the terminal /dev/notty: "),
      (#""environmentFile": "/no/env""#, "read /no/env: "),
      (#""pre": [["/bin/true"], ["/no/pre"]]"#, "pre: exec /no/pre: "),
      (#""pre": [["/bin/true"], ["/bin/sh", "-c", "exit 7"]]"#, "pre /bin/sh: exit code 7"),
      (#""pre": [["/bin/sh", "-c", "kill -9 $$"]]"#, "pre /bin/sh: killed by SIGKILL"),
    ])
  func object(keys: String, expected: String) throws {
    let reason = try reason(keys)
    #expect(reason.hasPrefix(expected), "\(reason)")
    #expect(!expected.hasSuffix(": ") || reason.contains("ENOENT (2)"), "\(reason)")
  }

  @Test("a program whose interpreter is missing does not read as if it were missing itself")
  func interpreter() throws {
    let script = NSTemporaryDirectory() + "/apus-script-\(UUID().uuidString)"
    // By a process of its own: a child of another test would keep it open for writing for a moment.
    let writing = try Child(["/bin/sh", "-c", "echo '#!/no/interpreter' > \(script)"])
    #expect(writing.wait() == 0)
    defer { try? FileManager.default.removeItem(atPath: script) }
    chmod(script, 0o755)
    let reason = try reason(#""nice": 0"#, exec: #"["\#(script)"]"#)
    #expect(reason == "exec \(script): its interpreter: No such file or directory, ENOENT (2)")
  }

  @Test("names in wants and after that no service has are told by status NAME")
  func missing() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {"x": {"exec": ["/bin/sleep", "9"], "wants": ["db"],
        "after": ["net", "y"]}, "y": {"exec": ["/bin/sleep", "9"]}}}
      """#)
    try board.wait(for: "x", "ready")
    let shown = board.command(["status", "x"]).output
    #expect(shown.contains("missing: db net (in wants or after, not in the manifest)"), "\(shown)")
    #expect(try board.service("x")["missing"] as? [String] == ["db", "net"])
    #expect(try board.service("y")["missing"] == nil)
  }
}
