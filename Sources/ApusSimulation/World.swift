public import ApusBase
public import ApusCore
public import ApusManifest
internal import ApusWire

/// A deterministic fake operating system: clocks, processes, listeners with their queues, control
/// clients and faults, all driven by one seed.
///
/// It is the other `Kernel`. What the supervisor asks is performed on tables that a test can look
/// at, what happens is drawn up on an agenda, and each breach of the protocol by the supervisor is
/// kept in `violations`. Everything that passes between the two goes to the trace.
public final class World: Kernel {
  /// The service table the supervisor was given.
  public internal(set) var manifest: Manifest
  /// The manifest on the disk, nil while there is a mistake in it.
  public var disk: Manifest?
  /// The one that comes into force when everything that it changes has ended.
  var next = Manifest()
  /// How often a manifest was looked at and refused, and how often one came into force.
  public internal(set) var refusals = 0
  public internal(set) var applications = 0
  /// The supervisor wants to go on as a new life that looks at the manifest.
  var isApplying = false
  /// The seed of this run.
  public let seed: UInt64
  /// What has passed.
  public let trace: Trace
  /// CLOCK_BOOTTIME as of the last `wait`.
  public internal(set) var now = Instant(microseconds: 1_000_000)
  /// CLOCK_REALTIME minus CLOCK_BOOTTIME; nobody but calendar timers may notice it.
  public var wallOffset: Int64 = 1_700_000_000_000_000 {
    didSet { if watchesClock, wallOffset != oldValue { clockIsSet = true } }
  }
  /// Makes the clock run a little faster or slower, as adjtimex(2) does: nobody is told.
  public func slew(by microseconds: Int64) {
    let wasSet = clockIsSet
    wallOffset += microseconds
    clockIsSet = wasSet
  }
  /// True once the clock has been asked for: from then on its being set is told.
  var watchesClock = false
  var clockIsSet = false
  /// The one source of chance.
  public var random: Random
  /// How unruly it is.
  public var chaos = Chaos()
  /// Errors to come.
  public var faults: [Fault] = []
  /// What the next process of a service does: service and how many were started before.
  public var behaviour: (ServiceIndex, Int, inout Random) -> Script = { _, _, _ in Script() }
  /// Breaches seen so far.
  public internal(set) var violations: [Violation] = []
  /// The moment at which the run is to be looked at again; `wait` never goes beyond.
  public var horizon = Instant.never

  var agenda = Agenda()
  var clock: Int64 = 1_000_000
  /// When the machine last went on after a suspend.
  var resumedAt = Instant.zero
  var turns = 0
  /// How many calls of `wait` return with nothing, as after EINTR.
  public var interruptions = 0
  /// Turns since time last moved on.
  var turnsWithoutTime = 0
  /// Events handed over since the last turn began, not yet noted.
  var handedOver: [Event] = []

  // Processes
  var processes: [Process?] = []
  var serial: UInt64 = 0
  /// Live instances by slot.
  var instances: [Instance?] = []
  /// The last generation a process was made for, by slot.
  var generations: [UInt32?] = []
  var exits: [(id: InstanceID, report: ExitReport)] = []
  var reports: [Event] = []
  /// What services have said, told before everything else.
  var notices: [Event] = []
  /// Helpers between `run` and `release`, by slot.
  var helpers = Pairs<UInt16, Helper>()
  /// How the helpers of services end, by service; 0 unless it is set.
  public var helperCodes = Pairs<ServiceIndex, UInt8>()
  /// How long they last in microseconds, by service; 1000 unless it is set.
  public var helperLives = Pairs<ServiceIndex, Int64>()
  /// Steps of the helpers' children that fail, by service.
  public var helperFailures = Pairs<ServiceIndex, Script.Failure>()
  /// What they do of which none of these says anything; they end well at once unless it is set.
  public var commandBehaviour: ((ServiceIndex, CommandID, inout Random) -> CommandScript)?
  /// The lives of commands that were not to be made, by slot.
  var refusedCommands = Pairs<UInt16, InstanceID>()
  /// Lives that another process has taken over, until the supervisor is told.
  var overtaken: [InstanceID] = []
  /// How often something has come for which a service may be ended on its way, or wait.
  var orders = 0
  /// What the pid files of daemons say; without one, that there is none yet.
  public var pidFiles = Pairs<ServiceIndex, Int32>()
  /// Pids that were named as a main process and are none of the service's.
  public internal(set) var refusedPids = 0
  /// How many helpers were started.
  public internal(set) var helperStarts = 0
  var lateReports: [Event] = []
  var childlessIsDue = false
  /// Facts about each service.
  public internal(set) var services: [ServiceFacts]

