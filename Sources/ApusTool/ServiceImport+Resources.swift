import Foundation

/// Limits, priorities, control group, standard streams.
extension ServiceImport {
  /// Takes what bounds a service and where its output goes.
  func takeResources() {
    takeLimits()
    takePriorities()
    takeGroup()
    takeStreams()
    takeLog()
  }

  private func takeLimits() {
    let limits: [(name: String, key: String, unit: String)] = [
      ("LimitCPU", "cpu", "s"), ("LimitFSIZE", "fsize", "B"), ("LimitDATA", "data", "B"),
      ("LimitSTACK", "stack", "B"), ("LimitCORE", "core", "B"), ("LimitRSS", "rss", "B"),
      ("LimitNOFILE", "nofile", ""), ("LimitAS", "as", "B"), ("LimitNPROC", "nproc", ""),
      ("LimitMEMLOCK", "memlock", "B"), ("LimitLOCKS", "locks", ""),
      ("LimitSIGPENDING", "sigpending", ""), ("LimitMSGQUEUE", "msgqueue", "B"),
      ("LimitNICE", "nice", "n"), ("LimitRTPRIO", "rtprio", ""), ("LimitRTTIME", "rttime", "us"),
    ]
    for limit in limits {
      guard let directive = last(limit.name) else { continue }
      let parts = directive.value.split(separator: ":").map(String.init)
      let values = parts.compactMap { Self.limit($0, limit.unit) }
      guard values.count == parts.count, (1...2).contains(values.count) else {
        drop(directive, .breaks, "no limit")
        continue
      }
      let text = values.joined(separator: ":")
      set("rlimits.\(limit.key)", Int(text).map { .number($0) } ?? .text(text), directive)
    }
  }

  private static func limit(_ text: String, _ unit: String) -> String? {
    if text == "infinity" { return text }
    switch unit {
    case "s": return UnitScalar.microseconds(text).map { String(($0 + 999_999) / 1_000_000) }
    case "us": return UnitScalar.microseconds(text, unit: "us").map(String.init)
    case "n":
      // +5 and -5 are niceness, whose limit is 20 minus it.
      guard let number = Int(text), (-20...40).contains(number) else { return nil }
      return String(text.hasPrefix("+") || number < 0 ? 20 - number : number)
    default:
      guard let bytes = UnitScalar.bytes(text) else { return nil }
      return unit == "B" ? UnitScalar.size(bytes).asText ?? String(bytes) : String(bytes)
    }
  }

  private func takePriorities() {
    for (name, key) in [("Nice", "nice"), ("OOMScoreAdjust", "oomScoreAdjust")] {
      guard let directive = last(name) else { continue }
      if let number = Int(directive.value) {
        set(key, .number(number), directive)
      } else {
        drop(directive, .breaks, "no number")
      }
    }
    let priority = last("CPUSchedulingPriority")
    if let directive = last("CPUSchedulingPolicy") {
      var scheduler = ManifestObject()
      scheduler["policy"] = .text(directive.value)
      let isRealTime = ["fifo", "rr"].contains(directive.value)
      if isRealTime { scheduler["priority"] = .number(priority.flatMap { Int($0.value) } ?? 1) }
      set("scheduler", .map(scheduler), directive)
      if let priority {
        if isRealTime {
          note(priority, .taken, keys: ["scheduler"])
        } else {
          drop(priority, .harmless, "only fifo and rr have one")
        }
      }
    } else if let priority {
      drop(priority, .harmless, "only fifo and rr have one")
    }
    let level = last("IOSchedulingPriority")
    if let directive = last("IOSchedulingClass") {
      let names = ["0": "", "none": "", "1": "realtime", "2": "best-effort", "3": "idle"]
      let name = names[directive.value] ?? directive.value
      if name.isEmpty {
        note(directive, .taken)
      } else {
        let text = name == "idle" ? name : "\(name):\(level?.value ?? "4")"
        set("ioPriority", .text(text), directive)
      }
      if let level { note(level, .taken, keys: ["ioPriority"]) }
    } else if let level {
      set("ioPriority", .text("best-effort:\(level.value)"), level)
    }
    let processors = all("CPUAffinity")
    let list = processors.flatMap(words).flatMap { $0.split(separator: ",").map(String.init) }
    if !list.isEmpty { keys["cpuAffinity"] = .text(list.joined(separator: ",")) }
    for directive in processors { note(directive, .taken, keys: ["cpuAffinity"]) }
  }

  // MARK: Control group

