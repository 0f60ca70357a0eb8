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
  mutating func controlIdentity() -> UInt64 {
    withPath(options.controlPath) { path in unsafe capus_node_identity(-1, path) }
  }

  /// What stands at the path of the channels' folder.
  mutating func folderIdentity() -> UInt64 {
    withPath(channels.folder, dropping: 1) { path in unsafe capus_node_identity(-1, path) }
  }

  /// Has inotify(7) tell when something is taken out of the folder that a path leads into, and the
  /// kernel when a mount may hide it.
  mutating func watchNodes(below path: Bytes) {
    let isNew = nodes.inotify < 0
    var inotify = nodes.inotify
    _ = withPath(path) { path in unsafe capus_nodes_watch(&inotify, path) }
    nodes.inotify = inotify
    guard isNew, inotify >= 0 else { return }
    _ = watches.add(inotify, Watch(.nodes), events: CAPUS_READABLE)
    let mounts: StaticString = "/proc/self/mountinfo"
    let fd = unsafe capus_open(mounts.cPath, 0)
    if fd >= 0 { _ = watches.add(fd, Watch(.nodes), events: CAPUS_URGENT) }
  }

  /// Looks at the nodes where something has told that they may be gone.
  mutating func reportNodes(into events: inout EventBuffer) {
    let isDue = nodes.retryAt.map { $0 <= now } ?? false
    guard nodes.isToBeLookedAt || isDue || isReady(.nodes) else { return }
    nodes.isToBeLookedAt = false
    nodes.retryAt = nil
    if nodes.inotify >= 0 { capus_nodes_read(nodes.inotify) }
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

  /// True when a node was bound anew a moment ago; then it is looked at again after a pause.
  private mutating func isTooSoon() -> Bool {
    let due = nodes.boundAt + Self.rebindPause
    if nodes.boundAt != .zero, due > now {
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
        let node = unsafe capus_node_identity(
          channels.folderFd, pointer(manifest.services[index].name))
        if node == channels.nodes[index] { continue }
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
  /// Tells of what is taken out of their folders; -1 until there is one.
  var inotify: Int32 = -1
  /// When one was last bound anew.
  var boundAt = Instant.zero
  /// When to look again.
  var retryAt: Instant?
  /// True when to look in this turn.
  var isToBeLookedAt = false
}
