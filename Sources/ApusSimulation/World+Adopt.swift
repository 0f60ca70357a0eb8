internal import ApusBase
public import ApusCore
public import ApusManifest
internal import ApusWire

extension World {
  /// The pids of what a service's processes have left behind, in no particular order.
  public func stragglers(of service: ServiceIndex) -> [Int32] {
    processes.compactMap { process in
      guard let process, process.service == service, process.instance == nil,
        process.stage == .running
      else { return nil }
      return process.pid
    }
  }

  /// Another process of the tree becomes the main one, under the next generation.
  func adopt(_ id: InstanceID, _ wanted: Int32) -> Outcome {
    guard var instance = live(id), instance.isMain else {
      // The life may have gone on meanwhile; a word that came late changes nothing.
      return .done
    }
    var pid = wanted
    if wanted == Effect.named { pid = pidFiles[instance.service] ?? 0 }
    let found = processes.firstIndex { process in
      guard let process, process.group == instance.group, process.stage == .running else {
        return false
      }
      return wanted == Effect.leftOver ? process.instance == nil : process.pid == pid
    }
    guard let found, let process = processes[found] else {
      if wanted == Effect.leftOver { return .event(.adopted(id, pid: 0)) }
      refusedPids += 1
      return wanted == Effect.named ? .event(.adopted(id, pid: 0 - max(1, pid))) : .done
    }
    let next = InstanceID(slot: id.slot, generation: id.generation &+ 1)
    if found != instance.process {
      if processes[instance.process]?.stage == .zombie {
        processes[instance.process] = nil
      } else {
        // An orphan from now on.
        processes[instance.process]?.instance = nil
        processes[instance.process]?.isOrphan = true
      }
    }
    overtaken.append(id)
    instance.id = next
    instance.process = found
    instance.serial = process.serial
    instance.hasExited = false
    instance.exitTurn = nil
    processes[found]?.instance = next
    instances[Int(id.slot)] = instance
    generations[Int(id.slot)] = next.generation
    services[instance.service].isRunning = true
    services[instance.service].isUp = true
    // It has the listeners of its parent, and what the parent has left in them.
    acceptSoon(found, process.serial)
    return .event(.adopted(id, pid: process.pid))
  }
}
