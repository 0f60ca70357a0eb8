package import ApusBase
internal import ApusWire

/// The options of the commands.
struct Options: OptionSet, Sendable {
  var rawValue: UInt16

  static let json = Options(rawValue: 1)
  static let blame = Options(rawValue: 2)
  static let noWait = Options(rawValue: 4)
  static let now = Options(rawValue: 8)
  static let security = Options(rawValue: 16)
  static let dryRun = Options(rawValue: 32)
  static let follow = Options(rawValue: 64)
  static let past = Options(rawValue: 128)

  /// The option of that spelling, none for another one.
  init(spelling: Bytes) {
    let bit = spelling.place(
      among: "--json --blame --no-wait --now --security --dry-run --follow --past -f")
    rawValue = bit < 0 ? 0 : bit == 8 ? Options.follow.rawValue : 1 << UInt16(bit)
  }

  init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// The commands: a word, what it takes, and where it leads.
///
/// Everything that goes through all commands (look-up, help, completion, tests) walks `allCases`, so
/// a command cannot have a word and no handler, or the other way round.
package enum Verb: UInt8, CaseIterable, Sendable {
  case run
  case check
  case status
  case listSockets
  case boot
  case events
  case logs
  case start
  case stop
  case restart
  case reload
  case wait
  case reset
  case kill
  case reboot
  case poweroff
  case halt
  case kexec
  case apply
  case reexec
  case help
  case version

  /// The word on the command line.
  package var word: Literal {
    switch self {
    case .run: "run"
    case .check: "check"
    case .status: "status"
    case .listSockets: "list-sockets"
    case .boot: "boot"
    case .events: "events"
    case .logs: "logs"
    case .start: "start"
    case .stop: "stop"
    case .restart: "restart"
    case .reload: "reload"
    case .wait: "wait"
    case .reset: "reset"
    case .kill: "kill"
    case .reboot: "reboot"
    case .poweroff: "poweroff"
    case .halt: "halt"
    case .kexec: "kexec"
    case .apply: "apply"
    case .reexec: "reexec"
    case .help: "help"
    case .version: "version"
    }
  }

  /// The command of that word.
  @inline(never) init?(word: Bytes) {
    for number in 0...Verb.version.rawValue {
      if let verb = Verb(rawValue: number), word.equals(verb.word) {
        self = verb
        return
      }
    }
    return nil
  }

  /// What it asks the supervisor for, nil for a command that asks nobody.
  var request: Command? {
    switch self {
    case .run, .check, .help, .version: nil
    case .status: .status
    case .listSockets: .listSockets
    case .boot: .boot
    case .events: .events
    case .logs: .logs
    case .start, .wait: .start
    case .stop: .stop
    case .restart: .restart
    case .reload: .reload
    case .reset: .reset
    case .kill: .kill
    case .reboot: .reboot
    case .poweroff: .poweroff
    case .halt: .halt
    case .kexec: .kexec
    case .apply: .apply
    case .reexec: .reexec
    }
  }

  /// The options it knows, `--control` and `--help` aside.
  var options: Options {
    switch self {
    case .run, .wait, .reexec, .help, .version: []
    case .check: [.json, .security]
    case .apply: .dryRun
    case .status, .listSockets: .json
    case .events: [.json, .past]
    case .boot: [.json, .blame]
    case .logs: [.json, .follow]
    case .start, .stop, .restart, .reload, .reset, .kill: .noWait
    case .reboot, .poweroff, .halt, .kexec: .now
    }
  }

  /// The fewest and the most operands.
  var operands: (least: Int, most: Int) {
    switch self {
    case .run, .check, .status, .listSockets, .logs: (0, .max)
    case .start, .stop, .restart, .reload, .reset, .kill: (1, .max)
    case .boot, .events, .poweroff, .halt, .kexec, .apply, .reexec, .version: (0, 0)
    case .help, .reboot: (0, 1)
    case .wait: (2, 2)
    }
  }

  /// True when the operands are names of services.
  var takesServices: Bool {
    switch self {
    case .status, .listSockets, .logs, .start, .stop, .restart, .reload, .reset, .kill: true
    case .run, .check, .boot, .events, .reboot, .poweroff, .halt, .kexec, .apply, .reexec, .help,
      .version, .wait:
      false
    }
  }
}
