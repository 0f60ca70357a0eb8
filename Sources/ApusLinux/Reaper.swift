internal import ApusBase
internal import ApusCore
internal import CApus

/// The one place that looks at ended children and reaps them.
///
/// A child of ours is looked at without reaping (WNOWAIT) and told; it stays a zombie, so that its
/// pid and process group can be signalled without a race, until the supervisor releases it. A
/// process nobody knows was adopted, and is reaped at once. A zombie that waits for its release
/// hides those behind it from waitid(2); the look is repeated after every release.
extension LinuxKernel {
  /// Ends of our own children, by their pidfds.
  mutating func reportEnds(into events: inout EventBuffer) {
    for index in 0..<watches.readyCount {
      guard let watch = Watch(data: watches.ready[index].data), watch.kind == .process
      else { continue }
      reportEnd(
        InstanceID(slot: watch.index, generation: watch.generation), into: &events)
    }
    if looksForEnds { lookForEnds(into: &events) }
  }

  private mutating func reportEnd(_ id: InstanceID, into events: inout EventBuffer) {
    guard let process = table.process(id), !process.hasEnded else { return }
    var end = capus_end()
    let found = unsafe capus_look(process.pidfd, &end)
    // Of another's child only that it has ended is told.
    if found == 1 || found < 0 && process.isForeign { report(end, of: id, into: &events) }
  }

  /// Tells an end once, after the news of its own start.
  private mutating func report(
    _ end: capus_end, of id: InstanceID, into events: inout EventBuffer
  ) {
    // Room for both; otherwise it is ready again in the next turn.
    guard events.capacity - events.elements.count >= 2, let process = table.process(id),
      !process.hasEnded
    else { return }
    if let slot = process.flight { finish(slot, into: &events) }
    guard var ended = table.process(id) else { return }
    readOutput(of: ended.service, isLast: true)
    ended.hasEnded = true
    if end.pid > 0 { ended.isForeign = false }
    table.set(id.slot, ended)
    // Level-triggered: a zombie's pidfd would be ready for ever.
    watches.remove(ended.pidfd)
    var report = ExitReport(
      isSignal: end.is_signal != 0, number: end.number, dumpedCore: end.dumped_core != 0)
    if report.isSignal, report.number == 9 {
      report.ranOutOfMemory = memoryKills(ended.service) > ended.memoryKills
    }
    // In a container another process may be the kernel's bearer of that number.
    if report.isSignal, report.number == 31, options.role == .initProcess {
      report.deniedCall = UInt16(clamping: 1 + capus_denied_call(ended.pid))
    }
    events.append(.exited(id, report))
  }

  /// Looks at whatever has ended, until nothing has, or something waits for its release.
  mutating func lookForEnds(into events: inout EventBuffer) {
    if options.role == .guest {
      looksForEnds = false
      return
    }
    while !events.isFull {
      var end = capus_end()
      let found = unsafe capus_look(-1, &end)
      if found <= 0 {
        looksForEnds = false
        if found == -10, !isChildless {
          isChildless = true
          events.append(.childless)
        }
        return
      }
      guard let id = table.instance(pid: end.pid) else {
        reap(end.pid, into: &events)
        continue
      }
      if table.process(id)?.hasEnded == true {
        looksForEnds = false
        return
      }
      report(end, of: id, into: &events)
      if table.process(id)?.hasEnded != true { return }
    }
  }

  /// Reaps a process that is not ours, if it has ended.
  mutating func reap(_ pid: Int32, into events: inout EventBuffer) {
    if capus_reap(pid) == 1 { events.append(.orphanReaped(pid: pid)) }
  }

  /// Reaps a child of ours and forgets it. One that has not ended is left to be reaped as an
  /// orphan, and its memory stays reserved until it leaves it.
  mutating func release(_ id: InstanceID) {
    guard var process = table.process(id) else { return }
    if Int(id.slot) < table.mainCount { drainChannel(id.slot) }
    if process.pid > 0 {
      if process.pidfd >= 0, !process.hasEnded { watches.remove(process.pidfd) }
      if process.hasEnded, !process.isForeign { _ = capus_reap(process.pid) }
      if process.pidfd >= 0 { _ = capus_close(process.pidfd) }
      looksForEnds = true
      if process.hasFailed { removeGroup(of: process.service) }
    }
    if process.connection >= 0 {
      watches.remove(process.connection)
      capus_put_away(process.connection)
    }
    process = Process()
    process.generation = id.generation
    table.set(id.slot, process)
  }

  /// Sends a signal by pidfd, or to the process group of the main process, which cannot be
  /// another's while that is there.
  mutating func signal(_ id: InstanceID, number: UInt8, scope: SignalScope) {
    guard var process = table.process(id), process.pid > 0 else { return }
    var number = number
    // A stopped process takes no other signal before it goes on, and then one of its threads may
    // accept a connection before that signal ends it.
    if process.isHalted, number == 15, capus_threads_that_die_of(process.pid, 15) > 1 { number = 9 }
    if scope == .all, number != 9, number != 18, number != 19 {
      process.isAskedToEnd = true
      table.set(id.slot, process)
    }
    // What was asked to end as well may be on its way: that is no news.
    if scope == .all, number == 9, killGroup(id, process), process.hasEnded,
      !process.isAskedToEnd
    {
      log.write(Message(.leftovers, service: process.service), manifest: manifest)
    }
    if scope == .all, capus_signal_group(process.pid, process.session, Int32(number)) == 0 {
      return
    }
    // Before its setsid(2) the child is in no group of its own.
    if process.pidfd >= 0, capus_signal_pidfd(process.pidfd, Int32(number)) >= 0 { return }
    // Without pidfds. A child of ours keeps its number until it is reaped.
    if !process.isForeign { _ = capus_kill(process.pid, Int32(number)) }
  }
}
