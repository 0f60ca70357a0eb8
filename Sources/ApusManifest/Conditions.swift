public import ApusBase

/// The members of `conditions` that are lists, and those that are one value.
///
/// A condition is told by its place in the words, and of a list by its place there, which stands above
/// the lower four bits.
enum ConditionKind {
  static var words: Literal {
    """
    exists missing kernelArg architecture directoryNotEmpty fileNotEmpty executable container \
    capability
    """
  }
  static var rules: Literal {
    "qqTHqqqbN"
  }
  static let count = 9
  /// The most entries of a list: each is a step of the plan of a start.
  static let entries = 8

  /// True for a condition whose value is a list of strings.
  static func isList(_ number: Int) -> Bool { number < 3 || 4...6 ~= number }
}

extension Manifest {
  /// How many conditions there may be, by number: the kind and, above its four bits, the entry.
  public static let conditions = ConditionKind.entries << 4

  /// True for a condition about a string.
  public static func isText(condition number: Int) -> Bool { ConditionKind.isList(number & 15) }

  /// The value of a condition of that number, a string packed as in records; nil without one.
  @inline(never) public func condition(_ extras: Extras, _ number: Int) -> Int64? {
    let (kind, entry) = (number & 15, number >> 4)
    guard kind < ConditionKind.count, let value = value(extras.conditions, kind) else { return nil }
    guard ConditionKind.isList(kind) else { return entry == 0 ? value : nil }
    let range = TableRange(packed: value)
    guard entry < Int(range.count) else { return nil }
    return texts.at(Int(range.start) + entry).map { Record.pack($0) }
  }

  /// The path that a condition of that number is about, and whether it has to be there; nil for one
  /// about something else.
  public func path(ofCondition number: Int, _ extras: Extras) -> (path: Text, isWanted: Bool)? {
    let kind = number & 15
    guard kind < 2 || 4...6 ~= kind, let value = condition(extras, number) else { return nil }
    return (Text(packed: value), kind != 1)
  }

  /// Writes the name of a condition's kind, allocating nothing.
  public static func write(condition number: Int, into writer: inout ByteWriter) {
    WordList(ConditionKind.words).write(number & 15, into: &writer)
  }
}
