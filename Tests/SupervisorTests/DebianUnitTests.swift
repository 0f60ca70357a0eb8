import ApusTool
import Foundation
import Testing

/// Units and scripts that Debian's packages ship, as many as board/lib/units.py brings.
@Suite struct DebianUnitTests {
  /// What becomes of all packages together.
  private struct Sum {
    var packages = 0
    var units = 0
    var directives = 0
    var explained = 0
    var unknown: [String] = []
  }

  /// The roots with units in them: one for each package, and those of the daemons and clients.
  private static func roots() throws -> [String] {
    let folder = RealClients.folder
    let packages = try FileManager.default.contentsOfDirectory(atPath: folder + "/units").sorted()
    return packages.map { "\(folder)/units/\($0)" } + ["\(folder)/daemons", "\(folder)/tree"]
  }

  private static func files(_ root: String, _ folders: [String]) -> [String] {
    var found: [String] = []
    for folder in folders {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")) ?? []
      let paths = names.sorted().map { "\(root)/\(folder)/\($0)" }
      // The daemons' /lib is their /usr/lib.
      if found.isEmpty { found = paths }
    }
    return found
  }

  /// Checks a manifest with the real program.
  private func check(_ manifest: String, _ what: String) throws {
    let path = "/tmp/apus-import-\(UUID().uuidString.prefix(8))"
    defer {
      for file in [path, path + ".log"] { try? FileManager.default.removeItem(atPath: file) }
    }
    try manifest.write(toFile: path, atomically: true, encoding: .utf8)
    let program = try Child(
      [Board.binary, "check", path], output: .file(path + ".log"), errors: .file(path + ".err"))
    let errors = { (try? String(contentsOfFile: path + ".err", encoding: .utf8)) ?? "" }
    #expect(program.wait() == 0, "\(what): \(errors())")
    try? FileManager.default.removeItem(atPath: path + ".err")
  }

  @Test("units of all packages become manifests that pass, with every directive explained")
  func units() throws {
    var sum = Sum()
    for root in try Self.roots() {
      let units = Self.files(root, ["lib/systemd/system", "usr/lib/systemd/system"])
        .filter { path in
          [".service", ".socket", ".timer", ".path"].contains { path.hasSuffix($0) }
        }
      guard !units.isEmpty else { continue }
      var options = ImportOptions()
      options.root = root
      options.instances = ["eth0"]
      let result = try Importer.run(units, as: .systemd, options: options)
      try check(result.manifest, root)
      sum.packages += 1
      sum.units += units.count
      sum.directives += result.report.findings.count
      for finding in result.report.findings {
        if finding.isKnown {
          sum.explained += 1
        } else {
          sum.unknown.append(finding.name)
        }
        #expect(
          finding.outcome != .dropped || !finding.note.isEmpty,
          "\(finding.place.file): \(finding.name) is dropped without a reason")
      }
    }
    print(
      """
      \(sum.packages) packages, \(sum.units) units, \(sum.directives) directives, \
      \(sum.explained) taken or explained; unknown: \(sum.unknown.sorted())
      """)
    #expect(sum.packages >= 60 && sum.units >= 250, "run board/setup clients")
    #expect(Double(sum.explained) >= 0.95 * Double(sum.directives), "\(sum.unknown)")
  }

  @Test("scripts of init.d of all packages become manifests that pass")
  func scripts() throws {
    var (count, plain) = (0, 0)
    for root in try Self.roots() {
      let scripts = Self.files(root, ["etc/init.d"])
      guard !scripts.isEmpty else { continue }
      var options = ImportOptions()
      options.root = root
      let result = try Importer.run(scripts, as: .initd, options: options)
      try check(result.manifest, root)
      count += scripts.count
      plain += result.report.findings.count { $0.note.hasPrefix("the daemon itself") }
    }
    print("\(count) scripts, \(plain) of them start a daemon that is taken without the script")
    #expect(count >= 40 && plain > 0)
  }
}
