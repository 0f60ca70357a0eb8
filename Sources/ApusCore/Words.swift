public import ApusBase
public import ApusManifest
internal import ApusWire

extension SpawnStepKind {
  /// The step as messages name it.
  public var word: Literal {
    switch self {
    case .resolveUser: "look up the user"
    case .resolveCapabilities: "have the capability"
    case .streams: "open standard streams"
    case .directories: "make directories"
    case .reportPipe: "make the report pipe"
    case .clone: "clone"
    case .adopt: "watch the process"
    case .condition: "check a condition"
    case .environment: "read"
    case .look: "look at the service"
    case .group: "set up the control group"
    case .session: "setsid"
    case .signals: "reset signals"
    case .terminal: "open the terminal"
    case .descriptors: "arrange descriptors"
    case .limits: "set resource limits"
    case .priority: "set the priority"
    case .scheduler: "set the scheduler"
    case .ioPriority: "set the I/O priority"
    case .processors: "set the processors"
    case .boundingSet: "drop the bounding set"
    case .keepCapabilities: "keep capabilities"
    case .groups: "set supplementary groups"
    case .gid: "set the gid"
    case .uid: "set the uid"
    case .capabilities: "set capabilities"
    case .ambientSet: "set the ambient set"
    case .secureBits: "set secure bits"
    case .noNewPrivileges: "set no_new_privs"
    case .verify: "verify the dropped privileges"
    case .workingDirectory: "chdir"
    case .execute: "exec"
    case .namespaces: "make namespaces"
    case .network: "make a private network"
    case .root: "enter the root"
    case .processes: "mount /proc"
    case .readOnly: "make / read-only"
    case .kernel: "protect the kernel"
    case .temporary: "make a private /tmp"
    case .devices: "make a private /dev"
    case .hide: "hide paths"
    case .landlock: "enforce landlock"
    case .filter: "load the seccomp filter"
    case .hostname: "make a private host name"
    }
  }
}

extension BindStep {
  /// The step as messages name it.
  public var word: Literal {
    switch self {
    case .resolve: "resolve the owner of"
    case .directory: "make the directory of"
    case .socket: "make a socket for"
    case .options: "set options of"
    case .bind: "bind"
    case .listen: "listen on"
    case .mode: "set the mode of"
    case .owner: "set the owner of"
    case .link: "link to"
    case .probe: "probe"
    }
  }
}

