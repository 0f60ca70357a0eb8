import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import Testing

/// Calendar timers on a clock that is set, slewed and suspended.
@Suite struct CalendarTests {
  /// The world begins at 2023-11-14 22:13:21 UTC.
  private func sim(_ timer: String, seed: UInt64 = 1, life: Int64 = 1_000) throws -> Simulation {
    var loader = ManifestLoader()
    let service = #""a": {"exec": ["/a"], "type": "oneshot", "timer": {\#(timer)}}"#
    loader.add(
      file: Array("test.json".utf8), bytes: Array(#"{"apus":1,"services":{\#(service)}}"#.utf8))
    let loaded = loader.finish()
    #expect(loaded.diagnostics.isEmpty)
    let sim = Simulation(loaded.manifest, seed: seed)
    sim.always(.ending(after: life, code: 0))
    return sim
  }

  /// By the wall clock, in seconds since 1970.
  private func walls(_ sim: Simulation) -> [Int64] {
    sim.world.services[0].starts.map { ($0.microseconds + sim.world.wallOffset) / 1_000_000 }
  }

  private static let threeInTheMorning: Int64 = 1_700_017_200

  @Test("a daily timer elapses every day, and nothing wakes the board between")
  func daily() throws {
    let sim = try sim(#""calendar": "*-*-* 03:00""#)
    try sim.run(for: .seconds(10))
    let steps = sim.steps
    try sim.run(for: .hours(3))
    #expect(sim.steps == steps)
    try sim.run(for: .hours(72))
    #expect(walls(sim) == (0..<3).map { Self.threeInTheMorning + $0 * 86_400 })
  }

  @Test("a step forward over several moments fires once")
  func stepForward() throws {
    let sim = try sim(#""calendar": "*-*-* 03:00""#)
    try sim.run(for: .hours(1))
    sim.world.wallOffset += 3 * 86_400_000_000
    try sim.run(for: .seconds(1))
    #expect(sim.starts(0) == 1)
    try sim.run(for: .hours(24))
    #expect(sim.starts(0) == 2)
    #expect(walls(sim)[1] == Self.threeInTheMorning + 3 * 86_400)
  }

  @Test("a step back fires again only at the next moment of the new clock")
  func stepBack() throws {
    let sim = try sim(#""calendar": "*-*-* 03:00""#)
    try sim.run(for: .hours(5))
    #expect(sim.starts(0) == 1)
    // From 03:13 to 02:43.
    sim.world.wallOffset -= 1_800_000_000
    try sim.run(for: .minutes(15))
    #expect(sim.starts(0) == 1)
    try sim.run(for: .minutes(3))
    #expect(sim.starts(0) == 2)
    #expect(walls(sim)[1] == Self.threeInTheMorning)
    // Not back over it: nothing.
    sim.world.wallOffset -= 5_000_000
    try sim.run(for: .hours(12))
    #expect(sim.starts(0) == 2)
  }

  @Test("a clock that is a little fast or slow makes a timer neither fire twice nor be missed")
  func slew() throws {
    for slew in [-2_000_000, 2_000_000] as [Int64] {
      let sim = try sim(#""calendar": "*-*-* 03:00""#)
      for _ in 0..<10 {
        try sim.run(for: .hours(24))
        sim.world.slew(by: slew)
      }
      #expect(sim.starts(0) == 10)
    }
  }

  @Test("jitter spreads the moments, and other timers' moments change nothing about it")
  func jitter() throws {
    var offsets: Set<Int64> = []
    for seed in 1...8 as ClosedRange<UInt64> {
      let sim = try sim(#""calendar": "*-*-* 03:00", "jitter": "1h""#, seed: seed)
      for _ in 0..<96 {
        try sim.run(for: .minutes(30))
        sim.world.wallOffset += 1
      }
      let starts = walls(sim)
      #expect(starts.count == 2)
      for (day, start) in starts.enumerated() {
        let late = start - Self.threeInTheMorning - Int64(day) * 86_400
        #expect(late >= 0 && late <= 3600)
        offsets.insert(late)
      }
    }
    #expect(offsets.count > 8)
  }

  @Test("a service that still runs is left alone")
  func running() throws {
    let sim = try sim(#""calendar": "*:*""#, life: 90_000_000)
    try sim.run(for: .minutes(10))
    #expect(sim.starts(0) == 5)
  }

  @Test("without a calendar the clock is nobody's business")
  func none() throws {
    let sim = try sim(#""afterBoot": "10s", "every": "1h""#)
    try sim.run(for: .minutes(1))
    let steps = sim.steps
    sim.world.wallOffset += 86_400_000_000
    try sim.run(for: .minutes(1))
    #expect(sim.steps == steps)
    #expect(sim.starts(0) == 1)
  }

  @Test("a calendar that never comes costs nothing, until the clock is set to before it")
  func never() throws {
    let sim = try sim(#""calendar": "2020-01-01""#)
    try sim.run(for: .seconds(1))
    let steps = sim.steps
    try sim.run(for: .hours(24))
    #expect(sim.steps == steps)
    // To 2019-12-31 23:59:00.
    sim.world.wallOffset = 1_577_836_740_000_000 - sim.world.time.microseconds
    try sim.run(for: .minutes(2))
    #expect(walls(sim) == [1_577_836_800])
  }

  @Test("intervals and a calendar go side by side")
  func both() throws {
    let sim = try sim(#""calendar": "*-*-* 03:00", "afterBoot": "1h", "every": "24h""#)
    try sim.run(for: .hours(48))
    #expect(sim.starts(0) == 4)
  }

  @Test("another supervisor goes on with the same moments", arguments: 0..<24)
  func replaced(_ hour: Int64) throws {
    let sim = try sim(#""calendar": "*:30", "jitter": "20min""#)
    sim.replaces = { false }
    try sim.run(for: .hours(hour) + .minutes(17 + hour * 2))
    try sim.replaceSupervisor()
    sim.world.wallOffset += 60_000_000
    try sim.run(until: Instant(microseconds: 25 * 3_600_000_000))
    // 22:30 to 22:30.
    #expect(sim.starts(0) == 25)
  }
}
