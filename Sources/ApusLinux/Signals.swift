internal import ApusBase
internal import ApusCore
internal import CApus

/// Signals to apus itself, all through one signalfd(2): blocked from the start but for those of a
/// fault, so that none is lost and none runs a handler.
extension LinuxKernel {
  /// The signal of an ended child.
  private static var childSignal: UInt32 { 17 }
  /// A write to a peer that is gone; the write itself fails, too.
  private static var pipeSignal: UInt32 { 13 }

  /// Reads what came, within bounds; what is left is ready again in the next turn.
  mutating func readSignals(into events: inout EventBuffer) {
    for _ in 0..<Limits.eventsPerTurn where signals.count < 16 && !events.isFull {
      var number: UInt32 = 0
      var sender: Int32 = 0
      guard unsafe capus_read_signal(signalFd, &number, &sender) == 1 else { return }
      #if APUS_CRASHES
        DeliberateCrash(rawValue: number)?.happen()
      #endif
      if number == LinuxKernel.childSignal {
        looksForEnds = true
        looksForStops = true
        // A zombie that waits for its release may hide this one from the look.
        if sender > 0, table.instance(pid: sender) == nil { reap(sender, into: &events) }
      } else if number != LinuxKernel.pipeSignal {
        if number == 1 { nodes.isToBeLookedAt = true }
        signals.push(UInt8(truncatingIfNeeded: number))
      }
    }
  }

  /// Tells what came besides ended children.
  mutating func reportSignals(into events: inout EventBuffer) {
    var told = 0
    while told < signals.count, !events.isFull {
      events.append(.signal(signals[told]))
      told += 1
    }
    for index in told..<signals.count { signals[index - told] = signals[index] }
    signals.shorten(to: signals.count - told)
  }

  /// True when the one thing of that kind is ready in this turn.
  func isReady(_ kind: Watch.Kind) -> Bool {
    for index in 0..<watches.readyCount
    where Watch(data: watches.ready[index].data)?.kind == kind {
      return true
    }
    return false
  }
}
