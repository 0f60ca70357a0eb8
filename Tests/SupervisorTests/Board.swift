import Foundation
import Testing

/// A running `apus run` with a directory, a manifest and a control socket of its own.
///
/// The binary is `APUS_BINARY` when set (the static one, from `board/test`), else the one that
/// `swift build` made beside the tests.
final class Board: @unchecked Sendable {
  let directory: URL
  let control: String
  let process: Child
  let isIsolated: Bool

  static var products: URL {
    Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
      .deletingLastPathComponent()
      ?? URL(fileURLWithPath: CommandLine.arguments[0])
      .deletingLastPathComponent()
  }
  static var binary: String {
    ProcessInfo.processInfo.environment["APUS_BINARY"]
      ?? products.appendingPathComponent("apus").path
  }
  /// A build that crashes on command (`APUS_CRASHING`, else what `swift build` made).
  static var crashing: String {
    ProcessInfo.processInfo.environment["APUS_CRASHING"]
      ?? products.appendingPathComponent("apus").path
  }
  /// The test program. A copy where it would lie below /tmp or /var/tmp, which `privateTmp` hides.
  static let probe: String = {
    let built = products.appendingPathComponent("probe").path
    guard isRoot, built.hasPrefix("/tmp/") || built.hasPrefix("/var/tmp/") else { return built }
    let folder = "/var/lib/apus-tests-\(getpid())"
    guard mkdir(folder, 0o755) == 0,
      let copying = try? Process.run(
        URL(filePath: "/bin/cp"), arguments: [built, folder])
    else { return built }
    copying.waitUntilExit()
    atexit { try? FileManager.default.removeItem(atPath: "/var/lib/apus-tests-\(getpid())") }
    return folder + "/probe"
  }()
  static var isRoot: Bool { getuid() == 0 }
  /// True with CAP_SYS_RESOURCE.
  static var mayRaiseLimits: Bool {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
    return (line.flatMap { UInt64($0.dropFirst(8), radix: 16) } ?? 0) >> 24 & 1 == 1
  }

