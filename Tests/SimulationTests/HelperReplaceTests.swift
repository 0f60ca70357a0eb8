import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// Commands of a service that run while apus is executed anew.
@Suite struct HelperReplaceTests {
  private static let life =
    #""a": {"exec": ["/a"], "pre": [["/x"], ["/y"]], "started": [["/s"], ["/t"]], "#
    + #""post": [["/z"], ["/w"]], "restart": "no", "#
    + #""ready": {"exec": ["/r"], "interval": "100ms"}, "stop": {"exec": ["/s"]}}"#

  /// A life with every kind of command: two before the start, five looks, two after that, one
  /// to stop, two after the end.
  private func live(_ services: String, _ prepare: (Simulation) -> Void) throws -> Simulation {
    let sim = try simulate(services: services)
    sim.always(Script())
    let start = sim.world.time
    sim.world.at(start + Interval(microseconds: 1_600)) { $0.helperCodes[0] = 1 }
    sim.world.at(start + .milliseconds(350)) { $0.helperCodes[0] = 0 }
    sim.world.at(start + .seconds(2)) { $0.request(.stop, 0) }
    prepare(sim)
    try sim.run(for: .seconds(20))
    return sim
  }

  private func expectWhole(_ sim: Simulation, _ plain: Simulation, _ moment: String) {
    #expect(sim.world.helperStarts == plain.world.helperStarts, "\(moment)")
    #expect(sim.world.services[0].starts == plain.world.services[0].starts, "\(moment)")
    #expect(sim.state(0) == .stopped, "\(moment)")
    #expect(!sim.world.services[0].signals.contains { $0.number == 6 }, "\(moment)")
    #expect(sim.world.helperCount == 0, "\(moment)")
  }

  @Test("each command runs once, and the life is the same, whenever another supervisor takes over")
  func replaced() throws {
    let plain = try live(Self.life) { _ in }
    // Four looks find it not ready, the fifth does.
    #expect(plain.world.helperStarts == 2 + 5 + 2 + 1 + 2)
    var turns = 0
    _ = try live(Self.life) { sim in
      sim.replaces = {
        turns += 1
        return false
      }
    }
    #expect(turns > 16)
    for turn in 1...turns {
      var now = 0
      let sim = try live(Self.life) { sim in
        sim.replaces = {
          now += 1
          return now == turn
        }
      }
      expectWhole(sim, plain, "turn \(turn) of \(turns)")
    }
    let always = try live(Self.life) { $0.replaces = { true } }
    expectWhole(always, plain, "every turn")
  }

  @Test("the same when a manifest is applied that has one service more")
  func applied() throws {
    let plain = try live(Self.life) { _ in }
    let other = try simulate(services: Self.life + #", "b": {"exec": ["/b"]}"#)
    let moments = (0..<100).map { Int64($0) * 5_100 } + (0..<30).map { 1_999_000 + Int64($0) * 250 }
    for moment in moments {
      let sim = try live(Self.life) { sim in
        sim.appliesManifests = true
        sim.world.disk = other.world.manifest
        sim.world.at(sim.world.time + Interval(microseconds: moment)) { $0.signalSelf(1) }
      }
      #expect(sim.world.applications == 1, "\(moment)")
      #expect(sim.world.helperStarts == plain.world.helperStarts, "\(moment)")
    }
  }
}
