public import ApusBase
public import ApusWire

/// How a process ended, from waitid(2).
public struct ExitReport: Equatable, Sendable {
  /// True when a signal ended it.
  public var isSignal: Bool
  /// True when the signal dumped core.
  public var dumpedCore: Bool
  /// True when the kernel killed it for want of memory.
  public var ranOutOfMemory = false
  /// Exit code 0 to 255, or the signal number.
  public var number: UInt8
  /// One more than the number of the system call for which SIGSYS ended it; 0 when that is unknown.
  /// Not kept in the crash record.
  public var deniedCall: UInt16 = 0

  /// An end as waitid(2) tells it.
  public init(isSignal: Bool, number: UInt8, dumpedCore: Bool = false) {
    self.isSignal = isSignal
    self.number = number
    self.dumpedCore = dumpedCore
  }
}

/// The peer of an accepted connection; `family` and `key` are what per-source limits count.
///
/// IPv4: the address; IPv6: the upper 64 bits; unix: the uid; with a tag in `family`.
public struct ConnectionSource: Equatable, Sendable {
  /// AF_* of the peer, 0 for nobody.
  public var family: UInt16
  /// Address bits or uid.
  public var key: UInt64
  /// The lower 64 bits of an IPv6 address.
  public var rest: UInt64
  /// Port of the peer.
  public var port: UInt16

  /// A source of connections.
  public init(family: UInt16, key: UInt64, rest: UInt64 = 0, port: UInt16 = 0) {
    self.family = family
    self.key = key
    self.rest = rest
    self.port = port
  }
}

/// What waits in a listener's queue, as far as the kernel tells.
public struct QueueMark: Equatable, Sendable {
  /// How much: connections, datagrams or bytes.
  public var count: UInt32
  /// Tells what waits first from what may come after it; 0 where the kernel says nothing of it.
  public var first: UInt64

  /// A mark.
  public init(count: UInt32, first: UInt64 = 0) {
    self.count = count
    self.first = first
  }
}

/// Everything that can happen to the supervisor. Only trivial values: an event never allocates.
public enum Event: Equatable, Sendable {
  /// The first event of all: the kernel is ready to perform effects.
  case begin
  /// A deadline may have come; carries nothing, `step` looks at the time it is given.
  case tick
  /// A watched listener is readable. It stays reported until it is unwatched (level-triggered).
  case readable(listener: UInt16)
  /// A watched listener reported an error or a hang-up.
  case brokenListener(listener: UInt16)
  /// `settle` found that a service has shut its listener down (shutdown(2)).
  case shutDownListener(listener: UInt16)
  /// The node of a listener, or a link to it, may be gone: its directory has changed.
  case nodesChanged(listener: UInt16)
  /// `lookAtNodes` has found that the node of a listener, or a link to it, is not there any more.
  case nodeLost(listener: UInt16, LostNode)
  /// `lookAtNodes` has found no more that is lost.
  case nodesSeen(service: UInt16)
  /// What `inspect` has found: what waits at the listener now, and whether what was waiting first at
  /// the mark that came with it is gone.
  case inspected(listener: UInt16, QueueMark, isFirstGone: Bool)
  /// A network interface or address came or went while a bind had failed for want of one, or what a
  /// bind has waited for has answered after its time.
  case networkChanged
  /// `bind` succeeded.
  case bound(listener: UInt16)
  /// `bind` failed in `step`. `place` is how many bytes of the path lead to the component that is at
  /// fault, 0 for none.
  case bindFailed(listener: UInt16, step: BindStep, errno: Errno, place: UInt16 = 0)
  /// `watch` failed (ENOSPC, ENOMEM): the listener is bound but not watched.
  case watchFailed(listener: UInt16, errno: Errno)
  /// `accept` gave the instance a connection.
  case accepted(InstanceID, listener: UInt16, source: ConnectionSource)
  /// `accept` found nothing, or failed; errno `again` when nothing waits any more.
  case acceptFailed(InstanceID, listener: UInt16, errno: Errno)
  /// `spawn` made a child; it has not reached execve(2) yet.
  case spawned(InstanceID, pid: Int32)
  /// `spawn` could not make a child; nothing half made remains.
  case spawnRefused(InstanceID, step: SpawnStepKind, errno: Errno)
  /// The child's execve(2) succeeded.
  case executed(InstanceID)
  /// A step of the child failed; its exit follows.
  case executionFailed(InstanceID, step: SpawnStepKind, errno: Errno)
  /// The instance's main process has ended. It stays a zombie until `release`, so that its pid
  /// and process group can still be signalled without a race.
  case exited(InstanceID, ExitReport)
  /// What `adopt` came to. With a pid above 0 that is the main process now, and the instance's life
  /// has become the next one; 0: nothing is left; below 0: the pid, negated, of what was named and
  /// is not of the instance.
  case adopted(InstanceID, pid: Int32)
  /// A process that was not ours, or no longer, was reaped.
  case orphanReaped(pid: Int32)
  /// No child is left at all.
  case childless
  /// A signal reached apus itself.
  case signal(UInt8)
  /// A control client asks for something.
  case request(ClientID, Request)
  /// A control client asks for a listing; nil lists everything. The driver's business.
  case listing(ClientID, Listing, service: UInt16?)
  /// A control client's buffer has room again. The driver's business.
  case clientWritable(ClientID)
  /// A control client sent something that is no valid or no permitted request.
  case refused(ClientID, Answer.Code)
  /// A service's process has said something on its notify channel.
  case notified(InstanceID, Notice)
  /// So many messages to a service's channel were refused: because whoever sent them is not of the
  /// service, or because they are none.
  case noticesRefused(InstanceID, strangers: UInt16, malformed: UInt16)
  /// A control client is gone.
  case clientGone(ClientID)
  /// What CLOCK_REALTIME is ahead of CLOCK_BOOTTIME, in microseconds: as asked for, or because
  /// the clock was set.
  case clock(offset: Int64)
  /// What `lookIdle` has found, and the memory of the main process.
  case idle(InstanceID, Idleness, kilobytes: UInt32)
  /// Memory is short, told at most once in a window of `system.memoryPressure`.
  case pressure
  /// The hardware watchdog is open and waits that long, whatever it was asked to.
  case watchdogTimeout(Interval)
}

