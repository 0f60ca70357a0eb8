internal import ApusBase
internal import ApusCore
internal import ApusManifest

// The random board of a workload.
extension Workload {
  static func manifest(
    _ random: inout Random, _ reduction: Reduction
  ) -> ManifestBuilder {
    var builder = ManifestBuilder()
    // Drawn from a copy, so that seeds of the past stay what they are otherwise.
    var commands = random
    commands = Random(seed: commands.next() ^ 0xC033)
    let hasCommands = commands.chance(400)
    var relations = random
    relations = Random(seed: relations.next() ^ 0xC0F1)
    let hasRelations = relations.chance(300)
    let count = 1 + random.below(12)
    for index in 0..<count {
      builder.service("s\(index)") { draft in
        if random.chance(450) {
          draft.listen(1 + random.below(3))
          if random.chance(350) {
            draft.accept(
              max: UInt16(1 + random.below(5)),
              perSource: random.chance(300) ? UInt16(1 + random.below(2)) : 0)
          } else if random.chance(250) {
            draft.service.start = .boot
          }
        } else if random.chance(200) {
          draft.service.start = .manual
        }
        if draft.listeners == 0, random.chance(200) {
          draft.service.type = .oneshot
          if random.chance(500) { draft.service.flags.insert(.remain) }
        } else if !draft.service.accepts, random.chance(150) {
          draft.service.type = .forking
        }
        if index > 0 {
          for _ in 0..<random.below(3) {
            let other = random.below(index)
            switch random.below(3) {
            case 0: draft.needs.append(other)
            case 1: draft.wants.append(other)
            default: draft.after.append(other)
            }
          }
        }
        if hasRelations, index > 0, relations.chance(250) {
          draft.partOf.append(relations.below(index))
        }
        draft.service.trigger = Rate(
          count: UInt32(1 + random.below(20)), window: .milliseconds(random.time(100, 4_000)))
        draft.restart.policy = random.pick([
          .no, .onSuccess, .onFailure, .onFailure, .onFailure, .onAbnormal, .onAbort, .always,
        ])
        if draft.service.type == .oneshot { draft.restart.policy = .onFailure }
        draft.restart.delay = .milliseconds(random.time(1, 500))
        draft.restart.maxDelay = .milliseconds(random.time(500, 30_000))
        draft.restart.factorPermille = UInt32(random.time(1_000, 4_000))
        draft.restart.resetAfter = .milliseconds(random.time(100, 60_000))
        if random.chance(150) {
          draft.restart.limit = Rate(count: UInt32(1 + random.below(5)), window: .seconds(10))
          draft.restart.onLimit = random.chance(100) ? .rescue : .stop
        }
        draft.stop.timeout = .milliseconds(random.time(10, 5_000))
        draft.stop.scope = random.pick([.all, .all, .mixed, .main])
        if hasCommands, !draft.service.accepts { addCommands(&draft, &commands) }
        if reduction.services.contains(index) { draft.service.flags.insert(.masked) }
      }
    }
    // Without a draw, so that seeds of the past stay what they are.
    builder.change { manifest in
      for index in manifest.listeners.indices {
        let service = manifest.services[Int(manifest.listeners[index].service)]
        if manifest.restart(of: service).delay.microseconds / 1000 % 12 == 5 {
          manifest.listeners[index].flags.insert(.flush)
        }
      }
    }
    builder.change { $0.system.shutdownTimeout = .seconds(random.time(1, 40)) }
    addIdleness(&builder, seed: random)
    addFailures(&builder, seed: random)
    return builder
  }

  /// Drawn from a copy, so that boards of earlier versions stay what they were otherwise.
  private static func addIdleness(_ builder: inout ManifestBuilder, seed: Random) {
    var random = seed
    builder.change { manifest in
      for index in manifest.extras.indices.dropFirst() where random.chance(500) {
        manifest.extras[index].idleStop = .milliseconds(
          random.chance(50) ? random.time(20, 500) : random.time(2_000, 30_000))
      }
      if random.chance(500) {
        manifest.system.pressureIdle = .milliseconds(random.time(100, 5_000))
      }
    }
    if random.chance(300) { builder.watchdog(.seconds(random.time(1, 60))) }
    if random.chance(300) {
      builder.change { $0.system.minimumUptime = .seconds(random.time(1, 120)) }
    }
  }

  private static func addCommands(_ draft: inout ManifestBuilder.Draft, _ random: inout Random) {
    func commands(_ random: inout Random) -> [ServiceCommand] {
      guard random.chance(300) else { return [] }
      return (0..<1 + random.below(3)).map { _ in
        var command = ServiceCommand(timeout: .milliseconds(random.time(1, 5_000)))
        command.mayFail = random.chance(300)
        return command
      }
    }
    draft.pre = commands(&random)
    draft.started = commands(&random)
    draft.post = commands(&random)
    draft.hasStopCommand = random.chance(200)
    if draft.service.type != .oneshot, random.chance(250) {
      draft.health = (.milliseconds(random.time(100, 5_000)), 1 + random.below(3))
    }
  }

  /// Services that are never ready, and such that start each other when they fail.
  private static func addFailures(_ builder: inout ManifestBuilder, seed: Random) {
    var random = seed
    random = Random(seed: random.next() ^ 0xFA11)
    builder.change { manifest in
      for index in manifest.services.indices {
        if manifest.services[index].type == .simple, !manifest.services[index].accepts,
          random.chance(150)
        {
          manifest.services[index].type = .notify
        }
        guard random.chance(200) else { continue }
        let other = random.below(manifest.services.count)
        manifest.links.append(UInt16(other))
        manifest.extras[Int(manifest.services[index].extras)].onFailure = TableRange(
          start: UInt32(manifest.links.count - 1), count: 1)
      }
    }
  }
}
