public import ApusBase
public import ApusCore
public import ApusManifest
internal import CApus

/// How apus runs.
public enum KernelRole: UInt8, Sendable {
  /// PID 1 of the machine: log to the kernel's log and the console.
  case initProcess
  /// PID 1 of a container, or `apus run`: log to standard error.
  case foreground
  /// Inside another program, as in tests: signals and children that are not its own stay alone.
  case guest
}

/// What the kernel layer is told besides the manifest.
public struct KernelOptions: Sendable {
  /// How apus runs.
  public var role: KernelRole
  /// Path of the control socket; empty for none.
  public var controlPath: Bytes
  /// The least important line that is logged.
  public var logLevel = Severity.info

  /// How apus runs, and where it is controlled.
  public init(role: KernelRole, controlPath: Bytes) {
    self.role = role
    self.controlPath = controlPath
  }
}

/// The real kernel: it owns every descriptor and process of apus, turns readiness into events and
/// performs effects.
///
/// All of its memory is made in `init`. Nothing blocks but `wait`: descriptors are non-blocking,
/// and what could hang on a file system is done by the child.
public struct LinuxKernel: ~Copyable, Kernel {
  let manifest: Manifest
  let options: KernelOptions
  let own: Ownership
  var accounts: AccountTable
  /// What `capus_users_stamp` said when names were resolved.
  var usersStamp: UInt64 = 0
  let surroundings: Surroundings
  var watches: WatchSet
  var table: ProcessTable
  var memory: SpawnMemory
  var plan = SpawnPlan()
  var listeners: ListenerTable
  var control: ControlSocket
  var channels: NotifyChannels
  var nodes: OwnNodes
  var listenerNodes: ListenerNodes
  /// For short texts of a start, made once.
  var scratch = ByteWriter(capacity: 256)
  /// What the helper that is being started is told of the main process; see `run`.
  var facts: HelperFacts?
  /// Whose parked descriptors the process that is being started gets; -1 for nobody's.
  var storeOwner: Int32 = -1
  /// The mark of the process that is being started; see tree.h.
  var mark: UInt64 = 0
  /// Where the main process that is being started says that it is ready.
  var readyPipe: Int32 = -1
  var log: LogOutput
  let files: FixedDescriptors
  let signalFd: Int32
  /// Signals other than SIGCHLD, read in one place of the turn and told in another.
  var signals: Bytes = Rows()
  /// When apus itself started.
  var startUs: Int64 = 0
  /// True when a child was reaped or may have ended since the last look.
  var looksForEnds = false
  /// True when a child may have been stopped since the last look.
  var looksForStops = false
  /// True once the board has been told how many listeners are bound.
  var hasToldBound = false
  /// CAPUS_* of the controllers that some service of the manifest needs.
  var controllers: UInt32 = 0
  /// True once it has been told that no child is left.
  var isChildless = false
  /// Bits of the resource limits of which it has been said that they are lower than asked for.
  var saidLimits: Int32 = 0
  /// Lines of services' output sent in this turn.
  var linesOfTurn = 0
  /// What the last effect asked for; the caller of the driver carries it out.
  public private(set) var power: PowerAction?
  /// What happens on the console and to the board; see `Board`.
  let board: Board

  /// CLOCK_BOOTTIME as of the last `wait`.
  public private(set) var now: Instant

  /// The pid apus runs as.
  public var pid: Int32 { own.pid }

  /// Allocations since the loop began.
  public var allocations: UInt64 { apus_arena_allocations_after_seal() }

