internal import ApusBase
internal import ApusManifest
internal import ApusWire

/// The commands that change something: `start`, `stop`, … of services, `reboot`, … of the board.
enum DeedCommand {
  /// Asks for every service in turn, or once for the board; the exit code is that of the first that
  /// failed.
  static func run(
    _ command: Command, _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    if command == .kexec { try checkKernel(invocation, context: &context) }
    var first: Failure?
    var names = invocation.operands
    if names.isEmpty { names = Rows(repeating: Bytes(), count: 1) }
    for name in names {
      do throws(Failure) {
        _ = try Connection.ask(command, name: name, invocation, context: &context)
      } catch {
        first = first ?? error
        if error.code == Failure.Code.noSupervisor.rawValue { break }
      }
    }
    if let first { throw first }
  }

  /// Refuses to end the board for a kernel that nobody has loaded, once somebody is there to ask.
  private static func checkKernel(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    _ = try Connection.listing(.status, invocation, context: &context)
    let path = Bytes("/sys/kernel/kexec_loaded")
    var ownership = FileOwnership.nobody
    do throws(Errno) {
      let loaded = try Files.read(path, limit: 16, ownership: &ownership)
      if loaded.first == UInt8(ascii: "1") { return }
    } catch {
      throw context.failure(.failed, "kexec refused: no kernel is loaded: ", path, error)
    }
    throw context.failure(.failed, "kexec refused: no kernel is loaded")
  }

  /// Waits until a service is ready or stopped, whoever sees to that.
  static func wait(
    _ invocation: borrowing Invocation, context: inout Context
  ) throws(Failure) {
    let state = invocation.operands[1].place(among: "ready stopped")
    if state < 0 {
      throw context.failure(.usage, "wait for ready or stopped, not ", invocation.operands[1])
    }
    let name = invocation.operands[0]
    guard ServiceName.isValid(name.span) else {
      throw context.failure(.usage, "not a service name: ", name)
    }
    _ = try Connection.ask(
      state == 0 ? .start : .stop, name: name, invocation, context: &context)
  }
}
