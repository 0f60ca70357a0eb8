public import ApusBase
public import ApusCore
public import ApusManifest
internal import CApus

/// Who owns the node of a listener, looked up before it is bound.
public struct NodeOwner: Equatable, Sendable {
  /// The uid; nil leaves the node to apus's own.
  public var user: UInt32?
  /// The gid; nil leaves the node to apus's own.
  public var group: UInt32?

  /// An owner.
  public init(user: UInt32? = nil, group: UInt32? = nil) {
    self.user = user
    self.group = group
  }

  /// The numbers of what a manifest names; nil for a name that nobody has.
  @inline(never)
  init?(
    _ user: Principal, _ group: Principal, of manifest: Manifest, _ users: UserDatabase
  ) {
    switch user {
    case .none: break
    case .id(let uid): self.user = uid
    case .name(let name):
      guard let known = users.user(named: manifest.bytes(name)) else { return nil }
      self.user = known.uid
    }
    switch group {
    case .none: break
    case .id(let gid): self.group = gid
    case .name(let name):
      guard let known = users.group(named: manifest.bytes(name)) else { return nil }
      self.group = known
    }
  }

  /// The numbers as chown(2) takes them, -1 for "as it is".
  var numbers: (user: Int32, group: Int32) {
    (user.map { Int32(bitPattern: $0) } ?? -1, group.map { Int32(bitPattern: $0) } ?? -1)
  }
}

/// What became of binding a listener.
public enum BindResult: Equatable, Sendable {
  /// It listens; the descriptor is close-on-exec and belongs to the caller.
  case bound(Int32)
  /// A step failed; nothing half made remains.
  case failed(BindStep, Errno)
}

/// Makes a listener: bound, listening, with its options, mode and owner.
///
/// Never waits. A socket is blocking, as daemons expect of a passed one (systemd.socket(5)), except
/// for `accept` services, where apus accepts; a FIFO and a special file are not. A node is made at
/// its own path, not renamed into place, because daemons compare getsockname(2) with their
/// configuration; its mode and group are right from the moment it exists. A stale node of the same
/// kind in the way is removed, anything else is refused: EADDRINUSE for a live one, ELOOP for a
/// symbolic link, EISDIR for a directory, EEXIST for any other node. Links on the way are followed
/// where root owns them and the directory; one of `symlinks` that cannot be made is left out. An
/// option the manifest names must succeed where that kind of socket has it.
public func bindListener(
  _ index: ListenerIndex, of manifest: Manifest, owner: NodeOwner
) -> BindResult {
  var node = unsafe capus_node()
  unsafe node.watch = -1
  return bindListener(index, of: manifest, owner: owner, node: &node)
}

/// The same, and what there is to say of its path and of the links to it.
func bindListener(
  _ index: ListenerIndex, of manifest: Manifest, owner: NodeOwner, node: inout capus_node
) -> BindResult {
  let answer = work(.bind, on: index, of: manifest, owner: owner, node: &node)
  guard answer < 0 else { return .bound(answer) }
  return .failed(BindStep(rawValue: node.step) ?? .resolve, Errno(0 &- answer))
}

/// Makes the links to a listener anew, but for those that are right.
func makeLinks(_ index: ListenerIndex, of manifest: Manifest, node: inout capus_node) {
  _ = work(.link, on: index, of: manifest, owner: NodeOwner(), node: &node)
}

/// Closes a listener and, with `removeOnStop`, removes its node and the links to it unless somebody
/// else is there by now.
public func unbindListener(_ fd: Int32, _ index: ListenerIndex, of manifest: Manifest) {
  var node = unsafe capus_node()
  _ = work(.unbind(fd), on: index, of: manifest, owner: NodeOwner(), node: &node)
}

/// What the shim is to do with a listener.
private enum ListenerWork {
  case bind
  case link
  case unbind(Int32)
}

/// Hands a listener to the shim; -EINVAL for one that is not in the manifest.
@inline(never)
private func work(
  _ work: ListenerWork, on index: ListenerIndex, of manifest: Manifest, owner: NodeOwner,
  node: inout capus_node
) -> Int32 {
  guard let listener = manifest.listeners.at(index) else { return 0 - Errno.invalid.code }
  var result = unsafe capus_listener()
  unsafe result.index = UInt16(truncatingIfNeeded: index)
  unsafe result.inotify = node.watch
  unsafe result.present = listener.present
  unsafe result.flags = listener.flags.rawValue
  let (user, group) = owner.numbers
  unsafe result.user = user
  unsafe result.group = group
  unsafe result.backlog = listener.backlog
  unsafe result.mode = listener.mode
  unsafe result.directory_mode = listener.directoryMode
  unsafe result.kind = listener.kind.rawValue
  let accepts = manifest.services.at(Int(listener.service))?.accepts ?? false
  unsafe result.nonblocking = accepts ? 1 : 0
  var form = CAPUS_PATH
  var text = Text.none
  switch listener.address {
  case .path(let path): text = path
  case .abstract(let name): (form, text) = (CAPUS_ABSTRACT, name)
  case .port(let port):
    form = CAPUS_EVERY
    unsafe result.port = UInt32(port)
  case .ipv4(let address, let port):
    form = CAPUS_INET4
    unsafe result.low = UInt64(address)
    unsafe result.port = UInt32(port)
  case .ipv6(let high, let low, let port, let scope):
    (form, text) = (CAPUS_INET6, scope)
    unsafe result.high = high
    unsafe result.low = low
    unsafe result.port = UInt32(port)
  case .vsock(let cid, let port):
    form = CAPUS_VSOCK
    unsafe result.low = UInt64(cid)
    unsafe result.port = port
  case .netlink(let family, let groups):
    form = CAPUS_NETLINK
    unsafe result.low = UInt64(groups)
    unsafe result.port = UInt32(family)
  }
  unsafe result.form = UInt8(truncatingIfNeeded: form.rawValue)
  return unsafe manifest.pool.withUnsafeBufferPointer { pool in
    unsafe manifest.values.withUnsafeBufferPointer { values in
      let options = listener.options
      guard let base = pool.baseAddress, Int(text.offset) + Int(text.count) < pool.count,
        options.indices.upperBound <= values.count
      else { return 0 - Errno.invalid.code }
      let bytes = unsafe UnsafeRawPointer(base).assumingMemoryBound(to: CChar.self)
      unsafe result.pool = bytes
      unsafe result.text = bytes + Int(text.offset)
      unsafe result.values = values.baseAddress.map { unsafe $0 + Int(options.start) }
      unsafe result.value_count = Int(options.count)
      switch work {
      case .bind: return unsafe capus_bind_listener(&result, &node)
      case .link: unsafe capus_make_links(&result, &node)
      case .unbind(let fd): unsafe capus_unbind_listener(&result, fd)
      }
      return 0
    }
  }
}

/// A string of the manifest, nil when it lies outside the pool.
@_lifetime(copy pool)
func bytes(of text: Text, in pool: Span<UInt8>) -> Span<UInt8>? {
  let start = Int(text.offset)
  let end = start + Int(text.count)
  guard end <= pool.count else { return nil }
  return pool.extracting(start..<end)
}
