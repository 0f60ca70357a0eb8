import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import Testing

/// More of everything than the driver's queues hold.
@Suite struct ManyTests {
  private func run(
    _ manifest: Manifest, for interval: Interval, faults: [Fault] = []
  ) throws -> World {
    let world = World(manifest: manifest, seed: 1)
    world.faults = faults
    let supervisor = Supervisor(manifest: manifest, mode: .system, seed: 1)
    var driver = Driver(kernel: world, supervisor: supervisor, start: world.time)
    world.horizon = world.time + interval
    while world.time < world.horizon { _ = try driver.turn() }
    return world
  }

  @Test("every one of two thousand listeners is bound and watched")
  func listeners() throws {
    var builder = ManifestBuilder()
    for index in 0..<40 { builder.service("s\(index)") { $0.listen(50) } }
    let world = try run(builder.manifest, for: .seconds(5))
    #expect(world.listeners.count == 2000)
    #expect(world.listeners.allSatisfy { $0.isBound && $0.isWatched })
  }

  @Test("of a thousand services none of which can be started each is tried again")
  func refusals() throws {
    var builder = ManifestBuilder()
    for index in 0..<1000 { builder.service("s\(index)") }
    let world = try run(
      builder.manifest, for: .seconds(5), faults: [Fault(.spawn(nil, .clone), .again, .always)])
    #expect(world.services.allSatisfy { $0.attempts.count > 2 })
  }
}
