import Foundation

/// What an import makes: a manifest that `apus check` accepts, and what became of every directive.
public struct ImportResult: Sendable {
  /// The manifest's text.
  public var manifest: String
  /// What was taken and what was not.
  public var report: Report
  /// True when no service and no key of `system` is left.
  public var isEmpty: Bool
}

/// The formats that are read.
public enum ImportFormat: String, CaseIterable, Sendable {
  /// Units of systemd and folders of them.
  case systemd
  /// BusyBox's or sysvinit's /etc/inittab.
  case inittab
  /// Scripts of /etc/init.d.
  case initd
  /// The plain parts of a compose file.
  case compose

  /// The format that the name of a file speaks for; nil where it says nothing.
  public static func detect(_ path: String) -> ImportFormat? {
    let name = (path as NSString).lastPathComponent
    let suffix = (name as NSString).pathExtension
    if ["service", "socket", "timer", "path"].contains(suffix) { return .systemd }
    if name.hasSuffix("inittab") { return .inittab }
    if ["yml", "yaml"].contains(suffix) { return .compose }
    let parent = ((path as NSString).deletingLastPathComponent as NSString).lastPathComponent
    let isScript = name.range(of: "^[SK][0-9][0-9]", options: .regularExpression) != nil
    return parent == "init.d" || isScript ? .initd : nil
  }
}

/// Makes one manifest of what other service managers read.
///
/// Whatever `apus check` would refuse is not in the manifest but in the report. Files are read
/// bounded: regular ones of at most 1 MiB.
public enum Importer {
  /// Imports files of one format; fails where a file is not there.
  public static func run(
    _ files: [String], as format: ImportFormat, options: ImportOptions = ImportOptions()
  ) throws(ImportFailure) -> ImportResult {
    var (draft, report) =
      switch format {
      case .systemd: try UnitImport(options: options).run(files)
      case .inittab: try InittabImport(options: options).run(files)
      case .initd: try InitScriptImport(options: options).run(files)
      case .compose: try ComposeImport(options: options).run(files)
      }
    report.notes += ManifestCheck.settle(&draft, &report).map { "apus check warns: \($0)" }
    return ImportResult(
      manifest: draft.value.rendered, report: report,
      isEmpty: draft.names.isEmpty && draft.system.members.isEmpty)
  }
}
