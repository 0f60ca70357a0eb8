internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// A listener as the kernel layer holds it.
struct BoundListener {
  /// -1 while it is not bound.
  var fd: Int32 = -1
  /// Counts watches, so that readiness from before an unwatch is recognised.
  var generation: UInt32 = 0
  var isWatched = false
  /// Processor time of the daemon at the last look, where that tells of traffic.
  var processorTime: Int64 = 0
  /// Who owns the node.
  var owner = NodeOwner()
  /// True when a name of the owner does not exist: then it is not bound.
  var isUnknownOwner = false
}

/// Every listener of the manifest, in a table made once.
struct ListenerTable {
  var listeners: [BoundListener]

  /// Resolves the owners' names.
  init(_ manifest: Manifest, users: UserDatabase) {
    listeners = Array(repeating: BoundListener(), count: manifest.listeners.count)
    for index in listeners.indices {
      let declared = manifest.listeners[index]
      switch declared.user {
      case .none: break
      case .id(let uid): listeners[index].owner.user = uid
      case .name(let name):
        listeners[index].owner.user = users.user(named: manifest.bytes(name))?.uid
        if listeners[index].owner.user == nil { listeners[index].isUnknownOwner = true }
      }
      switch declared.group {
      case .none: break
      case .id(let gid): listeners[index].owner.group = gid
      case .name(let name):
        listeners[index].owner.group = users.group(named: manifest.bytes(name))
        if listeners[index].owner.group == nil { listeners[index].isUnknownOwner = true }
      }
    }
  }
}

extension LinuxKernel {
  mutating func bind(_ index: UInt16) -> Outcome {
    guard let bound = listeners.listeners.at(Int(index)) else { return .done }
    if bound.fd >= 0 { return .event(.bound(listener: index)) }
    if bound.isUnknownOwner {
      return .event(.bindFailed(listener: index, step: .owner, errno: .noEntry))
    }
    switch bindListener(Int(index), of: manifest, owner: bound.owner) {
    case .bound(let fd):
      hold(listener: Int(index), fd)
      return .event(.bound(listener: index))
    case .failed(let step, let errno):
      return .event(.bindFailed(listener: index, step: step, errno: errno))
    }
  }

  mutating func watch(_ index: UInt16) -> Outcome {
    guard var bound = listeners.listeners.at(Int(index)), !bound.isWatched else { return .done }
    if bound.fd < 0 { return .event(.watchFailed(listener: index, errno: .badDescriptor)) }
    bound.generation &+= 1
    let watch = Watch(.listener, index: index, generation: bound.generation)
    if let errno = watches.add(bound.fd, watch, events: CAPUS_READABLE) {
      return .event(.watchFailed(listener: index, errno: errno))
    }
    bound.isWatched = true
    listeners.listeners[Int(index)] = bound
    return .done
  }

  mutating func unwatch(_ index: UInt16) {
    guard let bound = listeners.listeners.at(Int(index)), bound.isWatched else { return }
    watches.remove(bound.fd)
    listeners.listeners[Int(index)].isWatched = false
    listeners.listeners[Int(index)].generation &+= 1
  }

  mutating func unbind(_ index: UInt16) {
    unwatch(index)
    guard let bound = listeners.listeners.at(Int(index)), bound.fd >= 0 else { return }
    hold(listener: Int(index), -1)
    unbindListener(bound.fd, Int(index), of: manifest)
  }

  /// Accepts without waiting and keeps the connection for the instance.
  mutating func accept(_ index: UInt16, _ id: InstanceID) -> Outcome {
    guard let bound = listeners.listeners.at(Int(index)), bound.fd >= 0,
      var process = table.processes.at(Int(id.slot)), !process.isUsed
    else { return .event(.acceptFailed(id, listener: index, errno: .badDescriptor)) }
    var peer = capus_peer()
    let fd = unsafe capus_accept(bound.fd, &peer)
    if fd < 0 { return .event(.acceptFailed(id, listener: index, errno: Errno(-fd))) }
    process = Process()
    process.generation = id.generation
    process.connection = fd
    process.isUsed = true
    table.set(id.slot, process)
    table.setPeer(id.slot, peer)
    return .event(.accepted(id, listener: index, source: ConnectionSource(peer)))
  }

  /// Closes the connection of an instance that does not start.
  mutating func discard(_ id: InstanceID) {
    guard var process = table.process(id), process.pid == 0 else { return }
    if process.connection >= 0 { _ = capus_close(process.connection) }
    process.connection = -1
    process.isUsed = false
    table.set(id.slot, process)
  }

  /// Readiness of listeners, the last of a turn.
  mutating func reportListeners(into events: inout EventBuffer) {
    for index in 0..<watches.readyCount {
      let ready = watches.ready[index]
      guard let watch = Watch(data: ready.data), watch.kind == .listener,
        let bound = listeners.listeners.at(Int(watch.index)), bound.isWatched,
        bound.generation == watch.generation
      else { continue }
      let isReadable = Int(ready.events) & CAPUS_READABLE != 0
      events.append(
        isReadable ? .readable(listener: watch.index) : .brokenListener(listener: watch.index))
    }
  }

  /// Connections waiting in a TCP listener's queue.
  public mutating func queueLength(listener: UInt16) -> UInt32? {
    guard let bound = listeners.listeners.at(Int(listener)), bound.fd >= 0 else { return nil }
    let length = capus_queue_length(bound.fd)
    return length < 0 ? nil : UInt32(clamping: length)
  }
}

extension ConnectionSource {
  /// What per-source limits count of a peer: see the type.
  init(_ peer: capus_peer) {
    var key: UInt64 = 0
    if peer.family == 1 {
      key = UInt64(peer.uid)
    } else {
      unsafe withUnsafeBytes(of: peer.address) { bytes in
        for index in 0..<(peer.family == 2 ? 4 : 8) {
          key = unsafe key << 8 | UInt64(bytes[index])
        }
      }
    }
    self.init(family: peer.family, key: key)
  }
}
