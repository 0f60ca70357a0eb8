internal import ApusBase
public import ApusManifest

/// How a run of a service ended, in the terms of systemd's `Restart=` table.
public enum RunEnd: UInt8, Sendable, CaseIterable {
  /// Exit code 0, a status of `successExit`, or (not for oneshot) HUP, INT, TERM or PIPE.
  case clean
  /// Any other exit code, or a start that failed.
  case uncleanExit
  /// Any other signal.
  case uncleanSignal
  /// A start or stop that took too long.
  case timeout
  /// The software watchdog ran out.
  case watchdog
}

extension RestartPolicy {
  /// True where systemd.service(5), table "Exit causes and the effect of the Restart= settings",
  /// has an X.
  public func restarts(after end: RunEnd) -> Bool {
    switch self {
    case .no: false
    case .always: true
    case .onSuccess: end == .clean
    case .onFailure: end != .clean
    case .onAbnormal: end == .uncleanSignal || end == .timeout || end == .watchdog
    case .onAbort: end == .uncleanSignal
    case .onWatchdog: end == .watchdog
    }
  }
}

extension Manifest {
  /// Classifies the end of a service's main process.
  public func classify(_ report: ExitReport, of service: Service) -> RunEnd {
    if contains(extras(of: service).successExit, report) { return .clean }
    if !report.isSignal { return report.number == 0 ? .clean : .uncleanExit }
    switch report.number {
    case 1, 2, 13, 15: return service.type == .oneshot ? .uncleanSignal : .clean
    default: return .uncleanSignal
    }
  }

  /// True when the policy table, `neverOn` and `alwaysOn` together ask for a new start.
  ///
  /// `neverOn` wins over `alwaysOn`, and both over the policy (systemd.service(5),
  /// `RestartPreventExitStatus=`, `RestartForceExitStatus=`).
  public func wantsRestart(of service: Service, after end: RunEnd, report: ExitReport?) -> Bool {
    let restart = restart(of: service)
    if let report {
      if contains(restart.neverOn, report) { return false }
      if contains(restart.alwaysOn, report) { return true }
    }
    // A oneshot that did its work is done (systemd.service(5): always and on-success do not apply).
    if service.type == .oneshot, end == .clean { return false }
    return restart.policy.restarts(after: end)
  }

  private func contains(_ range: TableRange, _ report: ExitReport) -> Bool {
    for index in range.indices {
      if exitStatuses.at(index) == ExitStatus(isSignal: report.isSignal, number: report.number) {
        return true
      }
    }
    return false
  }
}

extension Restart {
  /// The delay that follows `delay`: grown by the factor, never beyond `maxDelay`.
  func delay(after delay: Interval) -> Interval {
    let (product, overflow) = delay.microseconds.multipliedReportingOverflow(
      by: Int64(factorPermille))
    return overflow
      ? maxDelay : min(maxDelay, max(self.delay, Interval(microseconds: product / 1000)))
  }
}
