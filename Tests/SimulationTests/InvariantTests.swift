import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// A checker that never fails proves nothing: here each is shown a bug made on purpose.
@Suite struct InvariantTests {
  /// A small board on which everything happens that the bugs need.
  private func board(_ tamper: @escaping (Effect, World) -> [Effect]) -> Simulation {
    let sim = simulate {
      let bus = $0.service("bus")
      $0.service("web") {
        $0.listen()
        $0.needs = [bus]
      }
      $0.service("ssh") {
        $0.listen()
        $0.accept(max: 64, perSource: 1)
      }
      $0.service("bad") { $0.restart.delay = .milliseconds(10) }
    }
    sim.world.behaviour = { service, _, _ in
      switch service {
      case 2: .ending(after: 50_000)
      case 3: .ending(after: 20_000, code: 1)
      default: Script()
      }
    }
    let world = sim.world
    sim.tamper = { [unowned world] effect in tamper(effect, world) }
    world.after(1_000_000) { $0.connect(0) }
    let one = ConnectionSource(family: 2, key: 1)
    world.after(1_200_000) { $0.connect(1, count: 3, source: one) }
    world.after(2_000_000) { $0.kill(1) }
    world.after(3_000_000) { $0.connect(0) }
    world.after(4_000_000) { $0.request(.restart, 0) }
    world.after(6_000_000) { $0.request(.reboot) }
    return sim
  }

  private func broken(
    by tamper: @escaping (Effect, World) -> [Effect]
  ) -> Int? {
    let sim = board(tamper)
    do {
      try sim.run(for: .minutes(5))
      return nil
    } catch {
      // The message holds what is needed to see it again.
      #expect(error.context.contains("seed 1,"))
      #expect(error.context.contains(" > "))
      return error.invariant
    }
  }

