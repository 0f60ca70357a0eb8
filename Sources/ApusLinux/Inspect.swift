internal import ApusBase
internal import ApusCore
internal import CApus

extension LinuxKernel {
  /// What waits at a listener, and whether what waited first at an earlier look is gone: whether the
  /// daemon that ran meanwhile has taken something.
  mutating func inspect(_ index: UInt16, _ since: QueueMark?) -> Outcome {
    guard let bound = listeners.listeners.at(Int(index)), bound.fd >= 0 else { return .done }
    var queue = capus_queue()
    unsafe capus_queue_look(bound.fd, since?.first ?? 0, &queue)
    return .event(
      .inspected(
        listener: index, QueueMark(count: queue.count, first: queue.first),
        isFirstGone: queue.is_gone != 0))
  }
}
