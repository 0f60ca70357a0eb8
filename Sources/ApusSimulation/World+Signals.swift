internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

// Signals, and whom the fake kernel lets them reach.
extension World {
  func signal(_ id: InstanceID, _ number: UInt8, _ scope: SignalScope) -> Outcome {
    guard let instance = live(id) else {
      violate(4, "signal \(number) to \(id), which no live pidfd holds")
      return .done
    }
    if instance.isMain {
      services[instance.service].signals.append(
        ServiceFacts.SentSignal(time: time, number: number, scope: scope))
      checkStopOrder(instance, number)
      checkIdleSignal(instance.service, number)
      let isEnd = number == 9 || number == 6 || number == stopSignal(of: instance.service)
      if shutdownOrdered == nil, isEnd { instances[Int(id.slot)]?.wasEnding = true }
    }
    deliver(number, to: instance.process, instance.serial)
    guard scope == .all else { return .done }
    for index in processes.indices where index != instance.process {
      if let process = processes[index], process.group == instance.group {
        deliver(number, to: index, process.serial)
      }
    }
    return .done
  }

  func isUnkillable(_ service: ServiceIndex) -> Bool {
    guard let instance = instances.at(service) ?? nil else { return false }
    return processes[instance.process].map { $0.script.killDelay > 1_000_000 } ?? false
  }

  func deliver(_ number: UInt8, to index: Int, _ serial: UInt64) {
    guard let process = process(index, serial), process.stage != .zombie else { return }
    switch number {
    case 0, 17, 18, 19, 20, 23, 28: return
    case 9:
      let delay = process.script.killDelay
      after(delay, freezes: true) {
        $0.die(index, serial, ExitReport(isSignal: true, number: 9))
      }
    default:
      if process.stage == .beforeExec && process.script.isStuckBeforeExec { return }
      if process.isFrozen {
        processes[index]?.pending.append(number)
        return
      }
      switch process.script.manners {
      case .ignores: return
      case .drains:
        processes[index]?.isDraining = true
        endDrained(index, serial)
      case .lingers(let delay):
        processes[index]?.isLingering = true
        acceptSoon(index, serial)
        after(delay, freezes: true) {
          $0.die(index, serial, ExitReport(isSignal: false, number: 0))
        }
      case .dies(let delay):
        after(delay, freezes: true) {
          $0.die(index, serial, ExitReport(isSignal: true, number: number))
        }
      case .exits(let code, let delay):
        after(delay, freezes: true) {
          $0.die(index, serial, ExitReport(isSignal: false, number: code))
        }
      }
    }
  }

  func signalEveryone(_ number: UInt8) -> Outcome {
    if shutdownOrdered == nil { violate(4, "every process is signalled without a shutdown order") }
    for index in processes.indices {
      if let process = processes[index] { deliver(number, to: index, process.serial) }
    }
    noteChildless()
    return .done
  }
}
