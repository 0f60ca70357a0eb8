public import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire
internal import CApus

/// The notify channels: one datagram socket for each service that reports, made for its first start
/// and kept, so that who speaks is known by where it is heard.
struct NotifyChannels {
  /// By service; -1 where there is none. Empty when no service of the manifest reports.
  var fds: Rows<Int32>
  /// The folder of the channels' nodes, with a slash at the end; empty for none.
  let folder: Bytes
  /// The folder itself; -1 until the first channel is made.
  var folderFd: Int32 = -1
  var folderNode: UInt64 = 0
  /// What tells the channels' nodes from others that stand there later, by service.
  var nodes: Rows<UInt64>
  /// One byte more than a datagram may have.
  var buffer: Bytes
  /// What services have last said of themselves: by service a count and that many bytes.
  var statuses: Bytes
  /// Datagrams that were malformed or came from strangers.
  var refused: UInt64 = 0
  /// Of them those that have not been told to the supervisor yet.
  var strangers: UInt16 = 0
  var malformed: UInt16 = 0

  init(_ manifest: Manifest, controlPath: Bytes) {
    var isUsed = false
    for service in manifest.services where NotifyChannels.reports(service, of: manifest) {
      isUsed = true
    }
    let hasFolder = isUsed && !controlPath.isEmpty
    var folder = ByteWriter(capacity: 128)
    if hasFolder {
      folder.bytes(controlPath)
      folder.text(".notify/")
    }
    self.folder = folder.bytes
    fds = Rows<Int32>(repeating: -1, count: hasFolder ? manifest.services.count : 0)
    nodes = Rows<UInt64>(repeating: 0, count: hasFolder ? manifest.services.count : 0)
    statuses = Bytes(
      repeating: 0, count: hasFolder ? manifest.services.count * (1 + Frame.statusLimit) : 0)
    buffer = Bytes(repeating: 0, count: hasFolder ? 4096 : 0)
  }

  /// The first `count` bytes of the buffer as a notice.
  func notice(_ count: Int) -> Notice? {
    Notice(decoding: buffer.span.extracting(0..<min(count, buffer.count)))
  }

  /// True for a service that is given NOTIFY_SOCKET.
  static func reports(_ service: Service, of manifest: Manifest) -> Bool {
    service.type == .notify || service.type == .forking
      || manifest.extras(of: service).watchdog != .never
      || manifest.extras(of: service).fdStore > 0
  }
}

extension LinuxKernel {
  /// Makes the channel of a service that reports and has none yet.
  mutating func openChannel(_ index: UInt16) throws(SpawnRefusal) {
    guard channels.fds.at(Int(index)) == -1, let service = manifest.services.at(Int(index)),
      NotifyChannels.reports(service, of: manifest)
    else { return }
    try openFolder()
    let fd = unsafe capus_notify_bind(channels.folderFd, pointer(service.name))
    if fd < 0 { throw SpawnRefusal(step: .streams, errno: Errno(255 << 8 | -fd)) }
    if let errno = take(channel: index, fd) {
      _ = capus_close(fd)
      throw SpawnRefusal(step: .streams, errno: Errno(255 << 8 | errno.code))
    }
  }

  /// Hears a channel from now on.
  @inline(never)
  private mutating func take(channel index: UInt16, _ fd: Int32) -> Errno? {
    if let errno = watches.add(fd, Watch(.notify, index: index), events: CAPUS_READABLE) {
      return errno
    }
    hold(channel: index, fd)
    channels.nodes[Int(index)] = channelIdentity(Int(index))
    return nil
  }

  /// What stands in the place of a channel's node.
  func channelIdentity(_ index: Int) -> UInt64 {
    unsafe capus_node_identity(channels.folderFd, pointer(manifest.services[index].name))
  }

  /// Takes over a channel of the program before this one, with what waits in it, if the service still
  /// reports.
  mutating func adopt(channel old: Int, _ index: Int) {
    let fd = capus_record_channel_of(UInt32(truncatingIfNeeded: old))
    if fd < 0 { return }
    let slot = UInt16(truncatingIfNeeded: max(0, index))
    guard channels.fds.at(index) == -1, let service = manifest.services.at(index),
      NotifyChannels.reports(service, of: manifest), (try? openFolder()) != nil,
      take(channel: slot, fd) == nil
    else { return capus_put_away(fd) }
    // Its node may have gone meanwhile.
    if channels.nodes[index] == 0 { nodes.isToBeLookedAt = true }
  }

