internal import ApusBase
public import ApusCore
internal import CApus

/// Ends the board after every process has ended: swap off, file systems unmounted or read-only,
/// reboot(2). Never returns.
///
/// Whatever may hang (a dead network mount, a broken disk) is done by a child with a deadline, so
/// the one reboot call at the end is always made (SHU-08). reboot(2) itself does not sync, so
/// sync(2) comes before and after unmounting; only unmounting or remounting read-only makes a
/// journal clean. In a container the end is the end of the process.
public func finishPower(_ action: PowerAction) -> Never {
  guard action != .exit, capus_is_initial_pid_namespace() == 1 else { capus_exit(0) }
  attempt(CAPUS_SYNC, [0], limit: 10_000)
  turnSwapOff()
  unmountAll()
  attempt(CAPUS_SYNC, [0], limit: 5_000)
  var answer: Int32
  switch action {
  case .reboot, .exit: answer = capus_power(CAPUS_REBOOT)
  case .poweroff: answer = capus_power(CAPUS_POWER_OFF)
  case .halt: answer = capus_power(CAPUS_HALT)
  case .kexec:
    answer = capus_power(CAPUS_KEXEC)
    // No kernel was loaded: an ordinary reboot is what comes closest.
    if answer < 0 { answer = capus_power(CAPUS_REBOOT) }
  }
  // A kernel that can not do it comes back; PID 1 must not end.
  complain("end the board with", "reboot(2)", Errno(answer < 0 ? 0 &- answer : 0))
  capus_sleep_for_ever()
}

/// Does something in a child; false when it failed or took too long, which is said.
@discardableResult
private func attempt(_ deed: capus_attempt, _ path: [UInt8], limit: Int32) -> Bool {
  let answer = unsafe path.withCPath { unsafe capus_attempt(deed, $0, limit) }
  if answer >= 0 { return true }
  let words: StaticString =
    switch deed {
    case CAPUS_SYNC: "sync"
    case CAPUS_UNMOUNT: "unmount"
    case CAPUS_READ_ONLY: "remount read-only"
    default: "switch off swap on"
    }
  complain(words, path.last == 0 ? Array(path.dropLast()) : path, Errno(0 &- answer))
  return false
}

private func turnSwapOff() {
  guard let swaps = try? readFile("/proc/swaps", limit: 64 << 10) else { return }
  for line in swaps.split(separator: UInt8(ascii: "\n")).dropFirst() {
    guard let name = line.split(separator: UInt8(ascii: " "), maxSplits: 1).first else { continue }
    attempt(CAPUS_SWAP_OFF, Array(name) + [0], limit: 5_000)
  }
}

/// Unmounts in reverse order, again while that frees something, then makes the rest read-only.
private func unmountAll() {
  // What took too long once is left alone; and there is an end, whatever keeps being mounted.
  var hung: [[UInt8]] = []
  for _ in 0..<8 {
    var hasProgress = false
    for point in leftMounts().reversed() where !isRoot(point) && !contains(hung, point) {
      let path = point + [0]
      let answer = unsafe path.withCPath { unsafe capus_attempt(CAPUS_UNMOUNT, $0, 2_000) }
      if answer >= 0 { hasProgress = true }
      if answer == 0 - Errno.timedOut.code {
        complain("unmount", point, .timedOut)
        hung.append(point)
      }
    }
    if !hasProgress { break }
  }
  for point in leftMounts().reversed() where !contains(hung, point) {
    attempt(CAPUS_READ_ONLY, point + [0], limit: 5_000)
  }
}

/// The mount points that hold somebody's data: all but the kernel's own file systems.
private func leftMounts() -> [[UInt8]] {
  guard let text = try? readFile("/proc/self/mounts", limit: 1 << 20) else {
    return [[UInt8(ascii: "/")]]
  }
  var points: [[UInt8]] = []
  for point in mountPoints(in: text) where !isInterface(point) { points.append(point) }
  return points
}

private func isRoot(_ point: [UInt8]) -> Bool { point == [UInt8(ascii: "/")] }

private func contains(_ points: [[UInt8]], _ wanted: [UInt8]) -> Bool {
  for point in points where point == wanted { return true }
  return false
}

/// True for /proc, /sys and /dev, what lies below them, and /run itself.
private func isInterface(_ point: [UInt8]) -> Bool {
  for place in ["/proc", "/sys", "/dev"] as [StaticString] {
    if let rest = point.value(after: place), rest.isEmpty || rest[0] == UInt8(ascii: "/") {
      return true
    }
  }
  return point.value(after: "/run") == []
}
