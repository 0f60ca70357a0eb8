public import ApusBase
public import ApusManifest

/// How important a line is, as syslog(2) counts it.
public enum Severity: UInt8, Comparable, Sendable {
  case error = 3
  case warning = 4
  case notice = 5
  case info = 6
  case debug = 7

  /// Orders from grave to trivial.
  public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
}

extension Message {
  /// How important the line is. Ordinary starts are `debug`: a board that works says little.
  public var severity: Severity {
    switch kind {
    case .started, .ready, .stopping, .stopped, .bound, .resumed: .debug
    case .waiting, .shutdown, .skipped: .info
    case .exited, .backoff, .paused, .leftovers, .limited, .powerRefused, .listenerPath, .dropped,
      .tolerated:
      .warning
    case .startFailed, .gaveUp, .stopEscalated, .bindFailed, .invalid, .leftBehind,
      .internalError:
      .error
    }
  }

  /// Writes the line without prefix or newline: `web: exec /usr/sbin/httpd: ENOENT (2)`.
  public func write(into writer: inout ByteWriter, manifest: Manifest) {
    if let service {
      writeName(of: Int32(service), manifest, into: &writer)
      writer.text(": ")
    }
    switch kind {
    case .started:
      writer.text("started, pid ")
      writer.decimal(Int64(reason.value))
    case .ready: writer.text("ready")
    case .exited, .startFailed, .powerRefused: writeReason(into: &writer, manifest)
    case .backoff: writer.text("next start")
    case .gaveUp:
      writer.text("gave up: ")
      writeReason(into: &writer, manifest)
    case .tolerated:
      writeReason(into: &writer, manifest)
      writer.text(", ignored")
    case .stopping:
      writer.text(reason == .none ? "stopping" : "stopping: ")
      writeReason(into: &writer, manifest)
    case .stopEscalated: writer.text("did not stop in time, killing it")
    case .stopped: writer.text("stopped")
    case .paused:
      writer.text("listener paused: ")
      writeReason(into: &writer, manifest)
    case .resumed: writer.text("listener watched again")
    case .bound:
      writer.text("bound ")
      writeAddress(into: &writer, manifest)
    case .bindFailed, .listenerPath: writeReason(into: &writer, manifest)
    case .waiting: writeReason(into: &writer, manifest)
    case .invalid: writer.text("invalid, see apus check")
    case .shutdown:
      writer.text("going down: ")
      writer.text(PowerAction(rawValue: UInt8(truncatingIfNeeded: reason.value))?.word ?? "exit")
    case .leftBehind:
      writer.text(reason.value == 0 ? "cannot end a command" : "cannot end pid ")
      if reason.value > 0 { writer.decimal(Int64(reason.value)) }
      writer.text(", going on without it")
    case .dropped:
      writer.text("failed again and again, dropped the first that waited at ")
      writeAddress(into: &writer, manifest)
    case .internalError: writer.text("internal error")
    case .leftovers: writer.text("left processes behind, killed")
    case .limited:
      writer.text("resource limit ")
      Manifest.write(limit: Int(reason.value), into: &writer)
      writer.text(": lowered to what the kernel and the rights of apus allow")
    case .skipped:
      writer.text("skipped: ")
      writeReason(into: &writer, manifest)
    }
    if nextUs >= 0 {
      writer.text(kind == .backoff || kind == .shutdown ? " in " : ", next try in ")
      writer.decimal(nextUs / 1000)
      writer.text(" ms")
    }
  }

  private func writeReason(into writer: inout ByteWriter, _ manifest: Manifest) {
    reason.write(into: &writer, manifest: manifest, service: service, listener: listener)
  }

  private func writeAddress(into writer: inout ByteWriter, _ manifest: Manifest) {
    if let listener, let declared = manifest.listeners.at(Int(listener)) {
      writer.text(declared.spelling, of: manifest)
    }
  }
}

extension PowerAction {
  /// The word of the command.
  public var word: Literal {
    switch self {
    case .reboot: "reboot"
    case .poweroff: "poweroff"
    case .halt: "halt"
    case .kexec: "kexec"
    case .exit: "exit"
    }
  }
}