  // Listeners
  /// Facts about each listener.
  public internal(set) var listeners: [ListenerFacts]
  /// Every connection ever made.
  public internal(set) var connections: [ConnectionFacts] = []
  /// Accepted, by slot of the instance.
  var held: [Int?] = []
  /// For which life it was accepted.
  var heldGenerations = Pairs<Int, UInt32>()
  var recentlyUnwatched: [UInt16] = []
  /// Directories of nodes are watched: what is lost of a listener is told.
  public var watchesDirectories = true
  /// Listeners of which that is to be told, and nobody has looked since.
  var lostNodes: [ListenerIndex] = []
  var isLookPlanned = false
  var recentlyReleased: [InstanceID] = []

  // Control and signals
  /// What services have written, line by line.
  public var lines: [[UInt8]] = []
  /// The event frames that were kept.
  public private(set) var keptEvents: [[UInt8]] = []
  /// What control clients were sent.
  public internal(set) var frames: [[UInt8]] = []
  /// How many frames they have room for; with fewer than none they are gone.
  public var room = Int.max
  var control: [Event] = []
  var signals: [Event] = []
  /// Requests and their answers.
  public internal(set) var requests: [RequestFacts] = []
  var clientGenerations = [UInt32](repeating: 0, count: Limits.clients)
  var nextClient = 0

  // Hardware watchdog
  /// The only timeout its driver has; nil for one that takes what it is asked for.
  public var watchdogTimeout: Interval?
  /// How often it was put off, and when it was last.
  public internal(set) var pets = 0
  var petted: Instant?
  var watchdogWaits = Interval.never
  /// A driver that is loaded only later.
  public var watchdogExists = Instant.zero

  // Idleness
  /// How many looks and freezes were asked for.
  public internal(set) var looks = 0
  public internal(set) var freezes = 0
  /// Listeners are of a kind whose clients can be held off: TCP, not unix sockets.
  public var holdsOff = true
  /// Services that were stopped for being idle, in that order.
  public internal(set) var idleStops: [ServiceIndex] = []

  // The end
  /// When the supervisor learned that it has to end.
  public internal(set) var shutdownOrdered: Instant?
  /// How long the machine was suspended after that.
  var suspendedDuringEnd = Interval.zero
  /// The order that counts: the first, or one at once; nil while nobody knows.
  var powerOrdered: PowerAction?
  /// Whose argument counts: of the first order of a reboot, or of a later one at once; and whose the
  /// supervisor has had kept.
  var orderedArgument: ClientID?
  public internal(set) var argument: ClientID?
  /// Presses of Ctrl-Alt-Del, the seventh of which may be an order at once.
  var presses = 0
  /// How it ended.
  public internal(set) var power: PowerAction?
  /// When.
  public internal(set) var powerTime: Instant?
  /// Every log line.
  public internal(set) var messages: [Message] = []
  /// How many log lines to keep.
  public var messageLimit = 4096
  /// How often the board said that it is up.
  public internal(set) var bootsFinished = 0
  /// When the boot was found to be good: once.
  public internal(set) var goodBoots: [Instant] = []
  /// How often the rescue shell ran.
  public internal(set) var rescues = 0

