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
    console = Bytes("/dev/console").terminated
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

  /// True when something says what the shell is.
  var isConfigured: Bool { !arguments.isEmpty }

  /// The one that the program before this one kept for its crash; see `keep`.
  static func kept() -> RescuePlan {
    var plan = RescuePlan()
    let text = unsafe Bytes(unsafeUninitializedCapacity: 1024) { buffer, used in
      used = Int(unsafe capus_record_rescue_kept(buffer.baseAddress, buffer.count))
    }
    var console = 0
    while console < text.count, text[console] != 0 { console += 1 }
    guard console > 0, console < text.count, text[text.count - 1] == 0 else { return plan }
    plan.console = text.part(0, console + 1)
    plan.arguments = text.part(console + 1, text.count)
    return plan
  }

  /// Keeps it in the record: after a crash no manifest is read for it.
  func keep() {
    var text = console
    for byte in arguments { text.push(byte) }
    unsafe text.withUnsafeBufferPointer {
      unsafe capus_record_rescue($0.baseAddress, $0.count)
    }
  }

  /// Takes argv of the first `"rescue": ["/…", …]` of a text that is no manifest as a whole.
  ///
  /// A mistake elsewhere in the file must not open a shell where a log-in was asked for. Strings
  /// with escapes other than of quote and backslash are not understood.
  mutating func salvage(from text: Bytes) {
    var scanner = WordScanner(text: text)
    while scanner.skip(to: "\"rescue\"") {
      var words: Bytes = Rows()
      guard scanner.take(UInt8(ascii: ":")), scanner.take(UInt8(ascii: "[")) else { continue }
      var isWhole = false
      while let word = scanner.string() {
        for byte in word { words.push(byte) }
        words.push(0)
        if scanner.take(UInt8(ascii: "]")) { isWhole = true }
        if isWhole || !scanner.take(UInt8(ascii: ",")) { break }
      }
      if isWhole, words.first == UInt8(ascii: "/") {
        arguments = words
        return
      }
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

/// Reads words out of a text that is not JSON as a whole.
private struct WordScanner {
  let text: Bytes
  var place = 0

  init(text: Bytes) { self.text = text }

  /// Goes behind the next such literal; false without one.
  mutating func skip(to literal: Literal) -> Bool {
    while place < text.count {
      let end = place + literal.count
      if text.part(place, end).equals(literal) {
        place = end
        return true
      }
      place += 1
    }
    return false
  }

  /// Goes behind a character, white space before it left out; false when another stands there.
  mutating func take(_ character: UInt8) -> Bool {
    while let byte = text.at(place), byte == 32 || 9...13 ~= byte { place += 1 }
    guard text.at(place) == character else { return false }
    place += 1
    return true
  }

  /// The bytes of a string; nil when none stands there.
  mutating func string() -> Bytes? {
    guard take(UInt8(ascii: "\"")) else { return nil }
    var result: Bytes = Rows()
    while let byte = text.at(place), byte >= 32 {
      place += 1
      if byte == UInt8(ascii: "\"") { return result }
      if byte != UInt8(ascii: "\\") {
        result.push(byte)
      } else if let escaped = text.at(place), escaped == UInt8(ascii: "\"") || escaped == byte {
        result.push(escaped)
        place += 1
      } else {
        return nil
      }
    }
    return nil
  }
}

/// The life of PID 1 without supervision: a shell on the console, started again whenever it ends;
/// every zombie reaped; power signals obeyed.
///
/// The shell comes back a second after its start at the earliest. At `until`, a moment in
/// microseconds, the program is executed anew with the record of what lasts beyond a crash, to
/// supervise again; there must be one then. Never returns.
public func runRescue(_ plan: RescuePlan, until: Int64 = .max) -> Never {
  capus_block_signals()
  var until = until
  while true {
    let earliest = capus_now() &+ 1_000_000
    var shell: Int32 = -1
    do {
      shell = try plan.start()
    } catch {
      complain("start the", "rescue shell", error)
    }
    while true {
      let left = (shell < 0 ? min(earliest, until) : until) &- capus_now()
      let answer = capus_wait_signal(Int32(clamping: min(60_000, max(0, left) / 1000 &+ 1)))
      if answer > 0, let action = powerAction(of: UInt8(truncatingIfNeeded: answer)) {
        endEveryone()
        finishPower(action)
      }
      while true {
        let pid = until == .max ? capus_reap_any() : capus_record_reap()
        if pid <= 0 { break }
        if pid == shell { shell = -1 }
      }
      if capus_now() >= until {
        // The console is the services' again: two that read from it get half of what is typed each.
        if shell > 0 { _ = capus_kill(0 &- shell, 1) }
        complain("execute", "apus", Errno(0 &- capus_return()))
        until = capus_now() &+ 1_000_000
      }
      if shell < 0, capus_now() >= earliest { break }
    }
  }
}

/// TERM to every process, KILL two seconds later to what is left.
func endEveryone() {
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
