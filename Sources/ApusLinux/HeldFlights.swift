internal import ApusBase
internal import ApusCore
internal import CApus

/// Children that are held up on their way to execve(2).
///
/// From the change of its identity on a child can be stopped by its own user, and a program or a
/// folder of that user's can keep it waiting. Each such child has one of the few places in which
/// children are made, so one that is stopped is killed at once, and one that takes long after that
/// change is killed, too. What holds a child up before it is the board's, and has the service's
/// `ready.timeout`.
extension LinuxKernel {
  /// How often a child that has not reached execve(2) is looked at.
  static var flightLook: Interval { .seconds(1) }
  /// How long a child may take once its identity has changed: longer than a disk needs to spin up.
  private static var flightLimit: Interval { .seconds(10) }

  /// The earlier of a deadline and the next look at a child.
  func earliestLook(_ deadline: Instant?) -> Instant? {
    var earliest = deadline
    guard memory.isUsed else { return earliest }
    for flight in table.flights where flight.pipe >= 0 && flight.lookAt != .never {
      earliest = min(earliest ?? .never, flight.lookAt)
    }
    return earliest
  }

  /// Says, once for each limit, that a service has less of it than its manifest asks for.
  @inline(never)
  mutating func sayLimits(_ clamped: Int32, _ service: UInt16) {
    let new = clamped & ~saidLimits
    if new == 0 { return }
    saidLimits |= new
    for resource: Int32 in 0..<16 where new >> resource & 1 == 1 {
      log.write(
        Message(.limited, service: service, reason: Reason(.none, value: resource)),
        manifest: manifest)
    }
  }

  /// Kills the children that are stopped, or take too long; their ends are told as any other's.
  mutating func endHeldFlights() {
    let looksForStops = looksForStops
    self.looksForStops = false
    guard memory.isUsed else { return }
    for slot in table.flights.indices {
      let flight = table.flights[slot]
      guard flight.pipe >= 0, flight.verdict == nil, looksForStops || now >= flight.lookAt
      else { continue }
      guard let process = table.process(flight.instance), process.pid > 0 else {
        // Given up already.
        table.flights[slot].lookAt = .never
        continue
      }
      if capus_is_stopped(process.pid) == 1 {
        end(slot, process, .interrupted)
      } else if now >= flight.lookAt {
        judge(slot, process)
      }
    }
  }

  private mutating func judge(_ slot: Int, _ process: Process) {
    guard
      let plan = unsafe memory.plan(of: UInt8(slot))?.assumingMemoryBound(to: capus_plan.self)
    else { return }
    unsafe capus_hear(plan, table.flights[slot].pipe)
    let (stage, identity) = unsafe (plan.pointee.stage, plan.pointee.identity)
    if stage != CAPUS_UNBORN, stage >= identity {
      let since = table.flights[slot].changedAt ?? now
      table.flights[slot].changedAt = since
      if now - since >= LinuxKernel.flightLimit { return end(slot, process, .timedOut) }
    }
    table.flights[slot].lookAt = now + LinuxKernel.flightLook
  }

  private mutating func end(_ slot: Int, _ process: Process, _ verdict: Errno) {
    table.flights[slot].verdict = verdict
    table.flights[slot].lookAt = .never
    if process.pidfd < 0 || capus_signal_pidfd(process.pidfd, 9) < 0 {
      _ = capus_kill(process.pid, 9)
    }
  }
}