/// What is lost of a listener in the file system.
public enum LostNode: UInt8, Sendable {
  /// Its node, removed or replaced.
  case node
  /// The same, with the directory it was in.
  case folder
  /// The same, while clients wait in its queue.
  case awaited
  /// Only a link to it, one of `symlinks`.
  case link
}

/// What a look at a running service's connections has found.
public enum Idleness: UInt8, Sendable {
  /// Nobody is connected and nobody waits.
  case idle
  /// Somebody is, or that is not known.
  case busy
  /// It is to be frozen and is not yet.
  case unfrozen
}

/// How a look at a service's connections is made.
public enum IdleLook: UInt8, Sendable {
  /// It runs.
  case running
  /// It is frozen, and is asked to end if it is idle: by its command, which may talk to it, else by
  /// its signal.
  case frozen
  /// It is frozen, and the signal comes next. Before that clients are held off where they can be.
  case last
}

/// What a control client can ask the supervisor to do; listings are the driver's.
public struct Request: Equatable, Sendable {
  /// The deed.
  public enum Action: UInt8, Sendable {
    case start
    case stop
    case restart
    case reload
    case reset
    case kill
    case reboot
    case poweroff
    case halt
    case kexec
    case reexec
    case apply
  }
  /// What to do.
  public var action: Action
  /// To which service; nil for the board.
  public var service: UInt16?
  /// The N of `name@N`, one connection of that service; 0 for the service itself.
  public var connection: UInt32
  /// Answer at once instead of when it is done.
  public var noWait: Bool
  /// Skip the orderly part (`--now`).
  public var now: Bool
  /// Wait for the result of a start or stop without ordering it.
  public var onlyWait: Bool
  /// True for a `reboot` whose frame has an argument for reboot(2), which `keepArgument` keeps.
  public var hasArgument: Bool

  /// A request.
  public init(
    action: Action, service: UInt16?, noWait: Bool = false, now: Bool = false,
    onlyWait: Bool = false, connection: UInt32 = 0, hasArgument: Bool = false
  ) {
    self.connection = connection
    self.hasArgument = hasArgument
    self.onlyWait = onlyWait
    self.action = action
    self.service = service
    self.noWait = noWait
    self.now = now
  }
}

/// The steps of binding a listener, as they stand in error messages.
public enum BindStep: UInt8, Sendable {
  case resolve
  case directory
  case socket
  case options
  case bind
  case listen
  case mode
  case owner
  case link
  case probe
}

/// The steps of a start, as they stand in error messages: first the parent's, then the child's in
/// the order in which they are taken.
public enum SpawnStepKind: UInt8, Sendable {
  // Parent
  case resolveUser
  case resolveCapabilities
  case streams
  case directories
  case reportPipe
  case clone
  case adopt
  // Both
  case group
  // Child
  case condition
  case environment
  case look
  case session
  case signals
  case terminal
  case descriptors
  case limits
  case priority
  case scheduler
  case ioPriority
  case processors
  case boundingSet
  case keepCapabilities
  case groups
  case gid
  case uid
  case capabilities
  case ambientSet
  case secureBits
  case noNewPrivileges
  case verify
  case workingDirectory
  case execute
  // The child's sandbox, in the order of `capus_sandbox_step`. They stand at the end so that the
  // numbers of the others stay what they are in a record that an older program has left.
  case namespaces
  case network
  case root
  case processes
  case readOnly
  case kernel
  case temporary
  case devices
  case hide
  case landlock
  case filter
  case hostname
}
