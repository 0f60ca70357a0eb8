public import ApusBase

/// Keys few services use. The table entry is shared through `defaults`.
public struct Extras: Equatable, Sendable {
  public var idleStop = Interval.never
  public var runtimeMax = Interval.never
  public var watchdog = Interval.never
  public var pidFile = Text.none
  /// Entries of `Manifest.texts`: files of `KEY=VALUE` lines; a leading `-` makes one optional.
  public var environmentFiles = TableRange.none
  /// Exit statuses that count as clean.
  public var successExit = TableRange.none
  /// Links to services started when this one gives up.
  public var onFailure = TableRange.none
  /// `ready`: fd, tcp, unix, exec, interval, timeout.
  public var ready = Record.none
  /// `reload`: signal, exec.
  public var reload = Record.none
  /// `timer`: jitter, afterBoot, every, calendar.
  public var timer = Record.none
  /// `conditions`: exists, missing, kernelArg, architecture.
  public var conditions = Record.none
  /// `cgroup`: memoryMax, memoryHigh, pidsMax, cpuMax, cpuWeight, ioWeight, oomGroup, x-optional.
  public var cgroup = Record.none
  /// `sandbox`: its members in the order of the reference.
  public var sandbox = Record.none
  /// `log`: ring, file, fileMax, keep, rate.
  public var log = Record.none
  /// Commands before the start, as packed ranges of `Manifest.values`.
  public var pre = TableRange.none
  /// Commands after the stop.
  public var post = TableRange.none
  public var fdStore: UInt16 = 0
  /// oom_score_adj of proc(5), meaningful when `ServiceKey.oomScoreAdjust` is present.
  public var oomScoreAdjust: Int16 = 0
  /// Processors it may run on, one bit each, as 16 entries of `Manifest.values`; none for all.
  public var processors = TableRange.none
  /// Class and level of ioprio_set(2); 0 leaves both alone.
  public var ioPriority: UInt16 = 0
  /// SCHED_* of sched_setscheduler(2); 0 is the ordinary one.
  public var scheduler: UInt8 = 0
  /// Priority of the real-time policies.
  public var schedulerPriority: UInt8 = 0
  /// Nice value of setpriority(2).
  public var nice: Int8 = 0

  /// Every default.
  public init() {}
}

/// Socket options few listeners use.
public struct SocketOptions: Equatable, Sendable {
  /// Interface of SO_BINDTODEVICE.
  public var device = Text.none
  /// TCP_CONGESTION.
  public var congestion = Text.none
  /// Symbolic links to the node, as entries of `Manifest.texts`.
  public var symlinks = TableRange.none
  /// TCP_KEEPIDLE and TCP_KEEPINTVL; `never` is the kernel's value.
  public var keepAliveTime = Interval.never
  public var keepAliveInterval = Interval.never
  /// TCP_DEFER_ACCEPT; `never` is off.
  public var deferAccept = Interval.never
  /// TCP_FASTOPEN queue length.
  public var fastOpen: UInt32 = 0
  /// SO_SNDBUF in bytes; 0 is the kernel's value, as for the next two.
  public var sendBuffer: UInt32 = 0
  /// SO_RCVBUF in bytes.
  public var receiveBuffer: UInt32 = 0
  /// F_SETPIPE_SZ in bytes, for FIFOs.
  public var pipeSize: UInt32 = 0
  /// SO_MARK.
  public var mark: UInt32 = 0
  /// TCP_KEEPCNT; 0 is the kernel's value.
  public var keepAliveProbes: UInt8 = 0
  /// SO_PRIORITY.
  public var priority: UInt8 = 0
  /// IP_TOS and IPV6_TCLASS.
  public var tos: UInt8 = 0
  /// IP_TTL and IPV6_UNICAST_HOPS; 0 is the kernel's value.
  public var ttl: UInt8 = 0
  /// 0 off, 1 SO_TIMESTAMP, 2 SO_TIMESTAMPNS.
  public var timestamps: UInt8 = 0
  /// 0 the kind's own protocol, 1 MPTCP, 2 SCTP, 3 UDP-Lite.
  public var `protocol`: UInt8 = 0

  /// Every default.
  public init() {}
}
