import ApusTool
import ArgumentParser
import Foundation

/// `apus-tool import`: one manifest, and a report of what became of every directive.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Make a manifest of units, inittabs, scripts of /etc/init.d or a compose file.",
    discussion: """
      Prints one manifest, which apus check accepts, and on standard error (with -o on standard \
      output) a report: for each directive whether it was taken, taken in another form or dropped, \
      and whether that is harmless, makes the service wider (less of a sandbox) or may break it.

      Exits with 1 when nothing at all could be imported.

      Drop-ins, sockets and timers that belong to a unit are found beside it and below --root.
      """)

  @Option(help: "The format: \(ImportFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
  var from: String?

  @Option(
    help: ArgumentHelp("The image's root, for programs, users and defaults.", valueName: "dir"))
  var root = ""

  @Option(
    name: .customLong("instance"),
    help: ArgumentHelp("An instance of the templates; may be said again.", valueName: "name"))
  var instances: [String] = []

  @Option(
    help: ArgumentHelp(
      "A service that stands for a unit: network-online.target=network.", valueName: "unit=service")
  )
  var map: [String] = []

  @Flag(help: "Leave variables in commands to /bin/sh, not to apus.")
  var shell = false

  @Flag(help: "Resolve variables in commands now, from the units and the image.")
  var resolve = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Where the manifest goes.", valueName: "file"))
  var output: String?

  @Option(help: "The report as text or json.")
  var report: ReportFormat = .text

  @Argument(help: "Files, or folders of units.")
  var files: [String]

  enum ReportFormat: String, ExpressibleByArgument { case text, json }

  func run() throws {
    var options = ImportOptions()
    options.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
    options.instances = instances
    if shell, resolve { throw ValidationError("--shell and --resolve exclude each other") }
    options.variables = shell ? .byShell : resolve ? .now : .atStart
    for entry in map {
      let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw ValidationError("--map UNIT=SERVICE, found \(entry)") }
      options.map[parts[0]] = parts[1]
    }
    let result = try Importer.run(files, as: try format(), options: options)
    let text = report == .json ? result.report.json : result.report.text
    if let output {
      try result.manifest.write(toFile: output, atomically: true, encoding: .utf8)
      print(text, terminator: "")
    } else {
      print(result.manifest, terminator: "")
      FileHandle.standardError.write(Data(text.utf8))
    }
    if result.isEmpty { throw ExitCode.failure }
  }

  private func format() throws -> ImportFormat {
    if let from {
      guard let format = ImportFormat(rawValue: from) else {
        throw ValidationError("--from \(from): no such format")
      }
      return format
    }
    var isFolder: ObjCBool = false
    for file in files {
      if let format = ImportFormat.detect(file) { return format }
      if FileManager.default.fileExists(atPath: file, isDirectory: &isFolder), isFolder.boolValue {
        return .systemd
      }
    }
    throw ValidationError("the name \(files[0]) says no format: say --from")
  }
}
