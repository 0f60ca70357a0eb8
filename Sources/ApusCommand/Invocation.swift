internal import ApusBase
internal import ApusManifest
internal import ApusWire
internal import CApus

/// A command that ends early, with its exit code; what is to be said has been said.
package struct Failure: Error, Sendable {
  /// Exit codes of every command (behaviour.md, operator interface).
  enum Code: Int32, Sendable {
    case failed = 1
    case usage = 2
    case notRunning = 3
    case noSuchService = 4
    case notPermitted = 5
    case noSupervisor = 6
  }
  /// The exit code.
  package var code: Int32

  /// Ends with that code.
  init(_ code: Code) { self.code = code.rawValue }
}

/// A command line, taken apart.
struct Invocation: ~Copyable {
  /// The command.
  var verb = Verb.help
  /// Its options.
  var options: Options = []
  /// `--control`.
  var control: Bytes?
  /// `--timeout` of `wait` in milliseconds, -1 for as long as it takes.
  var timeoutMs: Int32 = -1
  /// `-n` of `logs`: the most lines of what there is, -1 for all.
  var lines = -1
  /// `--level` of `logs`: the least important level of syslog(3).
  var level: UInt8 = 7
  /// `--since` of `logs`: nothing that was written earlier.
  var since = Instant.zero
  /// `--root` of `check`: the folder of an image, empty for this machine.
  var root: Bytes = Rows()
  /// Everything that is no option.
  var operands: Rows<Bytes> = Rows()

  /// What has been seen of `apus …` so far: the command, `--`, `--help`, and `--control` whose path
  /// comes next.
  private var hasVerb = false
  private var onlyOperands = false
  private var wantsHelp = false
  private var wantsControl = false
  /// The option whose value comes next, by its place in the command's `valueOptions`; -1 for none.
  private var wantsValue = -1

  /// Nothing read yet.
  init() {}

  /// The operand, where there is exactly one.
  var onlyOperand: Bytes { operands.count == 1 ? operands[0] : Rows() }

  /// Takes a command line apart; `arguments[0]` is the name the program was called by.
  mutating func read(_ arguments: Rows<Bytes>, context: inout Context) throws(Failure) {
    let name = (arguments.first ?? Rows()).lastPathComponent
    if name.equals("shutdown") {
      verb = .poweroff
      try readShutdown(arguments, context: &context)
    } else if let named = Verb(word: name), named == .reboot || named == .poweroff || named == .halt
    {
      verb = named
      try readPower(arguments, context: &context)
    } else {
      try readCommand(arguments, context: &context)
    }
  }

  /// `apus [--control PATH] COMMAND [OPTION…] [OPERAND…]`; options and operands may mix.
  private mutating func readCommand(
    _ words: Rows<Bytes>, context: inout Context
  ) throws(Failure) {
    for index in 1..<max(1, words.count) { try take(words[index], context: &context) }
    if wantsControl { throw context.failure(.usage, "option --control needs a path") }
    if wantsValue >= 0 {
      throw context.failure(
        .usage,
        verb == .check
          ? "option --root needs a folder"
          : verb == .wait
            ? "option --timeout needs a duration"
            : wantsValue < 2
              ? "option -n needs a number"
              : wantsValue == 2
                ? "option --since needs a duration" : "option --level needs a level")
    }
    if wantsHelp {
      explain(hasVerb)
      return
    }
    guard hasVerb else { throw context.failure(.usage, "no command; apus help lists them") }
    try checkOperands(context: &context)
  }

  /// Takes the next word.
  @inline(never)
  private mutating func take(_ word: Bytes, context: inout Context) throws(Failure) {
    if wantsControl {
      control = word
      wantsControl = false
    } else if wantsValue >= 0 {
      let option = wantsValue
      wantsValue = -1
      try set(option, word, context: &context)
    } else if onlyOperands || word.count < 2 || word[0] != UInt8(ascii: "-") {
      if hasVerb {
        operands.push(word)
      } else if let known = Verb(word: word) {
        verb = known
        hasVerb = true
      } else {
        throw Invocation.unknown(word, context: &context)
      }
    } else if word.equals("--") {
      onlyOperands = true
    } else if Invocation.isHelp(word) {
      wantsHelp = true
    } else if !hasVerb, word.equals("--version") {
      verb = .version
      hasVerb = true
    } else if valueOption(word) >= 0 {
      wantsValue = valueOption(word)
    } else if word.beforeEquals.count < word.count, valueOption(word.beforeEquals) >= 0 {
      let name = word.beforeEquals
      try set(valueOption(name), word.dropping(name.count + 1), context: &context)
    } else if word.equals("--control") {
      wantsControl = true
    } else if word.starts(with: "--control=") {
      control = word.dropping(10)
    } else if hasVerb, verb == .run {
      operands.push(word)
    } else {
      let option = Options(spelling: word)
      guard hasVerb, !option.isEmpty, verb.options.contains(option) else {
        context.begin("unknown option ")
        context.error.writer.safe(word)
        if hasVerb {
          context.error.writer.text(" of ")
          context.error.writer.text(verb.word)
        }
        throw context.end(.usage)
      }
      options.insert(option)
    }
  }

