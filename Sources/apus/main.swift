internal import ApusBase
internal import ApusCommand
internal import ApusLinux
internal import CApus

// One binary, many names. As PID 1 it is init; `apus run` supervises in the foreground; everything
// else is an operator's command.

/// The command line as bytes: the name apus was called by, then its arguments; or what the kernel
/// puts behind it, the environment.
func commandLine(environment: Bool = false) -> Rows<Bytes> {
  var count: Int32 = 0
  let words = unsafe capus_arguments(&count)
  var result: Rows<Bytes> = Rows()
  var index = environment ? Int(count) + 1 : 0
  while let words = unsafe words, let word = unsafe words[index] {
    unsafe result.push(Bytes(string: word))
    index += 1
  }
  return result
}

/// Reads `apus run`'s options, which follow the first two words; false when they are no such thing.
func read(_ arguments: Rows<Bytes>, into options: inout SupervisorOptions) -> Bool {
  if let path = Context.variable("APUS_CONTROL") {
    options.controlPath = path
  } else if let folder = Context.variable("XDG_RUNTIME_DIR") {
    options.controlPath = ControlPath.session(in: folder)
  }
  var index = 2
  while index < arguments.count {
    let word = arguments[index]
    let next = arguments.at(index + 1)
    index += 1
    if let next, word.equals("--manifest") {
      options.manifestPath = next
    } else if next != nil, word.equals("--control") {
      // Services, whose folder is another one, find their notify channels below it.
      options.controlPath = unsafe Bytes(string: capus_path_argument(Int32(index)))
    } else if next != nil, word.equals("--") {
      options.program = programManifest(
        arguments.part(index), environment: commandLine(environment: true))
      break
    } else if word.at(0) != UInt8(ascii: "-") {
      options.manifestPath = word
      continue
    } else {
      return false
    }
    index += 1
  }
  return true
}

func run() -> Int32 {
  capus_hide_memory()
  _ = capus_seal_relocations()
  let arguments = commandLine()
  _ = capus_record_resume()
  let isContainer = capus_is_initial_pid_namespace() == 0
  let isFirst = capus_pid() == 1
  if !isFirst || isContainer, capus_is_privileged_by_file() == 1 {
    _ = unsafe capus_write(2, Usage.refusal.start, Usage.refusal.count)
    return 1
  }
  switch ProgramRole.of(arguments, isFirst: isFirst, isContainer: isContainer) {
  case .initProcess: runInit(arguments)
  case .command: return runCommand(arguments)
  case .supervisor: return supervise(arguments)
  }
}

func supervise(_ arguments: Rows<Bytes>) -> Int32 {
  capus_secure_streams()
  var options = SupervisorOptions()
  guard read(arguments, into: &options) else {
    _ = unsafe capus_write(2, Usage.text.start, Usage.text.count)
    return 2
  }
  return runSupervisor(options)
}

/// How `apus run` is called.
enum Usage {
  static var text: Literal {
    "apus: usage: apus run [[--manifest] FILE] [--control PATH] [-- PROGRAM ARG...]\n"
  }
  static var refusal: Literal {
    "apus: refuses to run: set-user-ID, set-group-ID or file capabilities on the program\n"
  }
}

capus_exit(run())
