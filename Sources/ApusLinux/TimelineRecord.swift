public import ApusBase
public import ApusCore
internal import ApusManifest
internal import ApusWire
internal import CApus

// The boot's time line, which is of this boot for as long as it lasts: over crashes, other programs and
// other manifests.
extension LinuxKernel {
  /// The time line so far: what was set up, or what the program before this one has kept.
  @inline(never)
  mutating func makeTimeline(_ start: Instant, _ setup: Rows<SetupEntry>) -> Timeline {
    let count = manifest.services.count
    let capacity = Supervisor.timelineCapacity(of: manifest)
    guard isResumed else {
      for index in setup.indices { keep(setup: index, setup[index]) }
      return Timeline(setup: setup, start: start, services: count, capacity: capacity)
    }
    var kept: Rows<SetupEntry> = Rows()
    var index: UInt32 = 0
    var line = capus_line()
    while index < UInt32(CAPUS_LINES_OF_SETUP), unsafe capus_record_line_kept(index, &line) == 1 {
      index += 1
      if line.at_us == 0 { break }
      kept.append(LinuxKernel.entry(line))
    }
    for index in kept.indices { keep(setup: index, kept[index]) }
    var timeline = Timeline(setup: kept, start: start, services: count, capacity: capacity)
    let previous = previousRecord()
    index = UInt32(CAPUS_LINES_OF_SETUP)
    while unsafe capus_record_line_kept(index, &line) == 1, line.at_us != 0 {
      index += 1
      guard let stage = BootStage(rawValue: line.stage), line.slot < UInt32(Int32.max) else {
        continue
      }
      // What is in the manifest no more has no name.
      let slot = find(Int(line.slot), Int(previous.services))
      if slot < 0 { continue }
      let index = slot < table.mainCount ? slot : slot - table.mainCount
      let isOpen = line.duration_us < 0
      timeline.restore(
        Timeline.Entry(
          at: UInt32(clamping: line.at_us - start.microseconds),
          duration: isOpen ? .max : UInt32(clamping: line.duration_us),
          index: UInt16(truncatingIfNeeded: index), stage: stage))
      keep(line: timeline.entries.count - 1, timeline.entries[timeline.entries.count - 1])
    }
    if previous.boot_end_us != 0 {
      timeline.restore(end: Instant(microseconds: previous.boot_end_us))
      keep(bootEnd: Instant(microseconds: previous.boot_end_us))
    }
    return timeline
  }

  private static func entry(_ line: capus_line) -> SetupEntry {
    var name: Bytes = Rows()
    unsafe withUnsafeBytes(of: line.name) {
      for index in 0..<min(Int(line.count), unsafe $0.count) { name.push(unsafe $0[index]) }
    }
    return SetupEntry(
      stage: BootStage(rawValue: line.stage) ?? .start, name: name,
      at: Instant(microseconds: line.at_us), duration: Interval(microseconds: line.duration_us))
  }

  private func keep(setup index: Int, _ entry: SetupEntry) {
    guard index < Int(CAPUS_LINES_OF_SETUP) else { return }
    var line = capus_line()
    line.at_us = entry.at.microseconds
    line.duration_us = entry.duration.microseconds
    line.slot = UInt32.max
    line.stage = entry.stage.rawValue
    let count = min(entry.name.count, Int(CAPUS_LINE_NAME))
    line.count = UInt8(count)
    unsafe withUnsafeMutableBytes(of: &line.name) {
      for index in 0..<count { unsafe $0[index] = entry.name[index] }
    }
    unsafe capus_record_line(UInt32(index), &line)
  }

  /// Keeps a line of the boot's time line beyond a crash.
  public mutating func keep(line number: Int, _ entry: Timeline.Entry) {
    var line = capus_line()
    line.at_us = startUs + Int64(entry.at)
    line.duration_us = entry.duration == .max ? -1 : Int64(entry.duration)
    line.slot = UInt32(entry.index)
    if entry.stage == .bind { line.slot += UInt32(truncatingIfNeeded: table.mainCount) }
    line.stage = entry.stage.rawValue
    unsafe capus_record_line(
      UInt32(truncatingIfNeeded: number) + UInt32(CAPUS_LINES_OF_SETUP), &line)
  }

  /// Keeps when the board was up.
  public mutating func keep(bootEnd: Instant) { capus_record_boot_end(bootEnd.microseconds) }
}