  /// The place of a word among the options of the command that take a value; -1 for none.
  @inline(never)
  private func valueOption(_ word: Bytes) -> Int {
    if !hasVerb { return -1 }
    return word.place(
      among: verb == .wait
        ? "--timeout"
        : verb == .logs ? "-n --lines --since --level" : verb == .check ? "--root" : "")
  }

  /// Takes the value of an option, by its place.
  private mutating func set(_ option: Int, _ word: Bytes, context: inout Context) throws(Failure) {
    if option == 3 {
      let number = word.place(among: "0 1 2 3 4 5 6 7")
      let name = word.place(among: "emerg alert crit err warning notice info debug")
      guard max(number, name) >= 0 else {
        throw context.failure(
          .usage,
          "not a level (emerg, alert, crit, err, warning, notice, info, debug or 0 to 7): ", word)
      }
      level = UInt8(truncatingIfNeeded: max(number, name))
      return
    }
    if verb == .check {
      root = word
      if root.isEmpty { throw context.failure(.usage, "option --root needs a folder") }
      return
    }
    if verb == .logs, option < 2 {
      lines = word.isEmpty || word.count > 9 ? -1 : 0
      for byte in word where lines >= 0 {
        let digit = Int(byte) - 48
        lines = 0...9 ~= digit ? lines * 10 + digit : -1
      }
      if lines < 0 { throw context.failure(.usage, "not a number of lines: ", word) }
      return
    }
    guard let time = Manifest.duration(word) else {
      throw context.failure(.usage, "not a duration like 5s or 1min: ", word)
    }
    if option == 2 {
      since = Instant(microseconds: max(0, capus_now() - time.microseconds))
      return
    }
    if time != .never { timeoutMs = Int32(clamping: time.microseconds / 1000) }
  }

  /// Becomes a request for the page of the command, or for the overview without one.
  private mutating func explain(_ hasVerb: Bool) {
    operands = Rows()
    if hasVerb { operands.append(Bytes(verb.word)) }
    verb = .help
  }

  @inline(never) private static func isHelp(_ word: Bytes) -> Bool {
    word.equals("--help") || word.equals("-h")
  }

  /// Refuses too few or too many operands, and names no service can have.
  private func checkOperands(context: inout Context) throws(Failure) {
    let (least, most) = verb.operands
    if operands.count < least || operands.count > most {
      context.begin("")
      context.error.writer.text(verb.word)
      if operands.count < least {
        context.error.writer.text(" needs the name of a service")
      } else {
        context.error.writer.text(" takes no operand ")
        context.error.writer.safe(operands[most])
      }
      throw context.end(.usage)
    }
    let isReboot = verb == .reboot
    guard isReboot || verb.takesServices else { return }
    for name in operands
    where !(isReboot ? RebootArgument.isValid(name.span) : ServiceName.isValid(name.span)) {
      throw context.failure(
        .usage, isReboot ? "not 1 to 64 printable bytes: " : "not a service name: ", name)
    }
  }

  private static func unknown(_ word: Bytes, context: inout Context) -> Failure {
    context.begin("unknown command ")
    context.error.writer.safe(word)
    if let meant = Suggestion.verb(for: word) {
      context.error.writer.text("; did you mean ")
      context.error.writer.text(meant.word)
      context.error.writer.text("?")
    }
    return context.end(.usage)
  }

  // The names that scripts and people know from other inits.

  /// busybox's `reboot [-n] [-f] [ARG]`: -f is at once; -n is accepted, apus always syncs.
  private mutating func readPower(_ words: Rows<Bytes>, context: inout Context) throws(Failure) {
    for index in 1..<max(1, words.count) {
      let word = words[index]
      if word.isAmong("-f --force --now") {
        options.insert(.now)
      } else if Invocation.isHelp(word) {
        explain(true)
        return
      } else if word.first != UInt8(ascii: "-") {
        operands.push(word)
      } else if !word.equals("-n") {
        throw context.failure(.usage, "unknown option ", word)
      }
    }
    try checkOperands(context: &context)
  }

  /// sysvinit's `shutdown [-r|-h|-P|-H] [now|+0]`; a later time is refused.
  private mutating func readShutdown(_ words: Rows<Bytes>, context: inout Context) throws(Failure) {
    guard words.count > 1 else {
      throw context.failure(.usage, "usage: shutdown [-r|-h|-P|-H] now")
    }
    for index in 1..<max(1, words.count) {
      let word = words[index]
      if word.isAmong("-r --reboot") {
        verb = .reboot
      } else if word.isAmong("-H --halt") {
        verb = .halt
      } else if word.isAmong("-h -P --poweroff") {
        verb = .poweroff
      } else if !word.isAmong("now +0") {
        throw context.failure(
          .usage, "shutdown takes -r, -h, -P or -H and the time now, not ", word)
      }
    }
  }
}
