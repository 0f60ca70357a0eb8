import Foundation
import TestSockets
import Testing

/// Daemons as Debian starts them: from a root of their own over clients/daemons, with Debian's
/// accounts and paths, which they enter by `sandbox.root` (board/lib/daemons.py).
enum DebianRoot {
  /// A board of its own namespaces whose manifest may say `"ROOT"` as a sandbox and `DIR/debian` for
  /// that root, in which `DIR` is, too. The files are there before apus starts.
  static func board(
    _ manifest: String, files: [String: String] = [:], prefix: [String] = []
  ) throws -> Board {
    let tree = RealClients.folder + "/daemons"
    try #require(
      FileManager.default.fileExists(atPath: tree + "/etc/hosts"),
      "no Debian root in \(tree): run board/setup clients")
    let board = try Board(
      manifest.replacingOccurrences(of: "\"ROOT\"", with: #"{"root": "DIR/debian"}"#),
      isolated: true, prefix: prefix,
      inner: [RealClients.scripts + "/root.sh", tree, "DIR"])
    for (name, text) in files {
      try text.replacingOccurrences(of: "DIR", with: board.directory.path)
        .write(toFile: board.path(name), atomically: true, encoding: .utf8)
    }
    return board
  }
}

extension Board {
  /// Runs one of Debian's programs in the root and the namespaces of this board.
  @discardableResult
  func debian(_ words: String...) throws -> (code: Int32, output: String) { try debian(words) }

  @discardableResult
  func debian(_ words: [String]) throws -> (code: Int32, output: String) {
    let output = path("debian-\(UUID().uuidString.prefix(8))")
    let program = try Child(
      [
        "/usr/bin/nsenter", "--target", "\(try #require(apus))", "--mount", "--net", "--pid",
        "/usr/sbin/chroot", path("debian"), "/usr/bin/env", "-i", "HOME=/root", "LC_ALL=C",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "/usr/bin/timeout", "20",
      ] + words, output: .file(output), errors: .descriptor(2))
    let code = program.wait()
    defer { try? FileManager.default.removeItem(atPath: output) }
    return (code, (try? String(contentsOfFile: output, encoding: .utf8)) ?? "")
  }

  /// Kills the main process, and gives its pid once it has gone.
  @discardableResult
  func strike(_ service: String) throws -> Int32 {
    let pid = try pid(service)
    try #require(pid > 0, "\(log)")
    #expect(try debian("sh", "-c", "kill -9 \(pid)").code == 0)
    try wait("the end of \(service)") { try self.pid(service) != pid }
    return pid
  }

  /// The body of the page that a server at this socket has under the path.
  func page(_ socket: String, _ path: String = "/") -> String {
    let answer = Client.ask(.path(self.path(socket)), "GET \(path) HTTP/1.0\r\nHost: a\r\n\r\n")
    return answer.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
  }
}
