public import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire
internal import CApus

/// PID 1 of a machine, from its first instruction to reboot(2). Never returns.
///
/// In a container (another pid namespace than the machine's) nothing is mounted and nobody
/// rebooted: it supervises like `apus run` and ends with its exit code. `arguments` are the name and
/// the words it was given, which count as words of the kernel command line: those of a boot
/// configuration stand nowhere else.
public func runInit(_ arguments: Rows<Bytes>) -> Never {
  let start = startOfApus()
  capus_secure_streams()
  if capus_is_initial_pid_namespace() == 0 {
    capus_exit(runSupervisor(SupervisorOptions()))
  }
  // Whatever is sent from now on waits for the loop.
  capus_block_signals()
  var setup = SystemSetup()
  if !isResumed {
    capus_close_inherited()
    setup.prepare()
  }
  if isCrashingOften { pauseSupervision() }
  var line = KernelCommandLine(parsing: textFile("/proc/cmdline", limit: 65536))
  for index in 1..<max(1, arguments.count) { line.take(arguments[index]) }
  var plan = RescuePlan()
  let found = findManifest(line, &plan)
  if line.isRescue {
    say("a rescue shell, as the kernel command line asks")
    runRescue(plan)
  }
  guard var manifest = found else {
    say("no manifest is usable: a rescue shell")
    runRescue(plan)
  }
  if !isResumed { begin(&manifest, &setup) }
  mask(line.masks, in: &manifest)
  declareWatchdog(manifest)
  var options = KernelOptions(role: .initProcess, controlPath: Bytes("/run/apus/control"))
  let level = manifest.system.logLevel
  options.logLevel =
    line.isDebug ? .debug : Severity(rawValue: level + (level < 2 ? 3 : 4)) ?? .info
  let board = ConsoleBoard(manifest, start: start, setup: setup.entries)
  do {
    let end = try supervise(
      manifest, options: options, board: board, start: start, setup: setup.entries)
    finishPower(
      end.power, seed: manifest.bytes(manifest.system.randomSeed), code: end.exitCode)
  } catch {
    complain("supervise without", refusedCall(), error)
    runRescue(plan)
  }
}

/// Nobody supervises for a while: a rescue shell, services and sockets as they are.
private func pauseSupervision() -> Never {
  capus_record_mute()
  let end = capus_record_pause_end()
  var line = ByteWriter.room(160)
  line.text("apus: three crashes within a minute: a rescue shell; services and sockets are kept, ")
  line.text("supervision comes back in ")
  line.decimal((max(0, end &- capus_now()) &+ 999_999) / 1_000_000)
  line.text(" s")
  finish(&line)
  runRescue(RescuePlan.kept(), until: end)
}

/// The manifest of the board: the one the kernel command line names or /etc/apus.json, else
/// /etc/apus.fallback.json; nil when neither can be used at all (PID-08).
///
/// `plan` becomes the rescue shell that the files say, also where they cannot be used: the first one
/// that says something counts.
private func findManifest(_ line: KernelCommandLine, _ plan: inout RescuePlan) -> Manifest? {
  let main = line.manifest.isEmpty ? Bytes("/etc/apus.json") : line.manifest
  let fallback = Bytes("/etc/apus.fallback.json")
  for path in [main, fallback] {
    var loaded = loadManifest(main: path)
    for index in loaded.diagnostics.indices { say(loaded.diagnostics[index]) }
    loaded.manifest.path = main
    if !plan.isConfigured { plan = RescuePlan(loaded.manifest) }
    if !plan.isConfigured, !loaded.mainFileUsable, let text = try? readFile(path, limit: 1 << 20) {
      plan.salvage(from: text)
    }
    if loaded.mainFileUsable {
      if path == fallback { loaded.manifest.isFallback = true }
      return loaded.manifest
    }
  }
  return nil
}

/// Sets the board up as the manifest says, or as the fallback does when too many boots have ended
/// before they were good.
///
/// The boot is counted before anything else is done where the file can be had by then, else after the
/// mounts. A disk that does not answer holds nothing up for long.
private func begin(_ manifest: inout Manifest, _ setup: inout SystemSetup) {
  guard let counter = BootCounter(manifest) else { return setup.apply(manifest) }
  var isCounted = false
  setup.timed(.start, "bootAttempts") { isCounted = counter.count(&manifest, isLate: false) }
  setup.apply(manifest)
  if isCounted { return }
  setup.timed(.start, "bootAttempts") { _ = counter.count(&manifest, isLate: true) }
  if manifest.isFallback { setup.apply(manifest, again: true) }
}

/// Counts boots that end before they are good; see `system.bootAttempts`.
private struct BootCounter {
  private static var patience: Int32 { 2000 }
  private let path: Bytes
  private let limit: Int32

