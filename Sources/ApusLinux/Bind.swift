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

/// Makes the socket of a listener: bound, listening, with its options, mode and owner.
///
/// Never waits. The socket is blocking, as daemons expect of a passed one (systemd.socket(5)),
/// except for `accept` services, where apus accepts. A node is bound at its own path, not renamed
/// into place, because daemons compare getsockname(2) with their configuration; its mode and group
/// are right from the moment it exists. A stale socket in the way is removed, anything else is
/// refused: EADDRINUSE for a live socket, ELOOP for a symbolic link, EISDIR for a directory, EEXIST
/// for any other node. Kinds that are not in force fail with EOPNOTSUPP (95).
public func bindListener(
  _ index: ListenerIndex, of manifest: Manifest, owner: NodeOwner
) -> BindResult {
  guard let listener = manifest.listeners.at(index) else { return .failed(.resolve, .invalid) }
  let options =
    manifest.socketOptions.at(Int(listener.options)) ?? SocketOptions()
  do throws(BindFailure) {
    switch listener.kind {
    case .stream:
      let accepts = manifest.services.at(Int(listener.service))?.accepts ?? false
      return .bound(
        try bindStream(
          listener, options, pool: manifest.pool.span, owner: owner, nonblocking: accepts))
    case .datagram, .seqpacket, .fifo, .netlink, .special:
      return .failed(.socket, Errno(95))
    }
  } catch {
    return .failed(error.step, error.errno)
  }
}

/// Closes a listener and, with `removeOnStop`, removes its node unless somebody listens there.
public func unbindListener(_ fd: Int32, _ index: ListenerIndex, of manifest: Manifest) {
  _ = capus_close(fd)
  guard let listener = manifest.listeners.at(index), listener.flags.contains(.removeOnStop),
    case .path(let text) = listener.address,
    let path = bytes(of: text, in: manifest.pool.span),
    let place = try? NodePlace(path, directoryMode: UInt32(listener.directoryMode)),
    (try? place.kind(path)) == .socket, (try? isLive(path, at: place)) == false
  else { return }
  try? place.remove(path)
}

/// A step of binding that failed.
struct BindFailure: Error {
  var step: BindStep
  var errno: Errno
}

/// The answer of a call of the shim, its error carrying the step's name.
@discardableResult
func checked(_ answer: Int32, _ step: BindStep) throws(BindFailure) -> Int32 {
  guard answer >= 0 else { throw BindFailure(step: step, errno: Errno(0 &- answer)) }
  return answer
}

/// A string of the manifest, nil when it lies outside the pool.
@_lifetime(copy pool)
func bytes(of text: Text, in pool: Span<UInt8>) -> Span<UInt8>? {
  let start = Int(text.offset)
  let end = start + Int(text.count)
  guard end <= pool.count else { return nil }
  return pool.extracting(start..<end)
}

private func bindStream(
  _ listener: Listener, _ options: SocketOptions, pool: Span<UInt8>, owner: NodeOwner,
  nonblocking: Bool
) throws(BindFailure) -> Int32 {
  let mode: Int32 = nonblocking ? 1 : 0
  let socket: NodeDescriptor
  switch listener.address {
  case .path(let text):
    guard let path = bytes(of: text, in: pool) else {
      throw BindFailure(step: .resolve, errno: .invalid)
    }
    return try bindNode(listener, options, path: path, pool: pool, owner: owner, mode: mode)
  case .abstract(let text):
    guard let name = bytes(of: text, in: pool) else {
      throw BindFailure(step: .resolve, errno: .invalid)
    }
    socket = try open(CAPUS_UNIX, mode)
    try setOptions(of: socket, listener, options, pool, family: CAPUS_UNIX)
    let number = socket.number
    try checked(
      unsafe name.withUnsafeBufferPointer {
        unsafe capus_bind_abstract(number, $0.baseAddress, $0.count)
      }, .bind)
  case .port(let port):
    socket = try bindEveryAddress(listener, options, pool, port: port, mode: mode)
  case .ipv4(let address, let port):
    socket = try open(CAPUS_INET4, mode)
    try setOptions(of: socket, listener, options, pool, family: CAPUS_INET4)
    try checked(capus_bind_inet4(socket.number, address, port), .bind)
  case .ipv6(let high, let low, let port, let scope):
    socket = try open(CAPUS_INET6, mode)
    try setOptions(of: socket, listener, options, pool, family: CAPUS_INET6)
    var interface: Int32 = 0
    if !scope.isEmpty, let name = bytes(of: scope, in: pool) {
      let number = socket.number
      interface = try checked(
        unsafe name.withUnsafeBufferPointer {
          unsafe capus_interface_index(number, $0.baseAddress, $0.count)
        }, .resolve)
    }
    try checked(
      capus_bind_inet6(socket.number, high, low, port, UInt32(bitPattern: interface)), .bind)
  case .vsock, .netlink:
    throw BindFailure(step: .socket, errno: Errno(95))
  }
  try listen(socket, listener)
  return socket.release()
}

