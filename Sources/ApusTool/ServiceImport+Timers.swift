import Foundation

/// Timers and path units of a service.
extension ServiceImport {
  /// Takes all timer units.
  func takeTimers() {
    for timer in timers {
      if let directive = last("Unit", in: "Timer", of: timer) {
        note(directive, .taken, keys: ["timer"])
      }
      for (name, key, isExact) in [
        ("OnBootSec", "afterBoot", true), ("OnStartupSec", "afterBoot", true),
        ("OnActiveSec", "afterBoot", false), ("OnUnitActiveSec", "every", true),
        ("OnUnitInactiveSec", "every", false),
      ] {
        for directive in all(name, in: "Timer", of: timer) { takeTime(directive, key, isExact) }
      }
      for directive in all("OnCalendar", in: "Timer", of: timer) { takeCalendar(directive) }
      if let directive = last("RandomizedDelaySec", in: "Timer", of: timer) {
        if let time = UnitScalar.duration(directive.value), time != "never" {
          set("timer.jitter", .text(time), directive)
        } else {
          drop(directive, .breaks, "no time span")
        }
      }
    }
  }

  private func takeTime(_ directive: Directive, _ key: String, _ isExact: Bool) {
    guard let time = UnitScalar.duration(directive.value), time != "never" else {
      return drop(directive, .breaks, "no time span")
    }
    guard keys[["timer", key]] == nil else {
      return drop(directive, .breaks, "a timer has one \(key)")
    }
    let note =
      key == "every" ? "from start to start, not from its end" : "counted from the boot"
    set("timer.\(key)", .text(time), directive, isExact ? .taken : .changed, isExact ? "" : note)
  }

  private func takeCalendar(_ directive: Directive) {
    guard keys[["timer", "calendar"]] == nil else {
      return drop(directive, .breaks, "a timer has one calendar: make a service for each")
    }
    let complaints = { (text: String) in
      ManifestCheck.complaints(
        about: ManifestValue.object(
          ("apus", .number(1)),
          (
            "services",
            .object(
              (
                "a",
                .object(
                  ("exec", .texts(["/bin/true"])), ("timer", .object(("calendar", .text(text)))))
              ))
          )
        ).rendered
      ).filter(\.isError)
    }
    let words = directive.value.split(separator: " ").map(String.init)
    if complaints(directive.value).isEmpty {
      return set(
        "timer.calendar", .text(directive.value), directive,
        words.last == "UTC" ? .taken : .changed, words.last == "UTC" ? "" : "in UTC, not local time"
      )
    }
    let without = words.dropLast().joined(separator: " ")
    if let zone = words.last, words.count > 1, complaints(without).isEmpty {
      return set(
        "timer.calendar", .text(without), directive, .changed,
        zone == "UTC" ? "" : "in UTC, not \(zone)", zone == "UTC" ? .harmless : .breaks)
    }
    drop(directive, .breaks, complaints(directive.value).first?.message ?? "no calendar")
  }

  /// Takes all path units: apus has nothing that watches files.
  func takePaths() {
    for unit in paths {
      if let directive = last("Unit", in: "Path", of: unit) {
        drop(directive, .breaks, "see there")
      }
      for name in [
        "PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty",
      ] {
        for directive in all(name, in: "Path", of: unit) {
          drop(directive, .breaks, "apus starts nothing for a file: start it by hand or a timer")
        }
      }
    }
  }
}
