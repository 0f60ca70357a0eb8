import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// `apus boot` on the real driver.
@Suite struct TimelineTests {
  private func boot(
    _ services: String, _ script: @escaping (ServiceIndex) -> Script
  ) throws -> [BootEntryReply] {
    let manifest = try simulate(services: services).world.manifest
    let world = World(manifest: manifest, seed: 1)
    world.behaviour = { service, _, _ in script(service) }
    world.frameRoom = 1000
    let supervisor = Supervisor(manifest: manifest, mode: .system, seed: 1)
    var driver = Driver(kernel: world, supervisor: supervisor, start: world.time)
    world.horizon = world.time + .seconds(20)
    while world.time < world.horizon { _ = try driver.turn() }
    let client = driver.kernel.list(.boot)
    world.horizon = world.time + .seconds(1)
    while world.time < world.horizon { _ = try driver.turn() }
    return driver.kernel.read(client).compactMap { try? BootEntryReply(decoding: $0) }
  }

  private func of(_ name: String, _ entries: [BootEntryReply]) -> [BootEntryReply] {
    entries.filter { $0.name == Array(name.utf8) }
  }

  @Test(
    "each line of a service begins where the one before it ends, and a oneshot is ready at its exit"
  )
  func lines() throws {
    let entries = try boot(
      #""a": {"exec": ["/a"], "pre": [["/x"], ["/y"]], "ready": {"exec": ["/r"]}}, "#
        + #""b": {"exec": ["/b"], "type": "oneshot"}, "c": {"exec": ["/c"]}, "#
        + #""d": {"exec": ["/d"], "type": "oneshot", "remain": true}"#
    ) { $0 % 2 == 1 ? .ending(after: 1_500_000, code: 0) : Script() }
    for (name, stages) in [
      ("a", [.pre, .pre, .start, .ready]), ("b", [.start, .ready]), ("c", [.start, .ready]),
      ("d", [.start, .ready]),
    ] as [(String, [BootStage])] {
      let lines = of(name, entries)
      #expect(lines.map(\.stage) == stages, "\(name)")
      for (line, next) in zip(lines, lines.dropFirst()) {
        #expect(line.atUs + line.durationUs == next.atUs, "\(name) \(line) \(next)")
      }
    }
    for name in ["b", "d"] { #expect(of(name, entries).last?.durationUs == 1_500_000) }
    #expect(of("c", entries).last?.durationUs == 0)
    #expect((of("a", entries).first?.durationUs ?? 0) >= 1000)
  }

  @Test("a run that ends before it is ready is a start that took that long")
  func failed() throws {
    let entries = try boot(
      #""a": {"exec": ["/a"], "type": "notify", "restart": "no"}, "#
        + #""b": {"exec": ["/b"], "type": "notify", "ready": {"timeout": "1h"}}"#
    ) { $0 == 0 ? .ending(after: 300_000, code: 1) : Script() }
    #expect(of("a", entries).map(\.stage) == [.start, .start])
    #expect(of("a", entries).last?.durationUs == 300_000)
    // It is not ready when the boot is given up waiting for.
    let last = of("b", entries).last
    #expect(last?.stage == .ready && (last?.durationUs ?? 0) > 14_000_000)
  }
}
