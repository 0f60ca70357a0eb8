public import ApusBase
public import ApusCore
internal import CApus

/// Ends the board after every process has ended: swap off, file systems unmounted or read-only,
/// reboot(2). Never returns.
///
/// Whatever may hang (a dead network mount, a broken disk) is done by a child with a deadline, so
/// the one reboot call at the end is always made (SHU-08). reboot(2) itself does not sync, so
/// sync(2) comes before and after unmounting; only unmounting or remounting read-only makes a
/// journal clean. In a container the end is the end of the process.
///
/// A reboot is one with the argument that its order had (`capus_argument_keep`).
///
/// Where reboot(2) is not permitted, apus ends with that `code` as well.
public func finishPower(_ action: PowerAction, seed: Bytes = Rows(), code: Int32 = 0) -> Never {
  guard action != .exit, capus_is_initial_pid_namespace() == 1 else { capus_exit(code) }
  capus_watchdog_end()
  if !seed.isEmpty {
    let answer = tried(CAPUS_SEED, seed, limit: 5_000)
    // Of a read-only disk the boot has said so.
    if answer < 0, answer != 0 - Errno.readOnly.code {
      complain("save seed", seed, Errno(0 &- answer))
    }
  }
  attempt(CAPUS_SYNC, Rows(), limit: 10_000)
  turnSwapOff()
  unmountAll()
  attempt(CAPUS_SYNC, Rows(), limit: 5_000)
  var answer: Int32
  switch action {
  case .reboot, .exit: answer = capus_power(CAPUS_REBOOT)
  case .poweroff: answer = capus_power(CAPUS_POWER_OFF)
  case .halt: answer = capus_power(CAPUS_HALT)
  case .kexec:
    answer = capus_power(CAPUS_KEXEC)
    // No kernel was loaded: an ordinary reboot is what comes closest.
    if answer < 0 {
      complain("start the loaded kernel, rebooting instead:", "kexec", Errno(0 &- answer))
      answer = capus_power(CAPUS_REBOOT)
    }
  }
  // A container that does not look like one: nobody else waits for the end of the board.
  if answer == 0 - Errno.notPermitted.code { capus_exit(code) }
  // A kernel that cannot do it comes back; PID 1 must not end.
  complain("end the board with", "reboot(2)", Errno(answer < 0 ? 0 &- answer : 0))
  capus_sleep_for_ever()
}

/// Does something in a child; that it failed or took too long is said.
@inline(never)
private func attempt(_ deed: capus_attempt, _ path: Bytes, limit: Int32) {
  let answer = tried(deed, path, limit: limit)
  if answer >= 0 { return }
  let words: Literal =
    switch deed {
    case CAPUS_SYNC: "sync"
    case CAPUS_UNMOUNT: "unmount"
    case CAPUS_READ_ONLY: "remount read-only"
    default: "switch off swap on"
    }
  complain(words, path, Errno(0 &- answer))
}

@inline(never)
func tried(_ deed: capus_attempt, _ path: Bytes, limit: Int32) -> Int32 {
  unsafe path.terminated.withCPath { unsafe capus_attempt(deed, $0, limit) }
}

private func turnSwapOff() {
  let swaps = textFile("/proc/swaps", limit: 64 << 10)
  var place = 0
  var line: Bytes = Rows()
  var name: Bytes = Rows()
  // The first line is a heading.
  _ = line.read(swaps, from: &place, upTo: UInt8(ascii: "\n"))
  while line.read(swaps, from: &place, upTo: UInt8(ascii: "\n")) {
    var start = 0
    _ = name.read(line, from: &start, upTo: UInt8(ascii: " "))
    if !name.isEmpty { attempt(CAPUS_SWAP_OFF, name, limit: 5_000) }
  }
}

/// Unmounts in reverse order, again while that frees something, then makes the rest read-only.
private func unmountAll() {
  // What took too long once is left alone; and there is an end, whatever keeps being mounted.
  var hung: Rows<Bytes> = Rows()
  for _ in 0..<8 {
    var hasProgress = false
    var left = leftMounts(without: hung)
    while let point = left.popLast() {
      if point.equals("/") { continue }
      let answer = tried(CAPUS_UNMOUNT, point, limit: 2_000)
      if answer >= 0 { hasProgress = true }
      if answer == 0 - Errno.timedOut.code {
        complain("unmount", point, .timedOut)
        hung.push(point)
      }
    }
    if !hasProgress { break }
  }
  var left = leftMounts(without: hung)
  while let point = left.popLast() { attempt(CAPUS_READ_ONLY, point, limit: 5_000) }
}

/// The mount points that hold somebody's data: all but the kernel's own file systems, and but those
/// that hang.
@inline(never)
private func leftMounts(without hung: Rows<Bytes>) -> Rows<Bytes> {
  let text = textFile("/proc/self/mounts", limit: 1 << 20)
  if text.isEmpty { return Rows(repeating: Bytes("/"), count: 1) }
  var left: Rows<Bytes> = Rows()
  for point in mountPoints(in: text) where !isInterface(point) {
    var isLeft = true
    for other in hung where other == point { isLeft = false }
    if isLeft { left.push(point) }
  }
  return left
}

/// True for /proc, /sys and /dev, what lies below them, and /run itself.
private func isInterface(_ point: Bytes) -> Bool {
  var folder = point
  folder.append("/")
  return folder.starts(with: "/proc/") || folder.starts(with: "/sys/")
    || folder.starts(with: "/dev/") || folder.equals("/run/")
}