extension Reason {
  /// Writes the reason as words, in the context of a service or listener; nothing for `.none`.
  public func write(
    into writer: inout ByteWriter, manifest: Manifest, service: UInt16?, listener: UInt16? = nil
  ) {
    switch kind {
    case .none: break
    case .requested: writer.text("as asked")
    case .dependency:
      writer.text("waits for ")
      writeName(of: value, manifest, into: &writer)
    case .exited:
      writer.text("exit code ")
      writer.decimal(Int64(value))
    case .killed:
      writer.text("killed by ")
      writer.signal(UInt8(truncatingIfNeeded: value))
      // Nothing else sends SIGSYS; the call's number stands above it, plus 1, if the kernel said it.
      if value & 255 == 31 {
        writer.text(" (a system call it may not make")
        if value > 255 {
          writer.text(": ")
          let number = value >> 8 - 1
          if let name = unsafe manifest.callName?(UInt32(number)) {
            var at = 0
            while unsafe name[at] != 0 {
              writer.byte(UInt8(bitPattern: unsafe name[at]))
              at += 1
            }
          } else {
            writer.decimal(Int64(number))
          }
        }
        writer.text(")")
      }
      if step != 0 { writer.text(", out of memory") }
    case .spawnFailed: writeSpawn(into: &writer, manifest, service)
    case .bindFailed:
      writer.text("cannot ")
      writer.text(BindStep(rawValue: step)?.word ?? "bind")
      writer.byte(UInt8(ascii: " "))
      writeAddress(of: listener, manifest, into: &writer)
      if step == BindStep.resolve.rawValue { writeOwner(of: listener, manifest, into: &writer) }
      if value >> 16 > 0, let listener, let declared = manifest.listeners.at(Int(listener)) {
        var culprit = declared.spelling
        culprit.count = min(culprit.count, UInt32(value >> 16))
        writer.text(": ")
        writer.text(culprit, of: manifest)
        if value & 0xffff == Errno.linkLoop.code {
          writer.text(" is a link that root does not own, or that others may replace")
        }
      }
      Reason(kind, value: value & 0xffff).writeErrno(into: &writer)
    case .sharedPath:
      writeAddress(of: listener, manifest, into: &writer)
      if value > 0, let listener, let declared = manifest.listeners.at(Int(listener)) {
        var culprit = declared.spelling
        culprit.count = min(culprit.count, UInt32(value))
        writer.text(": others than root may replace ")
        writer.text(culprit, of: manifest)
        writer.text(": bound by the descriptor of its directory")
      } else {
        writer.text(": others than root may write to its directory")
      }
    case .watchFailed:
      writer.text("cannot watch the listener")
      writeErrno(into: &writer)
    case .acceptFailed:
      writer.text("cannot accept")
      writeErrno(into: &writer)
    case .triggerLimit: writer.text("triggered too often")
    case .connectionLimit: writer.text("as many connections as allowed")
    case .noAccept: writer.text("exited without accepting the pending connection")
    case .restartLimit: writer.text("restarted too often")
    case .startTimeout: writer.text("did not start in time")
    case .stopTimeout: writer.text("did not stop in time")
    case .shutdown: writer.text("going down")
    case .invalid: writer.text("its manifest entry is invalid")
    case .mask: writer.text("masked on the kernel command line")
    case .brokenListener: writer.text("the socket was shut down")
    case .lostNode:
      writeAddress(of: listener, manifest, into: &writer)
      let step = LostNodeStep(rawValue: step) ?? .nodeWaits
      writer.text(step.isOfLink ? ": a link to it was" : ":")
      writer.text(" removed or replaced")
      switch step {
      case .nodeWaits, .linkWaits: break
      case .bound: writer.text(": bound anew")
      case .nodeWaitsForEnd: writer.text(" while the service runs: bound anew when it ends")
      case .linked: writer.text(": made anew")
      }
    case .unknownUser: writer.text("unknown user")
    case .notReady:
      writer.text("not ready in time")
      if step != 0 {
        writeNotices(into: &writer)
      } else if value > 0 {
        writer.text(": the pid file names process ")
        writer.decimal(Int64(value))
        writer.text(", which is not the service's")
      }
    case .watchdog: writer.text("the watchdog ran out")
    case .runtimeLimit: writer.text("ran for as long as it may")
    case .condition:
      let number = max(0, Int(value) - 1)
      writer.text("condition ")
      Manifest.write(condition: number, into: &writer)
      writer.text(" is not met")
      if let service, let declared = manifest.services.at(Int(service)) {
        manifest.write(condition: number, of: declared, into: &writer)
      }
    case .helperFailed: writeHelper(into: &writer, manifest, service)
    case .noReload: writer.text("has no reload")
    case .reload:
      if step == 0 {
        writer.text("the reload timed out")
      } else {
        writer.text("cannot be reloaded while it is ")
        writer.text(ServiceState(rawValue: UInt8(truncatingIfNeeded: value))?.word ?? "down")
      }
    case .notReplaced:
      writer.text("cannot execute the new program")
      writeErrno(into: &writer)
    case .idle: writer.text("idle")
    case .reclaimed: writer.text("reclaimed")
    case .powerOrdered:
      writer.text(PowerAction(rawValue: step)?.word ?? "exit")
      writer.text(" refused: ")
      writer.text(PowerAction(rawValue: UInt8(truncatingIfNeeded: value))?.word ?? "exit")
      writer.text(" was ordered first")
    case .endedEarly:
      if step == 0 {
        writer.text("exit code ")
        writer.decimal(Int64(value))
      } else {
        writer.text("killed by ")
        writer.signal(UInt8(truncatingIfNeeded: value))
      }
      writer.text(" before it was ready")
    case .busy: writer.text("a command of the service is still running")
    }
  }

  private func writeAddress(
    of listener: UInt16?, _ manifest: Manifest, into writer: inout ByteWriter
  ) {
    if let listener, let declared = manifest.listeners.at(Int(listener)) {
      writer.text(declared.spelling, of: manifest)
    } else {
      writer.text("a listener")
    }
  }

  /// What `Supervisor.notReady` has counted.
  private func writeNotices(into writer: inout ByteWriter) {
    let (heard, strangers, malformed) = (value & 1023, value >> 10 & 1023, value >> 20 & 1023)
    let count = heard + strangers + malformed
    writer.text(", ")
    if count == 0 { return writer.text("no message came") }
    writer.decimal(Int64(count))
    writer.text(count == 1 ? " message came" : " messages came")
    writer.text(heard == count ? ", none with READY=1" : "")
    if strangers > 0 {
      writer.text(", refused because the sender is not of the service: ")
      writer.decimal(Int64(strangers))
    }
    if malformed > 0 {
      writer.text(", refused as malformed: ")
      writer.decimal(Int64(malformed))
    }
  }

  private func writeErrno(into writer: inout ByteWriter) {
    writer.text(": ")
    writer.errno(Errno(value))
  }
}

extension Errno {
  /// strerror(3)'s words for the errors a start usually meets, as shells have taught them.
  var phrase: Literal? {
    switch self {
    case .noEntry: "No such file or directory"
    case .accessDenied: "Permission denied"
    case .badExecutable: "Exec format error"
    case .textBusy: "Text file busy"
    case .notDirectory: "Not a directory"
    case .notPermitted: "Operation not permitted"
    case .tooLarge: "Argument list too long"
    case .linkLoop: "Too many levels of symbolic links"
    case .noMemory: "Cannot allocate memory"
    case .again: "Resource temporarily unavailable"
    // Said by apus itself of a child that it has killed on its way to execve(2).
    case .interrupted: "Stopped by a signal and killed"
    case .timedOut: "Timed out"
    default: nil
    }
  }
}

/// Writes the name of the service with that index.
func writeName(of service: Int32, _ manifest: Manifest, into writer: inout ByteWriter) {
  if let declared = manifest.services.at(Int(service)) {
    writer.text(declared.name, of: manifest)
  } else {
    writer.text("?")
  }
}
