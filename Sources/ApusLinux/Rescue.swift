public import ApusBase
internal import ApusCore
public import ApusManifest
internal import CApus

/// What the rescue shell is and where it runs.
public struct RescuePlan: Sendable {
  /// The console's path, ended by a NUL.
  var console: Bytes = Rows()
  /// argv, each ended by a NUL; empty for a log-in shell, /bin/sh.
  var arguments: Bytes = Rows()

  /// A log-in shell on `/dev/console`.
  public init() {
    console = bytes("/dev/console").terminated
  }

  /// What a manifest says, and the default for what it does not.
  public init(_ manifest: Manifest) {
    self.init()
    let system = manifest.system
    if !system.console.isEmpty { console = manifest.terminated(system.console) }
    for index in system.rescue.indices {
      guard let text = manifest.texts.at(index) else { continue }
      for byte in manifest.terminated(text) { arguments.push(byte) }
    }
  }

  /// Starts it in a session of its own with the console as its terminal; its pid.
  ///
  /// PID 1 reaps it like any other child.
  public func start() throws(Errno) -> Int32 {
    try checked(
      unsafe arguments.withUnsafeBufferPointer { words in
        unsafe console.withCPath {
          unsafe capus_start_shell($0, words.baseAddress, words.count)
        }
      })
  }
}

/// The life of PID 1 without a usable manifest: a shell on the console, started again whenever it
/// ends; every zombie reaped; power signals obeyed.
///
/// The shell comes back a second after its start at the earliest. Never returns.
public func runRescue(_ plan: RescuePlan) -> Never {
  capus_block_signals()
  while true {
    let earliest = capus_now() &+ 1_000_000
    var shell: Int32 = -1
    do {
      shell = try plan.start()
    } catch {
      complain("start the", "rescue shell", error)
    }
    while true {
      let left = earliest &- capus_now()
      let answer = capus_wait_signal(shell < 0 ? Int32(clamping: left / 1000 &+ 1) : 60_000)
      if answer > 0, let action = powerAction(of: UInt8(truncatingIfNeeded: answer)) {
        endEveryone()
        finishPower(action)
      }
      while true {
        let pid = capus_reap_any()
        if pid <= 0 { break }
        if pid == shell { shell = -1 }
      }
      if shell < 0, capus_now() >= earliest { break }
    }
  }
}

/// TERM to every process, KILL two seconds later to what is left.
private func endEveryone() {
  _ = capus_kill(-1, 15)
  _ = capus_kill(-1, 18)  // what is stopped goes on, to see it
  let end = capus_now() &+ 2_000_000
  while capus_now() < end {
    let pid = capus_reap_any()
    if pid < 0 { return }
    if pid == 0 { _ = capus_wait_signal(50) }
  }
  _ = capus_kill(-1, 9)
}

/// What a signal to PID 1 asks for; nil when it is not about power.
///
/// busybox's three, Ctrl-Alt-Del as SIGINT, SIGPWR, and SIGRTMIN+3 to +6 and +13 to +16 as for
/// systemd, with 34 as SIGRTMIN.
func powerAction(of signal: UInt8) -> PowerAction? {
  switch signal {
  case 2, 15, 39, 49: .reboot
  case 10, 37, 47: .halt
  case 12, 30, 38, 48: .poweroff
  case 40, 50: .kexec
  default: nil
  }
}

extension Manifest {
  /// A string with the NUL that follows it.
  func terminated(_ text: Text) -> Bytes { bytes(text).terminated }
}
