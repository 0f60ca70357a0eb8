internal import ApusBase
internal import ApusWire

/// The commands that change something: `start`, `stop`, … of services, `reboot`, … of the board.
enum DeedCommand {
  /// Asks for every service in turn; the exit code is that of the first that failed.
  static func services(
    _ command: Command, _ invocation: Invocation, context: inout Context
  ) throws(Failure) {
    var first: Failure?
    for name in invocation.operands {
      do {
        try one(command, name: name, invocation, context: &context)
      } catch {
        first = first ?? error
        if error.code == Failure.Code.noSupervisor.rawValue { break }
      }
    }
    if let first { throw first }
  }

  /// Asks for the end of the board.
  ///
  /// A supervisor that goes away instead of answering has done what was asked.
  static func board(
    _ command: Command, _ invocation: Invocation, context: inout Context
  ) throws(Failure) {
    try one(command, name: [], invocation, context: &context)
  }

  private static func one(
    _ command: Command, name: [UInt8], _ invocation: Invocation, context: inout Context
  ) throws(Failure) {
    let isBoard = command.naming == .never
    let connection = try Connection(invocation, context: &context)
    try connection.send(command, name: name, options: invocation.options, context: &context)
    while true {
      guard let frame = try connection.receive(patient: true, context: &context) else {
        if isBoard { return }
        throw Connection.wentAway(context: &context)
      }
      switch try Connection.kind(of: frame, context: &context) {
      case .answer:
        try Connection.accept(frame, name: name, context: &context)
        return
      case .goingDown:
        if isBoard { return }
        throw Connection.goingDown(context: &context)
      case .end, .supervisor, .service, .socket, .bootSummary, .bootEntry: continue
      }
    }
  }
}