  /// Where this board's files are.
  func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  /// Writes the manifest, with `DIR` and `PROBE` filled in, and starts apus.
  ///
  /// Without `echoes` what apus and services say goes nowhere else; `errors` is another place for it.
  /// `ownProgram` runs a copy of the program, `apus` in the board's directory.
  /// `isolated` makes it PID 1 of fresh pid, mount and network namespaces (root only), in which
  /// the words of `inner` run it.
  init(
    _ manifest: String, isolated: Bool = false, environment: [String: String]? = nil,
    prefix: [String] = [], ownProgram: Bool = false, program: String = Board.binary,
    echoes: Bool = true, errors: Child.Sink? = nil, inner: [String] = []
  ) throws {
    isIsolated = isolated
    directory = URL(fileURLWithPath: "/tmp/apus-\(UUID().uuidString.prefix(8))")
    let folder = directory
    let path = { (name: String) in folder.appendingPathComponent(name).path }
    control = directory.appendingPathComponent("control").path
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path)
    let text = manifest.replacingOccurrences(of: "DIR", with: directory.path)
      .replacingOccurrences(of: "PROBE", with: Self.probe)
    try text.write(toFile: path("apus.json"), atomically: true, encoding: .utf8)
    var arguments = prefix
    if isolated {
      arguments += [
        "/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--net",
      ]
    }
    if ownProgram {
      // By a process of its own: a child of another test would keep the copy open for writing, and
      // what is open for writing is not executed.
      let copying = try Process.run(URL(filePath: "/bin/cp"), arguments: [program, path("apus")])
      copying.waitUntilExit()
    }
    arguments += inner.map { $0.replacingOccurrences(of: "DIR", with: folder.path) }
    let program = ownProgram ? path("apus") : program
    arguments += [program, "run", "--manifest", path("apus.json"), "--control", control]
    let log = Child.Sink.file(path("log"))
    process = try Child(
      arguments, environment: environment, output: log,
      errors: errors ?? (echoes ? .descriptor(1) : .none))
    try wait("the control socket") { FileManager.default.fileExists(atPath: control) }
    // Or 3, when a socket is in error.
    try wait("an answer") { [0, 3].contains(command(["status"]).code) }
  }

  deinit {
    if process.isRunning {
      // unshare --kill-child takes apus, and that its namespace, with it; but not one that has made a
      // node by another's rights: with those the kernel forgets what its parent's end is to bring.
      if isIsolated {
        if let child = apus { kill(child, SIGKILL) }
        process.kill()
      } else {
        process.terminate()
      }
    }
    let deadline = Date(timeIntervalSinceNow: 20)
    while process.isRunning && Date() < deadline { usleep(2000) }
    process.kill()
    process.wait()
    try? FileManager.default.removeItem(at: directory)
  }

  /// What apus has said so far.
  var log: String {
    // Services may say any bytes, and the echo has them too.
    String(decoding: FileManager.default.contents(atPath: path("log")) ?? Data(), as: UTF8.self)
  }

  /// Stops apus and gives its exit status.
  ///
  /// unshare(1) keeps SIGTERM from itself and passes none on, so an isolated apus, its only child,
  /// is signalled by its own pid; unshare takes over its exit status.
  func end() -> Int32 {
    if isIsolated, let child = apus {
      kill(child, SIGTERM)
    } else {
      process.terminate()
    }
    return process.wait()
  }

  /// Runs a program in the network namespace of an isolated board.
  func inside(_ arguments: [String]) throws {
    let program = try Child(
      ["/usr/bin/nsenter", "--target", "\(try #require(apus))", "--net"] + arguments,
      errors: .descriptor(2))
    #expect(program.wait() == 0, "\(arguments)")
  }

  /// Runs a command against this board.
  @discardableResult
  func command(_ arguments: [String]) -> (code: Int32, output: String, errors: String) {
    // Files, not pipes: nobody has to read while the command runs.
    let name = "command-\(UUID().uuidString.prefix(8))"
    let (output, errors) = (path(name + ".out"), path(name + ".err"))
    let words = [Self.binary, arguments[0], "--control", control] + arguments.dropFirst()
    let command: Child
    do { command = try Child(words, output: .file(output), errors: .file(errors)) } catch {
      return (127, "", "\(error)")
    }
    let code = command.wait()
    defer { for file in [output, errors] { try? FileManager.default.removeItem(atPath: file) } }
    return (
      code, (try? String(contentsOfFile: output, encoding: .utf8)) ?? "",
      (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
    )
  }

  /// One service of `status --json`.
  func service(_ name: String) throws -> [String: Any] {
    try entry("services", "name", name, ["status", "--json"])
  }

  /// One listener of `list-sockets --json`, by address.
  func socket(_ address: String) throws -> [String: Any] {
    try entry("sockets", "address", address, ["list-sockets", "--json"])
  }

  private func entry(_ list: String, _ key: String, _ value: String, _ words: [String]) throws
    -> [String: Any]
  {
    let answer = command(words)
    let object = try JSONSerialization.jsonObject(with: Data(answer.output.utf8))
    let entries = (object as? [String: Any])?[list] as? [[String: Any]] ?? []
    return try #require(entries.first { $0[key] as? String == value }, "\(value) in \(answer)")
  }

  func state(_ name: String) throws -> String { try service(name)["state"] as? String ?? "?" }
  func pid(_ name: String) throws -> Int32 { try service(name)["mainPid"] as? Int32 ?? -1 }

  /// Waits until the service is in that state.
  func wait(for name: String, _ state: String) throws {
    try wait("\(name) to be \(state)") { try self.state(name) == state }
  }

  /// Waits for a condition; what it waits for is an event, the limit only ends a failed test.
  func wait(_ what: String, _ limit: TimeInterval = 20, _ condition: () throws -> Bool) throws {
    let deadline = Date(timeIntervalSinceNow: limit)
    while Date() < deadline {
      if try condition() { return }
      usleep(3000)
    }
    Issue.record("waited in vain for \(what); log:\n\(log)")
    throw CancellationError()
  }

  /// A probe's report file as lines, once it is there.
  func report(_ name: String) throws -> [String] {
    try wait("report \(name)") { FileManager.default.fileExists(atPath: path(name)) }
    return try String(contentsOfFile: path(name), encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }

  /// Connects to a unix socket of this board and reads until the end.
  func talk(_ name: String) -> String { Client.talk(unix: path(name)) }
}
