internal import ApusBase
internal import ApusManifest
internal import ApusWire

// What the time line of the boot tells of events and effects. The clock is read only for lines that
// begin in the middle of a turn: that is a system call on machines without a clock that programs see.
extension Driver where K: ~Copyable {
  /// True until the board is up.
  var isBooting: Bool { timeline.end == nil }

  /// A service's line begins.
  @inline(never)
  mutating func begin(_ stage: BootStage, _ service: Int, at: Instant) {
    keep(timeline.begin(stage, UInt16(truncatingIfNeeded: service), at: at))
  }

  /// The board is up.
  mutating func finishTimeline() {
    timeline.finish(kernel.readClock())
    if let end = timeline.end { kernel.keep(bootEnd: end) }
  }

  /// Keeps a line that has changed beyond a crash.
  @inline(never)
  mutating func keep(_ line: Int?) {
    guard let line, let entry = timeline.entries.at(line) else { return }
    kernel.keep(line: line, entry)
  }

  /// Ends and begins lines where an event says so, before it is stepped.
  @inline(never)
  mutating func noteMoment(_ event: Event) {
    switch event {
    case .executed(let id):
      let service = Int(id.slot)
      guard timeline.stage(of: service) == .start,
        let report = supervisor.report(service: service), report.instance == id
      else { return }
      keep(timeline.close(service, at: kernel.now))
      begin(.ready, service, at: kernel.now)
    case .exited(let id, _):
      guard let service = supervisor.service(ofHelper: id), timeline.stage(of: service) == .pre
      else { return }
      keep(timeline.close(service, at: kernel.now))
    case .spawnRefused(let id, _, _):
      let service = supervisor.service(ofHelper: id) ?? Int(id.slot)
      keep(timeline.close(service, at: kernel.now))
    default: break
    }
  }

  /// Ends the line of a service whose state has become another one.
  ///
  /// A run that ends before it is ready has no `ready`: what it took belongs to the start.
  mutating func noteMoment(_ service: Int, _ report: ServiceReport) {
    guard let stage = timeline.stage(of: service) else { return }
    switch report.state {
    case .starting, .waiting: return
    case .ready:
      keep(timeline.close(service, at: kernel.now))
      // READY=1 overtook the news of execve(2).
      if stage != .ready, isBooting { begin(.ready, service, at: kernel.now) }
      if stage != .ready { keep(timeline.close(service, at: kernel.now)) }
    case .invalid, .skipped, .listening, .stopping, .backoff, .stopped, .failed:
      let isOneshot = supervisor.manifest.services.at(service)?.type == .oneshot
      let isDone = report.lastExit.map { isOneshot && !$0.isSignal && $0.number == 0 } ?? false
      keep(timeline.close(service, at: kernel.now, as: isDone || stage == .pre ? stage : .start))
    }
  }
}
