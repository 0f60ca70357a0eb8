import ApusTool
import Foundation
import FoundationXML
import Testing

/// Pictures of a boot and graphs of a manifest. `APUS_WRITE_GOLDEN=1` writes the golden files anew.
@Suite struct PlotTests {
  private static let folder = CorpusTests.folder.deletingLastPathComponent().appending(path: "Boot")

  private func compare(_ text: String, with name: String) throws {
    let path = Self.folder.appending(path: name)
    if ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"] != nil {
      try text.write(to: path, atomically: true, encoding: .utf8)
    }
    #expect(text == (try String(contentsOf: path, encoding: .utf8)), "\(name) differs")
  }

  private func log() throws -> BootLog {
    try BootLog(json: Data(contentsOf: Self.folder.appending(path: "boot.json")))
  }

  private func graph() throws -> ServiceGraph {
    try ServiceGraph(manifest: Self.folder.appending(path: "board.json").path)
  }

  @Test("a boot becomes the picture that was looked at, and is well-formed XML")
  func plot() throws {
    var plot = BootPlot(try log(), graph: try graph())
    try compare(plot.svg, with: "boot.svg")
    #expect(XMLParser(data: Data(plot.svg.utf8)).parse())
    plot.startsWithKernel = true
    try compare(plot.svg, with: "kernel.svg")
    #expect(XMLParser(data: Data(plot.svg.utf8)).parse())
  }

  @Test("an empty boot and one of a single moment have a picture, too")
  func small() throws {
    for entries in ["", #"{"what":"start","name":"a<&>","atUs":5,"durationUs":0,"more":1}"#] {
      let json = #"{"kernelUs":5,"initUs":0,"entries":[\#(entries)],"later":true}"#
      let svg = BootPlot(try BootLog(json: Data(json.utf8))).svg
      #expect(XMLParser(data: Data(svg.utf8)).parse(), "\(svg)")
    }
  }

  @Test(
    "what is no time line is refused",
    arguments: [
      "", "[]", #"{"kernelUs":1,"initUs":2}"#, #"{"kernelUs":-1,"initUs":2,"entries":[]}"#,
      #"{"kernelUs":9223372036854775807,"initUs":2,"entries":[]}"#,
    ])
  func refused(json: String) {
    #expect(throws: ImportFailure.self) { try BootLog(json: Data(json.utf8)) }
  }

  @Test("a manifest and its drop-ins become a graph, names that are not there included")
  func dot() throws { try compare(try graph().dot, with: "graph.dot") }

  @Test("a manifest that the check refuses has no graph, and says why")
  func invalid() throws {
    let path = "/tmp/apus-graph-\(UUID().uuidString.prefix(8)).json"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try #"{"apus": 1, "services": {"a": {"exec": ["a"]}}}"#
      .write(toFile: path, atomically: true, encoding: .utf8)
    let failure = #expect(throws: ImportFailure.self) { try ServiceGraph(manifest: path) }
    #expect(failure?.description.contains("error: services.a.exec[0]: ") == true)
    #expect(throws: ImportFailure.self) { try ServiceGraph(manifest: "/no/such") }
  }
}