private func open(_ family: capus_family, _ nonblocking: Int32) throws(BindFailure)
  -> NodeDescriptor
{
  NodeDescriptor(owning: try checked(capus_socket(family, CAPUS_STREAM, nonblocking), .socket))
}

private func listen(_ socket: borrowing NodeDescriptor, _ listener: Listener)
  throws(BindFailure)
{
  try checked(capus_listen(socket.number, listener.backlog), .listen)
}

/// A port of every address: IPv6 that takes IPv4 too, and IPv4 alone on kernels without IPv6.
private func bindEveryAddress(
  _ listener: Listener, _ options: SocketOptions, _ pool: Span<UInt8>, port: UInt16, mode: Int32
) throws(BindFailure) -> NodeDescriptor {
  do throws(BindFailure) {
    let socket = try open(CAPUS_INET6, mode)
    try setOptions(of: socket, listener, options, pool, family: CAPUS_INET6)
    try checked(capus_bind_inet6(socket.number, 0, 0, port, 0), .bind)
    return socket
  } catch {
    // EAFNOSUPPORT: no IPv6 in the kernel; EADDRNOTAVAIL: switched off (disable_ipv6).
    guard error.errno.code == 97 || error.errno == .addressNotAvailable,
      !listener.flags.contains(.ipv6Only)
    else { throw error }
  }
  let socket = try open(CAPUS_INET4, mode)
  try setOptions(of: socket, listener, options, pool, family: CAPUS_INET4)
  try checked(capus_bind_inet4(socket.number, 0, port), .bind)
  return socket
}

private func bindNode(
  _ listener: Listener, _ options: SocketOptions, path: Span<UInt8>, pool: Span<UInt8>,
  owner: NodeOwner, mode: Int32
) throws(BindFailure) -> Int32 {
  let place: NodePlace
  do throws(Errno) {
    place = try NodePlace(path, directoryMode: UInt32(listener.directoryMode))
  } catch {
    throw BindFailure(step: .directory, errno: error)
  }
  try clear(path, at: place)
  let socket = try open(CAPUS_UNIX, mode)
  try setOptions(of: socket, listener, options, pool, family: CAPUS_UNIX)
  let (number, directory, name) = (socket.number, place.directory.number, place.nameStart)
  let (user, group) = owner.numbers
  try checked(
    unsafe path.withUnsafeBufferPointer {
      unsafe capus_bind_path(
        number, directory, $0.baseAddress, $0.count, name, UInt32(listener.mode), group)
    }, .bind)
  do throws(BindFailure) {
    // Before the owner, so that nobody who finds the node is refused.
    try listen(socket, listener)
    try checked(
      unsafe path.withUnsafeBufferPointer {
        unsafe capus_own_node(
          directory, $0.baseAddress?.advanced(by: name), $0.count - name, user, group)
      }, .owner)
  } catch {
    try? place.remove(path)
    throw error
  }
  return socket.release()
}

/// Makes way for a node: removes a stale socket, refuses anything else.
private func clear(_ path: Span<UInt8>, at place: borrowing NodePlace) throws(BindFailure) {
  do throws(Errno) {
    switch try place.kind(path) {
    case nil: return
    case .link: throw Errno.linkLoop
    case .directory: throw Errno(21)
    case .other: throw Errno.exists
    case .socket:
      if try isLive(path, at: place) { throw Errno.addressInUse }
      try place.remove(path)
    }
  } catch {
    if error == .noEntry { return }
    throw BindFailure(step: .probe, errno: error)
  }
}

/// True when somebody listens at a socket's node; connect(2) tells, without waiting.
private func isLive(_ path: Span<UInt8>, at place: borrowing NodePlace) throws(Errno) -> Bool {
  let probe = NodeDescriptor(owning: try checked(capus_socket(CAPUS_UNIX, CAPUS_STREAM, 1)))
  let (number, directory, name) = (probe.number, place.directory.number, place.nameStart)
  let answer = unsafe path.withUnsafeBufferPointer {
    unsafe capus_connect_path(number, directory, $0.baseAddress, $0.count, name)
  }
  switch 0 - answer {
  case 0, 11, 91: return true  // connected; EAGAIN: queue full; EPROTOTYPE: another kind
  case 111: return false  // ECONNREFUSED
  default: throw Errno(0 &- answer)
  }
}