  /// How many frames a control client's buffer takes; nil for any number, none of which is kept.
  public var frameRoom: Int?
  /// Frames that control clients have not read.
  var clientFrames = [[[UInt8]]](repeating: [], count: Limits.clients)
  /// Control clients that were let go.
  public internal(set) var closed: [ClientID] = []

  /// A world for that manifest.
  public init(manifest: Manifest, seed: UInt64, traceLimit: Int = 1 << 16) {
    self.manifest = manifest
    disk = manifest
    self.seed = seed
    random = Random(seed: seed)
    trace = Trace(limit: traceLimit)
    services = manifest.services.map { _ in ServiceFacts() }
    listeners = manifest.listeners.map { ListenerFacts(service: Int($0.service)) }
  }

  /// CLOCK_REALTIME, in microseconds since 1970.
  public var wall: Int64 { clock &+ wallOffset }

  /// True clock: also between two calls of `wait`.
  public var time: Instant { Instant(microseconds: clock) }

  func violate(_ invariant: Int, _ what: String) {
    violations.append(Violation(invariant, what))
  }

  /// Has `body` run at that moment; processes' business stands still during a suspend.
  public func at(_ moment: Instant, freezes: Bool = false, _ body: @escaping (World) -> Void) {
    agenda.add(at: max(moment.microseconds, clock), freezes: freezes, body)
  }

  /// Has `body` run in that many microseconds.
  public func after(_ delay: Int64, freezes: Bool = false, _ body: @escaping (World) -> Void) {
    guard delay < .max - clock else { return }
    agenda.add(at: clock + max(0, delay), freezes: freezes, body)
  }

  /// Suspends the machine: the clock goes on, processes and their plans stand still.
  public func suspend(for interval: Interval) {
    clock += interval.microseconds
    resumedAt = time
    if shutdownOrdered != nil { suspendedDuringEnd = suspendedDuringEnd + interval }
    petted = petted.map { $0 + interval }
    agenda.suspend(for: interval.microseconds)
  }

  /// Moves the clock before the run begins, for long uptimes.
  public func begin(at moment: Instant) {
    clock = moment.microseconds
    now = moment
  }

  func strikes(_ matches: (FaultPlace) -> Bool) -> Fault? {
    for index in faults.indices where matches(faults[index].place) {
      if faults[index].strikes(at: time, random: &random) { return faults[index] }
    }
    return nil
  }

  // MARK: Kernel

  /// Performs one effect on the tables.
  public func perform(_ effect: Effect) -> Outcome {
    trace.write(at: clock) { line in
      line.text("> ")
      line.effect(effect)
    }
    if power != nil { violate(9, "an effect after power: \(describe(effect))") }
    let outcome = carryOut(effect)
    if case .event(let event) = outcome { recordDelivery(event) }
    return outcome
  }