  @Test("rule 19: nobody looks for the node of a listener, and one that is lost stays lost")
  func nodes() throws {
    #expect(
      broken { effect, _ in if case .lookAtNodes = effect { [] } else { [effect] } } != nil)
    let sim = simulate { $0.service("web") { $0.listen() } }
    sim.tamper = { [unowned sim] effect in
      if case .bind = effect, sim.world.time > .zero + .seconds(2) { [] } else { [effect] }
    }
    sim.world.after(3_000_000) { $0.lose(0) }
    #expect(throws: Violation.self) { try sim.run(for: .minutes(5)) }
  }

  @Test("without a bug the same board keeps every invariant")
  func sound() throws {
    let sim = board { effect, _ in [effect] }
    try sim.run(for: .minutes(5))
    #expect(sim.world.power == .reboot)
    #expect(sim.world.count(.served) >= 3)
    #expect(sim.world.count(.discarded) >= 1)
    #expect(sim.starts(3) > 5)
  }

  @Test("invariant 1: a forgotten or doubled release is caught")
  func reaping() throws {
    #expect(
      broken { effect, _ in
        if case .release = effect { [] } else { [effect] }
      } == 1)
    #expect(
      broken { effect, _ in
        if case .release = effect { [effect, effect] } else { [effect] }
      } == 1)
  }

  @Test("invariant 2: a listener watched too long, too little or twice is caught")
  func watching() throws {
    #expect(
      broken { effect, _ in
        if case .unwatch = effect { [] } else { [effect] }
      } == 2)
    #expect(
      broken { effect, _ in
        if case .watch = effect { [] } else { [effect] }
      } == 2)
    #expect(
      broken { effect, _ in
        if case .watch = effect { [effect, effect] } else { [effect] }
      } == 2)
  }

  @Test("invariant 3: a connection that is neither served nor closed is caught")
  func descriptors() throws {
    #expect(
      broken { effect, _ in
        if case .discard = effect { [] } else { [effect] }
      } == 3)
    #expect(
      broken { effect, _ in
        if case .bind = effect { [effect, effect] } else { [effect] }
      } == 3)
  }

  @Test("invariant 4: a signal to a life that is over is caught")
  func signals() throws {
    #expect(
      broken { effect, _ in
        guard case .release(let id) = effect else { return [effect] }
        return [effect, .signal(id, number: 15, scope: .all)]
      } == 4)
    #expect(
      broken { effect, _ in
        if case .bootFinished = effect { [effect, .signalEveryone(number: 9)] } else { [effect] }
      } == 4)
  }

  @Test("invariant 5: a doubled start and a reused generation are caught")
  func starts() throws {
    #expect(
      broken { effect, _ in
        if case .spawn = effect { [effect, effect] } else { [effect] }
      } == 5)
    #expect(
      broken { effect, _ in
        guard case .spawn(let id, let service) = effect else { return [effect] }
        return [.spawn(InstanceID(slot: id.slot, generation: 1), service: service)]
      } == 5)
  }

  @Test("invariant 6: a service without a future is caught")
  func liveness() throws {
    // The supervisor believes in a start that never happened.
    #expect(
      broken { effect, _ in
        if case .spawn(_, 3) = effect { [] } else { [effect] }
      } == 6)
    // It sleeps although something is due.
    let sim = simulate { $0.service("bad") }
    sim.always(.ending(after: 1_000, code: 1))
    sim.tamperDeadline = { _ in nil }
    do {
      try sim.run(within: .seconds(5)) { $0.starts(0) > 1 }
      Issue.record("not caught")
    } catch { #expect(error.invariant == 6) }
  }

  @Test("invariant 7: a busy loop is caught")
  func busyLoop() throws {
    let sim = board { effect, _ in [effect] }
    sim.tamperDeadline = { _ in .zero }
    do {
      try sim.run(for: .seconds(5))
      Issue.record("not caught")
    } catch { #expect(error.invariant == 7) }
  }

  @Test("invariant 8: a wrong order at start and at stop is caught")
  func order() throws {
    // The needed service is started only when the one that needs it has been.
    let sim = simulate {
      let bus = $0.service("bus")
      $0.service("web") { $0.needs = [bus] }
    }
    sim.tamper = { effect in
      guard case .spawn(_, 0) = effect else { return [effect] }
      return [.spawn(InstanceID(slot: 1, generation: 9), service: 1), effect]
    }
    do {
      try sim.run(for: .seconds(1))
      Issue.record("not caught")
    } catch { #expect(error.invariant == 8) }
    // At the end the needed service gets its signal first.
    #expect(
      broken { effect, world in
        guard case .log(let message) = effect, message.kind == .shutdown,
          let bus = world.liveInstances.first(where: { $0.slot == 0 })
        else { return [effect] }
        return [effect, .signal(bus, number: 15, scope: .all)]
      } == 8)
  }

  @Test("invariant 9: a start during the end, an end too late, and life after it are caught")
  func shutdown() throws {
    #expect(
      broken { effect, _ in
        guard case .signalEveryone = effect else { return [effect] }
        return [effect, .spawn(InstanceID(slot: 3, generation: 4711), service: 3)]
      } == 9)
    #expect(
      broken { effect, _ in
        if case .power = effect { [effect, .log(Message(.shutdown))] } else { [effect] }
      } == 9)
    // A process that cannot die, and a supervisor whose last deadline is lost.
    let sim = simulate { $0.service("disk") }
    sim.always(
      Script().with {
        $0.manners = .ignores; $0.killDelay = .max
      })
    sim.world.after(1_000_000) { $0.request(.reboot) }
    sim.world.after(70_000_000) { _ in }
    sim.tamperDeadline = { _ in nil }
    do {
      try sim.run(for: .minutes(2))
      Issue.record("not caught")
    } catch { #expect(error.invariant == 9) }
  }

  @Test("invariant 10: a listener that is reported for ever and not served is caught")
  func starvation() throws {
    // Its traffic never reaches the supervisor's hands.
    #expect(
      broken { effect, _ in
        if case .accept = effect { [] } else { [effect] }
      } == 10)
  }

  @Test("invariant 11: after a step that failed there is no execve")
  func failedStep() throws {
    let steps: [SpawnStepKind] = [
      .session, .descriptors, .limits, .boundingSet, .groups, .gid, .uid, .capabilities,
      .noNewPrivileges, .verify, .execute,
    ]
    for step in steps {
      let sim = simulate { $0.service("web") { $0.restart.policy = .no } }
      sim.always(.failing(step, .notPermitted))
      try sim.run(for: .seconds(5))
      #expect(sim.world.services[0].executions == 0)
      #expect(sim.state(0) == .failed)
      #expect(sim.reason(0) == Reason(.spawnFailed, step: step.rawValue, value: 1))
    }
  }

  @Test("invariant 5: an answer given twice, or to nobody, or never is caught")
  func answers() throws {
    #expect(
      broken { effect, _ in
        if case .answer = effect { [effect, effect] } else { [effect] }
      } == 5)
    #expect(
      broken { effect, _ in
        guard case .answer(_, let answer) = effect else { return [effect] }
        return [.answer(ClientID(slot: 15, generation: 99), answer)]
      } == 5)
    var missed: Set<Int> = []
    for seed in UInt64(1)...4 {
      let workload = Workload(seed: seed)
      workload.simulation.tamper = { effect in
        if case .answer(_, let answer) = effect, answer.code == .done { [] } else { [effect] }
      }
      do { _ = try workload.run() } catch { missed.insert(error.invariant) }
    }
    #expect(missed == [5])
  }

  @Test("invariant 7: more children before execve than there are places is caught")
  func crowd() throws {
    // More children on their way than there are places for them.
    let many = simulate {
      for number in 0..<300 { $0.service("s\(number)") }
    }
    many.always(Script().with { $0.isStuckBeforeExec = true })
    var next: UInt16 = 255
    many.tamper = { effect in
      guard case .spawn(let id, _) = effect, id.slot < 4 else { return [effect] }
      next += 1
      return [
        effect, .spawn(InstanceID(slot: next - 1, generation: 1), service: next - 1),
      ]
    }
    do {
      try many.run(for: .seconds(1))
      Issue.record("not caught")
    } catch { #expect(error.invariant == 7) }
  }

  @Test("invariant 16: a start without its pause, and a stop that nobody asked for, are caught")
  func pauses() throws {
    #expect(
      broken { effect, _ in
        guard case .release(let id) = effect, id.slot == 3 else { return [effect] }
        return [
          effect, .spawn(InstanceID(slot: 3, generation: id.generation + 1), service: 3),
        ]
      } == 16)
    #expect(
      broken { effect, _ in
        guard case .log(let message) = effect, message.kind == .ready else { return [effect] }
        return [effect, .log(Message(.stopping, service: message.service))]
      } == 16)
  }

  @Test("invariants 17 and 18: a command that runs twice, and a word that is lost, are caught")
  func commands() throws {
    let sim = try simulate(services: #""a": {"exec": ["/a"], "pre": [["/x"], ["/y"]]}"#)
    sim.tamper = { effect in
      guard case .run(let id, let service, let command, let end) = effect else { return [effect] }
      return [.run(id, service: service, CommandID(command.role), after: end)]
    }
    #expect(caught(sim) == 17)
    let other = try simulate(services: #""a": {"exec": ["/a"], "type": "notify"}"#)
    other.always(Script().with { $0.saysReady = true })
    other.tamper = { effect in
      guard case .log(let message) = effect, message.kind == .ready else { return [effect] }
      return [.log(Message(.exited, service: 0, reason: Reason(.notReady)))]
    }
    #expect(caught(other) == 18)
  }

  private func caught(_ sim: Simulation) -> Int? {
    do {
      try sim.run(for: .seconds(5))
      return nil
    } catch { return error.invariant }
  }

  @Test("invariant 13: a record that does not say what is so is caught at the take-over")
  func record() throws {
    var caught: [Int] = []
    // State; goal: down instead of up; since when.
    for byte in [0, 1, 18] {
      let sim = board { effect, _ in [effect] }
      sim.replaces = { false }
      sim.tamperRecord = { slot, bytes in
        guard slot == 0 else { return bytes }
        var changed = bytes
        changed[byte] = byte == 0 ? ServiceState.failed.rawValue : byte == 1 ? 0 : bytes[byte] ^ 1
        return changed
      }
      try sim.run(for: .milliseconds(500))
      do {
        try sim.replaceSupervisor()
        Issue.record("not caught")
      } catch { caught.append(error.invariant) }
    }
    // The first shows at once: it is no state of a service that runs. So does the second: it is
    // stopped, and nobody has asked for that.
    #expect(caught == [6, 16, 13])
  }
}
