import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct LineTests {
  private let client = ClientID(slot: 3, generation: 1)
  private let end = [UInt8]([1, ReplyKind.end.rawValue, 4, 0])

  /// A driver over a world of one service, some turns later.
  private func withDriver(_ body: (inout Driver<World>, World) throws -> Void) rethrows {
    let sim = simulate { $0.service("web") }
    let world = sim.world
    var driver = Driver(kernel: world, supervisor: sim.anotherSupervisor(), start: world.time)
    world.lines = [[1], [2], [3]]
    try body(&driver, world)
  }

  private func tell(_ event: Event, _ driver: inout Driver<World>, _ world: World) throws {
    world.inject(event)
    world.horizon = world.time + .milliseconds(10)
    for _ in 0..<4 { _ = try driver.turn() }
  }

  @Test("a listing of lines has an end, whatever comes after it")
  func listing() throws {
    try withDriver { driver, world in
      try tell(.listing(client, .logs, service: nil), &driver, world)
      #expect(world.frames == [[1], [2], [3], end])
      world.lines.append([4])
      try tell(.clientWritable(client), &driver, world)
      #expect(world.frames.count == 4)
    }
  }

  @Test("a client that follows gets the end once, then new lines")
  func follow() throws {
    try withDriver { driver, world in
      try tell(.listing(client, .follow, service: nil), &driver, world)
      try tell(.clientWritable(client), &driver, world)
      #expect(world.frames == [[1], [2], [3], end])
      world.lines.append([4])
      try tell(.clientWritable(client), &driver, world)
      try tell(.clientWritable(client), &driver, world)
      #expect(world.frames == [[1], [2], [3], end, [4]])
      try tell(.clientGone(client), &driver, world)
      world.lines.append([5])
      try tell(.clientWritable(client), &driver, world)
      #expect(world.frames.count == 5)
    }
  }

  @Test("a client whose buffer is full goes on where it stopped, at every place", arguments: 0...4)
  func full(room: Int) throws {
    try withDriver { driver, world in
      world.room = room
      try tell(.listing(client, .follow, service: nil), &driver, world)
      #expect(world.frames.count == room)
      world.room = .max
      try tell(.clientWritable(client), &driver, world)
      #expect(world.frames == [[1], [2], [3], end])
    }
  }

  @Test("a client that is gone is sent nothing more")
  func gone() throws {
    try withDriver { driver, world in
      world.room = -1
      try tell(.listing(client, .follow, service: nil), &driver, world)
      world.room = .max
      try tell(.clientWritable(client), &driver, world)
      #expect(world.frames == [])
    }
  }
}
