import ApusTool
import ArgumentParser
import Foundation

/// `apus-tool plot`: a boot as a picture.
struct PlotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plot", abstract: "Draw the time line of a boot as SVG.",
    discussion: "On the board: apus boot --json > boot.json")

  @Option(help: ArgumentHelp("The manifest, for the dependencies.", valueName: "file"))
  var manifest: String?

  @Flag(help: "Begin with the kernel instead of with apus.")
  var kernel = false

  @Option(help: "The width of the picture, 400 to 4000.")
  var width = 960

  @Option(name: .shortAndLong, help: ArgumentHelp("Where the picture goes.", valueName: "file"))
  var output: String?

  @Argument(help: "The output of apus boot --json; standard input without it.")
  var file: String?

  func validate() throws {
    guard (400...4000).contains(width) else {
      throw ValidationError("--width: from 400 to 4000, found \(width)")
    }
  }

  func run() throws {
    let data: Data
    if let file {
      data = try Data(contentsOf: URL(filePath: file))
    } else {
      data = FileHandle.standardInput.readDataToEndOfFile()
    }
    var plot = BootPlot(
      try BootLog(json: data), graph: try manifest.map { try ServiceGraph(manifest: $0) })
    plot.startsWithKernel = kernel
    plot.width = width
    try Output.write(plot.svg, to: output)
  }
}
