public import ApusBase
public import ApusCore

/// What is true of a service, whatever the supervisor believes.
public struct ServiceFacts: Sendable {
  /// Moments at which a process was made, of `spawn` effects that succeeded.
  public internal(set) var starts: [Instant] = []
  /// `spawn` effects, also those refused.
  public internal(set) var attempts: [Instant] = []
  /// Reports of a successful execve(2).
  public internal(set) var executions = 0
  /// Ends of main processes.
  public internal(set) var ends: [Instant] = []
  /// Live instances: from `spawn` to `release`.
  public internal(set) var alive = 0
  /// Live main processes that have reached execve(2).
  public internal(set) var isRunning = false
  /// A main process reached execve(2), or a oneshot ended with 0, since the last start.
  public internal(set) var isUp = false
  /// A condition was not met at the last start.
  public internal(set) var isSkipped = false
  /// It may be started at once: nothing has ended since that asks for a pause.
  var mayStart = false
  /// When the supervisor was told of the last end.
  var endHeardAt = Instant.zero
  /// When the supervisor last said that its stop is over.
  var stoppedAt = Instant.zero
  /// It is to be stopped, by an operator or for what it needs.
  var isStopAsked = false
  /// Whether the last main process ended well, as far as anybody can see from outside.
  var hasEndedWell = false
  /// What has become of its commands.
  var commands = CommandFacts()
  /// The main process has said READY=1.
  var hasSaidReady = false
  /// It is being stopped for being idle, how many requests there had been by then, and whether its
  /// stop signal is still to come.
  var isStoppedIdle = false
  var requestsBeforeStop = 0
  var isSignalDue = false
  /// How often what it had parked was closed.
  public internal(set) var storesEmptied = 0
  /// Signals sent to the main process, with their times.
  public internal(set) var signals: [SentSignal] = []

  /// A signal that was sent.
  public struct SentSignal: Equatable, Sendable {
    /// When.
    public var time: Instant
    /// Which.
    public var number: UInt8
    /// To whom.
    public var scope: SignalScope
  }
}

/// What is true of a listener.
public struct ListenerFacts: Sendable {
  /// Its service.
  public internal(set) var service: Int
  /// The socket exists.
  public internal(set) var isBound = false
  /// Readiness is reported.
  public internal(set) var isWatched = false
  /// Only errors are reported: hung up, no data.
  public internal(set) var isBroken = false
  /// What of it is gone from the file system, and since when.
  public internal(set) var lost: LostNode?
  var lostSince = Instant.never
  /// Its service has ended, or is about to start, since its node was looked at.
  var isUnseen = false
  /// Waiting connections, oldest first, as indexes of `World.connections`.
  public internal(set) var queue: [Int] = []
  /// When a connection was last taken out of the queue.
  public internal(set) var takenAt = Instant.zero
  /// Moments of `watch` effects.
  public internal(set) var watches: [Instant] = []
  /// Since when it has been unwatched.
  public internal(set) var unwatchedSince = Instant.zero
  var watchFailedAt = Instant.never
  /// Attempts to bind.
  public internal(set) var bindAttempts: [Instant] = []
  /// Successive reports of readiness that the supervisor did not act upon.
  var ignoredReports = 0
  /// Clients are kept out of its queue, and try again.
  public internal(set) var isHeldOff = false
}

/// What became of a client's connection.
public struct ConnectionFacts: Equatable, Sendable {
  /// The fates of a connection.
  public enum Fate: UInt8, Sendable {
    /// Nobody listened.
    case refused
    /// In the kernel's queue.
    case queued
    /// Accepted by apus for an instance.
    case held
    /// Accepted by a process.
    case served
    /// Accepted by apus and closed again.
    case discarded
    /// Dropped at the end of the service, as `flush` says.
    case dropped
    /// Its listener was closed while it waited.
    case reset
    /// Its listener holds clients off: it tries again.
    case heldOff
  }
  /// Which listener it went to.
  public internal(set) var listener: Int
  /// Its peer.
  public let source: ConnectionSource
  /// When it was made.
  public let made: Instant
  /// What became of it.
  public internal(set) var fate: Fate
  /// When apus accepted it.
  var heldAt = Instant.never
  /// When there was last nothing to be had to start its process.
  var shortAt: Instant?
  /// When it was served.
  public internal(set) var servedAt = Instant.never
  /// The process that had accepted it ended while it was open.
  public internal(set) var isCut = false
}

/// A control client's request and what came back.
public struct RequestFacts: Sendable {
  /// Who asked.
  public let client: ClientID
  /// What.
  public let request: Request
  /// When.
  public let made: Instant
  /// The answer, and when it came.
  public internal(set) var answer: Answer?
  public internal(set) var answeredAt: Instant?
  /// The supervisor was told while nothing had ordered the end: it owes an answer.
  public internal(set) var isHeard = false
  /// The client went away.
  public internal(set) var isGone = false
}

/// A process of the fake operating system.
struct Process {
  enum Stage: UInt8 {
    case beforeExec
    case running
    /// Ended, not reaped.
    case zombie
  }
  let serial: UInt64
  let pid: Int32
  /// -1 for what a manifest has left behind.
  var service: Int
  /// Main processes have one, stragglers none.
  var instance: InstanceID?
  /// Serial of the main process whose group it belongs to.
  let group: UInt64
  let script: Script
  var stage = Stage.beforeExec
  var accepted = 0
  /// The main process has ended: its children are adopted by init.
  var isOrphan = false
  var isDying = false
  /// Accepted connections that last.
  var open: [Int] = []
  var isFrozen = false
  /// Since when it is to stop.
  var freezesSince: Int64?
  /// Signals that wait until it goes on.
  var pending: [UInt8] = []
  var isDraining = false
  /// What it accepts it drops.
  var isLingering = false
}

/// A live instance: from `spawn` to `release`.
struct Instance {
  /// The life; the next one after each `adopt`.
  var id: InstanceID
  var service: Int
  let isMain: Bool
  /// The main process.
  var process: Int
  var serial: UInt64
  /// Whose processes are its tree.
  let group: UInt64
  let spawnedAt: Int64
  var hasExited = false
  /// Turn in which the exit was delivered.
  var exitTurn: Int?
  var isInFlight = true
  /// The supervisor was told that it is before execve(2) no more.
  var hasLanded = false
  /// It was asked to end, by a signal or a command, before the end of the board was ordered: for being idle,
  /// silent or late. What follows of that is no part of the shutdown and its order.
  var wasEnding = false
}
