import ApusBase
import ApusCore
import ApusLinux
import ApusManifest
import Foundation
import TestSockets
import Testing

/// The kernel layer with real processes, inside this one: it takes no signals and reaps only its own.
final class Workshop {
  private let scratch = Scratch()
  private var kernel: LinuxKernel
  private var generation: UInt32 = 0

  /// Loads a manifest whose `DIR` is a folder of its own, open to every user.
  init(_ text: String) throws {
    chmod(scratch.path, 0o777)
    var loader = ManifestLoader()
    loader.add(
      file: [], bytes: Array(text.replacingOccurrences(of: "DIR", with: scratch.path).utf8))
    let loaded = loader.finish()
    #expect(loaded.diagnostics.filter { $0.severity == .error }.isEmpty)
    kernel = try LinuxKernel.make(
      manifest: loaded.manifest, users: loadUsers(),
      options: KernelOptions(role: .guest, controlPath: []), board: Board())
  }

  func path(_ name: String) -> String { scratch[name] }

  func text(_ name: String) -> String {
    (try? String(contentsOfFile: scratch[name], encoding: .utf8)) ?? ""
  }

  /// Starts a service, waits for its end and gives every event from its start on.
  func run(_ service: UInt16, slot: UInt16? = nil) throws -> [Event] {
    let id = begin(service, slot: slot)
    var events: [Event] = []
    guard case .event(let first) = kernel.perform(.spawn(id, service: service)) else { return [] }
    events.append(first)
    if case .spawnRefused = first { return events }
    let deadline = Date(timeIntervalSinceNow: 30)
    while Date() < deadline {
      for event in try wait() {
        events.append(event)
        if case .exited(id, _) = event {
          _ = kernel.perform(.release(id))
          return events
        }
      }
    }
    Issue.record("no end within 30 s")
    return events
  }

  func begin(_ service: UInt16, slot: UInt16? = nil) -> InstanceID {
    generation += 1
    return InstanceID(slot: slot ?? service, generation: generation)
  }

  func wait() throws -> [Event] {
    var events = EventBuffer(capacity: 64)
    let deadline = kernel.readClock() + .milliseconds(200)
    try kernel.wait(until: deadline, into: &events)
    return events.elements
  }

  func perform(_ effect: Effect) -> Outcome { kernel.perform(effect) }

  /// Waits for the end of a life and releases it.
  func waitForEnd(of id: InstanceID) throws {
    let deadline = Date(timeIntervalSinceNow: 30)
    while Date() < deadline {
      for event in try wait() {
        if case .exited(id, _) = event {
          _ = kernel.perform(.release(id))
          return
        }
      }
    }
    Issue.record("no end within 30 s")
  }
}

@Suite struct SpawnTests {
  private func failure(_ events: [Event]) -> (SpawnStepKind, Errno)? {
    for event in events {
      if case .executionFailed(_, let step, let errno) = event { return (step, errno) }
    }
    return nil
  }