  /// Takes over signals, orphans and the control socket, and resolves every name.
  ///
  /// Throws when the kernel refuses what apus cannot do without (`refusedCall` names it). A
  /// control socket that cannot be bound is said on the log, and tried again; that of `apus run` ends
  /// it with 1 where another supervisor answers there.
  public static func make(
    manifest: Manifest, users: UserDatabase, usersStamp: UInt64 = 0, options: KernelOptions,
    board: Board
  ) throws(Errno) -> LinuxKernel {
    let watches = try WatchSet.make()
    var signalFd: Int32 = -1
    if options.role != .guest {
      try checked(capus_take_signals())
      signalFd = try checked(capus_signal_fd())
      if let errno = watches.add(signalFd, Watch(.signals), events: CAPUS_READABLE) {
        throw errno
      }
      if capus_pid() != 1 { _ = capus_become_subreaper() }
      // The kernel gives PID 1 a thousand. Children get the kernel's own limit again.
      capus_raise_files(
        UInt64(4096 &+ 2 &* manifest.listeners.count &+ 4 &* manifest.services.count))
      // Children start with this, and so do files of apus's own.
      capus_set_umask(0o022)
    }
    capus_closer_begin()
    var kernel = LinuxKernel(
      watches: watches, signalFd: signalFd, manifest: manifest, users: users, options: options,
      board: board)
    kernel.usersStamp = usersStamp
    kernel.openControl(users)
    kernel.watchPressure()
    kernel.sayWithoutLandlock()
    return kernel
  }

  private init(
    watches: consuming WatchSet, signalFd: Int32, manifest: Manifest, users: UserDatabase,
    options: KernelOptions, board: Board
  ) {
    let own = Ownership.inspect()
    self.manifest = manifest
    self.options = options
    self.own = own
    self.board = board
    self.watches = watches
    self.signalFd = signalFd
    surroundings = own.surroundings(isInit: options.role == .initProcess)
    apus_arena_scratch(true)
    let accounts = AccountTable(manifest, own: own, database: users)
    apus_arena_scratch(false)
    self.accounts = accounts.owned()
    files = FixedDescriptors(console: manifest.system.console, of: manifest, role: options.role)
    log = LogOutput(files: files, role: options.role, least: options.logLevel)
    let places = Supervisor.spawnPlaces(of: manifest)
    table = ProcessTable(
      services: manifest.services.count, connections: LinuxKernel.connections(of: manifest),
      helpers: Supervisor.usesHelpers(manifest) ? manifest.services.count : 0,
      flights: places)
    memory = SpawnMemory(
      count: places, planBytes: LinuxKernel.planBytes(of: manifest))
    listeners = ListenerTable(manifest, users: users)
    control = ControlSocket(ownUid: own.uid)
    channels = NotifyChannels(manifest, controlPath: options.controlPath)
    nodes = OwnNodes(controlPath: options.controlPath)
    listenerNodes = ListenerNodes(manifest)
    now = Instant(microseconds: capus_now())
    signals.reserveCapacity(16)
  }

  deinit {
    if signalFd >= 0 { _ = capus_close(signalFd) }
  }

  /// CLOCK_BOOTTIME at this very moment.
  public func readClock() -> Instant { Instant(microseconds: capus_now()) }

  /// Waits, then reports in the order of the protocol.
  public mutating func wait(
    until deadline: Instant?, into events: inout EventBuffer
  ) throws(Errno) {
    if log.hasNews { tellFollowers() }
    let isPending = looksForEnds || !signals.isEmpty || nodes.isToBeLookedAt
    var deadline = earliestLook(deadline)
    if let retry = control.retryAt { deadline = min(deadline ?? .never, retry) }
    let closerDue = Instant(microseconds: capus_closer_look(now.microseconds))
    if let retry = nodes.retryAt { deadline = min(deadline ?? .never, retry) }
    if closerDue != .never { deadline = min(deadline ?? .never, closerDue) }
    try watches.wait(until: isPending ? now : deadline, now: now)
    now = Instant(microseconds: capus_now())
    // First, where there is room: it is reported once.
    if isReady(.clock) { events.append(.clock(offset: watches.readClock())) }
    if isReady(.signals) { readSignals(into: &events) }
    readOutputs()
    reportNotices(into: &events)
    reportEnds(into: &events)
    reportFlights(into: &events)
    endHeldFlights()
    reportNodes(into: &events)
    reportClients(into: &events)
    reportSignals(into: &events)
    reportPressure(into: &events)
    reportListeners(into: &events)
  }

