import ApusTool
import ArgumentParser
import Foundation

/// `apus-tool graph`: a manifest as a graph.
struct GraphCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph",
    abstract: "Print services, sockets and dependencies of a manifest as DOT.",
    discussion: "apus-tool graph /etc/apus.json | dot -Tsvg > graph.svg")

  @Option(name: .shortAndLong, help: ArgumentHelp("Where the graph goes.", valueName: "file"))
  var output: String?

  @Argument(help: "The manifest; its drop-ins are read as well.")
  var manifest: String

  func run() throws { try Output.write(try ServiceGraph(manifest: manifest).dot, to: output) }
}

/// Where the commands print.
enum Output {
  /// Writes a text to a file, or to standard output without one.
  static func write(_ text: String, to file: String?) throws {
    if let file {
      try text.write(toFile: file, atomically: true, encoding: .utf8)
    } else {
      FileHandle.standardOutput.write(Data(text.utf8))
    }
  }
}
