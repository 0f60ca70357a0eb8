public import ApusBase

/// What the binary is to be, by its pid, the name it was called by and its words.
public enum ProgramRole: Sendable {
  /// PID 1, of a machine or of a container.
  case initProcess
  /// `apus run`.
  case supervisor
  /// A command of the operator.
  case command

  /// Decides it once, at the start; `arguments[0]` is the name.
  ///
  /// The kernel passes init every word of its command line that it does not know (`splash`,
  /// `single`, `-- x`), and a PID 1 that ends is a panic: on a machine PID 1 is init whatever they
  /// say. In a container the words are the operator's, and a command is meant.
  public static func of(
    _ arguments: Rows<Bytes>, isFirst: Bool, isContainer: Bool
  ) -> ProgramRole {
    let name = (arguments.first ?? Rows()).lastPathComponent
    guard arguments.count > 1 else { return isFirst ? .initProcess : .command }
    let verb = Verb(word: arguments[1])
    if isFirst {
      let isCommand = verb != nil || arguments[1].isAmong("--help -h --version")
      guard isContainer, isCommand else { return .initProcess }
      return verb == .run ? .supervisor : .command
    }
    return verb == .run && !name.equals("init") ? .supervisor : .command
  }
}
