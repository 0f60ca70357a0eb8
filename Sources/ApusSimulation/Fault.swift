public import ApusBase
public import ApusCore

/// Where a fault strikes.
public enum FaultPlace: Equatable, Sendable {
  /// `bind` of a listener, nil of any.
  case bind(UInt16?, BindStep)
  /// `watch` of a listener, nil of any.
  case watch(UInt16?)
  /// `accept` on a listener, nil on any.
  case accept(UInt16?)
  /// `spawn` of a service, nil of any.
  case spawn(UInt16?, SpawnStepKind)
}

/// How often a fault strikes.
public enum FaultCount: Equatable, Sendable {
  case times(Int)
  case always
  /// Not the first `n` calls, then always.
  case after(Int)
  /// Each call with that chance in a thousand.
  case permille(Int)
}

/// An errno that a call of the fake operating system returns.
public struct Fault: Sendable {
  /// Where.
  public var place: FaultPlace
  /// What the call returns.
  public var errno: Errno
  /// How often.
  public var count: FaultCount
  /// From when it strikes.
  public var from = Instant.zero
  /// When it is over.
  public var until = Instant.never

  /// A fault.
  public init(
    _ place: FaultPlace, _ errno: Errno, _ count: FaultCount = .times(1),
    until: Instant = .never
  ) {
    self.place = place
    self.errno = errno
    self.count = count
    self.until = until
  }

  /// True when it strikes now; counts the call.
  mutating func strikes(at now: Instant, random: inout Random) -> Bool {
    guard now >= from, now < until else { return false }
    switch count {
    case .always: return true
    case .permille(let chance): return random.chance(chance)
    case .times(let left):
      guard left > 0 else { return false }
      count = .times(left - 1)
      return true
    case .after(let left):
      guard left > 0 else { return true }
      count = .after(left - 1)
      return false
    }
  }
}

/// How unruly the fake operating system is, in thousandths; all 0 is a well-behaved one.
public struct Chaos: Sendable {
  /// A watched listener is reported although nothing waits.
  public var spuriousReadiness = 0
  /// A ready listener is not reported this turn.
  public var missedReadiness = 0
  /// An event of a listener that is not watched any more, or of an ended instance, comes again.
  public var staleEvents = 0
  /// `wait` returns with nothing, as after EINTR.
  public var interruptions = 0
  /// Exits are noticed late, several at once.
  public var lateExits = 0
  /// A `tick` comes that no deadline asked for.
  public var spuriousTicks = 0

  /// Well-behaved.
  public init() {}

  /// Everything, often.
  public static let wild: Chaos = {
    var chaos = Chaos()
    chaos.spuriousReadiness = 20
    chaos.missedReadiness = 100
    chaos.staleEvents = 100
    chaos.interruptions = 50
    chaos.lateExits = 200
    chaos.spuriousTicks = 50
    return chaos
  }()
}
