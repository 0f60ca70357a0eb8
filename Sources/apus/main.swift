internal import ApusCommand
internal import ApusLinux
internal import CApus

// One binary, many names. As PID 1 it is init; `apus run` supervises in the foreground; everything
// else is an operator's command. The kernel hands words it does not know to init as arguments
// (`rescue`, `single`), so a PID 1 called `init` looks at no arguments.

/// The command line as bytes: the name apus was called by, then its arguments.
func commandLine() -> [[UInt8]] {
  var count: Int32 = 0
  let words = unsafe capus_arguments(&count)
  var result: [[UInt8]] = []
  for index in 0..<Int(count) {
    if let words = unsafe words, let word = unsafe words[index] {
      unsafe result.append(bytes(of: word))
    }
  }
  return result
}

/// The bytes of a C string.
func bytes(of text: UnsafePointer<CChar>) -> [UInt8] {
  var result: [UInt8] = []
  var index = 0
  while unsafe text[index] != 0 {
    unsafe result.append(UInt8(bitPattern: text[index]))
    index += 1
  }
  return result
}

/// The bytes of a literal.
func spelled(_ literal: StaticString) -> [UInt8] {
  var result: [UInt8] = []
  for index in 0..<literal.utf8CodeUnitCount { unsafe result.append(literal.utf8Start[index]) }
  return result
}

/// The variable of the environment, if it is there and not empty.
func variable(_ name: StaticString) -> [UInt8]? {
  let text = unsafe capus_environment(
    UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self))
  guard let text = unsafe text else { return nil }
  let value = unsafe bytes(of: text)
  return value.isEmpty ? nil : value
}

/// `apus run`'s options; nil when they are no such thing.
func runOptions(_ arguments: ArraySlice<[UInt8]>) -> SupervisorOptions? {
  var options = SupervisorOptions()
  if let path = variable("APUS_CONTROL") {
    options.controlPath = path
  } else if let folder = variable("XDG_RUNTIME_DIR") {
    options.controlPath = folder + spelled("/apus/control")
  }
  var rest = arguments
  while let option = rest.popFirst() {
    if option == spelled("--manifest"), let value = rest.popFirst() {
      options.manifestPath = value
    } else if option == spelled("--control"), let value = rest.popFirst() {
      options.controlPath = value
    } else {
      return nil
    }
  }
  return options
}

/// What stands behind the last slash.
func baseName(_ path: [UInt8]) -> [UInt8] {
  var start = 0
  for index in path.indices where path[index] == UInt8(ascii: "/") { start = index + 1 }
  return Array(path[start...])
}

/// Says how `apus run` is called; the exit code of wrong usage.
func usage() -> Int32 {
  let text = spelled("apus: usage: apus run [--manifest FILE] [--control PATH]\n")
  unsafe text.withUnsafeBufferPointer { _ = unsafe capus_write(2, $0.baseAddress, $0.count) }
  return 2
}

func run() -> Int32 {
  let arguments = commandLine()
  _ = capus_record_resume()
  let isInit = baseName(arguments.first ?? []) == spelled("init")
  if capus_pid() == 1, isInit || arguments.count < 2 { runInit() }
  guard arguments.count > 1, arguments[1] == spelled("run"), !isInit else {
    return runCommand(arguments)
  }
  capus_secure_streams()
  guard let options = runOptions(arguments.dropFirst(2)) else { return usage() }
  return runSupervisor(options)
}

capus_exit(run())
