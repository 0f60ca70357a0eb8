internal import ApusBase
internal import ApusManifest
internal import ApusWire

// Nodes of listeners that somebody has removed or replaced: a listener nobody finds any more is bound
// anew. What a running daemon holds stays as it is until the daemon ends, as it could not be told.
extension Supervisor {
  /// Asks whether the nodes of a service's listeners are there, from that one on.
  mutating func lookAtNodes(from listener: Int) {
    out.append(.lookAtNodes(from: UInt16(truncatingIfNeeded: listener)))
  }

  /// The same after an end, with all that is known forgotten: something may have come back.
  mutating func lookAgain(_ service: Int) {
    let range = manifest.services[service].listeners.indices
    for index in range where listeners[index].lost != nil && !listeners[index].isPaused {
      listeners[index].lost = nil
      listeners[index].reason = .none
    }
    lookAtNodes(from: range.lowerBound)
  }

  /// All nodes of a service were looked at: a start that waits for that goes on.
  mutating func nodesSeen(_ service: Int) {
    if units.at(service)?.state == .starting { starts.push(service) }
  }

  /// A node is gone, or another one stands in its place.
  ///
  /// It is bound anew at once, for the first time or when its service has run since the last one; else
  /// ever more slowly, so that whoever removes it each time keeps nobody busy.
  mutating func nodeLost(_ index: Int, _ what: LostNode) {
    guard let listener = listeners.at(index), let declared = manifest.listeners.at(index)
    else { return }
    let service = Int(declared.service)
    // A look tells only of the first.
    if index + 1 < manifest.services[service].listeners.indices.upperBound {
      lookAtNodes(from: index + 1)
    } else {
      nodesSeen(service)
    }
    guard listener.isBound, phase.rawValue <= Phase.running.rawValue else { return }
    let isLink = what == .link
    listeners[index].isLookDue = false
    if units[service].isAlive, !manifest.services[service].accepts, !isLink {
      return note(index, lost: what, .lost(.nodeWaitsForEnd))
    }
    let isStarting = units[service].state == .starting
    // It is bound for the start that comes before the end of its pause, which would find it running.
    let isOverdue = isStarting && listener.lost != nil && !isLink
    // The end of its pause looks again.
    if listener.isPaused, !isOverdue { return note(index, lost: what, .lost(.nodeWaits)) }
    var wait = phase == .binding ? Self.firstBindDelay : .zero
    let last = listener.reboundAt
    let hasRun = (isStarting || units[service].endedAt >= last) && !isLink
    if last == .zero || hasRun || now - last >= Self.longestBindDelay {
      listeners[index].delay = .zero
    } else if !listener.isLookDue {
      wait = grownDelay(of: index)
    }
    // Whoever has removed the directory may be about to make it, and whoever has removed the node may
    // be about to remove the directory, which has to be empty then.
    let mayGoOn = what == .folder || what == .node && !isStarting
    if mayGoOn, !listener.isLookDue, !isOverdue {
      wait = max(wait, what == .node ? Self.settleDelay : Self.firstBindDelay)
    }
    // Clients that are in its queue are served first.
    if what == .awaited, units[service].goal != .down { wait = grownDelay(of: index) }
    guard wait > .zero else { return renew(index, isLink: isLink) }
    if listener.lost == nil || deadlines.moment(of: deadlineKey(listener: index)) == nil {
      note(index, lost: what, .lost(isLink ? .linkWaits : .nodeWaits), in: wait)
    }
  }

  /// Binds a listener anew, or makes its links anew.
  private mutating func renew(_ index: Int, isLink: Bool) {
    let listener = UInt16(truncatingIfNeeded: index)
    deadlines.clear(deadlineKey(listener: index))
    listeners[index].lost = nil
    listeners[index].reboundAt = now
    listeners[index].reason = .lost(isLink ? .linked : .bound)
    if isLink {
      tellLost(index)
    } else {
      unwatch(index)
      listeners[index].isBound = false
      out.append(.unbind(listener: listener))
    }
    out.append(.bind(listener: listener))
  }

  /// Says that a node is gone, and looks again after a while, or when its service has ended.
  private mutating func note(
    _ index: Int, lost what: LostNode, _ reason: Reason, in wait: Interval = .zero
  ) {
    let isNew = listeners[index].lost == nil
    listeners[index].lost = what
    if wait > .zero {
      retry(index, reason, in: wait)
    } else if !listeners[index].isPaused {
      listeners[index].reason = reason
    }
    // What is settled at once is told then.
    if isNew, wait != Self.settleDelay { tellLost(index, in: wait) }
  }

  /// Says on the log what has become of a node.
  mutating func tellLost(_ index: Int, in wait: Interval = .zero) {
    out.append(
      .log(
        Message(
          .listenerPath, service: manifest.listeners[index].service,
          listener: UInt16(truncatingIfNeeded: index), reason: listeners[index].reason,
          nextUs: wait == .zero ? -1 : wait.microseconds)))
  }
}
