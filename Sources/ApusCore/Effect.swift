internal import ApusBase
public import ApusManifest
public import ApusWire

/// Which processes of an instance a signal goes to.
public enum SignalScope: UInt8, Sendable {
  /// The main process, by pidfd.
  case main
  /// Every process of the instance: its process group, or its cgroup where there is one.
  case all
}

/// How the board ends.
public enum PowerAction: UInt8, Sendable {
  case reboot
  case poweroff
  case halt
  case kexec
  /// Not PID 1: the process ends.
  case exit
}

/// Everything the supervisor can ask of the kernel. Only trivial values.
///
/// None blocks; each can fail, and the failure comes back as an event of the next step.
public enum Effect: Equatable, Sendable {
  /// Make the listener's socket, or, where it has one, the links to that. Comes back as `bound` or
  /// `bindFailed`.
  case bind(listener: UInt16)
  /// Report readiness of the listener. Comes back as `watchFailed` only when it fails.
  case watch(listener: UInt16)
  /// Report it no more. Events already collected for it are stale.
  case unwatch(listener: UInt16)
  /// Close the listener, removing its node where `removeOnStop` says so.
  case unbind(listener: UInt16)
  /// After an end of the service's process: drop what waits at its listeners that say `flush`, and
  /// look whether one was shut down. Comes back as `shutDownListener` when one was.
  case settle(service: UInt16)
  /// Look whether the node of that listener is there, and those of the listeners that follow it of the
  /// same service. Comes back as `nodeLost` of the first one that is not, or as `nodesSeen`.
  case lookAtNodes(from: UInt16)
  /// Look what waits at a listener, and whether what waited first at an earlier look is gone. Comes
  /// back as `inspected`.
  case inspect(listener: UInt16, since: QueueMark?)
  /// Accept one connection for that instance, without ever blocking.
  case accept(listener: UInt16, InstanceID)
  /// Close the connection accepted for an instance that will not start.
  case discard(InstanceID)
  /// Start a process for that instance of the service. Comes back as `spawned` or `spawnRefused`.
  case spawn(InstanceID, service: UInt16)
  /// Start one of the service's commands as that instance. Comes back like `spawn`.
  case run(InstanceID, service: UInt16, CommandID, after: ExitReport?)
  /// Make another process of the instance's tree its main process: what is left of the tree
  /// (`leftOver`), the one its pid file names (`named`), or that pid. Comes back as `adopted`, but
  /// for a pid that is not of the tree.
  case adopt(InstanceID, pid: Int32)
  /// Send a signal.
  case signal(InstanceID, number: UInt8, scope: SignalScope)
  /// Say at which step a process is that has not reached execve(2) in time. Comes back as
  /// `executionFailed` with `timedOut`, unless it has reached it or taken no step yet.
  case tellStep(InstanceID)
  /// Keep every process of the instance from running, or let them run again.
  case freeze(InstanceID, Bool)
  /// Look whether anybody is connected to the service or waits for it. Comes back as `idle`.
  case lookIdle(InstanceID, service: UInt16, IdleLook)
  /// Reap the ended main process and forget the instance.
  case release(InstanceID)
  /// Take the first connection or message out of a listener's queue and drop it, of the first listener
  /// of the service at which something waits, and say so on the log.
  case dropFirst(service: UInt16)
  /// Close the descriptors that the service has parked.
  case emptyStore(service: UInt16)
  /// Send a signal to every process but apus (PID 1 only, at the end).
  case signalEveryone(number: UInt8)
  /// Answer a control client's request.
  case answer(ClientID, Answer)
  /// Say something on the log.
  case log(Message)
  /// Run the rescue shell on the console, once.
  case rescue
  /// Go on as the program that is now at apus's own path, and answer the client; without one, as a
  /// new life of this program that looks at the manifest on the disk. The driver's business.
  case replaceProgram(ClientID?)
  /// Read the wall clock. Comes back as `clock`, and from now on again whenever it is set.
  case readClock
  /// The boot is good: the next one counts from the beginning.
  case bootGood
  /// The board is up: everything that starts with it has started.
  case bootFinished
  /// Keep the argument of the client's last request for reboot(2), until the end and over a crash.
  case keepArgument(ClientID)
  /// End: sync, unmount, reboot(2); or the end of the process. The last effect.
  case power(PowerAction)
  /// Put the hardware watchdog off, opening it first if it is not open. The first time comes back as
  /// `watchdogTimeout`.
  case petWatchdog
}

extension Effect {
  /// What `adopt` takes in place of a pid: whatever the main process has left.
  public static let leftOver: Int32 = 0
  /// What `adopt` takes in place of a pid: what the last look into the pid file has found.
  public static let named: Int32 = 1
}

