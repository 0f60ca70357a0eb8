import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

@Suite struct RestartTableTests {
  static let policies: [RestartPolicy] = [
    .no, .always, .onSuccess, .onFailure, .onAbnormal, .onAbort, .onWatchdog,
  ]

  /// Copied by hand from systemd.service(5), "Exit causes and the effect of the Restart= settings".
  /// Columns: no, always, on-success, on-failure, on-abnormal, on-abort, on-watchdog.
  static let manual: [(RunEnd, String)] = [
    (.clean, ".XX...."),
    (.uncleanExit, ".X.X..."),
    (.uncleanSignal, ".X.XXX."),
    (.timeout, ".X.XX.."),
    (.watchdog, ".X.XX.X"),
  ]

  @Test("RES-03: the policy table is that of systemd.service(5)")
  func table() {
    #expect(Self.manual.map(\.0) == RunEnd.allCases)
    for (end, row) in Self.manual {
      let ours = Self.policies.map { $0.restarts(after: end) ? "X" : "." }.joined()
      #expect(ours == row, "\(end)")
    }
  }

  /// How a process can end, and the row of the manual that holds for it.
  enum End: CaseIterable {
    case zero, one, hangup, interrupt, terminate, pipe, kill, core, exec, clone, startTimeout

    var row: RunEnd {
      switch self {
      case .zero, .hangup, .interrupt, .terminate, .pipe: .clean
      case .one, .exec, .clone: .uncleanExit
      case .kill, .core: .uncleanSignal
      case .startTimeout: .timeout
      }
    }

    var script: Script {
      switch self {
      case .zero: .ending(after: 1_000)
      case .one: .ending(after: 1_000, code: 1)
      case .hangup: .ending(after: 1_000, signal: 1)
      case .interrupt: .ending(after: 1_000, signal: 2)
      case .terminate: .ending(after: 1_000, signal: 15)
      case .pipe: .ending(after: 1_000, signal: 13)
      case .kill: .ending(after: 1_000, signal: 9)
      case .core: .ending(after: 1_000, signal: 11, core: true)
      case .exec: .failing(.execute, .noEntry)
      case .clone: Script()
      case .startTimeout: Script().with { $0.isStuckBeforeExec = true }
      }
    }
  }

  @Test(
    "RES-03: each policy and each end lead to the decision of the table", arguments: End.allCases)
  func decisions(_ end: End) throws {
    let row = try #require(Self.manual.first { $0.0 == end.row }?.1)
    var builder = ManifestBuilder()
    for policy in Self.policies {
      builder.service("\(policy)") { $0.restart.policy = policy }
    }
    let sim = Simulation(builder.manifest)
    sim.world.behaviour = { _, earlier, _ in earlier == 0 && end != .clone ? end.script : Script() }
    if end == .clone {
      sim.world.faults = (0..<7).map { Fault(.spawn($0, .clone), .again, .times(1)) }
    }
    try sim.run(for: .seconds(100))
    for (index, mark) in row.enumerated() {
      let attempts = sim.world.services[index].attempts.count
      #expect(attempts == (mark == "X" ? 2 : 1), "\(Self.policies[index])")
      let state = sim.state(of: index)
      if mark == "X" {
        #expect(state == .ready)
      } else {
        #expect(state == (end.row == .clean ? .stopped : .failed), "\(Self.policies[index])")
      }
    }
  }

  private func classify(
    _ report: ExitReport, type: ServiceType = .simple, success: [ApusManifest.ExitStatus] = []
  ) -> RunEnd {
    var builder = ManifestBuilder()
    builder.service("it") {
      $0.service.type = type
      $0.successExit = success
    }
    return builder.manifest.classify(report, of: builder.manifest.services[0])
  }

  @Test("RES-03: which ends are clean is systemd's rule, with its exception for oneshot")
  func cleanExits() {
    for number in UInt8(0)...255 {
      let code = ExitReport(isSignal: false, number: number)
      #expect(classify(code) == (number == 0 ? .clean : .uncleanExit))
      #expect(classify(code, type: .oneshot) == (number == 0 ? .clean : .uncleanExit))
    }
    for number in UInt8(1)...64 {
      let signal = ExitReport(isSignal: true, number: number)
      let isPolite = [1, 2, 13, 15].contains(number)
      #expect(classify(signal) == (isPolite ? .clean : .uncleanSignal))
      #expect(classify(signal, type: .notify) == (isPolite ? .clean : .uncleanSignal))
      #expect(classify(signal, type: .oneshot) == .uncleanSignal)
    }
  }

  @Test("RES-03: successExit adds codes and signals, and does not confuse the two")
  func successExit() {
    let success = [
      ApusManifest.ExitStatus(isSignal: false, number: 9),
      ApusManifest.ExitStatus(isSignal: true, number: 10),
    ]
    #expect(classify(ExitReport(isSignal: false, number: 9), success: success) == .clean)
    #expect(classify(ExitReport(isSignal: true, number: 10), success: success) == .clean)
    #expect(classify(ExitReport(isSignal: true, number: 9), success: success) == .uncleanSignal)
    #expect(classify(ExitReport(isSignal: false, number: 10), success: success) == .uncleanExit)
    #expect(
      classify(ExitReport(isSignal: true, number: 10), type: .oneshot, success: success) == .clean)
  }

  @Test("RES-03: neverOn beats alwaysOn, and both beat the policy")
  func exceptions() {
    func restarts(_ policy: RestartPolicy, code: UInt8) -> Bool {
      var builder = ManifestBuilder()
      builder.service("it") {
        $0.restart.policy = policy
        $0.neverOn = [3, 5].map { ApusManifest.ExitStatus(isSignal: false, number: $0) }
        $0.alwaysOn = [4, 5, 0].map { ApusManifest.ExitStatus(isSignal: false, number: $0) }
      }
      let service = builder.manifest.services[0]
      let report = ExitReport(isSignal: false, number: code)
      return builder.manifest.wantsRestart(
        of: service, after: builder.manifest.classify(report, of: service), report: report)
    }
    #expect(!restarts(.always, code: 3))
    #expect(restarts(.no, code: 4))
    #expect(!restarts(.always, code: 5))
    #expect(restarts(.no, code: 0))
    #expect(restarts(.onFailure, code: 1))
    #expect(!restarts(.no, code: 1))
  }

  @Test("RES-03: a oneshot that succeeded is not started again, whatever the policy")
  func oneshot() throws {
    for policy in [RestartPolicy.always, .onSuccess] {
      var builder = ManifestBuilder()
      builder.service("it") {
        $0.service.type = .oneshot
        $0.restart.policy = policy
      }
      let sim = Simulation(builder.manifest)
      sim.world.behaviour = { _, _, _ in .ending(after: 1_000) }
      try sim.run(for: .seconds(100))
      #expect(sim.world.services[0].attempts.count == 1)
      #expect(sim.state(of: 0) == .stopped)
    }
  }
}