  /// Performs one effect.
  public mutating func perform(_ effect: Effect) -> Outcome {
    switch effect {
    case .bind(let listener): return bind(listener)
    case .watch(let listener): return watch(listener)
    case .unwatch(let listener): unwatch(listener)
    case .unbind(let listener): unbind(listener)
    case .dropFirst(let service): dropFirst(service)
    case .settle(let service): return settle(service)
    case .lookAtNodes(let listener): return lookAtNodes(from: listener)
    case .inspect(let listener, let since): return inspect(listener, since)
    case .accept(let listener, let id): return accept(listener, id)
    case .discard(let id): discard(id)
    case .spawn(let id, let service):
      tellBound()
      return spawn(id, service: service)
    case .run(let id, let service, let command, let end):
      return run(id, service: service, command, after: end)
    case .adopt(let id, let pid): return adopt(id, pid)
    case .signal(let id, let number, let scope): signal(id, number: number, scope: scope)
    case .tellStep(let id): return tellStep(id)
    case .release(let id): release(id)
    case .emptyStore(let service):
      unsafe capus_store_remove(UInt32(service), nil, 0, watches.epoll)
    case .freeze(let id, let isFrozen): freeze(id, isFrozen)
    case .lookIdle(let id, let service, let look):
      return lookIdle(id, service: service, look)
    case .signalEveryone(let number): signalEveryone(number)
    // The driver encodes answers and hands the frame to `send`.
    case .answer, .replaceProgram: break
    case .log(let message): log.write(message, manifest: manifest)
    case .readClock: return .event(.clock(offset: watches.readClock()))
    case .rescue: board.rescue()
    case .bootFinished:
      tellBound()
      memory.trim()
      board.bootFinished(Instant(microseconds: capus_now()))
    case .petWatchdog: return petWatchdog()
    case .bootGood: noteGoodBoot()
    case .keepArgument: keepArgument()
    case .power(let action):
      for index in listeners.listeners.indices { unbind(UInt16(truncatingIfNeeded: index)) }
      capus_log_end()
      power = action
    }
    return .done
  }

  /// Puts the hardware watchdog off; one that cannot be opened is tried again each time.
  private mutating func petWatchdog() -> Outcome {
    var seconds: Int32 = 0
    let error = unsafe capus_watchdog_pet(&seconds)
    if error < 0 { log.write(.error, "hardware watchdog", Errno(0 &- error)) }
    if seconds == 0 { return .done }
    log.say("the hardware watchdog's timeout in seconds is ", UInt64(seconds), .info)
    return .event(.watchdogTimeout(.seconds(Int64(seconds))))
  }

  /// Has the next boot counted from the beginning, by a process of its own.
  private mutating func noteGoodBoot() {
    log.say("the boot is good", nil, .info)
    guard let path = unsafe pointer(manifest.system.bootState) else { return }
    let answer = unsafe capus_attempt(CAPUS_GOOD_BOOT, path, -1)
    if answer < 0 { log.write(.error, "cannot note that the boot is good", Errno(0 &- answer)) }
  }

  /// Tells the board, once and before the first process, how many listeners are bound.
  private mutating func tellBound() {
    if hasToldBound { return }
    hasToldBound = true
    var count = 0
    for listener in listeners.listeners where listener.fd >= 0 { count += 1 }
    board.socketsBound(count)
  }

  /// Signals everything but apus; only PID 1 may.
  private mutating func signalEveryone(_ number: UInt8) {
    // The look that follows tells when nobody is left.
    isChildless = false
    looksForEnds = true
    if number == 9 { capus_log_end() }
    if own.pid == 1, options.role != .guest { _ = capus_kill(-1, Int32(number)) }
  }

  /// How many connections all `accept` services may have at a time.
  static func connections(of manifest: Manifest) -> Int {
    var count = 0
    for service in manifest.services where service.accepts {
      count += Int(service.maxConnections)
    }
    return min(count, Limits.connections)
  }
}

/// What the board does around the kernel layer: the console's rescue shell and the end of boot.
///
/// A class so that PID 1 can put its own in; this one does nothing, for `apus run`.
open class Board {
  /// Nothing special.
  public init() {}

  /// There is a record of what lasts beyond a crash.
  open func recordBegun() {}

  /// So many listeners are bound, and no process has been started yet.
  open func socketsBound(_ count: Int) {}

  /// Run the rescue shell on the console, once.
  open func rescue() {}

  /// Everything that starts with the board has started.
  open func bootFinished(_ now: Instant) {}
}
