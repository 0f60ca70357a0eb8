import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// `apus events` on the real driver.
@Suite struct EventsTests {
  /// A service that ends with 1 every second.
  private func life(_ script: Script = .ending(after: 1_000_000, code: 1)) -> Driver<World> {
    var builder = ManifestBuilder()
    builder.service("web") { draft in
      draft.restart.delay = .milliseconds(100)
      draft.restart.factorPermille = 1000
      draft.restart.jitterPermille = 0
    }
    let world = World(manifest: builder.manifest, seed: 1)
    world.behaviour = { _, _, _ in script }
    world.frameRoom = 1000
    let supervisor = Supervisor(manifest: builder.manifest, mode: .system, seed: 1)
    return Driver(kernel: world, supervisor: supervisor, start: world.time)
  }

  private func run(_ driver: inout Driver<World>, for interval: Interval) throws {
    let world = driver.kernel
    world.horizon = world.time + interval
    while world.time < world.horizon { _ = try driver.turn() }
  }

  @Test("changes come in order, with what was, what is and why")
  func order() throws {
    var driver = life()
    try run(&driver, for: .milliseconds(500))
    let client = driver.kernel.list(.events)
    try run(&driver, for: .seconds(1))
    let events = try driver.kernel.read(client).map { try EventReply(decoding: $0) }
    #expect(events.map(\.old) == [.ready, .backoff, .starting])
    #expect(events.map(\.new) == [.backoff, .starting, .ready])
    #expect(events.allSatisfy { $0.name == Array("web".utf8) })
    #expect(String(decoding: events[0].reason, as: UTF8.self) == "exit code 1")
    #expect(events[1].at - events[0].at == .milliseconds(100))
  }

  @Test("every change is kept, whoever watches, and sent to who asks for the past")
  func past() throws {
    var driver = life()
    let client = driver.kernel.list(.events)
    try run(&driver, for: .seconds(3))
    let seen = driver.kernel.read(client)
    #expect(seen.count > 6)
    #expect(driver.kernel.keptEvents.suffix(seen.count) == seen[...])
    var writer = ByteWriter(capacity: Frame.limit)
    RequestFrame.encode(.events, noWait: true, into: &writer)
    let event = ControlDesk.event(
      for: writer.bytes.span, from: ClientID(slot: 1, generation: 1), rights: .look,
      manifest: driver.supervisor.manifest)
    guard case .listing(_, .logs, OwnLog.events) = event else {
      Issue.record("\(event)")
      return
    }
  }

  @Test("a client that reads late has everything, one that does not read is let go")
  func slow() throws {
    var driver = life()
    driver.kernel.frameRoom = 4
    let (late, deaf) = (driver.kernel.list(.events), driver.kernel.list(.events))
    try run(&driver, for: .milliseconds(10))
    var events: [EventReply] = []
    for _ in 0..<60 {
      try run(&driver, for: .milliseconds(1100))
      while true {
        let frames = driver.kernel.read(late)
        if frames.isEmpty { break }
        events += try frames.map { try EventReply(decoding: $0) }
        try run(&driver, for: .milliseconds(1))
      }
    }
    #expect(events.count > 150)
    for (last, next) in zip(events, events.dropFirst()) { #expect(last.new == next.old) }
    #expect(driver.kernel.closed == [deaf])
  }

  @Test("nothing is sent while nothing changes")
  func quiet() throws {
    var driver = life(Script())
    try run(&driver, for: .milliseconds(500))
    let client = driver.kernel.list(.events)
    try run(&driver, for: .hours(1))
    #expect(driver.kernel.read(client).isEmpty)
    #expect(driver.kernel.closed.isEmpty)
  }
}
