import Foundation

/// How a service becomes ready, is stopped and is started again.
extension ServiceImport {
  /// Takes type, readiness, time limits, stop and restart.
  func takeLife() {
    takeType()
    takeTimeouts()
    takeKill()
    takeRestart()
    takeWatchdog()
  }

  private func takeType() {
    let busName = last("BusName")
    if let directive = last("Type") {
      switch directive.value {
      case "simple": note(directive, .taken)
      case "exec": note(directive, .taken, "every start of apus is one")
      case "notify" where isAccept, "forking" where isAccept:
        note(directive, .changed, "a process of a connection is ready at once")
      case "notify", "oneshot", "forking": set("type", .text(directive.value), directive)
      case "notify-reload":
        keys[["reload", "signal"]] = keys[["reload", "signal"]] ?? .text("SIGHUP")
        set("type", .text("notify"), directive, .changed, "with reload.signal")
      case "idle": note(directive, .changed, "simple: nothing waits for an idle board")
      case "dbus":
        note(
          directive, .changed, "simple: ready before its name is on the bus", .breaks,
          keys: ["type"])
      default: drop(directive, .breaks, "no such type")
      }
    }
    if let busName { drop(busName, .breaks, "apus does not watch names on the bus") }
    if let directive = last("RemainAfterExit") {
      if isNo(directive) {
        note(directive, .taken)
      } else if type == "oneshot" {
        set("remain", .flag(true), directive)
      } else if unit.peek("Service", "Type") == nil || type == "simple" || type == "exec" {
        keys["type"] = .text("oneshot")
        set(
          "remain", .flag(true), directive, .changed, "with type oneshot: ready once it has ended")
      } else {
        drop(directive, .breaks, "only what is a oneshot can remain")
      }
    }
    if let directive = last("PIDFile") {
      var path = resolve(directive.value, directive)
      if !path.hasPrefix("/") { path = "/run/" + path }
      if type == "forking", !isAccept {
        set("pidFile", .text(runPath(path, directive)), directive)
      } else {
        note(directive, .dropped, "the main process is known without it")
      }
    }
    if let directive = last("NotifyAccess") {
      note(directive, .taken, "any process of the service may notify")
    }
    if let directive = last("GuessMainPID") {
      note(directive, .taken, "what is left of its own processes is the main one")
    }
  }

  private func takeTimeouts() {
    let both = last("TimeoutSec")
    for (name, isStop) in [("TimeoutStartSec", false), ("TimeoutStopSec", true)] {
      let own = last(name)
      guard let directive = own ?? both else { continue }
      let key = isStop ? "stop.timeout" : "ready.timeout"
      guard let time = UnitScalar.microseconds(directive.value) else {
        drop(directive, .breaks, "no time span")
        continue
      }
      let isEndless = time == Int.max || time == 0
      if isStop, isEndless {
        note(
          directive, .changed, "an hour: no stop is without an end", .harmless,
          keys: own == nil ? [] : [key])
        keys[["stop", "timeout"]] = .text("1h")
        continue
      }
      let hasReadiness = ["notify", "forking", "oneshot"].contains(type) || keys["pre"] != nil
      if !isStop, !hasReadiness || isAccept {
        if own != nil { note(directive, .dropped, "ready at once, nothing to wait for") }
        continue
      }
      keys[key.components(separatedBy: ".")] = .text(
        isEndless ? "never" : UnitScalar.duration(microseconds: time))
      if !isStop { limitCommands(isEndless ? Int.max : time) }
      if own != nil { note(directive, .taken, keys: [key]) }
    }
    if let both { note(both, .taken, keys: ["ready.timeout", "stop.timeout"]) }
    for name in ["TimeoutAbortSec", "TimeoutStartFailureMode", "TimeoutStopFailureMode"] {
      if let directive = last(name) {
        drop(directive, .harmless, "SIGKILL comes after stop.timeout")
      }
    }
  }

  /// Gives the commands before the start the same time where it is longer than their own 30 s.
  private func limitCommands(_ time: Int) {
    guard time > 30_000_000, let list = keys["pre"]?.asList else { return }
    keys["pre"] = .list(
      list.map { entry in
        var object = entry.asMap ?? ManifestObject()
        if entry.asMap == nil { object["exec"] = entry }
        if object["timeout"] == nil {
          object["timeout"] = .text(UnitScalar.duration(microseconds: time))
        }
        return .map(object)
      })
  }

  private func takeKill() {
    if let directive = last("KillMode") {
      switch directive.value {
      case "control-group": note(directive, .taken)
      case "mixed": set("stop.kill", .text("mixed"), directive)
      case "process": set("stop.kill", .text("main"), directive)
      case "none":
        set("stop.kill", .text("main"), directive, .changed, "the main process is ended", .breaks)
      default: drop(directive, .breaks, "no such mode")
      }
    }
    if let directive = last("KillSignal") {
      if let signal = UnitScalar.signal(directive.value) {
        if keys[["stop", "exec"]] != nil {
          drop(directive, .harmless, "stop.exec is in its place")
        } else {
          set("stop.signal", .text(signal), directive)
        }
      } else {
        drop(directive, .breaks, "no signal")
      }
    }
  }

