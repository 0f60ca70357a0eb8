internal import ApusBase
internal import ApusWire

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
struct Invocation {
  /// The command.
  var verb: Verb
  /// Its options.
  var options: Options = []
  /// `--control`.
  var control: [UInt8]?
  /// Everything that is no option.
  var operands: [[UInt8]] = []
}

extension Invocation {
  /// Takes a command line apart; `arguments[0]` is the name the program was called by.
  init(_ arguments: [[UInt8]], context: inout Context) throws(Failure) {
    let name = (arguments.first ?? []).lastPathComponent
    switch Verb(word: name) {
    case .reboot?, .poweroff?, .halt?:
      self.init(verb: Verb(word: name) ?? .help)
      try readPower(arguments, context: &context)
      return
    default: break
    }
    if name.equals("shutdown") {
      self.init(verb: .poweroff)
      try readShutdown(arguments, context: &context)
      return
    }
    try self.init(words: arguments, context: &context)
  }

  /// `apus [--control PATH] COMMAND [OPTION…] [OPERAND…]`; options and operands may mix.
  private init(words: [[UInt8]], context: inout Context) throws(Failure) {
    var verb: Verb?
    var control: [UInt8]?
    var options: Options = []
    var operands: [[UInt8]] = []
    var onlyOperands = false
    var wantsHelp = false
    var index = 1
    while index < words.count {
      let word = words[index]
      index += 1
      if onlyOperands || word.count < 2 || word[0] != UInt8(ascii: "-") {
        if verb != nil {
          operands.append(word)
        } else if let known = Verb(word: word) {
          verb = known
        } else {
          throw Invocation.unknown(word, context: &context)
        }
      } else if word.equals("--") {
        onlyOperands = true
      } else if word.equals("--help") || word.equals("-h") {
        wantsHelp = true
      } else if verb == nil, word.equals("--version") {
        verb = .version
      } else if word.equals("--control") {
        guard index < words.count else {
          throw context.usage { $0.text("option --control needs a path") }
        }
        control = words[index]
        index += 1
      } else if word.starts(with: "--control=") {
        control = [UInt8](word.dropFirst(10))
      } else if verb == .run {
        operands.append(word)
      } else if let verb, let option = Options(spelling: word), verb.options.contains(option) {
        options.insert(option)
      } else {
        throw context.usage {
          $0.text("unknown option ")
          $0.safe(word)
          if let verb {
            $0.text(" of ")
            $0.text(verb.word)
          }
        }
      }
    }
    if wantsHelp {
      self.init(verb: .help, operands: verb.map { [[UInt8]($0.word)] } ?? [])
      return
    }
    guard let verb else {
      throw context.usage { $0.text("no command; apus help lists them") }
    }
    self.init(verb: verb, options: options, control: control, operands: operands)
    try checkOperands(context: &context)
  }

  /// Refuses too few or too many operands, and names no service can have.
  private func checkOperands(context: inout Context) throws(Failure) {
    let verb = verb
    if operands.count < verb.operands.lowerBound {
      throw context.usage {
        $0.text(verb.word)
        $0.text(" needs the name of a service")
      }
    }
    if operands.count > verb.operands.upperBound {
      let extra = operands[verb.operands.upperBound]
      throw context.usage {
        $0.text(verb.word)
        $0.text(" takes no operand ")
        $0.safe(extra)
      }
    }
    guard verb.takesServices else { return }
    for name in operands where !ServiceName.isValid(name.span) {
      throw context.usage {
        $0.text("not a service name: ")
        $0.safe(name)
      }
    }
  }

  private static func unknown(_ word: [UInt8], context: inout Context) -> Failure {
    let meant = Suggestion.verb(for: word)
    return context.usage {
      $0.text("unknown command ")
      $0.safe(word)
      if let meant {
        $0.text("; did you mean ")
        $0.text(meant.word)
        $0.text("?")
      }
    }
  }
}

/// The names that scripts and people know from other inits.
extension Invocation {
  /// busybox's `reboot [-d SEC] [-n] [-f]`: -f is at once; -n is accepted, apus always syncs.
  private mutating func readPower(_ words: [[UInt8]], context: inout Context) throws(Failure) {
    for word in words.dropFirst() {
      if word.equals("-f") || word.equals("--force") || word.equals("--now") {
        options.insert(.now)
      } else if word.equals("--help") || word.equals("-h") {
        self = Invocation(verb: .help, operands: [[UInt8](verb.word)])
        return
      } else if !word.equals("-n") {
        throw context.usage {
          $0.text("unknown option ")
          $0.safe(word)
        }
      }
    }
  }

  /// sysvinit's `shutdown [-r|-h|-P|-H] [now|+0]`; a later time is refused.
  private mutating func readShutdown(_ words: [[UInt8]], context: inout Context) throws(Failure) {
    for word in words.dropFirst() {
      if word.equals("-r") || word.equals("--reboot") {
        verb = .reboot
      } else if word.equals("-H") || word.equals("--halt") {
        verb = .halt
      } else if word.equals("-h") || word.equals("-P") || word.equals("--poweroff") {
        verb = .poweroff
      } else if !word.equals("now"), !word.equals("+0") {
        throw context.usage {
          $0.text("shutdown takes -r, -h, -P or -H and the time now, not ")
          $0.safe(word)
        }
      }
    }
  }
}
