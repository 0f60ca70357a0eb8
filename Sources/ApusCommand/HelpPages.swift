package import ApusBase

/// What `apus help` knows of each command.
extension Verb {
  /// One line for the overview.
  package var summary: Literal {
    switch self {
    case .run: "supervise the services of a manifest, in the foreground"
    case .check: "look for mistakes in a manifest"
    case .status: "show services and what they are doing"
    case .listSockets: "show listeners and what they wait for"
    case .boot: "show where the time of the boot went"
    case .events: "show changes of state as they happen"
    case .logs: "show what services have written"
    case .start: "start services"
    case .stop: "stop services"
    case .restart: "stop services and start them again"
    case .reload: "make services read their configuration again"
    case .wait: "wait until a service is ready or stopped"
    case .reset: "forget failures, so that services start again"
    case .kill: "end services at once"
    case .reboot: "stop everything and restart the board"
    case .poweroff: "stop everything and switch the board off"
    case .halt: "stop everything and halt the processor"
    case .kexec: "stop everything and start the loaded kernel"
    case .apply: "read the manifest again and change what has changed"
    case .reexec: "go on as the program that is installed now"
    case .help: "explain a command"
    case .version: "print the version"
    }
  }

  /// What follows the word.
  var synopsis: Literal {
    switch self {
    case .run: " [[--manifest] FILE] [--control PATH] [-- PROGRAM ARG...]"
    case .check: " [--json] [--security] [--root DIR] [FILE...]"
    case .status: " [--json] [SERVICE...]"
    case .listSockets: " [--json] [SERVICE...]"
    case .boot: " [--json] [--blame]"
    case .events: " [--past] [--json]"
    case .logs: " [-f] [-n N] [--since D] [--level L] [--json] [SERVICE...]"
    case .start, .stop, .restart, .reload, .reset, .kill: " [--no-wait] SERVICE..."
    case .wait: " SERVICE ready|stopped [--timeout D]"
    case .reboot: " [--now] [ARG]"
    case .poweroff, .halt, .kexec: " [--now]"
    case .help: " [COMMAND]"
    case .apply: " [--dry-run]"
    case .reexec, .version: ""
    }
  }

