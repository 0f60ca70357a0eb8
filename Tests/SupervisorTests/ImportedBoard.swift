import ApusTool
import Foundation
import Testing

/// Debian's own units as they are imported, run in Debian's root.
enum ImportedBoard {
  /// A board of units of the daemons (board/lib/daemons.py).
  ///
  /// The import says what runs and how. What the test adds is where: every service has the root
  /// `DIR/debian`, the paths that apus itself opens lie in it, and nothing starts before the test
  /// has laid its files there.
  static func board(_ units: String..., usesRoot: Bool = true) throws -> Board {
    let tree = RealClients.folder + "/daemons"
    var options = ImportOptions()
    if usesRoot { options.root = tree }
    let result = try Importer.run(
      units.map { "\(tree)/lib/systemd/system/\($0)" }, as: .systemd, options: options)
    let object = try JSONSerialization.jsonObject(with: Data(result.manifest.utf8))
    var manifest = try #require(object as? [String: Any])
    var services = try #require(manifest["services"] as? [String: [String: Any]])
    for (name, keys) in services { services[name] = inRoot(keys) }
    manifest["services"] = services
    let text = try JSONSerialization.data(
      withJSONObject: manifest, options: [.prettyPrinted, .withoutEscapingSlashes])
    return try DebianRoot.board(String(decoding: text, as: UTF8.self))
  }

  private static func inRoot(_ keys: [String: Any]) -> [String: Any] {
    var keys = keys
    var sandbox = keys["sandbox"] as? [String: Any] ?? [:]
    sandbox["root"] = "DIR/debian"
    keys["sandbox"] = sandbox
    // Accounts are those outside of the root, which has its own.
    for (key, file) in [("user", "passwd"), ("group", "group")] {
      if let name = keys[key] as? String { keys[key] = number(of: name, in: file) ?? name }
    }
    if let places = keys["directories"] as? [String: [Any]] {
      keys["directories"] = places.mapValues { $0.map(numbered) }
    }
    // What the machine of the tests may not do.
    if !Board.mayRaiseLimits, let names = keys["capabilities"] as? [String] {
      keys["capabilities"] = names.filter { $0 != "sys_resource" }
    }
    keys["start"] = keys["listen"] == nil ? "manual" : "demand"
    if let path = keys["pidFile"] as? String { keys["pidFile"] = moved(path) }
    if let files = keys["environmentFile"] as? [String] {
      keys["environmentFile"] = files.map {
        $0.hasPrefix("-") ? "-" + moved(String($0.dropFirst())) : moved($0)
      }
    }
    if let conditions = keys["conditions"] as? [String: Any] {
      keys["conditions"] = conditions.mapValues { value in
        (value as? [String])?.map { $0.hasPrefix("/") ? moved($0) : $0 } ?? value
      }
    }
    if let sockets = keys["listen"] as? [[String: Any]] {
      keys["listen"] = sockets.map { socket in
        socket.mapValues { value in
          (value as? String).map { $0.hasPrefix("/") ? moved($0) : $0 } ?? value
        }
      }
    }
    return keys
  }

  /// A directory whose owner is a number.
  private static func numbered(_ directory: Any) -> Any {
    guard var entry = directory as? [String: Any] else { return directory }
    for (key, file) in [("user", "passwd"), ("group", "group")] {
      if let name = entry[key] as? String { entry[key] = number(of: name, in: file) ?? name }
    }
    return entry
  }

  private static func number(of name: String, in file: String) -> Int? {
    let text = try? String(
      contentsOfFile: "\(RealClients.folder)/daemons/etc/\(file)", encoding: .utf8)
    let line = text?.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return line.flatMap { Int($0.split(separator: ":")[2]) }
  }

  private static func moved(_ path: String) -> String { "DIR/debian" + path }
}

extension Board {
  /// Runs a script in Debian's root, as what an administrator does before the first start.
  func prepare(_ script: String) throws {
    let made = try debian("sh", "-ec", script)
    try #require(made.code == 0, "\(made.output)\n\(log)")
  }

  /// What a server at a port of this board's own network answers to a text.
  func ask(port: Int, _ text: String) throws -> String {
    let script = """
      my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]") or die "connect: $!";
      print $s $ARGV[1]; $s->flush; $s->shutdown(1) if $ARGV[1] ne "";
      print scalar(<$s>);
      """
    return try debian("perl", "-MIO::Socket::INET", "-e", script, "\(port)", text).output
  }

  /// Starts a service and waits until it is ready.
  func launch(_ service: String) throws {
    let answer = command(["start", service])
    #expect(answer.code == 0, "\(answer.errors)\n\(log)")
    try wait(for: service, "ready")
  }
}
