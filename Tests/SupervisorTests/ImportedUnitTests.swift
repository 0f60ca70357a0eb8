import ApusTool
import Foundation
import TestSockets
import Testing

/// Written units, inittabs and scripts that run from the manifest they become.
@Suite struct ImportedUnitTests {
  /// A board of an import of files, in which `DIR` is the board's folder.
  private static func board(
    _ files: [String: String], as format: ImportFormat, _ edit: (String) -> String = { $0 }
  ) throws -> Board {
    let folder = "/tmp/apus-units-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for (name, text) in files {
      try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }
    let names = files.keys.sorted().map { "\(folder)/\($0)" }
    return try Board(edit(try Importer.run(names, as: format).manifest))
  }

  @Test("a socket unit with Accept and its template serve each connection with a process")
  func accept() throws {
    let board = try Self.board(
      [
        "echo.socket": "[Socket]\nListenStream=/DIR/echo.sock\nAccept=yes\n",
        "echo@.service": "[Service]\nExecStart=-/bin/sed -u -e s/a/b/ -e q\nStandardInput=socket\n",
      ], as: .systemd, { $0.replacingOccurrences(of: "/DIR", with: "DIR") })
    for turn in 1...3 {
      #expect(
        Client.ask(.path(board.path("echo.sock")), "a\(turn)\n") == "b\(turn)\n", "\(board.log)")
    }
    #expect(try board.state("echo") == "listening")
  }

  @Test("a oneshot of several commands, a failing one that may, and what it undoes at its stop")
  func oneshot() throws {
    let board = try Self.board(
      [
        "setup.service": """
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        Environment="WORDS=one two"
        ExecStart=/bin/sh -c 'echo first > DIR/steps'
        ExecStart=-/bin/false
        ExecStart=/bin/sh -c 'echo "$@" >> DIR/steps' sh $WORDS
        ExecStop=/bin/sh -c 'echo undone >> DIR/steps'
        [Install]
        WantedBy=multi-user.target

        """,
        "later.service": """
        [Unit]
        Requires=setup.service
        After=setup.service
        [Service]
        ExecStart=/bin/sh -c 'echo later >> DIR/steps; exec sleep 1000'
        [Install]
        WantedBy=multi-user.target

        """,
      ], as: .systemd)
    try board.wait("three lines") { try board.report("steps").count == 3 }
    #expect(try board.report("steps") == ["first", "one two", "later"])
    #expect(board.command(["stop", "setup"]).code == 0)
    #expect(try board.report("steps").last == "undone")
  }

  @Test("the steps of an inittab follow each other, and what respawns comes back")
  func inittab() throws {
    let board = try Self.board(
      [
        "inittab": """
        ::respawn:/bin/sh -c 'echo respawned >> DIR/steps; exec sleep 1000'
        ::sysinit:/bin/sh -c 'sleep 0.1; echo first >> DIR/steps'
        ::wait:/bin/sh -c 'echo second >> DIR/steps'
        ::shutdown:/bin/sh -c 'echo end >> DIR/steps'

        """
      ], as: .inittab)
    try board.wait("three lines") { try board.report("steps").count == 3 }
    #expect(try board.report("steps") == ["first", "second", "respawned"])
    kill(try board.pid("sh-3"), SIGKILL)
    try board.wait("another line") { try board.report("steps").count == 4 }
    _ = board.end()
    #expect(try board.report("steps").last == "end")
  }
}