/// The result of a request, with the command's exit code.
public struct Answer: Equatable, Sendable {
  /// Exit codes of the commands that the supervisor decides.
  public typealias Code = AnswerCode
  /// The exit code.
  public var code: Code
  /// Which service it is about.
  public var service: UInt16?
  /// Why.
  public var reason: Reason

  /// A result.
  public init(_ code: Code, service: UInt16?, reason: Reason) {
    self.code = code
    self.service = service
    self.reason = reason
  }
}

/// Why a service is in the state it is in; turned into words by `Reason.write`.
public struct Reason: Equatable, Sendable {
  /// What happened.
  public enum Kind: UInt8, Sendable {
    case none
    case requested
    case dependency
    case exited
    case killed
    case spawnFailed
    case bindFailed
    case watchFailed
    case acceptFailed
    case triggerLimit
    case connectionLimit
    case noAccept
    case restartLimit
    case startTimeout
    case stopTimeout
    case shutdown
    case invalid
    case mask
    /// Number 18 was another one, which the state that an older apus has left might still hold.
    case brokenListener = 19
    case unknownUser
    case notReady
    case watchdog
    case runtimeLimit
    case condition
    case helperFailed
    case noReload
    case notReplaced
    case idle
    case reclaimed
    /// Another end of the board was ordered before: `step` is what is refused, `value` what counts.
    case powerOrdered
    /// Others than root may have the path of a listener lead elsewhere.
    case sharedPath
    /// It ended well before it was ready.
    case endedEarly
    /// A command of the service runs.
    case busy
    /// A reload: READY=1 did not follow RELOADING=1 in time; with step 1 the service is in the state
    /// of the value. Number 34 was another one.
    case reload = 35
    /// The node of a listener was removed or replaced, or a link to it; `step` says what is done.
    case lostNode
  }
  /// What happened.
  public var kind: Kind
  /// `BindStep` or `SpawnStepKind` raw value where there is one; 1 for what was killed for want of
  /// memory; of a command that failed 1 for a signal and 2 for its timeout.
  public var step: UInt8
  /// errno, exit code, signal number, or the index of the service waited for. Of `bindFailed` the
  /// upper half says how many bytes of the path lead to the component that is at fault.
  public var value: Int32

  /// A reason.
  public init(_ kind: Kind, step: UInt8 = 0, value: Int32 = 0) {
    self.kind = kind
    self.step = step
    self.value = value
  }

  /// Nothing to say.
  public static let none = Reason(.none)

  /// A node, or a link to it, was removed or replaced.
  static func lost(_ step: LostNodeStep) -> Reason { Reason(.lostNode, step: step.rawValue) }
}

/// What is done about a node that was removed or replaced, or a link to it: the step of `lostNode`.
enum LostNodeStep: UInt8 {
  /// The node is bound anew after a pause.
  case nodeWaits
  /// The node is bound anew.
  case bound
  /// The node is bound anew when the service that holds its socket has ended.
  case nodeWaitsForEnd
  /// The link is made anew after a pause.
  case linkWaits
  /// The link is made anew.
  case linked

  /// True when only a link is lost.
  var isOfLink: Bool { self == .linkWaits || self == .linked }
}

/// A line of apus's own log, as data; `Message.write` turns it into text.
public struct Message: Equatable, Sendable {
  /// What it says.
  public enum Kind: UInt8, Sendable {
    case started
    case ready
    case exited
    case startFailed
    case backoff
    case gaveUp
    case stopping
    case stopEscalated
    case stopped
    case paused
    case resumed
    case bound
    case bindFailed
    case waiting
    case invalid
    case shutdown
    case leftBehind
    case internalError
    case skipped
    /// The main process has ended, and what it has left behind is killed.
    case leftovers
    /// A resource limit, its number as the reason's value, is lower than the manifest says.
    case limited
    /// Another end of the board was ordered before.
    case powerRefused
    /// Something is wrong with the path of a listener, which is bound all the same.
    case listenerPath
    /// What waited first in a queue was dropped, because the service failed again and again.
    case dropped
    /// A command has failed that may.
    case tolerated
  }
  /// What it says.
  public var kind: Kind
  /// The service it is about, if any.
  public var service: UInt16?
  /// The listener it is about, if any.
  public var listener: UInt16?
  /// Why.
  public var reason: Reason
  /// When the next attempt is made, in microseconds from now; -1 where that does not apply.
  public var nextUs: Int64

  /// A line.
  public init(
    _ kind: Kind, service: UInt16? = nil, listener: UInt16? = nil, reason: Reason = .none,
    nextUs: Int64 = -1
  ) {
    self.kind = kind
    self.service = service
    self.listener = listener
    self.reason = reason
    self.nextUs = nextUs
  }
}