  /// Gives up the channel of a service that another manifest does not have in the same way.
  mutating func dropChannel(_ index: Int) {
    guard let fd = channels.fds.at(index), fd >= 0 else { return }
    watches.remove(fd)
    capus_put_away(fd)
    hold(channel: UInt16(truncatingIfNeeded: index), -1)
  }

  /// Hears what waits in a channel, and closes it.
  mutating func closeChannel(_ index: UInt16, into events: inout EventBuffer) {
    guard let fd = channels.fds.at(Int(index)), fd >= 0 else { return }
    hear(index, into: &events)
    watches.remove(fd)
    capus_put_away(fd)
    hold(channel: index, -1)
  }

  /// Notes the descriptor of a channel, -1 for none, here and in the record.
  mutating func hold(channel index: UInt16, _ fd: Int32) {
    channels.fds[Int(index)] = fd
    capus_record_channel(UInt32(index), fd)
  }

  /// Makes the folder of the channels, which must be apus's own: others could put theirs into it.
  private mutating func openFolder() throws(SpawnRefusal) {
    if channels.folderFd >= 0 { return }
    let fd = unsafe capus_notify_folder(nodes.folder)
    if fd < 0 {
      if fd == -1 {
        log.say(
          "the notify folder is not used: another user owns it or others may write to it", nil,
          .error)
      }
      throw SpawnRefusal(step: .streams, errno: Errno(255 << 8 | -fd))
    }
    channels.folderFd = fd
    channels.folderNode = folderIdentity()
    unsafe watchNodes(below: nodes.folder, isFolder: true)
  }

  /// Removes the control socket's node and those of the channels.
  mutating func removeNodes() {
    for index in channels.fds.indices { removeChannel(index) }
    if channels.folderFd >= 0 {
      unsafe capus_remove_own(-1, nodes.folder, 1)
    }
    if control.listener >= 0, controlIdentity() == control.node {
      unsafe capus_remove_own(-1, nodes.control, 0)
    }
  }

  /// Removes the node of a service's channel.
  @inline(never)
  func removeChannel(_ index: Int) {
    guard let fd = channels.fds.at(index), fd >= 0, channels.folderFd >= 0 else { return }
    unsafe capus_remove_own(channels.folderFd, pointer(manifest.services[index].name), 0)
  }

  /// NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID (sd_notify(3), sd_watchdog_enabled(3)).
  func addChannel(
    of service: Service, _ result: inout capus_plan, _ list: inout EnvironmentWriter,
    _ writer: inout PlanWriter
  ) {
    guard !channels.folder.isEmpty, NotifyChannels.reports(service, of: manifest) else { return }
    var start = unsafe writer.position
    writer.text("NOTIFY_SOCKET=")
    unsafe result.channel = UnsafePointer(writer.position)
    for byte in channels.folder { writer.byte(byte) }
    if let name = unsafe pointer(service.name) { unsafe writer.string(name) }
    writer.byte(0)
    unsafe list.set(start)
    let watchdog = manifest.extras(of: service).watchdog
    if watchdog == .never { return }
    unsafe start = writer.position
    writer.text("WATCHDOG_USEC=")
    writer.decimal(UInt64(clamping: watchdog.microseconds))
    writer.byte(0)
    unsafe list.set(start)
    unsafe start = writer.position
    writer.text("WATCHDOG_PID=")
    unsafe result.watchdog_digits = writer.position
    for _ in 0..<11 { writer.byte(0) }
    unsafe list.set(start)
  }

  /// What services have said, at most so many datagrams of each in a turn.
  mutating func reportNotices(into events: inout EventBuffer) {
    for index in 0..<watches.readyCount {
      guard let watch = Watch(data: watches.ready[index].data),
        watch.kind == .notify || watch.kind == .ready || watch.kind == .stored
      else { continue }
      if watch.kind == .stored {
        // Slots go on where the index ends.
        let slot = watches.ready[index].data >> 8
        capus_store_hangup(UInt32(truncatingIfNeeded: slot), watches.epoll)
        continue
      }
      hear(watch.index, isReady: watch.kind == .ready, into: &events)
    }
  }

