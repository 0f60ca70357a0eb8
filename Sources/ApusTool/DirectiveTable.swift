/// What is done with a directive that no topic has taken.
enum Rule {
  /// A boolean, which becomes this key.
  case flag(String)
  /// Paths, which become this list.
  case paths(String)
  /// Words, which become this list in lower case without this prefix.
  case words(String, dropping: String)
  /// Nothing is lost without it: why.
  case needless(String)
  /// It is not apus's business: what its absence means.
  case foreign(Effect, String)
}

/// Directives by section and name that need no more than a rule.
enum DirectiveTable {
  /// How the report says that a key is not there.
  static func lacks(_ key: String) -> String { "apus has no key for it (\(key))" }

  /// The rule for a directive.
  static func rule(_ section: String, _ name: String) -> Rule? {
    switch section {
    case "Unit":
      unit[name]
        ?? (name.hasPrefix("Condition") || name.hasPrefix("Assert")
          ? .foreign(.breaks, "apus cannot ask for that: it starts in any case") : nil)
    case "Service": service[name] ?? execution[name] ?? resources[name]
    case "Socket": socket[name] ?? execution[name] ?? resources[name]
    case "Timer": timer[name]
    case "Path": path[name]
    case "Install": nil
    default: section.hasPrefix("X-") ? .needless("sections of others") : nil
    }
  }

  /// All directives that have a rule.
  static var everything: [(name: String, rule: Rule)] {
    [unit, service, execution, resources, socket, timer, path].flatMap { table in
      table.map { (name: $0.key, rule: $0.value) }
    }
  }

  private static let unit: [String: Rule] = [
    "Documentation": .needless("for readers"),
    "SourcePath": .needless("for readers"),
    "DefaultDependencies": .needless("apus has no dependencies that are not said"),
    "IgnoreOnIsolate": .needless("apus has no isolate"),
    "AllowIsolate": .needless("apus has no isolate"),
    "RefuseManualStart": .needless("the operator may start anything"),
    "RefuseManualStop": .needless("the operator may stop anything"),
    "CollectMode": .needless("apus keeps the state of every service"),
    "StopWhenUnneeded": .foreign(.harmless, "it goes on when nobody needs it"),
    "PropagatesStopTo": .foreign(
      .breaks, "the other is not stopped with it: it is the other's partOf that says so"),
    "PropagatesReloadTo": .foreign(.breaks, "the other is not reloaded with it"),
    "ReloadPropagatedFrom": .foreign(.breaks, "it is not reloaded with the other"),
    "JoinsNamespaceOf": .foreign(.breaks, "it has namespaces of its own"),
    "OnSuccess": .foreign(.breaks, "nothing is started for a good end"),
    "OnFailureJobMode": .needless("apus has no jobs"),
    "JobTimeoutSec": .foreign(.breaks, "a start has no limit but ready.timeout"),
    "JobRunningTimeoutSec": .foreign(.breaks, "a start has no limit but ready.timeout"),
    "JobTimeoutAction": .foreign(.breaks, "a start that takes long ends nothing"),
    "SuccessAction": .foreign(.breaks, "a good end does nothing to the board"),
    "RebootArgument": .foreign(.harmless, "apus reboots without an argument"),
  ]

  private static let service: [String: Rule] = [
    "RootImage": .foreign(.breaks, "it runs in the board's root"),
    "ExitType": .foreign(.breaks, "the end of the main process is the end"),
    "USBFunctionDescriptors": .foreign(.breaks, "the daemon has to write them"),
    "USBFunctionStrings": .foreign(.breaks, "the daemon has to write them"),
    "NonBlocking": .foreign(.breaks, "sockets are passed as they are"),
    "Sockets": .needless("its sockets are among those of the import"),
    "PermissionsStartOnly": .foreign(.breaks, "all commands run as the service's user"),
    "FileDescriptorStorePreserve": .needless("kept over restarts, not over a stop"),
    "OpenFile": .foreign(.breaks, "it gets no such descriptor"),
    "RestartSteps": .needless("the pause grows by itself"),
    "RestartMaxDelaySec": .needless("the pause grows to 30 s"),
    "RestartMode": .needless("a restart is one"),
    "RestartKillSignal": .foreign(.harmless, "a restart ends it as a stop does"),
    "SuccessAction": .foreign(.breaks, "a good end does nothing to the board"),
    "FinalKillSignal": .needless("SIGKILL"),
    "WatchdogSignal": .foreign(.harmless, "SIGKILL, without a core dump"),
    "SendSIGKILL": .foreign(.breaks, "SIGKILL comes after stop.timeout"),
    "SendSIGHUP": .foreign(.breaks, "no SIGHUP follows the signal"),
    "ReloadSignal": .foreign(.breaks, "it is reload.signal that counts"),
    "RebootArgument": .foreign(.harmless, "apus reboots without an argument"),
    "SysVStartPriority": .needless("order is said by after"),
    "TTYReset": .needless("apus resets a terminal by itself"),
    "TTYVHangup": .needless("apus hangs a terminal up by itself"),
    "TTYVTDisallocate": .foreign(.harmless, "the screen is not cleared"),
    "UtmpIdentifier": .foreign(.harmless, "who(1) does not show it"),
    "UtmpMode": .foreign(.harmless, "who(1) does not show it"),
    "Capabilities": .needless("systemd itself ignores it"),
  ]

  private static let socket: [String: Rule] = [
    "MessageQueueMaxMessages": .foreign(.breaks, "apus has no POSIX message queues"),
    "MessageQueueMessageSize": .foreign(.breaks, "apus has no POSIX message queues"),
    "PassSecurity": .foreign(.breaks, "SO_PASSSEC is not set"),
    "SELinuxContextFromNet": .foreign(.wider, "apus has no SELinux"),
    "SmackLabel": .foreign(.wider, "apus has no SMACK"),
    "SmackLabelIPIn": .foreign(.wider, "apus has no SMACK"),
    "SmackLabelIPOut": .foreign(.wider, "apus has no SMACK"),
    "ExecStartPre": .foreign(.breaks, "no command runs before a socket is bound"),
    "ExecStartPost": .foreign(.breaks, "no command runs after a socket is bound"),
    "ExecStopPre": .foreign(.breaks, "no command runs when a socket is closed"),
    "ExecStopPost": .foreign(.breaks, "no command runs when a socket is closed"),
    "TimeoutSec": .needless("no command runs for a socket"),
    "PollLimitIntervalSec": .needless("apus always has such a limit"),
    "PollLimitBurst": .needless("apus always has such a limit"),
  ]

  private static let timer: [String: Rule] = [
    "AccuracySec": .needless("timers are exact"),
    "Persistent": .foreign(
      .breaks, "a run that was missed while the board was off is not made up for"),
    "WakeSystem": .foreign(.breaks, "a sleeping board is not woken"),
    "FixedRandomDelay": .needless("the delay is another one each time"),
    "RemainAfterElapse": .needless("a timer is part of its service"),
    "OnClockChange": .foreign(.breaks, "nothing is started for a clock that is set"),
    "OnTimezoneChange": .foreign(.breaks, "nothing is started for another time zone"),
    "DeferReactivation": .needless("one run at a time"),
  ]

  private static let path: [String: Rule] = [
    "MakeDirectory": .foreign(.breaks, "apus starts nothing for a file"),
    "DirectoryMode": .foreign(.breaks, "apus starts nothing for a file"),
    "TriggerLimitIntervalSec": .needless("apus starts nothing for a file"),
    "TriggerLimitBurst": .needless("apus starts nothing for a file"),
  ]
}
