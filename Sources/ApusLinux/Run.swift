public import ApusBase
public import ApusCore
public import ApusManifest
internal import ApusWire
internal import CApus

/// What `apus run` is told.
public struct SupervisorOptions: Sendable {
  /// The main manifest file.
  public var manifestPath: Bytes = Bytes("/etc/apus.json")
  /// The text of a manifest in place of one on the disk; empty for none.
  public var program: Bytes = Rows()
  /// The control socket; empty for none.
  public var controlPath: Bytes = Bytes("/run/apus/control")

  /// The places of a board.
  public init() {}
}

/// How a supervisor ended.
public struct SupervisorEnd: Sendable {
  /// What was asked for; `exit` when it is not PID 1 of a machine.
  public var power: PowerAction
  /// The exit code of the service marked `main`, else 0; 128 + n for signal n.
  public var exitCode: Int32
}

/// `apus run`: supervises in the foreground until SIGTERM or SIGINT, and gives the exit code.
///
/// Diagnostics of the manifest go to standard error; invalid services are left out, and only an
/// unusable main file (1) or a kernel without epoll(7) (1) is a failure.
public func runSupervisor(_ options: SupervisorOptions) -> Int32 {
  if isCrashingOften { return endServices() }
  let start = startOfApus()
  let loaded = loadManifest(main: options.manifestPath, program: options.program)
  for index in loaded.diagnostics.indices {
    var line = ByteWriter.room(1024)
    loaded.diagnostics[index].write(into: &line)
    finishNow(&line)
  }
  // A program that cannot be started is no service that an operator could mend.
  guard loaded.mainFileUsable, options.program.isEmpty || !loaded.hasErrors else { return 1 }
  let kernelOptions = KernelOptions(role: .foreground, controlPath: options.controlPath)
  do throws(Errno) {
    let end = try supervise(
      loaded.manifest, options: kernelOptions, board: Board(), start: start, setup: Rows())
    return end.exitCode
  } catch {
    var line = ByteWriter.room(1024)
    line.text("apus: cannot supervise without ")
    line.text(refusedCall())
    line.text(": ")
    line.errno(error)
    finishNow(&line)
    return 1
  }
}

/// Supervises a manifest to its end: PID 1 and `apus run` both.
///
/// `start` is when apus itself started and `setup` what it did since, for the boot's time line.
/// Throws only before anything has been started: a call refused that `refusedCall` names.
public func supervise(
  _ manifest: Manifest, options: KernelOptions, board: Board, start: Instant,
  setup: Rows<SetupEntry>
) throws(Errno) -> SupervisorEnd {
  // Before the files are read: a change meanwhile is looked at again.
  let usersStamp = capus_users_stamp()
  apus_arena_scratch(true)
  let users = loadUsers()
  apus_arena_scratch(false)
  let kernel = try LinuxKernel.make(
    manifest: manifest, users: users, usersStamp: usersStamp, options: options, board: board)
  apus_arena_drop()
  return run(kernel, manifest, options, start: start, setup: setup)
}

/// The system call whose refusal ended `supervise` before it began.
func refusedCall() -> Literal {
  switch Int(capus_refused_call()) {
  case CAPUS_GETSOCKOPT: "getsockopt"
  case CAPUS_SIGPROCMASK: "rt_sigprocmask"
  case CAPUS_SIGNALFD: "signalfd4"
  default: "epoll_create1"
  }
}

/// When apus started, the programs before this one included.
func startOfApus() -> Instant {
  Instant(microseconds: isResumed ? previousRecord().start_us : capus_now())
}

/// What the loop needs of a kernel besides the protocol of the core.
protocol HostKernel: Kernel, ~Copyable {
  /// What the last effect asked for.
  var power: PowerAction? { get }
  /// Says on the log what went wrong outside the supervisor.
  mutating func complain(_ what: Literal, _ errno: Errno)
  /// Starts the record of what lasts beyond a crash.
  mutating func startRecord(_ start: Instant)
  /// The time line of the boot so far; before anything is taken over.
  mutating func makeTimeline(_ start: Instant, _ setup: Rows<SetupEntry>) -> Timeline
  /// Leaves no node of apus's own behind.
  mutating func removeNodes()
  /// Leaves no control group of apus's own behind.
  mutating func removeGroups()
  /// Takes over from the program before this one.
  mutating func resume(_ supervisor: inout Supervisor)
}

/// The loop. Generic, because the runtime of the host cannot look a driver of a noncopyable
/// kernel up by its mangled name; the device specialises it.
private func run<K: HostKernel & ~Copyable>(
  _ kernel: consuming K, _ manifest: Manifest, _ options: KernelOptions, start: Instant,
  setup: Rows<SetupEntry>
) -> SupervisorEnd {
  let seed = UInt64(bitPattern: capus_now()) &* 2 &+ UInt64(UInt32(bitPattern: kernel.pid))
  var kernel = kernel
  var supervisor = Supervisor(
    manifest: manifest, mode: options.role == .initProcess ? .system : .user, seed: seed)
  supervisor.endsWithMain =
    options.role != .initProcess || capus_is_initial_pid_namespace() != 1
  kernel.startRecord(start)
  let timeline = kernel.makeTimeline(start, setup)
  if isResumed { kernel.resume(&supervisor) }
  var driver = Driver(
    kernel: kernel, supervisor: consume supervisor, start: start, timeline: timeline)
  // From here on nothing allocates, and nothing may end apus but its own decision.
  apus_arena_seal()
  while true {
    do throws(Errno) {
      if try !driver.turn() { break }
    } catch {
      driver.kernel.complain("cannot wait for events", error)
      capus_pause()
    }
  }
  if options.role == .foreground {
    driver.kernel.removeNodes()
    driver.kernel.removeGroups()
  }
  return SupervisorEnd(
    power: driver.kernel.power ?? .exit, exitCode: exitCode(manifest, driver))
}

/// What `apus run` exits with: the end of the service marked `main`.
private func exitCode<K: Kernel & ~Copyable>(_ manifest: Manifest, _ driver: borrowing Driver<K>)
  -> Int32
{
  for index in manifest.services.indices where manifest.services[index].flags.contains(.main) {
    guard let report = driver.report(service: index) else { continue }
    guard let end = report.lastExit else {
      // It could not even be executed.
      if report.state == .failed { return 1 }
      continue
    }
    return end.isSignal ? 128 + Int32(end.number) : Int32(end.number)
  }
  return 0
}

/// Ends a line on standard error, which is dropped when that would wait.
@inline(never)
func finishNow(_ line: inout ByteWriter) {
  line.byte(UInt8(ascii: "\n"))
  unsafe line.bytes.withUnsafeBufferPointer { bytes in
    _ = unsafe capus_write_now(2, bytes.baseAddress, bytes.count)
  }
}

extension LinuxKernel: HostKernel {
  /// Says on the log what went wrong outside the supervisor.
  mutating func complain(_ what: Literal, _ errno: Errno) { log.write(.error, what, errno) }
}