  private func service(_ keys: String) throws -> Workshop {
    try Workshop(#"{"apus": 1, "services": {"s": {"start": "manual", \#(keys)}}}"#)
  }

  /// The words of a start that must fail in the child.
  /// An errno with, above it, that the first object of the step was at fault.
  private static func first(_ errno: Errno) -> Errno { Errno(1 << 8 | errno.code) }

  private func expectFailure(
    _ workshop: Workshop, _ step: SpawnStepKind, _ errno: Errno,
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let events = try workshop.run(0)
    let found = try #require(failure(events), sourceLocation: location)
    #expect(found.0 == step, sourceLocation: location)
    #expect(found.1 == errno, sourceLocation: location)
    let exit = ExitReport(isSignal: false, number: 127)
    #expect(
      events.contains { if case .exited(_, exit) = $0 { true } else { false } },
      sourceLocation: location)
    #expect(
      !events.contains { if case .executed = $0 { true } else { false } },
      sourceLocation: location)
  }

  @Test("SPA-01 an exec that fails comes back as step and errno")
  func executeErrors() throws {
    let missing = try service(#""exec": ["DIR/missing"]"#)
    try expectFailure(missing, .execute, .noEntry)

    let plain = try service(#""exec": ["DIR/plain"]"#)
    FileManager.default.createFile(atPath: plain.path("plain"), contents: Data("x".utf8))
    chmod(plain.path("plain"), 0o644)
    try expectFailure(plain, .execute, .accessDenied)

    let foreign = try service(#""exec": ["DIR/foreign"]"#)
    FileManager.default.createFile(
      atPath: foreign.path("source"), contents: Data([0x7f, 0x45, 0x4c, 0x46, 9, 9, 9, 9]))
    // Written by another process: a child of another test could inherit this one's descriptor, and
    // the file would be busy.
    let copy = try Process.run(
      URL(fileURLWithPath: "/bin/cp"), arguments: [foreign.path("source"), foreign.path("foreign")])
    copy.waitUntilExit()
    chmod(foreign.path("foreign"), 0o755)
    try expectFailure(foreign, .execute, .badExecutable)

    let busy = try service(#""exec": ["DIR/busy"]"#)
    try FileManager.default.copyItem(atPath: "/bin/true", toPath: busy.path("busy"))
    let writer = open(busy.path("busy"), O_RDWR | O_CLOEXEC)
    defer { close(writer) }
    try expectFailure(busy, .execute, .textBusy)
  }

  @Test("a step before the exec is named, too")
  func stepErrors() throws {
    try expectFailure(
      service(#""exec": ["/bin/true"], "workingDirectory": "/no/such/place""#),
      .workingDirectory, .noEntry)
    try expectFailure(
      service(#""exec": ["/bin/true"], "stdout": "file:/no/such/place""#), .streams,
      Self.first(.noEntry))
    try expectFailure(
      service(#""exec": ["/bin/true"], "tty": "/dev/null""#), .terminal, Errno(ENOTTY))
  }

  @Test("a link in the place of a stream's file is not followed")
  func linkedStream() throws {
    let workshop = try service(#""exec": ["/bin/true"], "stdout": "file:DIR/link""#)
    symlink("/etc/passwd", workshop.path("link"))
    try expectFailure(workshop, .streams, Self.first(.linkLoop))
  }

  @Test("the news of a start comes before that of its end, however fast the child is")
  func eventOrder() throws {
    let workshop = try service(#""exec": ["/bin/sh", "-c", "exit 7"]"#)
    for _ in 0..<50 {
      let events = try workshop.run(0)
      try #require(events.count == 3)
      guard case .spawned(let id, let pid) = events[0], pid > 1, case .executed(id) = events[1]
      else {
        Issue.record("\(events)")
        return
      }
      #expect(events[2] == .exited(id, ExitReport(isSignal: false, number: 7)))
    }
  }

  @Test("SPA-06 a child sees its own descriptors, whatever else is open")
  func descriptors() throws {
    let workshop = try service(
      #""exec": ["/bin/sh", "-c", "echo /proc/self/fd/*"], "stdout": "file:DIR/out""#)
    let extra = (0..<200).map { _ in open("/dev/null", O_RDONLY) }
    defer { for fd in extra { close(fd) } }
    _ = try workshop.run(0)
    let names = workshop.text("out").split(whereSeparator: \.isWhitespace)
    // The shell itself opens the folder as 3 to list it.
    #expect(
      Set(names).isSubset(
        of: ["/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "/proc/self/fd/3"]))
    #expect(names.count >= 3)
  }

  @Test("SPA-07 the environment is clean; later entries replace earlier ones")
  func environment() throws {
    setenv("APUS_TEST_LEAK", "1", 1)
    let workshop = try Workshop(
      #"""
      {"apus": 1, "system": {"environment": {"A": "board", "B": "board"}}, "services": {"s": {
        "start": "manual", "exec": ["/usr/bin/env"], "stdout": "file:DIR/out",
        "environment": {"B": "service", "PATH": "/bin"}}}}
      """#)
    _ = try workshop.run(0)
    #expect(
      workshop.text("out").split(separator: "\n").sorted()
        == ["A=board", "B=service", "PATH=/bin"])
  }

  @Test("umask, working directory and limits are the declared ones")
  func surroundings() throws {
    let workshop = try service(
      #""exec": ["/bin/sh", "-c", "umask; pwd; ulimit -n; ulimit -Hn; ulimit -c"], "#
        + #""stdout": "file:DIR/out", "umask": "0027", "workingDirectory": "/usr", "#
        + #""rlimits": {"nofile": "100:200", "core": 0}"#)
    _ = try workshop.run(0)
    #expect(workshop.text("out") == "0027\n/usr\n100\n200\n0\n")
  }

  @Test("append keeps what is there; a new file has mode 0640")
  func appending() throws {
    let workshop = try service(#""exec": ["/bin/echo", "x"], "stdout": "append:DIR/out""#)
    _ = try workshop.run(0)
    _ = try workshop.run(0)
    #expect(workshop.text("out") == "x\nx\n")
    var information = stat()
    #expect(stat(workshop.path("out"), &information) == 0)
    #expect(information.st_mode & 0o7777 == 0o640)
  }

  @Test("SOC-12 LISTEN_PID is the pid of the program that runs")
  func listenPid() throws {
    let workshop = try Workshop(
      #"""
      {"apus": 1, "services": {"s": {
        "exec": ["/bin/sh", "-c", "echo $$ $LISTEN_PID $LISTEN_FDS $LISTEN_FDNAMES; ls /proc/$$/fd"],
        "stdout": "file:DIR/out",
        "listen": [{"stream": "DIR/a", "name": "one"}, {"stream": "DIR/b"}]}}}
      """#)
    #expect(workshop.perform(.bind(listener: 0)) == .event(.bound(listener: 0)))
    #expect(workshop.perform(.bind(listener: 1)) == .event(.bound(listener: 1)))
    let events = try workshop.run(0)
    guard case .spawned(_, let pid)? = events.first else {
      Issue.record("\(events)")
      return
    }
    let lines = workshop.text("out").split(separator: "\n").map(String.init)
    #expect(lines.first == "\(pid) \(pid) 2 one:s")
    #expect(Array(lines.dropFirst()) == ["0", "1", "2", "3", "4"])
  }

  @Test("accept gives the connection on the standard streams, and says who connected")
  func accepting() throws {
    let port = Endpoint.freePort()
    let workshop = try Workshop(
      #"""
      {"apus": 1, "services": {"s": {"exec": ["/usr/bin/env"], "accept": true, "stdio": "socket",
        "listen": [{"stream": "127.0.0.1:\#(port)"}]}}}
      """#)
    #expect(workshop.perform(.bind(listener: 0)) == .event(.bound(listener: 0)))
    let early = workshop.begin(0, slot: 1)
    #expect(
      workshop.perform(.accept(listener: 0, early))
        == .event(.acceptFailed(early, listener: 0, errno: .again)))
    let client = Endpoint.port(port).connect()
    try #require(client >= 0)
    defer { close(client) }
    let id = workshop.begin(0, slot: 1)
    let source = ConnectionSource(
      family: UInt16(AF_INET), key: 0x7f00_0001, port: BoundName(client).port)
    #expect(
      workshop.perform(.accept(listener: 0, id))
        == .event(.accepted(id, listener: 0, source: source)))
    guard case .event(.spawned(id, _)) = workshop.perform(.spawn(id, service: 0)) else {
      Issue.record("not spawned")
      return
    }
    try workshop.waitForEnd(of: id)
    var bytes = [UInt8](repeating: 0, count: 4096)
    var text: [UInt8] = []
    let deadline = Date(timeIntervalSinceNow: 30)
    // Apus's own copy is closed by another process, which a wait makes.
    while Date() < deadline {
      let count = recv(client, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      if count == 0 { break }
      if count > 0 { text += bytes.prefix(count) } else { _ = try workshop.wait() }
    }
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    #expect(lines.contains("REMOTE_ADDR=127.0.0.1"))
    #expect(lines.contains { $0.hasPrefix("REMOTE_PORT=") })
    #expect(lines.contains { $0.hasPrefix("SO_COOKIE=") })
    #expect(!lines.contains { $0.hasPrefix("LISTEN_") })
  }

  @Test("a capability nobody knows, or a user nobody knows, refuses the start")
  func refusals() throws {
    let workshop = try service(#""exec": ["/bin/true"], "user": "no-such-user-here""#)
    let events = try workshop.run(0)
    guard events.count == 1, case .spawnRefused(_, .resolveUser, let errno)? = events.first,
      errno == Self.first(.noEntry)
    else {
      Issue.record("\(events)")
      return
    }
  }

  @Test("SPA-12 a thousand starts, half of them failing, leave no descriptor and no zombie")
  func cycles() throws {
    let workshop = try Workshop(
      #"""
      {"apus": 1, "services": {
        "good": {"start": "manual", "exec": ["/bin/true"]},
        "bad": {"start": "manual", "exec": ["/no/such/binary"]}}}
      """#)
    var spawned: [Int32] = []
    for round in 0..<1000 {
      let events = try workshop.run(UInt16(round % 2))
      guard case .spawned(_, let pid)? = events.first else {
        Issue.record("round \(round): \(events)")
        return
      }
      spawned.append(pid)
    }
    let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    let targets = descriptors.compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0)
    }
    // Other suites may have some of their own; a leak here would be a thousand.
    #expect(targets.filter { $0.contains("pidfd") }.count < 50)
    #expect(targets.filter { $0.contains("pipe") }.count < 100)
    for pid in spawned.suffix(100) { #expect(kill(pid, 0) == -1 && errno == ESRCH) }
  }

  @Test("what was said of an earlier life does nothing to the next")
  func generations() throws {
    let workshop = try service(#""exec": ["/bin/sleep", "1000"]"#)
    let old = workshop.begin(0)
    let id = workshop.begin(0)
    guard case .event(.spawned(id, let pid)) = workshop.perform(.spawn(id, service: 0)) else {
      Issue.record("not spawned")
      return
    }
    #expect(workshop.perform(.signal(old, number: 9, scope: .all)) == .done)
    #expect(workshop.perform(.release(old)) == .done)
    #expect(kill(pid, 0) == 0)
    #expect(workshop.perform(.signal(id, number: 9, scope: .all)) == .done)
    try workshop.waitForEnd(of: id)
    #expect(kill(pid, 0) == -1 && errno == ESRCH)
  }
}