  // MARK: Restart

  private func takeRestart() {
    var restart = ManifestObject()
    let policies = [
      "no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always",
    ]
    if let directive = last("Restart") {
      if isAccept {
        drop(directive, .harmless, "the next connection starts the next process")
      } else if policies.contains(directive.value) {
        restart["policy"] = .text(directive.value)
        note(directive, .taken, keys: ["restart"])
      } else {
        drop(directive, .breaks, "no such policy")
      }
    }
    if !isAccept, restart["policy"] == nil { restart["policy"] = .text("no") }
    let isOff = restart["policy"] == .text("no")
    if let directive = last("RestartSec") {
      let time = UnitScalar.microseconds(directive.value)
      if isAccept || isOff {
        drop(directive, .harmless, "nothing is started again")
      } else if let time, time < Int.max {
        // A loop without any pause would keep the processor busy.
        restart["delay"] = .text(UnitScalar.duration(microseconds: max(time, 1000)))
        if time > 30_000_000 {
          restart["maxDelay"] = .text(UnitScalar.duration(microseconds: time))
        }
        note(directive, .taken, "the pause grows, to 30 s or this", keys: ["restart.delay"])
      } else {
        drop(directive, .breaks, "no time span")
      }
    }
    takeLimit(&restart)
    for (name, key) in [
      ("RestartPreventExitStatus", "neverOn"), ("RestartForceExitStatus", "alwaysOn"),
    ] {
      let list = statuses(name, key: isAccept ? nil : "restart.\(key)")
      if !list.isEmpty, !isAccept { restart[key] = .list(list) }
    }
    let success = statuses("SuccessExitStatus", key: "successExit")
    if !success.isEmpty { keys["successExit"] = .list(success) }
    if restart.members.count == 1, let policy = restart["policy"] {
      keys["restart"] = policy
    } else if !restart.members.isEmpty {
      keys["restart"] = .map(restart)
    }
  }

  private func statuses(_ name: String, key: String?) -> [ManifestValue] {
    var list: [ManifestValue] = []
    for directive in all(name) {
      let words = words(directive)
      let values = words.compactMap(UnitScalar.exitStatus)
      list += values.filter { !list.contains($0) }
      if key == nil {
        drop(directive, .harmless, "nothing is started again")
      } else if values.count < words.count {
        note(
          directive, .changed, "not all are exit codes or signals", .breaks,
          keys: key.map { [$0] } ?? [])
      } else {
        note(directive, .taken, keys: key.map { [$0] } ?? [])
      }
    }
    return list
  }

  /// Start limits stand in [Unit], and in [Service] of older units.
  private func takeLimit(_ restart: inout ManifestObject) {
    let sections = ["Unit", "Service"]
    let burst = sections.compactMap { last("StartLimitBurst", in: $0) }.last
    let intervals = sections.flatMap { section in
      ["StartLimitIntervalSec", "StartLimitInterval"].compactMap { last($0, in: section) }
    }
    let given = [burst, intervals.last].compactMap { $0 }
    let interval = intervals.last.map { UnitScalar.microseconds($0.value) ?? 0 } ?? 10_000_000
    let count = burst.map { Int($0.value) ?? 0 } ?? 5
    for directive in given {
      if listens {
        drop(directive, .harmless, "a service that listens is never given up")
      } else if interval == 0 || count == 0 || interval == Int.max {
        note(directive, .taken, "no limit")
      } else {
        restart["limit"] = .text("\(count)/\(UnitScalar.duration(microseconds: interval))")
        note(directive, .taken, keys: ["restart.limit"])
      }
    }
    let actions = sections.flatMap { section in
      ["StartLimitAction", "FailureAction"].compactMap { last($0, in: section) }
    }
    for directive in actions {
      switch directive.value {
      case "none": note(directive, .taken)
      case "reboot", "reboot-force", "reboot-immediate":
        if !listens, interval > 0 { restart["limit"] = restart["limit"] ?? .text("5/10s") }
        set("critical", .flag(true), directive, .changed, "giving up reboots the board")
      case _ where directive.value.hasPrefix("poweroff") && !listens && interval > 0:
        restart["limit"] = restart["limit"] ?? .text("5/10s")
        restart["onLimit"] = .text("poweroff")
        note(directive, .changed, "giving up switches the board off", keys: ["restart.onLimit"])
      default: drop(directive, .breaks, "giving up does nothing to the board")
      }
    }
  }

  private func takeWatchdog() {
    if let directive = last("WatchdogSec") {
      let time = UnitScalar.microseconds(directive.value)
      if time == 0 || time == Int.max {
        note(directive, .taken)
      } else if type.hasPrefix("notify"), let time {
        set("watchdog", .text(UnitScalar.duration(microseconds: time)), directive)
      } else {
        drop(directive, .breaks, "only what says READY=1 is watched")
      }
    }
    if let directive = last("RuntimeMaxSec"), let time = UnitScalar.duration(directive.value) {
      set("runtimeMax", .text(time), directive)
    }
    if let directive = last("FileDescriptorStoreMax"), let count = Int(directive.value) {
      set("fdStore", .number(min(count, 1024)), directive)
    }
  }
}
