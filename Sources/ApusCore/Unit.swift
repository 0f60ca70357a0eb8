internal import ApusBase
internal import ApusManifest
internal import ApusWire

/// What a service is meant to be.
enum Goal: UInt8, Sendable {
  /// No process, listeners bound but not watched.
  case down
  /// No process until one of its listeners is readable.
  case listen
  /// A process.
  case up
}

/// What a service's one deadline is for.
enum Alarm: UInt8, Sendable {
  case none
  /// `backoff` ends.
  case retry
  /// The child should have reached execve(2).
  case start
  /// The stop signal has not helped: KILL.
  case stop
  /// Not even KILL has: go on without it.
  case kill
  /// Asked to end for not being ready, silent or overdue: KILL.
  case abort
  /// A command of the service has taken too long.
  case helper
  /// RELOADING=1 may follow the signal of a reload.
  case reloadSignal
  /// READY=1 should have followed RELOADING=1.
  case reload
  /// A command that has taken too long was killed: not even that has ended it.
  case helperKilled
  /// Nothing is due: no KILL has ended a command, and others go on without it.
  case helperLeft
}

/// What a service's second process, one of its commands, runs for.
public enum HelperRole: UInt8, Sendable {
  case none
  /// `pre`: the start waits for it.
  case pre
  /// No process: `pre` is done and the start waits for its turn.
  case preDone
  /// `post`: the end is judged after it.
  case post
  /// `stop.exec`: the stop signal follows it.
  case stop
  /// `reload.exec`.
  case reload
  /// `ready.exec`, `tcp` and `unix`: ready once it exits 0.
  case probe
  /// A look into the pid file of a daemon.
  case pidFile
  /// `started`: what is ready counts as that once they have ended well.
  case started
  /// `health`: what is up is looked at for as long as it runs.
  case health
}

/// Which command of a service.
public struct CommandID: Equatable, Sendable {
  /// What it runs for.
  public var role: HelperRole
  /// Its number where there are several.
  public var index: UInt8

  /// A command.
  public init(_ role: HelperRole, _ index: UInt8 = 0) {
    self.role = role
    self.index = index
  }
}

/// How far stopping has come.
enum StopStage: UInt8, Sendable {
  case none
  /// Services that depend on it go first.
  case ordered
  /// The stop signal is sent.
  case signalled
  /// KILL is sent.
  case killed
  /// KILL did not end it in time; shutdown goes on without it.
  case abandoned
}

/// The changing side of a service.
struct Unit: Sendable {
  var state = ServiceState.stopped
  var goal = Goal.down
  var alarm = Alarm.none
  var stopStage = StopStage.none
  /// A process exists: from the `spawn` effect until its release.
  var isAlive = false
  /// It has not reached execve(2) yet and occupies one of the spawn slots.
  var isInFlight = false
  /// End the running process first, then look at the goal.
  var cycle = false
  /// How many looks of `health` in a row have failed.
  var failedLooks: UInt16 = 0
  /// A oneshot that exited 0, or any service that was ready once, since its last start.
  var hasSucceeded = false
  /// Counts against the boot line until it has settled once.
  var isBootPending = false
  /// The process said RELOADING=1 and not yet READY=1, or may do so.
  var isReloading = false
  /// The command that runs beside or in place of the main process.
  var helper = HelperRole.none
  /// Which of several commands of that role it is.
  var helperIndex: UInt8 = 0
  /// Life of the helper's slot, and whether it has not reached execve(2) yet.
  var helperGeneration: UInt32 = 0
  var isHelperInFlight = false
  /// The program before this one has left its process, and how that ended while nobody supervised;
  /// only while a program takes over.
  var isHelperKept = false
  var missedHelperEnd: ExitReport?
  /// The interval within which WATCHDOG=1 is due, `never` for none, and when the next one is.
  var watchdog = Interval.never
  var watchdogAt = Instant.never
  /// When it is looked at again whether it is ready.
  var lookAt = Instant.never
  /// When the timer elapses, by `afterBoot` and `every`.
  var timerAt = Instant.never
  /// When it does by its calendar, in seconds since 1970: 0 before the clock has been read, the
  /// largest number for never.
  var calendarAt: Int64 = 0
  /// When `runtimeMax` is over.
  var runtimeAt = Instant.never
  /// The pid file has been believed; until then the main process is a guess.
  var isMainNamed = false
  /// The process that the pid file names and that is none of the service's; 0 for none.
  var stranger: Int32 = 0
  /// When it is looked at again whether somebody is connected, and since which look nobody is.
  var idleAt = Instant.never
  var idleSince = Instant.never
  /// When the stop signal is sent once more, and the pause after that.
  var resendAt = Instant.never
  var resendPause = Interval.zero
  /// Set while it is frozen for a last look: until when that may take.
  var frozenUntil = Instant.never
  /// Its memory at the last look.
  var kilobytes: UInt32 = 0
  /// Another manifest says otherwise: it ends, and this program does not start it again.
  var isLeaving = false
  /// How the process ended while nobody supervised; only while a program takes over.
  var missedEnd: ExitReport?
  /// Set while apus itself ends the process for taking too long.
  var forcedEnd: RunEnd?
  /// Why the state is what it is.
  var reason = Reason.none
  /// Since when.
  var since = Instant.zero
  /// Life of the slot.
  var generation: UInt32 = 0
  /// Main pid, 0 without a process.
  var pid: Int32 = 0
  /// Starts after the first.
  var restarts: UInt32 = 0
  /// Processes of an `accept` service.
  var connections: UInt16 = 0
  /// Those of them that have not reached execve(2) yet, and whether others wait for their places.
  var connectionsInFlight: UInt8 = 0
  var holdsConnections = false
  /// The next connection's number (`name@N`).
  var starts: UInt32 = 0
  /// The delay before the next automatic start.
  var delay = Interval.zero
  /// Until when nobody but an operator starts it, whatever asks for it.
  var restUntil = Instant.zero
  /// Which listener has woken it, and what waited there then; only as long as this program runs.
  var wokenBy: UInt16 = .max
  var queueMark: QueueMark?
  /// The listener that is readable so soon after the end that the queue of `wokenBy` is looked at.
  var judged: UInt16?
  /// Restart limit: when its window began and what was counted.
  var windowStart = Instant.zero
  var windowCount: UInt32 = 0
  /// When the current or last process was started and ended.
  var startedAt = Instant.zero
  var endedAt = Instant.zero
  /// How the last process ended.
  var lastExit: ExitReport?
  /// The nodes of its listeners were looked at for the start that is due.
  var isLookedAt = false
  /// Messages of its present run that were believed, refused for their sender, or none at all.
  var noticesHeard: UInt16 = 0
  var noticesOfStrangers: UInt16 = 0
  var noticesMalformed: UInt16 = 0
  /// How often in a row traffic has started it and it has failed at once.
  var crashes: UInt8 = 0

