import Foundation
import Testing

/// The manifests of /usr/share/apus/catalogue, as they are, against Debian's unchanged programs.
///
/// Each board is a Debian root of its own, apus inside it, and the catalogue's file its manifest.
/// What a program's package would have been configured with by a person comes from `prepare`. One after the
/// other: all of them at once would take the processors from the tests beside them.
@Suite(.serialized) struct CatalogueTests {
  static let folder =
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "rootfs-overlay/usr/share/apus/catalogue")

  @Test("works in the least that its file gives it", arguments: CatalogueCase.all)
  func works(program: CatalogueCase) throws {
    let tree = RealClients.folder + "/daemons"
    try #require(
      FileManager.default.fileExists(atPath: tree + "/etc/hosts"),
      "no Debian root in \(tree): run board/setup clients")
    let manifest = try String(
      contentsOf: Self.folder.appending(path: program.name + ".json"), encoding: .utf8)
    let board = try Board(
      manifest, isolated: true, ownProgram: true,
      inner: [
        RealClients.scripts + "/root.sh", tree, "DIR", "/usr/sbin/chroot", "DIR/debian",
        "/bin/sh", "-ec", "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n\(program.prepare)\nexec \"$@\"",
        "sh",
      ])
    #expect(
      try String(contentsOfFile: board.path("apus.json"), encoding: .utf8) == manifest,
      "the board's manifest is the catalogue's")
    if program.start {
      #expect(board.command(["start", program.service]).code == 0, "\(board.log)")
    }
    if program.waits { try board.wait(for: program.service, "ready") }
    var output = ""
    try board.wait("\(program.name) to answer") {
      output = try board.debian("sh", "-c", program.ask).output
      return output.contains(program.answer)
    }
    #expect(output.contains(program.answer), "\(output)")
    #expect(try board.service(program.service)["restarts"] as? Int == 0, "\(board.log)")
  }

  @Test("the files that say they are tested are those tested here")
  func tested() throws {
    var marked: Set<String> = []
    for file in try FileManager.default.contentsOfDirectory(
      at: Self.folder, includingPropertiesForKeys: nil)
    {
      let object = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
      if (object as? [String: Any])?["x-tested"] as? String == "Debian 12" {
        marked.insert(file.deletingPathExtension().lastPathComponent)
      }
    }
    #expect(marked == Set(CatalogueCase.all.map(\.name)))
  }
}