  /// Nil where nothing is to be counted.
  init?(_ manifest: Manifest) {
    if manifest.system.bootState.isEmpty || manifest.isFallback { return nil }
    path = manifest.bytes(manifest.system.bootState)
    limit = Int32(manifest.system.bootLimit)
  }

  /// Counts this boot, or takes the fallback; false when that has to wait for the mounts.
  func count(_ manifest: inout Manifest, isLate: Bool) -> Bool {
    let found = tried(CAPUS_READ_BOOTS, path, limit: Self.patience)
    if found >= limit, takeFallback(&manifest) { return true }
    if !isLate, found < 0 { return false }
    let answer =
      found == 0 - Errno.timedOut.code
      ? found
      : tried(
        CAPUS_COUNT_BOOT, path, limit: Self.patience)
    manifest.failedBoots = UInt16(clamping: found)
    if answer < 0, isLate { complain("count this boot in", path, Errno(0 &- answer)) }
    return answer >= 0
  }

  private func takeFallback(_ manifest: inout Manifest) -> Bool {
    let fallback = Bytes("/etc/apus.fallback.json")
    var line = ByteWriter.room(160)
    line.text("apus: ")
    line.decimal(Int64(limit))
    line.text(" boots ended before they were good: ")
    line.bytes(fallback)
    var loaded = loadManifest(main: fallback)
    for index in loaded.diagnostics.indices { say(loaded.diagnostics[index]) }
    line.text(loaded.mainFileUsable ? " is used" : " cannot be used")
    finish(&line)
    guard loaded.mainFileUsable else { return false }
    loaded.manifest.path = manifest.path
    loaded.manifest.isFallback = true
    loaded.manifest.failedBoots = UInt16(clamping: limit)
    manifest = loaded.manifest
    return true
  }
}

/// Says what the hardware watchdog is; the loop opens it when it begins.
private func declareWatchdog(_ manifest: Manifest) {
  let system = manifest.system
  unsafe manifest.bytes(system.watchdogDevice).withUnsafeBufferPointer {
    unsafe capus_watchdog_set(
      $0.baseAddress, $0.count, seconds(system.watchdogTimeout),
      system.watchdogPretimeout == .never ? 0 : seconds(system.watchdogPretimeout),
      seconds(system.watchdogRebootTimeout))
  }
}

/// Whole seconds, as watchdogs count.
private func seconds(_ interval: Interval) -> Int32 {
  Int32(clamping: interval.microseconds / 1_000_000)
}

/// Marks the services that `apus.mask=` names; a name that is none is said.
private func mask(_ names: Rows<Bytes>, in manifest: inout Manifest) {
  for name in names {
    if let index = manifest.index(of: name.span) {
      manifest.services[index].flags.insert(.masked)
    } else {
      complain("mask service", name, .noEntry)
    }
  }
}

/// The console of a board: the rescue shell, and the time line once the board is up.
final class ConsoleBoard: Board {
  private let rescuePlan: RescuePlan
  private let start: Instant
  private let setup: Rows<SetupEntry>
  private let isQuiet: Bool
  private var line = ByteWriter.room(160)

  init(_ manifest: Manifest, start: Instant, setup: Rows<SetupEntry>) {
    rescuePlan = RescuePlan(manifest)
    self.start = start
    self.setup = setup
    isQuiet = manifest.system.logLevel < 2
  }

  override func socketsBound(_ count: Int) {
    if isQuiet { return }
    line.empty()
    line.text("apus: ")
    line.decimal(Int64(count))
    line.text(count == 1 ? " socket bound" : " sockets bound")
    finish(&line)
  }

  override func recordBegun() { rescuePlan.keep() }

  override func rescue() {
    do {
      _ = try rescuePlan.start()
    } catch {
      complain("start the", "rescue shell", error)
    }
  }

  override func bootFinished(_ now: Instant) {
    if isQuiet { return }
    for entry in setup {
      line.empty()
      line.text("apus: boot ")
      line.milliseconds(entry.at.microseconds)
      line.text(" + ")
      line.milliseconds(entry.duration.microseconds)
      line.text(" ms  ")
      line.text(entry.stage.word)
      line.text(" ")
      line.bytes(entry.name)
      finish(&line)
    }
    line.empty()
    line.text("apus: boot ")
    line.milliseconds(now.microseconds)
    line.text(" ms  up, ")
    line.milliseconds((now - start).microseconds)
    line.text(" ms after init started")
    finish(&line)
  }
}

extension ByteWriter {
  /// Appends microseconds as milliseconds with two places: `12.34`.
  @inline(never)
  mutating func milliseconds(_ microseconds: Int64) {
    let hundredths = microseconds / 10
    decimal(hundredths / 100)
    byte(UInt8(ascii: "."))
    byte(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: hundredths / 10 % 10))
    byte(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: hundredths % 10))
  }
}
