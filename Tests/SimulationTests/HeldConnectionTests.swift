import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Foundation
import Testing

/// Connections that apus has accepted and can start nothing for.
@Suite struct HeldConnectionTests {
  @Test("a connection without a process is held and tried ever more slowly, or let go by a stop")
  func held() throws {
    for isStopped in [false, true] {
      let sim = simulate {
        $0.service("ssh") {
          $0.listen()
          $0.accept()
        }
      }
      sim.world.faults = [Fault(.spawn(0, .clone), .again, .always)]
      try sim.run(for: .milliseconds(1))
      sim.world.connect(0, count: 3)
      try sim.run(for: .seconds(20))
      let report = try #require(sim.report(connection: 0))
      #expect(report.state == .backoff && report.nextStart != nil && report.pid == 0)
      // The others wait in the queue of the listener, which rests.
      #expect(sim.world.count(.held) + sim.world.count(.queued) == 3)
      #expect(sim.world.messages.filter { $0.kind == .startFailed }.count < 15)
      if isStopped { sim.world.request(.stop, 0) } else { sim.world.faults = [] }
      try sim.run(for: .seconds(6))
      #expect(sim.world.count(.discarded) == (isStopped ? 1 : 0))
      #expect(isStopped || sim.world.count(.served) == 3)
      #expect(sim.report(connection: 0)?.state != .backoff)
    }
  }

  @Test("a connection that was accepted is served while what its service needs runs once more")
  func neededRunsAgain() throws {
    let sim = simulate {
      $0.service("keys") { $0.service.type = .oneshot }
      $0.service("ssh") {
        $0.needs = [0]
        $0.listen()
        $0.accept()
      }
    }
    sim.world.behaviour = { service, earlier, _ in
      service == 0 ? .ending(after: earlier == 0 ? 1_000 : 60_000_000, code: 0) : Script()
    }
    try sim.run(for: .seconds(1))
    sim.world.faults = [Fault(.spawn(1, .clone), .again, .always)]
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    #expect(sim.world.count(.held) == 1)
    sim.world.request(.start, 0)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .starting)
    sim.world.faults = []
    try sim.run(for: .seconds(6))
    #expect(sim.world.count(.served) == 1)
    #expect(sim.state(0) == .starting)
  }
}
