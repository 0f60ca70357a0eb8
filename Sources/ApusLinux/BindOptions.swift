internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// Sets what a listener asks for before it is bound.
///
/// An option the manifest names must succeed; `freeBind` is on without being asked, so a kernel or
/// a container that refuses it does not matter: bind(2) then says whether the address is there.
func setOptions(
  of socket: borrowing NodeDescriptor, _ listener: Listener, _ options: SocketOptions,
  _ pool: Span<UInt8>, family: capus_family
) throws(BindFailure) {
  let number = socket.number
  let flags = listener.flags
  try set(number, CAPUS_KEEP_ALIVE, flags.contains(.keepAlive))
  try set(number, CAPUS_BROADCAST, flags.contains(.broadcast))
  try set(number, CAPUS_PASS_CREDENTIALS, flags.contains(.passCredentials))
  if family == CAPUS_UNIX { return }
  let isIPv6 = family == CAPUS_INET6
  // A port in TIME_WAIT from the last run is free for a listener.
  try set(number, CAPUS_REUSE_ADDRESS, true)
  try set(number, CAPUS_REUSE_PORT, flags.contains(.reusePort))
  try set(number, CAPUS_NO_DELAY, flags.contains(.noDelay))
  try set(
    number, isIPv6 ? CAPUS_TRANSPARENT6 : CAPUS_TRANSPARENT4, flags.contains(.transparent))
  if flags.contains(.freeBind) {
    _ = capus_socket_option(number, isIPv6 ? CAPUS_FREE_BIND6 : CAPUS_FREE_BIND4, 1)
  }
  if isIPv6 {
    if case .port = listener.address {
      // Dual-stack whatever net.ipv6.bindv6only says, unless told otherwise.
      try set(number, CAPUS_IPV6_ONLY, to: flags.contains(.ipv6Only) ? 1 : 0)
    } else if flags.contains(.ipv6OnlyGiven) || flags.contains(.ipv6Only) {
      try set(number, CAPUS_IPV6_ONLY, to: flags.contains(.ipv6Only) ? 1 : 0)
    }
  }
  if !options.device.isEmpty, let name = bytes(of: options.device, in: pool) {
    try checked(
      unsafe name.withUnsafeBufferPointer {
        unsafe capus_socket_device(number, $0.baseAddress, $0.count)
      }, .options)
  }
}

private func set(_ fd: Int32, _ option: capus_option, _ wanted: Bool) throws(BindFailure) {
  if wanted { try set(fd, option, to: 1) }
}

private func set(_ fd: Int32, _ option: capus_option, to value: Int32) throws(BindFailure) {
  try checked(capus_socket_option(fd, option, value), .options)
}
