import ApusBase
import ApusCore
import ApusManifest
import ApusWire
import Foundation
import Testing

@testable import ApusSimulation

/// Every state of a service and every event: what comes next, and what is asked of the kernel.
///
/// The file is there to be read in a review. `APUS_WRITE_GOLDEN=1 swift test --filter StateTable`
/// writes it anew after a change that was meant.
@Suite struct StateTableTests {
  static let states: [ServiceState] = [
    .invalid, .skipped, .listening, .waiting, .starting, .ready, .stopping, .backoff, .stopped,
    .failed,
  ]

  @Test("the table of states and events is the one in the golden file")
  func golden() throws {
    var table = ""
    for state in Self.states {
      table += "# \(state)\n"
      for (name, make, later) in Self.events { table += try cell(state, name, make, later) }
    }
    let written = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Golden/state-events.txt")
    if ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"] != nil {
      try Data(table.utf8).write(to: written)
    }
    let golden = try String(contentsOf: written, encoding: .utf8)
    let ours = table.split(separator: "\n")
    let theirs = golden.split(separator: "\n")
    #expect(ours.count == theirs.count)
    for (ours, theirs) in zip(ours, theirs) { #expect(ours == theirs) }
  }

  private typealias Make = @Sendable (InstanceID) -> Event

  /// Name, event, and whether it comes at the next deadline instead of at once.
  private static let events: [(String, Make, Bool)] = [
    ("tick", { _ in .tick }, false),
    ("deadline", { _ in .tick }, true),
    ("readable", { _ in .readable(listener: 0) }, false),
    ("broken listener", { _ in .brokenListener(listener: 0) }, false),
    ("listener shut down", { _ in .shutDownListener(listener: 0) }, false),
    (
      "inspected",
      { _ in .inspected(listener: 0, QueueMark(count: 1), isFirstGone: false) }, false
    ),
    ("nodes changed", { _ in .nodesChanged(listener: 0) }, false),
    ("node lost", { _ in .nodeLost(listener: 0, .node) }, false),
    ("directory lost", { _ in .nodeLost(listener: 0, .folder) }, false),
    ("link lost", { _ in .nodeLost(listener: 0, .link) }, false),
    ("nodes seen", { _ in .nodesSeen(service: 1) }, false),
    ("network changed", { _ in .networkChanged }, false),
    ("bound again", { _ in .bound(listener: 0) }, false),
    (
      "watch failed", { _ in .watchFailed(listener: 0, errno: .noSpace) }, false
    ),
    (
      "stale accepted",
      { _ in
        .accepted(
          InstanceID(slot: 99, generation: 1), listener: 0,
          source: ConnectionSource(family: 1, key: 0))
      }, false
    ),
    (
      "stale accept failed",
      { _ in .acceptFailed(InstanceID(slot: 99, generation: 1), listener: 0, errno: .fileLimit) },
      false
    ),
    ("spawned", { .spawned($0, pid: 77) }, false),
    ("spawn refused", { .spawnRefused($0, step: .clone, errno: .again) }, false),
    ("executed", { .executed($0) }, false),
    ("execution failed", { .executionFailed($0, step: .execute, errno: .noEntry) }, false),
    ("exited 0", { .exited($0, ExitReport(isSignal: false, number: 0)) }, false),
    ("exited 1", { .exited($0, ExitReport(isSignal: false, number: 1)) }, false),
    ("killed 11", { .exited($0, ExitReport(isSignal: true, number: 11)) }, false),
    (
      "stale exit",
      {
        .exited(
          InstanceID(slot: $0.slot, generation: $0.generation &+ 7),
          ExitReport(isSignal: false, number: 0))
      }, false
    ),
    ("adopted", { .adopted($0, pid: 88) }, false),
    ("nothing left", { .adopted($0, pid: 0) }, false),
    ("orphan reaped", { _ in .orphanReaped(pid: 5) }, false),
    ("childless", { _ in .childless }, false),
    ("found idle", { .idle($0, .idle, kilobytes: 1) }, false),
    ("found busy", { .idle($0, .busy, kilobytes: 1) }, false),
    ("pressure", { _ in .pressure }, false),
    ("signal 15", { _ in .signal(15) }, false),
    ("signal 1", { _ in .signal(1) }, false),
    ("start", { _ in request(.start) }, false),
    ("stop", { _ in request(.stop) }, false),
    ("restart", { _ in request(.restart) }, false),
    ("reload", { _ in request(.reload) }, false),
    ("reset", { _ in request(.reset) }, false),
    ("kill", { _ in request(.kill) }, false),
    (
      "reboot",
      { _ in .request(ClientID(slot: 0, generation: 1), Request(action: .reboot, service: nil)) },
      false
    ),
    ("clock", { _ in .clock(offset: 1_700_000_000_000_000) }, false),
    ("client gone", { _ in .clientGone(ClientID(slot: 0, generation: 1)) }, false),
  ]

  private static func request(_ action: Request.Action) -> Event {
    .request(ClientID(slot: 0, generation: 1), Request(action: action, service: 1))
  }

  private func cell(
    _ state: ServiceState, _ name: String, _ make: Make, _ later: Bool
  ) throws -> String {
    let sim = try Self.bring(into: state)
    let found = sim.state(of: 1)
    #expect(found == state)
    let report = sim.report(service: 1)
    let instance = try #require(report?.instance)
    var moment = sim.world.time
    if later {
      guard let deadline = sim.supervisor.nextDeadline else { return "\(name): no deadline\n" }
      moment = max(moment, deadline)
    }
    var effects = EffectBuffer(capacity: Supervisor.effectsPerStep)
    sim.supervisor.step(make(instance), now: moment, into: &effects)
    let words = effects.elements.map { describe($0) }.joined(separator: "; ")
    let next = sim.state(of: 1)
    return "\(name): \(next == state ? "-" : "\(next)")\(words.isEmpty ? "" : " | \(words)")\n"
  }

  /// Brings service 1, which has a listener and stands after service 0, into a state.
  private static func bring(into state: ServiceState) throws -> Simulation {
    var builder = ManifestBuilder()
    let other = builder.service("other") { $0.restart.policy = .no }
    builder.service("it") {
      $0.listen()
      $0.restart.delay = .seconds(5)
      $0.restart.jitterPermille = 0
      if state != .listening { $0.service.start = .boot }
      switch state {
      case .invalid: $0.service.flags.insert(.invalid)
      case .skipped: $0.service.flags.insert(.template)
      case .waiting: $0.needs = [other]
      case .stopped: $0.service.start = .manual
      case .failed:
        // What traffic may start comes back by itself.
        $0.restart.policy = .no
        $0.service.start = .manual
      case .listening, .starting, .ready, .stopping, .backoff: break
      }
    }
    let sim = Simulation(builder.manifest)
    sim.world.behaviour = { service, _, _ in
      switch (service, state) {
      case (0, .waiting): .failing(.execute, .noEntry)
      case (0, _): Script()
      case (_, .starting): Script().with { $0.isStuckBeforeExec = true }
      case (_, .stopping): Script().with { $0.manners = .ignores }
      case (_, .backoff), (_, .failed): .ending(after: 1, code: 1)
      default: Script()
      }
    }
    try sim.run(for: .seconds(2))
    if state == .failed {
      sim.world.request(.start, 1, noWait: true)
      try sim.run(for: .seconds(1))
    }
    if state == .stopping {
      sim.world.request(.stop, 1)
      try sim.run(for: .seconds(1))
    }
    return sim
  }
}
