import Foundation

/// The root directory of the image that a manifest is made for, where one was given.
///
/// Links are followed inside it. Only regular files of at most 1 MiB are read.
struct ImportRoot {
  /// The folder; empty without one.
  var path = ""

  var isGiven: Bool { !path.isEmpty }

  /// Where programs without a path are looked for.
  static let folders = [
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
  ]

  /// Where a path of the image is, with its links followed; nil where there is nothing.
  func find(_ path: String) -> String? {
    guard isGiven else { return nil }
    var rest = path.split(separator: "/").map(String.init)
    var place: [String] = []
    var links = 0
    while !rest.isEmpty {
      let name = rest.removeFirst()
      if name == "." { continue }
      if name == ".." {
        _ = place.popLast()
        continue
      }
      let next = self.path + "/" + (place + [name]).joined(separator: "/")
      if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: next) {
        links += 1
        guard links < 40 else { return nil }
        if target.hasPrefix("/") { place = [] }
        rest = target.split(separator: "/").map(String.init) + rest
        continue
      }
      place.append(name)
    }
    let found = self.path + "/" + place.joined(separator: "/")
    return FileManager.default.fileExists(atPath: found) ? found : nil
  }

  /// The text of a file of the image.
  func text(_ path: String) -> String? { find(path).flatMap(Self.read) }

  /// The text of a regular file of at most 1 MiB; bytes that are no UTF-8 are replaced.
  static func read(_ path: String) -> String? {
    let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    guard let facts = try? FileManager.default.attributesOfItem(atPath: resolved),
      facts[.type] as? FileAttributeType == .typeRegular,
      (facts[.size] as? NSNumber)?.intValue ?? .max <= 1 << 20,
      let data = FileManager.default.contents(atPath: resolved)
    else { return nil }
    return String(decoding: data, as: UTF8.self)
  }

  /// Where a program without a path is in the image.
  func program(_ name: String) -> String? {
    Self.folders.map { "\($0)/\(name)" }.first { find($0) != nil }
  }

  /// Where a well-known program is on any board.
  static func usual(_ name: String) -> String? {
    let bin = [
      "mkdir", "chown", "chmod", "touch", "ln", "rm", "cat", "echo", "sh", "mount", "true",
    ]
    if bin.contains(name) { return "/bin/\(name)" }
    return name == "modprobe" ? "/sbin/modprobe" : nil
  }

  /// The home folder of a user of the image.
  func home(of user: String) -> String? {
    if user == "root" || user == "0" { return "/root" }
    for line in text("/etc/passwd")?.split(separator: "\n") ?? [] {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count > 5, fields[0] == user || fields[2] == user { return String(fields[5]) }
    }
    return nil
  }

  /// The variables of a file as systemd and shells without commands read it.
  func variables(_ path: String) -> [(name: String, value: String, line: Int)]? {
    text(path).map(Self.variables)
  }

  /// See above, of a text.
  static func variables(in text: String) -> [(name: String, value: String, line: Int)] {
    var result: [(name: String, value: String, line: Int)] = []
    var pending = ""
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if raw.hasSuffix("\\") {
        pending += raw.dropLast()
        continue
      }
      let line = (pending + raw).trimmingCharacters(in: .whitespaces)
      pending = ""
      guard !line.hasPrefix("#"), !line.hasPrefix(";"), let equals = line.firstIndex(of: "=")
      else { continue }
      var name = String(line[..<equals])
      name = name.dropping("export ") ?? name
      let isName = !name.isEmpty && name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
      guard isName else { continue }
      let value = String(line[line.index(after: equals)...])
      result.append((name, unquoted(value), index + 1))
    }
    return result
  }

  private static func unquoted(_ text: String) -> String {
    var result = ""
    var quote: Character?
    var rest = Substring(text)
    while let character = rest.popFirst() {
      if character == quote {
        quote = nil
      } else if quote == nil, character == "\"" || character == "'" {
        quote = character
      } else if character == "\\", quote != "'" {
        if let next = rest.popFirst() { result.append(next) }
      } else if quote == nil, character == "#", result.last?.isWhitespace == true {
        break
      } else {
        result.append(character)
      }
    }
    return result.trimmingCharacters(in: .whitespaces)
  }
}