  /// The page.
  package var manual: Literal {
    switch self {
    case .run:
      """
      Binds the listeners of the manifest, starts its services and supervises them
      until SIGTERM or SIGINT, which stop all of them. Works for any user and needs
      no privilege that the services do not need; never mounts, never reboots.

      --manifest FILE  the manifest; /etc/apus.json without it
      -- PROGRAM ARG   this program alone in place of a manifest, in this environment
                       and folder; apus ends with its exit code
      --control PATH   the control socket; without it $XDG_RUNTIME_DIR/apus/control,
                       else /run/apus/control
      """
    case .check:
      """
      Reads the manifest as the supervisor would and reports everything that is wrong
      with it as FILE:LINE:COLUMN: SEVERITY: PLACE: MESSAGE on standard error. Without
      FILE that is /etc/apus.json. A single FILE is read with its drop-ins, the *.json
      files of the folder FILE names with .d instead of .json; several FILEs are read
      as they are given, the first one being the main file. - is standard input.

      An error makes a service invalid or a file unusable; a warning is about what is
      legal and surely not meant, and does not count as a failure.

      --root DIR       look at the image below DIR, too: programs and their
                       interpreters, users, groups and files that the manifest names;
                       without FILE the manifest is DIR/etc/apus.json
      --json           diagnostics as {"diagnostics":[{"file","line","column","path",
                       "severity","message"}]}
      --security       for each service: its user, its capabilities, whether it can
                       gain new privileges, from where it can be reached, and what
                       else makes it weak

      exit status: 0 no error, 1 errors, 2 wrong usage
      """
    case .status:
      """
      Without SERVICE a table of all services: state, since when, main process,
      automatic restarts, memory, and why or when it starts next. Connections of
      accept services follow as NAME@N with their peers. With one SERVICE
      everything known of it, its last exit and its last lines too.

      invalid    its entry in the manifest was refused
      skipped    a condition was not met
      listening  not running; the next connection starts it
      waiting    waits for another service
      starting   started, not ready yet
      ready      up
      stopping   asked to end, not gone yet
      backoff    ended; starts again by itself
      stopped    down, as asked or as declared
      failed     given up; apus start or apus reset brings it back

      --json           {"supervisor":{"pid","version","uptimeUs","allocations",
                       "boots":{"failed","limit","good","fallback"}},
                       "services":[{"name","state","sinceUs","mainPid",
                       "restarts","lastExit","nextStartUs","reason","status",
                       "memoryBytes"}]}

      exit status: 3 when a named SERVICE is not running, 4 when there is none
      """
    case .listSockets:
      """
      Shows every listener, or those of the named services: address, name, service,
      state, connections in the kernel's queue, connections accepted, when it last
      started its service, and why and until when it is paused.

      listening  bound; the next connection starts the service
      active     bound; the running service accepts
      paused     bound; not watched until the moment shown
      error      not bound; tried again at the moment shown

      --json           {"sockets":[{"service","name","kind","address","state",
                       "reason","queued","accepted","triggers","pausedUntilUs",
                       "lastTriggerUs","lastPeer"}]}
      """
    case .boot:
      """
      Shows how long the kernel took, how long apus took, and then each mount, bind,
      start and readiness with its moment after the kernel's start and its duration.

      --blame          the slowest first
      --json           {"kernelUs","initUs","entries":[{"what","name","atUs",
                       "durationUs"}]}; atUs counts from the kernel's start
      """
    case .events:
      """
      Shows every change of a service's state from now on, each at once on a line of
      its own: TIME (UTC) NAME OLD \u{2192} NEW (REASON). Ends when the supervisor does. A
      reader that falls 64 changes behind is cut off.

      --past           the last changes there were, also before a crash or another
                       manifest, and no more
      --json           one object a line: {"atUs","service","from","to","reason"}
      """
    case .logs:
      """
      Shows the lines that services, or those that are named, have written to streams
      that go to the log, with their time (UTC), and what apus itself has said, as
      the service apus. Of each the last lines are kept in memory; how many are not
      there any more is told in their place.

      -f, --follow     go on with new lines as they come
      -n, --lines N    of what there is, only the last N lines
      --since D        only what was written within that time: 10min, 2h
      --level L        only lines of that level and more important ones: err, warning
      --json           one object a line: {"atUs","service","level","line"}, or
                       {"service","lost"}; the level is syslog's, from <N> at the
                       beginning of the line, else 6
      """
    case .start:
      """
      Starts services that are down and waits until they are ready. A service that is
      up already is left alone. Forgets the failures of one that had been given up.

      --no-wait        return once the order is taken
      """
    case .stop:
      """
      Stops services and waits until every process of theirs is gone. Their listeners
      stay bound, so the next connection starts a demand service again.

      --no-wait        return once the order is taken
      """
    case .restart:
      """
      Stops services, starts them again and waits until they are ready. Connections
      that arrive meanwhile wait in the listeners' queues.

      --no-wait        return once the order is taken
      """
    case .reload:
      """
      Makes services read their configuration again in the way their reload key says.
      Fails for a service without that key.

      --no-wait        return once the order is taken
      """
    case .wait:
      """
      Waits until a service is ready, or has no process, whoever sees to that, and
      changes nothing. Exit code 1 when that takes longer than the timeout.

      --timeout D      give up after a time like 5s or 1min; the default is never
      """
    case .reset:
      """
      Forgets failures, delays and pauses, so that a service which was given up or
      waits for its next attempt counts as new.

      --no-wait        return once the order is taken
      """
    case .kill:
      """
      Ends every process of the services with SIGKILL. Their restart policy then
      decides, as for any other end.

      --no-wait        return once the order is taken
      """
    case .reboot, .poweroff, .halt, .kexec:
      """
      Stops all services in reverse order of their dependencies, each within its own
      time and all within the manifest's shutdownTimeout, writes everything to disk,
      unmounts, and asks the kernel. The names reboot, poweroff, halt and shutdown
      do the same without apus in front. The first order counts, a later one is
      refused. kexec is refused when no kernel is loaded. ARG is for the firmware:
      reboot "0 tryboot".

      --now            whatever was ordered before, without the orderly part: sync
                       and ask the kernel
      """
    case .apply:
      """
      Reads the manifest and its drop-ins again and prints what is not the same. What
      has changed is stopped and starts anew, what is gone is stopped and its sockets
      go; all others keep processes and sockets. An invalid manifest is reported and
      changes nothing. SIGHUP does the same. What only a boot looks at waits for that
      and is named. Exit code 1 when something it began is not up, with the reason.

      --dry-run        only print what is not the same
      """
    case .reexec:
      """
      Executes the program that is now where the supervisor was started from, in the
      same process: services go on, sockets stay bound, nothing waits anew. It is
      looked at before anything is given up; when it cannot be executed, the old one
      goes on and says why.
      """
    case .help:
      """
      Without COMMAND lists the commands.
      """
    case .version:
      """
      Prints the version of this program. That of the supervisor, which may be an
      older one, is in apus status --json.
      """
    }
  }
}
