internal import ApusBase

/// Writes the lives of the random boards with the seeds from `first` to `last`: a line for each
/// event, effect and changed slot of the record. False when one of them broke a rule, which is told.
@_cdecl("apus_trace")
public func writeLives(
  first: UInt64, last: UInt64,
  write: @convention(c) (UnsafePointer<UInt8>, Int) -> Void
) -> Bool {
  var seed = first
  var isSound = true
  while seed <= last {
    let workload = Workload(seed: seed, traceLimit: .max / 2)
    workload.simulation.replaces = { false }
    do {
      _ = try workload.run()
    } catch {
      isSound = false
      workload.simulation.world.trace.write(at: 0) { $0.text("a rule was broken") }
    }
    unsafe workload.simulation.world.trace.bytes.withUnsafeBufferPointer { bytes in
      if let start = bytes.baseAddress { unsafe write(start, bytes.count) }
    }
    seed += 1
  }
  return isSound
}
