public import ApusBase
internal import ApusWire
internal import CApus

/// Runs an operator's command and gives the exit code of the process.
///
/// `arguments` is the whole command line: its first entry is the name apus was called by, which may
/// be `reboot`, `poweroff`, `halt` or `shutdown`. `apus run` is not a command of this kind: main
/// looks for it first. Never traps, whatever the arguments.
public func runCommand(_ arguments: Rows<Bytes>) -> Int32 {
  var context = Context()
  return runCommand(arguments, context: &context)
}

/// Runs a command in a world of the caller's making.
package func runCommand(_ arguments: Rows<Bytes>, context: inout Context) -> Int32 {
  var code: Int32 = 0
  do throws(Failure) {
    var invocation = Invocation()
    try invocation.read(arguments, context: &context)
    try perform(invocation, context: &context)
  } catch {
    code = error.code
  }
  context.output.flush()
  if let errno = context.output.failure {
    code = context.failure(.failed, "cannot write standard output", Rows(), errno).code
  }
  context.error.flush()
  return code
}

private func perform(
  _ invocation: borrowing Invocation, context: inout Context
) throws(Failure) {
  switch invocation.verb {
  case .check: try CheckCommand.run(invocation, context: &context)
  case .status: try StatusCommand.run(invocation, context: &context)
  case .listSockets: try SocketsCommand.run(invocation, context: &context)
  case .boot: try BootCommand.run(invocation, context: &context)
  case .events:
    _ = try Connection.ask(.events, name: Rows(), invocation, context: &context)
  case .logs: try LogsCommand.run(invocation, context: &context)
  case .start, .stop, .restart, .reload, .reset, .kill, .reboot, .poweroff, .halt, .kexec,
    .reexec:
    guard let command = invocation.verb.request else { return }
    try DeedCommand.run(command, invocation, context: &context)
  case .apply: try ApplyCommand.run(invocation, context: &context)
  case .wait: try DeedCommand.wait(invocation, context: &context)
  case .help: try HelpCommand.run(invocation, context: &context)
  case .version:
    context.output.writer.text("apus ")
    context.output.writer.text(ApusVersion.text)
    context.output.writer.text(" (")
    context.output.writer.printable(unsafe Bytes(string: capus_commit()))
    context.output.writer.text(")")
    context.output.endLine()
  case .run:
    throw context.failure(
      .usage, "usage: apus run [[--manifest] FILE] [--control PATH] [-- PROGRAM ARG...]")
  }
}
