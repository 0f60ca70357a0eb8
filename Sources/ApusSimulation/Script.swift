public import ApusBase
public import ApusCore

/// What one process of the fake operating system does with its life. Times in microseconds.
public struct Script: Sendable {
  /// How an ask to end (any signal but KILL) is taken.
  public enum Manners: Equatable, Sendable {
    /// The signal ends it after that time.
    case dies(after: Int64)
    /// It ends with that code after that time.
    case exits(code: UInt8, after: Int64)
    /// It goes on.
    case ignores
    /// It accepts nothing more and ends with its last connection.
    case drains
    /// It goes on accepting for that time and drops what it accepts; then it ends.
    case lingers(after: Int64)
  }

  /// From `spawn` to the report of execve(2).
  public var execDelay: Int64 = 200
  /// A step of the child that fails, instead of execve(2).
  public var failure: Failure?
  /// Never reaches execve(2): a dead network path.
  public var isStuckBeforeExec = false
  /// Where it is stuck.
  public var stuckStep = SpawnStepKind.execute
  /// Says READY=1 so soon that it is heard before the report of execve(2).
  public var saysReady = false
  /// How long it runs after execve(2); nil for ever.
  public var life: Int64?
  /// How it ends by itself.
  public var end = ExitReport(isSignal: false, number: 0)
  /// What it does on TERM and the like.
  public var manners = Manners.dies(after: 300)
  /// In uninterruptible sleep: KILL works only after that time; `Int64.max` never.
  public var killDelay: Int64 = 50
  /// It has ended before the spawn call returns: no report of execve(2) comes before its exit.
  public var endsBeforeSpawnReturns = false
  /// Its exit is seen before the report of its execve(2), which comes late or not at all.
  public var reportComesAfterExit = false
  /// Connections it accepts from its listeners; nil all.
  public var accepts: Int?
  /// From execve(2), or from a connection's arrival, to accept(2).
  public var acceptDelay: Int64 = 500
  /// How long a connection lasts after accept(2); 0: it is served at once.
  public var connectionLife: Int64 = 0
  /// From SIGSTOP, or the cgroup's freezing, until it has really stopped.
  public var freezeDelay: Int64 = 50
  /// Resident memory.
  public var kilobytes: UInt32 = 1024
  /// Processes it leaves behind.
  public var stragglers = 0
  /// How long those live; nil for ever.
  public var stragglerLife: Int64?
  /// Whether those ignore TERM.
  public var stragglersIgnore = false

  /// A child's step that failed, and why.
  public struct Failure: Equatable, Sendable {
    /// Which step.
    public var step: SpawnStepKind
    /// Why.
    public var errno: Errno

    /// A failed step.
    public init(_ step: SpawnStepKind, _ errno: Errno) {
      self.step = step
      self.errno = errno
    }
  }

  /// A daemon that runs for ever, serves everybody, and ends on TERM.
  public init() {}

  /// A process that ends by itself `life` microseconds after its execve(2).
  public static func ending(
    after life: Int64, code: UInt8 = 0, signal: UInt8? = nil, core: Bool = false
  ) -> Script {
    var script = Script()
    script.life = life
    script.end =
      if let signal {
        ExitReport(isSignal: true, number: signal, dumpedCore: core)
      } else {
        ExitReport(isSignal: false, number: code)
      }
    return script
  }

  /// A child whose `step` fails.
  public static func failing(_ step: SpawnStepKind, _ errno: Errno) -> Script {
    var script = Script()
    script.failure = Failure(step, errno)
    return script
  }

  /// A stop signal has not its default action.
  var handlesStop: Bool {
    if case .dies = manners { false } else { true }
  }

  /// This script with changes.
  public func with(_ change: (inout Script) -> Void) -> Script {
    var script = self
    change(&script)
    return script
  }
}
