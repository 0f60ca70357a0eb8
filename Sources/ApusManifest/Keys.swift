public import ApusBase

/// The keys of a service, in the order in which they are decoded.
///
/// `names` has the same order; a test holds the two together.
public enum ServiceKey: UInt8, CaseIterable, Sendable {
  case exec, type, remain, pidFile, start, listen, accept, stdio
  case maxConnections, maxConnectionsPerSource, trigger, idleStop, reclaim
  case needs, wants, after, ready, restart, successExit, onFailure, critical
  case stop, reload, pre, started, post, watchdog, runtimeMax, fdStore, timer, conditions
  case user, group, groups, capabilities, noNewPrivileges, secureBits, umask, rlimits
  case nice, oomScoreAdjust, scheduler, ioPriority, cpuAffinity, cgroup, sandbox
  case environment, environmentFile, workingDirectory, directories
  case stdin, stdout, stderr, log, tty
  case instances, override, main, expand, partOf, health

  static var names: WordList {
    WordList(
      """
      exec type remain pidFile start listen accept stdio \
      maxConnections maxConnectionsPerSource trigger idleStop reclaim \
      needs wants after ready restart successExit onFailure critical \
      stop reload pre started post watchdog runtimeMax fdStore timer conditions \
      user group groups capabilities noNewPrivileges secureBits umask rlimits \
      nice oomScoreAdjust scheduler ioPriority cpuAffinity cgroup sandbox \
      environment environmentFile workingDirectory directories \
      stdin stdout stderr log tty \
      instances override main expand partOf health
      """)
  }

  /// The key as manifests spell it.
  public var name: Bytes { ServiceKey.names.word(Int(rawValue)) }

  /// The key's bit in `Service.present`.
  public var bit: UInt64 { 1 << UInt64(rawValue) }

  /// False for the keys that only make sense in one service: they may not stand in `defaults`.
  var mayBeDefault: Bool {
    switch self {
    case .exec, .listen, .instances, .override, .main: false
    default: true
    }
  }
}

/// The keys of a listener; the first six name its kind and hold its address.
public enum SocketKey: UInt8, CaseIterable, Sendable {
  case stream, datagram, seqpacket, fifo, netlink, special
  case name, mode, user, group, directoryMode, symlinks, removeOnStop
  case backlog, ipv6Only, device, freeBind, transparent, reusePort, noDelay, keepAlive
  case deferAccept, fastOpen, sendBuffer, receiveBuffer, priority, mark, tos, ttl
  case congestion, broadcast, passCredentials, passPidfd, packetInfo, timestamps
  case pipeSize, `protocol`, flush, writable

  static var names: WordList {
    WordList(
      """
      stream datagram seqpacket fifo netlink special \
      name mode user group directoryMode symlinks removeOnStop \
      backlog ipv6Only device freeBind transparent reusePort noDelay keepAlive \
      deferAccept fastOpen sendBuffer receiveBuffer priority mark tos ttl \
      congestion broadcast passCredentials passPidfd packetInfo timestamps \
      pipeSize protocol flush writable
      """)
  }

  /// The key as manifests spell it.
  public var name: Bytes { SocketKey.names.word(Int(rawValue)) }

  /// The key's bit in `Listener.present`.
  public var bit: UInt64 { 1 << UInt64(rawValue) }
}

/// The keys of `system`.
public enum SystemKey: UInt8, CaseIterable, Sendable {
  case hostname, mounts, fstab, modules, sysctl, loopback, watchdog, console, rescue
  case environment, ctrlAltDel, powerFail, shutdownTimeout, randomSeed, coredump, logLevel
  case memoryPressure, controlGroup, minimumUptime, bootAttempts, create

  static var names: WordList {
    WordList(
      """
      hostname mounts fstab modules sysctl loopback watchdog console rescue \
      environment ctrlAltDel powerFail shutdownTimeout randomSeed coredump logLevel \
      memoryPressure controlGroup minimumUptime bootAttempts create
      """)
  }

  /// The key as manifests spell it.
  public var name: Bytes { SystemKey.names.word(Int(rawValue)) }

  /// True for a key that only the start of the board looks at; others come into force by `apply`.
  public var waitsForBoot: Bool {
    switch self {
    case .hostname, .mounts, .fstab, .modules, .sysctl, .loopback, .console, .coredump, .create:
      true
    case .watchdog, .rescue, .environment, .ctrlAltDel, .powerFail, .shutdownTimeout, .randomSeed,
      .logLevel, .memoryPressure, .controlGroup, .minimumUptime, .bootAttempts:
      false
    }
  }

  /// The key's bit in `System.present`.
  public var bit: UInt64 { 1 << UInt64(rawValue) }
}
