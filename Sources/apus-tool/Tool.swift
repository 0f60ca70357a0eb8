import ArgumentParser

/// What a development machine does for a board.
@main struct Tool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus-tool",
    abstract: "Make manifests of what other service managers read, and pictures of a boot.",
    subcommands: [ImportCommand.self, PlotCommand.self, GraphCommand.self])
}
