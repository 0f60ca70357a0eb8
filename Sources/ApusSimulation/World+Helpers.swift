internal import ApusBase
public import ApusCore
public import ApusManifest
public import ApusWire

/// A process that runs one of a service's commands.
struct Helper: Sendable {
  var id: InstanceID
  var hasEnded = false
}

extension World {
  /// A helper reaches execve(2) at once and ends a little later.
  func runHelper(_ id: InstanceID, _ command: TableRange) -> Outcome {
    if helpers[id.slot] != nil { violate(5, "a helper is started in a slot that is in use") }
    helpers[id.slot] = Helper(id: id)
    helperStarts += 1
    let service = Int(id.slot) - helperBase
    var code = helperCodes[service] ?? 0
    if command == TableRange(start: 0, count: 0), pidFiles[service] == nil { code = 1 }
    if let failure = helperFailures[service] {
      after(100, freezes: true) {
        $0.reports.append(.executionFailed(id, step: failure.step, errno: failure.errno))
      }
      after(100, freezes: true) { $0.endHelper(id, ExitReport(isSignal: false, number: 127)) }
      return .event(.spawned(id, pid: 100_000 + Int32(id.slot)))
    }
    after(100, freezes: true) { $0.reports.append(.executed(id)) }
    after(1000, freezes: true) { $0.endHelper(id, ExitReport(isSignal: false, number: code)) }
    return .event(.spawned(id, pid: 100_000 + Int32(id.slot)))
  }

  /// True while one of the service's commands runs.
  func hasHelper(_ service: ServiceIndex) -> Bool {
    helpers[UInt16(helperBase + service)] != nil
  }

  var helperBase: Int {
    var places = 0
    for service in manifest.services where service.accepts { places += Int(service.maxConnections) }
    return manifest.services.count + min(places, Limits.connections)
  }

  private func endHelper(_ id: InstanceID, _ report: ExitReport) {
    guard let helper = helpers[id.slot], helper.id == id, !helper.hasEnded else { return }
    helpers[id.slot]?.hasEnded = true
    exits.append((id, report))
  }

  func signalHelper(_ id: InstanceID, _ number: UInt8) -> Outcome {
    guard helpers[id.slot]?.id == id else {
      violate(4, "signal \(number) to a helper of an earlier life")
      return .done
    }
    after(50, freezes: true) { $0.endHelper(id, ExitReport(isSignal: true, number: number)) }
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
