internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

// The nodes that commands and services reach apus by: the control socket's and those of the notify
// channels. One that is removed, or that a mount hides, is made anew.
extension LinuxKernel {
  /// The least time between two bindings of the same node, so that whoever removes it each time
  /// cannot keep apus busy.
  private static let rebindPause = Interval.seconds(1)

  /// What stands at the control socket's path.
  func controlIdentity() -> UInt64 {
    unsafe capus_node_identity(-1, nodes.control)
  }

  /// What stands at the path of the channels' folder.
  func folderIdentity() -> UInt64 {
    unsafe capus_node_identity(-1, nodes.folder)
  }

  /// Has inotify(7) tell when something is taken out of the folder that a path leads into, or of the
  /// folder itself, and the kernel when a mount may hide it.
  @inline(never)
  mutating func watchNodes(below path: UnsafePointer<CChar>?, isFolder: Bool = false) {
    let isNew = nodes.inotify < 0
    _ = unsafe capus_nodes_watch(&nodes.inotify, path, isFolder ? 1 : 0)
    guard isNew, nodes.inotify >= 0 else { return }
    _ = watches.add(nodes.inotify, Watch(.nodes), events: CAPUS_READABLE)
    let mounts: Literal = "/proc/self/mountinfo"
    let fd = unsafe capus_open(mounts.cString, 0)
    if fd >= 0 { _ = watches.add(fd, Watch(.mounts), events: CAPUS_URGENT) }
  }

  /// Looks at the nodes where something has told that they may be gone.
  mutating func reportNodes(into events: inout EventBuffer) {
    let isDue = nodes.retryAt.map { $0 <= now } ?? false
    if isReady(.mounts) {
      capus_forget_mounts()
      lookAtEverything()
    }
    guard nodes.isToBeLookedAt || isDue || isReady(.nodes) else {
      if listenerNodes.isSaid, listenerNodes.lookedAt + ListenerNodes.pause <= now {
        listenerNodes.lookedAt = now
        reportLost(into: &events)
      }
      return
    }
    nodes.isToBeLookedAt = false
    nodes.retryAt = nil
    _ = readChanges()
    reportLost(into: &events)
    if options.controlPath.isEmpty { return }
    checkControl()
    checkChannels(into: &events)
  }

  private mutating func checkControl() {
    let node = controlIdentity()
    guard control.listener >= 0, node == 0 || node != control.node else { return }
    if isTooSoon() { return }
    log.say("the control socket's node is gone, binding it anew")
    closeControl()
    bindControl()
  }

  /// True when nodes were bound anew a moment ago, though not in this turn; then they are looked at
  /// again after a pause.
  private mutating func isTooSoon() -> Bool {
    let due = nodes.boundAt + Self.rebindPause
    if nodes.boundAt != .zero, nodes.boundAt != now, due > now {
      nodes.retryAt = due
      return true
    }
    nodes.boundAt = now
    return false
  }

  private mutating func checkChannels(into events: inout EventBuffer) {
    if channels.folderFd >= 0, folderIdentity() != channels.folderNode {
      if isTooSoon() { return }
      log.say("the notify folder is gone, making it anew")
      _ = capus_close(channels.folderFd)
      channels.folderFd = -1
      for index in channels.nodes.indices { channels.nodes[index] = 0 }
    }
    for index in channels.fds.indices {
      let isOpen = channels.fds[index] >= 0
      guard isOpen || table.processes.at(index)?.isUsed == true else { continue }
      if isOpen, channels.folderFd >= 0, channels.nodes[index] != 0 {
        if channelIdentity(index) == channels.nodes[index] { continue }
        if isTooSoon() { return }
        log.say("the node of a notify channel is gone, binding it anew")
      }
      if isOpen { closeChannel(UInt16(truncatingIfNeeded: index), into: &events) }
      do throws(SpawnRefusal) { try openChannel(UInt16(truncatingIfNeeded: index)) } catch {
        log.write(.error, "cannot bind a notify channel", error.errno)
        nodes.retryAt = now + .seconds(30)
      }
    }
  }
}

/// What is known of the nodes as a whole.
struct OwnNodes {
  private let paths: Bytes
  private let folderAt: Int
  /// The paths of the control socket and of the channels' folder. They are made once and stay where
  /// they are.
  var control: UnsafePointer<CChar>? { unsafe start(0) }
  var folder: UnsafePointer<CChar>? { unsafe start(folderAt) }
  /// Tells of what is taken out of their folders; -1 until there is one.
  var inotify: Int32 = -1
  /// When one was last bound anew.
  var boundAt = Instant.zero
  /// When to look again.
  var retryAt: Instant?
  /// True when to look in this turn.
  var isToBeLookedAt = false

  /// Nothing is watched yet.
  init(controlPath: Bytes) {
    var paths = controlPath
    paths.push(0)
    folderAt = paths.count
    paths.append(contentsOf: controlPath)
    paths.append(".notify")
    paths.push(0)
    self.paths = paths
  }

  @inline(never)
  private func start(_ at: Int) -> UnsafePointer<CChar>? {
    unsafe paths.withUnsafeBufferPointer { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { text in
        unsafe text.baseAddress.map { unsafe $0 + at }
      }
    }
  }
}