  /// There is still a process, but no KILL has ended it.
  var isLeftBehind: Bool { stopStage == .abandoned || alarm == .helperLeft }

  /// A new process: nothing of the last one counts any more.
  @inline(never)
  mutating func begin(at now: Instant, watchdog: Interval) {
    helper = .none
    generation &+= 1
    isAlive = true
    isInFlight = true
    hasSucceeded = false
    forcedEnd = nil
    stopStage = .none
    startedAt = now
    noticesHeard = 0
    noticesOfStrangers = 0
    noticesMalformed = 0
    isReloading = false
    isMainNamed = false
    stranger = 0
    self.watchdog = watchdog
  }

  /// Nothing that is due while a process runs is due any more.
  @inline(never)
  mutating func clearRunTimes() {
    runtimeAt = .never
    watchdogAt = .never
    lookAt = .never
    idleAt = .never
    idleSince = .never
    resendAt = .never
  }

  /// A stop that was asked for is over.
  @inline(never)
  mutating func finishStop() {
    stopStage = .none
    forcedEnd = nil
    cycle = false
    // What has done its work and remained so is down now.
    hasSucceeded = false
    delay = .zero
    restUntil = .zero
  }

  /// Forgets failures.
  @inline(never)
  mutating func forgive() {
    delay = .zero
    restUntil = .zero
    windowCount = 0
    restarts = 0
  }
}

/// The changing side of a listener.
struct ListenerUnit: Sendable {
  var isBound = false
  var isWatched = false
  /// Not watched before its deadline, whatever the service does.
  var isPaused = false
  var reason = Reason.none
  /// The last delay before another try.
  var delay = Interval.zero
  /// Trigger limit: when its window began and what was counted.
  var windowStart = Instant.zero
  var windowCount: UInt32 = 0
  var triggers: UInt64 = 0
  var accepted: UInt64 = 0
  var lastTrigger = Instant.never
  /// What of it is known to be gone from the file system, and when it was last bound anew for that.
  var lost: LostNode?
  var reboundAt = Instant.zero
  /// The pause before it is bound anew is over.
  var isLookDue = false
  /// Who connected last, of an `accept` service.
  var lastPeer = ConnectionSource(family: 0, key: 0)

  /// It is bound, and nothing that was wrong with it counts any more.
  @inline(never)
  mutating func begin() {
    isBound = true
    isPaused = false
    isLookDue = false
    lost = nil
    // One that is lost soon again is bound again more slowly, and what has happened to it stays said.
    if reason.kind == .lostNode { return }
    delay = .zero
    reason = .none
  }

  /// Counts what woke its service.
  @inline(never)
  mutating func count(trigger now: Instant) {
    triggers &+= 1
    lastTrigger = now
  }
}

/// One connection of an `accept` service.
struct Connection: Sendable {
  enum Stage: UInt8, Sendable {
    case free
    /// Accepted, waits for a spawn slot.
    case queued
    /// Between clone3(2) and execve(2).
    case inFlight
    case running
    /// Accepted, but there was no process or descriptor to be had: waits for its next try.
    case held
  }
  var stage = Stage.free
  var isStopping = false
  var hasBeenKilled = false
  var service: UInt16 = 0
  var listener: UInt16 = 0
  var generation: UInt32 = 0
  var pid: Int32 = 0
  /// The N of `name@N`; 0 until it has been accepted.
  var number: UInt32 = 0
  var source = ConnectionSource(family: 0, key: 0)
  /// When it was accepted.
  var since = Instant.zero

  /// A new connection takes the slot.
  @inline(never)
  mutating func begin(service: Int, listener: Int) {
    generation &+= 1
    stage = .queued
    isStopping = false
    hasBeenKilled = false
    self.service = UInt16(truncatingIfNeeded: service)
    self.listener = UInt16(truncatingIfNeeded: listener)
    number = 0
    pid = 0
  }
}

/// A control client that waits for a service.
struct Waiter: Sendable {
  var client: ClientID
  var service: UInt16
  /// True: until it is up; false: until it is down.
  var isForUp: Bool
  /// No failure on the way ends the wait.
  var isPatient = false
  /// Until it has reloaded; `isForUp` is true as well.
  var isForReload = false
  /// Until this connection of the service has ended; 0 for the service itself.
  var connection: UInt32 = 0
}
