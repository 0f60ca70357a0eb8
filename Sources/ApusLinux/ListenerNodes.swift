internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// The names in the file system that lead to listeners: nodes, each followed by the links to it.
///
/// inotify(7) says which of them may have changed. Where it cannot, those are looked at when their
/// service starts or ends, and once in a while when apus is awake anyway.
struct ListenerNodes {
  /// Room for `count` names, in the order of the listeners; it stays where it is.
  private let memory: Bytes
  private(set) var count = 0
  /// It has been said that directories cannot be watched.
  var isSaid = false
  /// When those that are not watched were last looked at.
  var lookedAt = Instant.zero

  /// How often those that are not watched are looked at, at most.
  static let pause = Interval.seconds(1)

  init(_ manifest: Manifest) {
    var room = 0
    for listener in manifest.listeners where listener.path != nil {
      room += 1 + Int(listener.options.count)
    }
    memory = Bytes(repeating: 0, count: room * MemoryLayout<capus_name>.stride)
    unsafe manifest.pool.withUnsafeBufferPointer { pool in
      guard let base = unsafe pool.baseAddress, let names = unsafe names else { return }
      let text = unsafe UnsafeRawPointer(base).assumingMemoryBound(to: CChar.self)
      for index in manifest.listeners.indices {
        guard let path = manifest.listeners[index].path else { continue }
        unsafe capus_name_begin(names + count, text + Int(path.offset), UInt32(index), 0)
        count += 1
        for place in manifest.listeners[index].options.indices {
          let value = manifest.values[place]
          guard value >> 32 == Int64(CAPUS_KEY_SYMLINKS.rawValue) else { continue }
          let link = Int(UInt32(truncatingIfNeeded: value))
          unsafe capus_name_begin(names + count, text + link, UInt32(index), 1)
          count += 1
        }
      }
    }
  }

  /// The names.
  var names: UnsafeMutablePointer<capus_name>? {
    unsafe memory.withUnsafeBufferPointer { bytes in
      unsafe bytes.baseAddress.map {
        unsafe UnsafeMutableRawPointer(mutating: UnsafeRawPointer($0)).assumingMemoryBound(
          to: capus_name.self)
      }
    }
  }

  /// Where a listener's node stands among the names; nil for one without a node.
  @inline(never)
  func first(of listener: Int) -> Int? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      let isBefore = unsafe Int(names?[middle].listener ?? 0) < listener
      if isBefore { low = middle + 1 } else { high = middle }
    }
    return unsafe low < count && Int(names?[low].listener ?? 0) == listener ? low : nil
  }
}

extension Listener {
  /// The path of its node.
  fileprivate var path: Text? {
    if case .path(let path) = address, kind != .special { return path }
    return nil
  }
}

extension LinuxKernel {
  /// Has everything looked at in the next turn.
  mutating func lookAtEverything() {
    for index in 0..<listenerNodes.count { unsafe listenerNodes.names?[index].is_dirty = 1 }
    nodes.isToBeLookedAt = true
  }

  /// A listener was bound.
  mutating func begin(nodeOf listener: Int, _ node: capus_node) {
    guard let at = listenerNodes.first(of: listener), let name = unsafe listenerNodes.names else {
      return
    }
    unsafe name[at].watch = node.watch
    unsafe name[at].identity = node.identity
    unsafe name[at].is_dirty = 0
    sayUnwatched(node.watch)
    capus_record_hold(
      UInt32(truncatingIfNeeded: table.mainCount + listener), listeners.listeners[listener].fd, 0,
      node.identity)
    refuseLinks(at)
  }

  /// A listener was there before this program.
  mutating func adopt(nodeOf listener: Int, identity: UInt32) {
    guard let at = listenerNodes.first(of: listener) else { return }
    unsafe listenerNodes.names?[at].identity = identity
    capus_record_hold(
      UInt32(truncatingIfNeeded: table.mainCount + listener), listeners.listeners[listener].fd, 0,
      identity)
  }

