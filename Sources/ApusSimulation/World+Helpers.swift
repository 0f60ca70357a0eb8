internal import ApusBase
public import ApusCore
public import ApusManifest
public import ApusWire

/// A process that runs one of a service's commands.
struct Helper: Sendable {
  var id: InstanceID
  /// Tells it from all others, whatever slot it moves to.
  let serial: UInt64
  var hasEnded = false
}

extension World {
  /// A helper reaches execve(2) at once and ends a little later.
  func runHelper(_ id: InstanceID, _ command: TableRange) -> Outcome {
    if helpers[id.slot] != nil { violate(5, "a helper is started in a slot that is in use") }
    serial += 1
    let serial = serial
    helpers[id.slot] = Helper(id: id, serial: serial)
    helperStarts += 1
    let service = Int(id.slot) - helperBase
    let pid = 100_000 + Int32(id.slot)
    var code = helperCodes[service] ?? 0
    if command == TableRange(start: 0, count: 0), pidFiles[service] == nil { code = 1 }
    let life = helperLives[service] ?? 1000
    if let failure = helperFailures[service] {
      after(100, freezes: true) { world in
        world.reportHelper(serial) {
          .executionFailed($0, step: failure.step, errno: failure.errno)
        }
        world.endHelper(serial, ExitReport(isSignal: false, number: 127))
      }
      return .event(.spawned(id, pid: pid))
    }
    after(100, freezes: true) { $0.reportHelper(serial) { .executed($0) } }
    after(life, freezes: true) { $0.endHelper(serial, ExitReport(isSignal: false, number: code)) }
    return .event(.spawned(id, pid: pid))
  }

  /// How many commands run or have not been released.
  public var helperCount: Int { helpers.all.count }

  /// True while one of the service's commands runs.
  func hasHelper(_ service: ServiceIndex) -> Bool {
    helpers[UInt16(helperBase + service)] != nil
  }

  var helperBase: Int {
    var places = 0
    for service in manifest.services where service.accepts { places += Int(service.maxConnections) }
    return manifest.services.count + min(places, Limits.connections)
  }

  private func helper(_ serial: UInt64) -> Helper? {
    helpers.all.first { $0.serial == serial }
  }

  private func reportHelper(_ serial: UInt64, _ event: (InstanceID) -> Event) {
    if let helper = helper(serial) { reports.append(event(helper.id)) }
  }

  private func endHelper(_ serial: UInt64, _ report: ExitReport) {
    guard let helper = helper(serial), !helper.hasEnded else { return }
    helpers[helper.id.slot]?.hasEnded = true
    exits.append((helper.id, report))
  }

  /// Moves helpers to where their services are in the next manifest; those of no service are
  /// orphans.
  func moveHelpers(from base: Int, _ moves: Moves) {
    let old = helpers
    helpers = Pairs()
    for var helper in old.all {
      let service = Int(helper.id.slot) - base
      guard let to = moves.services[service] else { continue }
      helper.id.slot = UInt16(helperBase + to)
      helpers[helper.id.slot] = helper
    }
  }

  func signalHelper(_ id: InstanceID, _ number: UInt8) -> Outcome {
    guard helpers[id.slot]?.id == id else {
      violate(4, "signal \(number) to a helper of an earlier life")
      return .done
    }
    guard let serial = helpers[id.slot]?.serial else { return .done }
    after(50, freezes: true) { $0.endHelper(serial, ExitReport(isSignal: true, number: number)) }
    return .done
  }

  func releaseHelper(_ id: InstanceID) -> Outcome {
    if helpers[id.slot]?.hasEnded != true { violate(1, "release of a helper that has not ended") }
    helpers[id.slot] = nil
    return .done
  }

  /// A service's process says something on its notify channel.
  public func notify(
    _ service: ServiceIndex, _ flags: Notice.Flags, watchdogUs: Int64 = -1, mainPid: Int32 = 0
  ) {
    guard let instance = instances.at(service) ?? nil else { return }
    var notice = Notice()
    notice.flags = flags
    notice.watchdogUs = watchdogUs
    notice.mainPid = mainPid
    notices.append(.notified(instance.id, notice))
  }
}
