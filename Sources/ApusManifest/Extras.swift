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
  /// `health`: exec, tcp, unix, interval, timeout, failures.
  public var health = Record.none
  /// `reload`: signal, exec.
  public var reload = Record.none
  /// `timer`: jitter, afterBoot, every, calendar.
  public var timer = Record.none
  /// `conditions`: see `Manifest.condition`.
  public var conditions = Record.none
  /// `cgroup`: memoryMax, memoryHigh, pidsMax, cpuMax, cpuWeight, ioWeight, oomGroup, x-optional.
  public var cgroup = Record.none
  /// `sandbox`: its members in the order of the reference.
  public var sandbox = Record.none
  /// `log`: ring, file, fileMax, keep, rate.
  public var log = Record.none
  /// Commands before the start, as entries of `Manifest.commands`.
  public var pre = TableRange.none
  /// Commands after readiness.
  public var started = TableRange.none
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