  /// Links that have been made, or not: those are left alone until somebody changes their directory.
  @inline(never)
  private mutating func refuseLinks(_ first: Int) {
    guard let name = unsafe listenerNodes.names else { return }
    var at = first + 1
    while at < listenerNodes.count, unsafe name[at].is_link != 0 {
      unsafe name[at].is_dirty = 1
      if look(at) != 0 {
        unsafe name[at].is_dirty = 0
        unsafe name[at].is_refused = 1
      }
      at += 1
    }
  }

  /// Makes the links to a listener anew.
  mutating func relink(_ listener: Int) {
    guard let at = listenerNodes.first(of: listener), at + 1 < listenerNodes.count,
      unsafe listenerNodes.names?[at + 1].is_link != 0
    else { return }
    var node = capus_node()
    makeLinks(listener, of: manifest, node: &node)
    tell(UInt16(truncatingIfNeeded: listener), node)
    refuseLinks(at)
  }

  @inline(never)
  private mutating func look(_ at: Int) -> Int32 {
    guard let name = unsafe listenerNodes.names,
      let path = unsafe manifest.listeners.at(Int(name[at].listener))?.path
    else { return 0 }
    let result = unsafe capus_name_look(name + at, nodes.inotify, pointer(path))
    sayUnwatched(unsafe name[at].watch)
    return result
  }

  /// What of a bound listener is lost.
  private mutating func lost(of listener: Int) -> LostNode? {
    guard let bound = listeners.listeners.at(listener), bound.fd >= 0,
      let first = listenerNodes.first(of: listener), let name = unsafe listenerNodes.names
    else { return nil }
    var found: LostNode?
    var at = first
    while at < listenerNodes.count, unsafe Int(name[at].listener) == listener {
      defer { at += 1 }
      guard unsafe name[at].is_dirty != 0 || name[at].watch < 0 else { continue }
      let result = look(at)
      guard result != 0 else { continue }
      if at > first {
        found = found ?? .link
      } else {
        var queue = capus_queue()
        unsafe capus_queue_look(bound.fd, nil, &queue)
        found = queue.count > 0 ? .awaited : result == 2 ? .folder : .node
      }
    }
    return found
  }

  /// Says once that a directory cannot be watched.
  private mutating func sayUnwatched(_ watch: Int32) {
    guard watch < 0, Errno(0 &- watch) != .badDescriptor || nodes.inotify < 0, !listenerNodes.isSaid
    else {
      return
    }
    listenerNodes.isSaid = true
    log.write(
      .warning, "cannot watch the directory of a node, looking at starts and ends of its service",
      Errno(0 &- (nodes.inotify < 0 ? nodes.inotify : watch)))
  }

  /// Looks at the nodes of a service's listeners, from that one on, as far as they may have changed.
  mutating func lookAtNodes(from first: UInt16) -> Outcome {
    guard let declared = manifest.listeners.at(Int(first)),
      let service = manifest.services.at(Int(declared.service))
    else { return .done }
    if readChanges() { nodes.isToBeLookedAt = true }
    for index in Int(first)..<service.listeners.indices.upperBound {
      if let lost = lost(of: index) {
        return .event(.nodeLost(listener: UInt16(truncatingIfNeeded: index), lost))
      }
    }
    return .event(.nodesSeen(service: declared.service))
  }

  /// Reads what inotify(7) has told; the nodes of apus itself are looked at in the next turn.
  @inline(never)
  func readChanges() -> Bool {
    guard nodes.inotify >= 0 else { return false }
    return unsafe capus_nodes_read(nodes.inotify, listenerNodes.names, listenerNodes.count) != 0
  }

  /// Tells which nodes are lost of those that may have changed.
  mutating func reportLost(into events: inout EventBuffer) {
    guard let name = unsafe listenerNodes.names else { return }
    var at = 0
    while at < listenerNodes.count {
      let listener = unsafe Int(name[at].listener)
      if unsafe name[at].is_dirty != 0 || name[at].watch < 0 && name[at].is_far == 0 {
        if events.isFull {
          nodes.isToBeLookedAt = true
          return
        }
        if lost(of: listener) != nil {
          events.append(.nodesChanged(listener: UInt16(truncatingIfNeeded: listener)))
        }
        while at + 1 < listenerNodes.count, unsafe Int(name[at + 1].listener) == listener {
          at += 1
        }
      }
      at += 1
    }
  }
}