  /// A few datagrams of a channel, or what stands in the pipe of `ready.fd`.
  private mutating func hear(
    _ index: UInt16, isReady: Bool = false, into events: inout EventBuffer
  ) {
    for _ in 0..<8 {
      guard !events.isFull,
        let notice = isReady ? readyNotice(of: index) : nextNotice(of: index)
      else { break }
      guard let process = table.processes.at(Int(index)), process.isUsed else { continue }
      events.append(.notified(InstanceID(slot: index, generation: process.generation), notice))
    }
    tellRefused(of: index, into: &events)
  }

  /// Tells how many messages to a channel were refused in this turn.
  private mutating func tellRefused(of index: UInt16, into events: inout EventBuffer) {
    let (strangers, malformed) = (channels.strangers, channels.malformed)
    channels.strangers = 0
    channels.malformed = 0
    guard strangers > 0 || malformed > 0, let process = table.processes.at(Int(index)),
      process.isUsed
    else { return }
    events.append(
      .noticesRefused(
        InstanceID(slot: index, generation: process.generation), strangers: strangers,
        malformed: malformed))
  }

  /// The next datagram of a channel that can be believed, out of a few.
  @inline(never)
  private mutating func nextNotice(of index: UInt16) -> Notice? {
    guard let fd = channels.fds.at(Int(index)), fd >= 0,
      let service = manifest.services.at(Int(index))
    else { return nil }
    var tree = unsafe tree(of: index)
    let rights = accounts.account(of: service)?.rights
    let uid = rights?.changesIdentity == true ? rights?.uid ?? own.uid : own.uid
    for _ in 0..<8 {
      let count = unsafe channels.buffer.withUnsafeMutableBufferPointer { buffer in
        unsafe capus_notify_receive(fd, buffer.baseAddress, buffer.count, &tree, uid)
      }
      if count == -11 { return nil }
      let length = Int(clamping: max(0, count))
      let notice = count > 0 ? channels.notice(length) : nil
      if let notice { keep(notice, length, of: index) }
      capus_notify_drop()
      if let notice { return notice }
      channels.refused &+= 1
      if count == -13 { channels.strangers &+= 1 } else { channels.malformed &+= 1 }
    }
    return nil
  }

  /// Parks the descriptors of a datagram and notes the status in it.
  @inline(never)
  private mutating func keep(_ notice: Notice, _ count: Int, of index: UInt16) {
    let limit = manifest.services.at(Int(index)).map { manifest.extras(of: $0).fdStore } ?? 0
    let (epoll, isStore) = (watches.epoll, notice.flags.contains(.store))
    let isRemoved = notice.flags.contains(.storeRemove)
    let place = Int(index) * (1 + Frame.statusLimit)
    var refused: Int32 = 0
    unsafe channels.buffer.withUnsafeBufferPointer { buffer in
      if isRemoved {
        unsafe capus_store_remove(UInt32(index), buffer.baseAddress, count, epoll)
      } else if isStore {
        refused = unsafe capus_store_add(
          UInt32(index), UInt32(limit), buffer.baseAddress, count, epoll, Watch(.stored).data)
      }
      unsafe channels.statuses.withUnsafeMutableBufferPointer { statuses in
        if let base = unsafe statuses.baseAddress, place < statuses.count {
          unsafe capus_notify_status(
            buffer.baseAddress, count, base + place, Frame.statusLimit)
        }
      }
    }
    channels.refused &+= UInt64(max(0, refused))
  }

  /// Writes what a service has last said of itself.
  public func writeStatus(of service: Int, into writer: inout ByteWriter) {
    let place = service * (1 + Frame.statusLimit)
    guard let length = channels.statuses.at(place) else { return }
    for at in 0..<Int(length) { writer.byte(channels.statuses.at(place + 1 + at) ?? 0) }
  }

  /// Forgets what a service has said of itself.
  mutating func clearStatus(of service: UInt16) {
    let place = Int(service) * (1 + Frame.statusLimit)
    if place < channels.statuses.count { channels.statuses[place] = 0 }
  }

  /// Forgets what the process that has ended left unread, so that the next one is not taken for it.
  mutating func drainChannel(_ slot: UInt16) {
    guard channels.fds.at(Int(slot)) ?? -1 >= 0 else { return }
    for _ in 0..<64 where nextNotice(of: slot) == nil { return }
  }
}
