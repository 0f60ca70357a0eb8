/// A broken rule: which invariant of the scenarios, and what was seen.
public struct Violation: Error, Equatable, CustomStringConvertible, Sendable {
  /// The number in the list of invariants; 0 is a wrong use of the kernel protocol.
  public var invariant: Int
  /// What was seen.
  public var what: String
  /// The last lines of the trace and the seed, once the simulation has stopped.
  public var context = ""

  /// A broken rule.
  public init(_ invariant: Int, _ what: String) {
    self.invariant = invariant
    self.what = what
  }

  /// For people.
  public var description: String { "invariant \(invariant): \(what)\n\(context)" }
}