  private func carryOut(_ effect: Effect) -> Outcome {
    switch effect {
    case .bind(let listener): return bind(listener)
    case .watch(let listener): return watch(listener)
    case .unwatch(let listener): return unwatch(listener)
    case .unbind(let listener): return unbind(listener)
    case .dropFirst(let service): return dropFirst(Int(service))
    case .settle(let service): return settle(Int(service))
    case .lookAtNodes(let listener): return lookAtNodes(from: Int(listener))
    case .inspect(let listener, let since): return inspect(listener, since)
    case .accept(let listener, let id): return accept(listener, id)
    case .discard(let id): return discard(id)
    case .spawn(let id, let service): return spawn(id, service: Int(service))
    case .run(let id, let service, let command, _): return runHelper(id, Int(service), command)
    case .emptyStore(let service):
      services[Int(service)].storesEmptied += 1
      return .done
    case .adopt(let id, let pid): return adopt(id, pid)
    // In the step that has asked for it nobody knows yet.
    case .signal(let id, _, _) where refusedCommands[id.slot] == id || overtaken.contains(id):
      return .done
    case .signal(let id, let number, _) where helpers[id.slot] != nil:
      return signalHelper(id, number)
    case .tellStep(let id): return tellStep(id)
    case .release(let id) where helpers[id.slot] != nil: return releaseHelper(id)
    case .signal(let id, let number, let scope): return signal(id, number, scope)
    case .release(let id): return release(id)
    case .freeze(let id, let isFrozen): return freeze(id, isFrozen)
    case .lookIdle(let id, let service, let look):
      return lookIdle(id, service: Int(service), look)
    case .signalEveryone(let number): return signalEveryone(number)
    case .answer(let client, let answer): return self.answer(client, answer)
    case .log(let message):
      if message.kind == .shutdown, message.nextUs < 0 {
        orderShutdown(PowerAction(rawValue: UInt8(truncatingIfNeeded: message.reason.value)))
      }
      checkIdleStop(message)
      checkReadiness(message)
      if messages.count < messageLimit { messages.append(message) }
      return .done
    case .rescue:
      rescues += 1
      return .done
    case .replaceProgram(let client):
      if client == nil { isApplying = true }
      return .done
    case .readClock:
      watchesClock = true
      return .event(.clock(offset: wallOffset))
    case .bootFinished:
      bootsFinished += 1
      if bootsFinished > 1 { violate(0, "the board was up twice") }
      return .done
    case .petWatchdog: return petWatchdog()
    case .bootGood:
      goodBoots.append(time)
      return .done
    case .power(let action):
      if let powerOrdered, action != .exit, action != powerOrdered {
        violate(9, "\(action) although \(powerOrdered) was ordered first")
      }
      if action == .reboot, argument != orderedArgument {
        violate(9, "a reboot with the argument of \(argument), not of \(orderedArgument)")
      }
      power = action
      powerTime = time
      return .done
    case .keepArgument(let client):
      argument = client
      return .done
    }
  }

  func recordDelivery(_ event: Event) {
    trace.write(at: clock) { line in
      line.text("< ")
      line.event(event)
    }
  }

  /// The clock between two calls of `wait`.
  public func readClock() -> Instant { time }

  /// That of init.
  public var pid: Int32 { 1 }

  /// Takes a frame for a control client, as long as there is room in its buffer.
  public func send(_ frame: borrowing ByteWriter, to client: ClientID) -> SendOutcome {
    if closed.contains(client) { return .gone }
    guard let room = frameRoom else { return take(Array(frame.bytes)) }
    let slot = Int(client.slot)
    if clientFrames[slot].count >= room { return .full }
    clientFrames[slot].append(Array(frame.bytes))
    return .sent
  }

  private func take(_ frame: [UInt8]) -> SendOutcome {
    guard frames.count < room else { return room < 0 ? .gone : .full }
    frames.append(frame)
    return .sent
  }

  /// Sends a line of what services have written; each is a frame of its own here.
  public func sendLine(
    to client: ClientID, had: Int, of service: UInt16?, follows: Bool
  ) -> SendOutcome? {
    let lines = service == OwnLog.events ? keptEvents : lines
    return lines.indices.contains(had) ? take(lines[had]) : nil
  }

  /// Keeps an event frame, of which the real kernel keeps the last ones.
  public func keep(event frame: borrowing ByteWriter) { keptEvents.append(Array(frame.bytes)) }

  /// Closes a control client.
  public func close(_ client: ClientID) { closed.append(client) }

  /// Connections in the queue.
  public func queueLength(listener: UInt16) -> UInt32? {
    listeners.at(Int(listener)).map { UInt32($0.queue.count) }
  }

  /// A made-up figure.
  public func usage(of instance: InstanceID, service: UInt16) -> ServiceUsage {
    var usage = ServiceUsage()
    usage.memory = 1 << 20
    return usage
  }
}
