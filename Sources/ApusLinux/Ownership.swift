internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// What apus itself is: the ids, groups and capabilities its children start with.
struct Ownership {
  var pid: Int32 = 0
  var uid: UInt32 = 0
  var gid: UInt32 = 0
  /// Sorted, as the kernel keeps them.
  var groups: Rows<UInt32> = Rows()
  var permitted: UInt64 = 0
  var bounding: UInt64 = 0
  var lastCapability: UInt32 = 0
  var nice: Int32 = 0
  /// oom_score_adj of proc(5).
  var oomScoreAdjust: Int32 = 0
  /// True when apus may change user, groups and the bounding set (CAP_SETUID, _SETGID, _SETPCAP).
  var isPrivileged = false
  /// True when apus may raise limits (CAP_SYS_RESOURCE).
  var mayRaiseLimits = false
  /// True when apus may lower nice values (CAP_SYS_NICE).
  var mayLowerNice = false
  /// Soft and hard limits by RLIMIT_* number, as apus was started with them.
  var selfLimits: Rows<ResourceLimit> = Rows()

  /// Asks the kernel.
  static func inspect() -> Ownership {
    var raw = capus_self()
    unsafe capus_inspect(&raw)
    var own = Ownership()
    own.pid = raw.pid
    own.uid = raw.uid
    own.gid = raw.gid
    own.groups = unsafe Rows<UInt32>(unsafeUninitializedCapacity: 64) { buffer, used in
      used = Int(max(0, unsafe capus_own_groups(buffer.baseAddress, 64)))
    }
    own.permitted = raw.permitted
    own.bounding = raw.bounding
    own.lastCapability = raw.last_capability
    own.nice = raw.nice
    own.oomScoreAdjust = raw.oom_score_adjust
    let dropping: UInt64 = 1 << 6 | 1 << 7 | 1 << 8
    own.isPrivileged = raw.effective & dropping == dropping
    own.mayRaiseLimits = raw.effective >> 24 & 1 == 1
    own.mayLowerNice = raw.effective >> 23 & 1 == 1
    for resource: UInt8 in 0..<16 {
      var limit = ResourceLimit(resource: resource, soft: 0, hard: 0)
      unsafe capus_own_limit(Int32(resource), &limit.soft, &limit.hard)
      own.selfLimits.append(limit)
    }
    return own
  }

  /// What children must not inherit: limits and a nice value that are not the kernel's own.
  ///
  /// A shell's `ulimit` before `apus run` must not reach services (SPA-07). PID 1 has the kernel's
  /// own values, all but for descriptors (RLIMIT_NOFILE), of which it takes more, so its children
  /// need no other step. Where apus may not raise a limit, its own stays.
  func surroundings(isInit: Bool) -> Surroundings {
    var reset: Rows<ResourceLimit> = Rows()
    for limit in selfLimits where !isInit || limit.resource == 7 {
      guard let standard = Ownership.standard(limit.resource) else { continue }
      var wanted = ResourceLimit(
        resource: limit.resource, soft: standard.soft, hard: standard.hard)
      if !mayRaiseLimits { wanted.hard = min(wanted.hard, limit.hard) }
      wanted.soft = min(wanted.soft, wanted.hard)
      if wanted != limit { reset.append(wanted) }
    }
    return Surroundings(
      limits: reset, resetsNice: nice > 0 && mayLowerNice || nice < 0, bounding: bounding,
      permitted: permitted, oomScoreAdjust: Int16(truncatingIfNeeded: oomScoreAdjust),
      hasOwnScore: isInit)
  }

  /// The kernel's limits of the first process (include/asm-generic/resource.h), by RLIMIT_*
  /// number; nil for those that depend on the machine's memory.
  private static func standard(_ resource: UInt8) -> (soft: UInt64, hard: UInt64)? {
    switch resource {
    case 0, 1, 2, 5, 9, 10, 15: (.max, .max)
    case 3: (8 << 20, .max)
    case 4: (0, .max)
    case 7: (1024, 4096)
    case 8: (8 << 20, 8 << 20)
    case 12: (819_200, 819_200)
    case 13, 14: (0, 0)
    default: nil
    }
  }
}
