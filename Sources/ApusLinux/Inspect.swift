internal import ApusBase
internal import ApusCore
internal import CApus

extension LinuxKernel {
  /// What waits at a listener, and whether something that waited at an earlier look is gone: whether
  /// the daemon that ran meanwhile has taken something.
  mutating func inspect(_ index: UInt16, _ since: QueueMark?) -> Outcome {
    guard let bound = listeners.listeners.at(Int(index)), bound.fd >= 0 else { return .done }
    var queue = capus_queue()
    var before = capus_queue()
    before.count = since?.count ?? 0
    before.first = since?.first ?? 0
    unsafe capus_queue_look(bound.fd, &before, &queue)
    return .event(
      .inspected(
        listener: index, QueueMark(count: queue.count, first: queue.first),
        isFirstGone: queue.is_gone != 0))
  }
}