  private func takeGroup() {
    let before = keys["cgroup"]
    for (name, key) in [
      ("MemoryMax", "memoryMax"), ("MemoryLimit", "memoryMax"), ("MemoryHigh", "memoryHigh"),
      ("TasksMax", "pidsMax"),
    ] {
      guard let directive = last(name) else { continue }
      if directive.value == "infinity" {
        note(directive, .taken, "no limit")
      } else if let bytes = UnitScalar.bytes(directive.value) {
        set(
          "cgroup.\(key)", key == "pidsMax" ? .number(bytes) : UnitScalar.size(bytes), directive)
      } else {
        drop(directive, .wider, "apus takes no share of all there is")
      }
    }
    if let directive = last("CPUQuota") {
      let digits = directive.value.prefix { $0.isNumber }
      if let percent = Int(digits), percent > 0 {
        set("cgroup.cpuMax", .text("\(percent)%"), directive)
      } else {
        note(directive, .taken)
      }
    }
    for (name, key) in [("CPUWeight", "cpuWeight"), ("IOWeight", "ioWeight")] {
      guard let directive = last(name) else { continue }
      if let weight = Int(directive.value) {
        set("cgroup.\(key)", .number(weight), directive)
      } else {
        drop(directive, .breaks, "apus takes a weight from 1 to 10000")
      }
    }
    if let directive = last("OOMPolicy") {
      if directive.value == "kill" {
        set("cgroup.oomGroup", .flag(true), directive)
      } else {
        drop(directive, .harmless, "the kernel kills one process; the restart policy does the rest")
      }
    }
    // systemd goes on without what the kernel lacks.
    if keys["cgroup"] != before { keys[["cgroup", "x-optional"]] = .flag(true) }
  }

  // MARK: Streams

  private func takeStreams() {
    let terminal = last("TTYPath")
    let terminalPath = terminal.map { path($0.value, $0) } ?? "/dev/console"
    var isTerminal = false
    var isSocket = false
    if let directive = last("StandardInput") {
      let value = resolve(directive.value, directive)
      switch value {
      case "null": note(directive, .taken)
      case "tty", "tty-force", "tty-fail":
        isTerminal = true
        set("tty", .text(terminalPath), directive)
      case "socket":
        isSocket = true
        if isAccept {
          set("stdio", .text("socket"), directive)
        } else if listens {
          keys["stdout"] = keys["stdout"] ?? .text("socket")
          set("stdin", .text("socket"), directive)
        } else {
          drop(directive, .breaks, "it has no socket")
        }
      case _ where value.hasPrefix("file:"): set("stdin", .text(value), directive)
      default: drop(directive, .breaks, "apus has no such input")
      }
    }
    if let terminal {
      if isTerminal {
        note(terminal, .taken, keys: ["tty"])
      } else {
        drop(terminal, .harmless, "no stream is a terminal")
      }
    }
    for (name, key) in [("StandardOutput", "stdout"), ("StandardError", "stderr")] {
      guard let directive = last(name) else { continue }
      let parts = resolve(directive.value, directive).split(separator: ":", maxSplits: 1)
      let value =
        (parts.prefix(1).map(String.init)
        + parts.dropFirst().map { runPath(String($0), directive) }).joined(separator: ":")
      switch value {
      case "journal", "syslog", "syslog+console", "journal+console", "kmsg+console":
        note(directive, .taken, "its own log")
      case "null", "kmsg": set(key, .text(value), directive)
      case "tty":
        if isTerminal {
          note(directive, .taken, keys: ["tty"])
        } else {
          set(key, .text("console"), directive, .changed)
        }
      case "inherit":
        if key == "stdout", isSocket, !isAccept { keys[key] = .text("socket") }
        if key == "stderr", isSocket { keys[key] = .text("socket") }
        note(directive, .taken, isTerminal || isSocket ? "as the input" : "its own log")
      case "socket":
        if isAccept, key == "stdout", keys["stdio"] != nil {
          note(directive, .taken, keys: ["stdio"])
        } else {
          set(key, .text("socket"), directive)
        }
      case _ where value.hasPrefix("file:") || value.hasPrefix("append:"):
        set(key, .text(value), directive)
      case _ where value.hasPrefix("truncate:"):
        set(
          key, .text("file:" + value.dropFirst("truncate:".count)), directive, .changed,
          "the file is not emptied", .breaks)
      default: drop(directive, .breaks, "apus has no such output")
      }
    }
  }

  private func takeLog() {
    let interval = last("LogRateLimitIntervalSec")
    guard let directive = last("LogRateLimitBurst"), let count = Int(directive.value), count > 0
    else {
      if let interval { drop(interval, .harmless, "without a burst there is no limit") }
      return
    }
    let window = interval.flatMap { UnitScalar.duration($0.value) } ?? "30s"
    set("log.rate", .text("\(count)/\(window)"), directive)
    if let interval { note(interval, .taken, keys: ["log.rate"]) }
  }
}
