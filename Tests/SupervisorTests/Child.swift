import Foundation

/// posix_spawn_file_actions_addclosefrom_np(3), glibc 2.34, which Foundation does not show.
@_silgen_name("posix_spawn_file_actions_addclosefrom_np")
private func closeFrom(_ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ first: Int32)
  -> Int32

/// A program that a test runs, with no descriptor but the three it is given.
///
/// Not Foundation's `Process`: its children may inherit what another test has open at that moment,
/// and who waits for the end of that pipe or socket then waits for ever.
final class Child: @unchecked Sendable {
  let pid: pid_t
  private var status: Int32?

  /// Starts the program that the first argument names. Its input is empty; output and errors go to
  /// files, which are emptied, or to descriptors of ours.
  init(
    _ arguments: [String], environment: [String: String]? = nil, output: Sink = .none,
    errors: Sink = .none
  ) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for (fd, sink) in [(Int32(1), output), (2, errors)] {
      switch sink {
      case .none: posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0)
      case .file(let path):
        posix_spawn_file_actions_addopen(
          &actions, fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o644)
      case .descriptor(let given): posix_spawn_file_actions_adddup2(&actions, given, fd)
      }
    }
    _ = closeFrom(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    let given = environment ?? ProcessInfo.processInfo.environment
    var variables: [UnsafeMutablePointer<CChar>?] = given.map { strdup("\($0.key)=\($0.value)") }
    defer { for word in words + variables { free(word) } }
    words.append(nil)
    variables.append(nil)
    var pid: pid_t = 0
    let errno = posix_spawn(&pid, arguments[0], &actions, &attributes, words, variables)
    guard errno == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    self.pid = pid
  }

  /// Where a stream goes.
  enum Sink {
    case none
    case file(String)
    case descriptor(Int32)
  }

  /// True until it has ended.
  var isRunning: Bool {
    if status == nil { collect(WNOHANG) }
    return status == nil
  }

  /// Asks it to end.
  func terminate() { if isRunning { kill(pid, SIGTERM) } }

  /// Ends it at once.
  func kill() { if isRunning { kill(pid, SIGKILL) } }

  /// Waits for its end: its exit code, or the number of the signal that ended it.
  @discardableResult
  func wait() -> Int32 {
    while status == nil { collect(0) }
    let status = status ?? 0
    return status & 0x7F == 0 ? status >> 8 & 0xFF : status & 0x7F
  }

  private func collect(_ options: Int32) {
    var found: Int32 = 0
    let result = waitpid(pid, &found, options)
    // Nobody else collects it; one that is not there any more has ended.
    if result == pid || result < 0 && errno != EINTR { status = found }
  }

  private func kill(_ pid: pid_t, _ number: Int32) { _ = Foundation.kill(pid, number) }
}
