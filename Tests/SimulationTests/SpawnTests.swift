import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Foundation
import Testing

@Suite struct SpawnTests {
  @Test(
    "SPA-01: a binary that cannot be executed is named with its errno, and nothing is left",
    arguments: [Errno.noEntry, .accessDenied, .badExecutable, .textBusy])
  func execFails(_ errno: Errno) throws {
    let sim = simulate {
      $0.service("web") { $0.listen() }
      $0.service("log")
    }
    sim.always(.failing(.execute, errno))
    sim.world.connect(0)
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(for: .minutes(5))
    for service in 0..<2 {
      #expect(sim.state(service) == .backoff)
      #expect(
        sim.reason(service)
          == Reason(.spawnFailed, step: SpawnStepKind.execute.rawValue, value: errno.code))
      #expect(sim.starts(service) > 5)
      #expect(sim.starts(service) < 30)
      #expect(sim.world.services[service].executions == 0)
      #expect(sim.world.services[service].ends.count == sim.starts(service))
    }
    #expect(sim.world.liveInstances.isEmpty)
    #expect(sim.world.processCount == 0)
    #expect(sim.world.listeners[0].isBound)
    #expect(
      sim.world.messages.contains {
        $0.kind == .startFailed && $0.service == 0 && $0.reason.value == errno.code
      })
  }

  @Test(
    "a step of the sandbox that fails is named with its errno, and nothing runs",
    arguments: [
      SpawnStepKind.namespaces, .network, .root, .processes, .readOnly, .kernel, .temporary,
      .devices, .hide, .landlock, .filter,
    ])
  func sandboxFails(_ step: SpawnStepKind) throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    sim.world.behaviour = { _, earlier, _ in
      earlier < 3 ? .failing(step, .notPermitted) : Script()
    }
    try sim.run(for: .milliseconds(1))
    sim.world.connect(0)
    try sim.run(for: .milliseconds(50))
    #expect(sim.state(0) == .backoff)
    #expect(sim.world.services[0].executions == 0)
    #expect(
      sim.reason(0)
        == Reason(.spawnFailed, step: step.rawValue, value: Errno.notPermitted.code))
    try sim.run(for: .seconds(10))
    #expect(sim.state(0) == .ready)
    #expect(sim.world.services[0].executions == 1)
    #expect(sim.world.count(.served) == 1)
  }

  @Test(
    "SPA-02: a clone that fails for a while costs time and nothing else",
    arguments: [Errno.again, .noMemory, .notImplemented])
  func cloneFails(_ errno: Errno) throws {
    let sim = simulate { $0.service("web") { $0.listen() } }
    sim.world.faults = [Fault(.spawn(0, .clone), errno, .times(4))]
    try sim.run(for: .seconds(1))
    sim.world.connect(0)
    try sim.run(for: .milliseconds(1))
    #expect(sim.world.listeners[0].isBound)
    #expect(
      sim.reason(0) == Reason(.spawnFailed, step: SpawnStepKind.clone.rawValue, value: errno.code))
    try sim.run(for: .seconds(10))
    #expect(sim.world.services[0].attempts.count == 5)
    #expect(sim.state(0) == .ready)
    #expect(sim.world.count(.served) == 1)
    #expect(sim.world.listeners[0].bindAttempts.count == 1)
  }

  @Test("SPA-11: a control group that cannot be made refuses the start, and is tried again")
  func groupFails() throws {
    let sim = simulate {
      $0.service("limited")
      $0.service("other")
    }
    sim.world.faults = [Fault(.spawn(0, .group), .noSpace, .times(3))]
    try sim.run(for: .milliseconds(150))
    #expect(sim.state(0) == .backoff)
    #expect(sim.state(1) == .ready)
    #expect(sim.starts(0) == 0)
    #expect(
      sim.reason(0)
        == Reason(.spawnFailed, step: SpawnStepKind.group.rawValue, value: Errno.noSpace.code))
    try sim.run(for: .seconds(10))
    #expect(sim.state(0) == .ready)
    #expect(sim.world.services[0].attempts.count == 4)
  }

  @Test("EXH-01: an end for want of memory is told as one, kept, and followed by another start")
  func outOfMemory() throws {
    let sim = simulate { $0.service("hungry") }
    var script = Script.ending(after: 1000, signal: 9)
    script.end.ranOutOfMemory = true
    sim.always(script)
    var replacements = 0
    sim.replaces = {
      replacements += 1
      return true
    }
    try sim.run(for: .milliseconds(50))
    #expect(sim.state(0) == .backoff)
    #expect(sim.reason(0) == Reason(.killed, step: 1, value: 9))
    #expect(sim.report(service: 0)?.lastExit == script.end)
    #expect(replacements > 0)
    var line = ByteWriter(capacity: 128)
    sim.reason(0).write(into: &line, manifest: sim.world.manifest, service: 0)
    #expect(line.bytes == Array("killed by SIGKILL, out of memory".utf8))
    try sim.run(for: .seconds(10))
    #expect(sim.starts(0) > 3)
  }

  @Test("an end by SIGSYS says which system call was forbidden, when the kernel has said it")
  func forbiddenCall() throws {
    let sim = simulate { $0.service("confined") }
    var script = Script.ending(after: 1000, signal: 31)
    var manifest = sim.world.manifest
    manifest.callName = { $0 == 293 ? UnsafePointer(strdup("pipe2")) : nil }
    for (call, words) in [(0, ""), (1, ": 0"), (294, ": pipe2")] as [(UInt16, String)] {
      script.end.deniedCall = call
      sim.always(script)
      let count = sim.starts(0)
      while sim.starts(0) < count + 2 || sim.state(0) != .backoff {
        try sim.run(for: .milliseconds(50))
      }
      var line = ByteWriter(capacity: 128)
      sim.reason(0).write(into: &line, manifest: manifest, service: 0)
      let text = String(decoding: line.bytes, as: UTF8.self)
      #expect(text == "killed by SIGSYS (a system call it may not make\(words))")
    }
  }

  @Test("a directory whose group does not exist yet is named, and made once it does")
  func unknownOwner() throws {
    let sim = try simulate(
      services: #"""
        "web": {"exec": ["/w"], "directories": {"log": ["l"]}},
        "db": {"exec": ["/d"], "directories": {"runtime": ["db"],
          "state": [{"name": "db/in", "user": "pg", "group": "pgs"}]}}
        """#)
    let repaired = Instant(microseconds: 30_000_000)
    let group = Int32(SpawnObject.owners + 3)
    sim.world.faults = [
      Fault(
        .spawn(1, .resolveUser), Errno(group << 8 | Errno.noEntry.code), .always, until: repaired)
    ]
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .ready && sim.state(1) == .backoff)
    var line = ByteWriter(capacity: 256)
    sim.reason(1).write(into: &line, manifest: sim.world.manifest, service: 1)
    #expect(
      String(decoding: line.bytes, as: UTF8.self)
        == "look up the group pgs of the directory /var/lib/db/in: "
        + "No such file or directory, ENOENT (2)")
    // Each attempt waits for its pause.
    #expect(sim.world.services[1].attempts.count < 6)
    try sim.run(for: .minutes(2))
    #expect(sim.state(1) == .ready && sim.starts(0) == 1)
    #expect(sim.world.liveInstances.count == 2)
  }

  @Test(
    "SPA-03: without descriptors for the report pipe nothing half made remains",
    arguments: [Errno.fileLimit, .systemFileLimit])
  func pipeFails(_ errno: Errno) throws {
    let sim = simulate {
      $0.service("log")
      $0.service("ssh") {
        $0.listen()
        $0.accept()
      }
    }
    sim.world.faults = [
      Fault(.spawn(0, .reportPipe), errno, .times(2)),
      Fault(.spawn(1, .reportPipe), errno, .times(2)),
    ]
    try sim.run(for: .milliseconds(1))
    #expect(sim.state(0) == .backoff)
    #expect(sim.world.processCount == 0)
    sim.world.connect(1 - 1)
    try sim.run(for: .seconds(5))
    #expect(sim.state(0) == .ready)
    #expect(sim.starts(0) == 1)
    // A connection that cannot be started is held until it can.
    sim.world.connect(0, count: 3)
    try sim.run(for: .seconds(10))
    #expect(sim.world.count(.discarded) == 0)
    #expect(sim.world.count(.served) == 4)
    #expect(sim.world.listeners[0].isWatched)
  }

  @Test("SPA-04: a child that has ended before the spawn call returns is one start and one exit")
  func endsBeforeReport() throws {
    for comesAfter in [false, true] {
      for isEarly in [false, true] {
        let sim = simulate {
          $0.service("once") { $0.restart.policy = .no }
        }
        sim.always(
          Script.ending(after: 0, code: 3).with {
            $0.endsBeforeSpawnReturns = isEarly
            $0.reportComesAfterExit = comesAfter
          })
        try sim.run(for: .minutes(1))
        #expect(sim.starts(0) == 1)
        #expect(sim.world.services[0].ends.count == 1)
        #expect(sim.state(0) == .failed)
        #expect(sim.reason(0) == Reason(.exited, value: 3))
        #expect(
          sim.report(service: 0)?.lastExit == ExitReport(isSignal: false, number: 3))
        #expect(sim.world.liveInstances.isEmpty)
      }
    }
  }

  @Test("SPA-04: a child stuck before its execve is killed after the start timeout and tried again")
  func stuckBeforeExec() throws {
    let sim = simulate { $0.service("web") }
    sim.world.behaviour = { _, earlier, _ in
      Script().with { $0.isStuckBeforeExec = earlier == 0 }
    }
    try sim.run(for: .seconds(29))
    #expect(sim.state(0) == .starting)
    try sim.run(for: .seconds(10))
    #expect(sim.state(0) == .ready)
    #expect(sim.starts(0) == 2)
    #expect(sim.world.services[0].signals.first?.number == 9)
  }

  @Test(
    "a child that is stuck is named with its step, as a start that took too long; in D state, too")
  func stuckStep() throws {
    for killDelay in [50, Int64.max] {
      let sim = simulate { $0.service("web") { $0.restart.policy = .onAbnormal } }
      sim.world.behaviour = { _, _, _ in
        Script().with {
          $0.isStuckBeforeExec = true
          $0.stuckStep = .directories
          $0.killDelay = killDelay
        }
      }
      try sim.run(for: .milliseconds(30_050))
      let reason = Reason(
        .spawnFailed, step: SpawnStepKind.directories.rawValue, value: Errno.timedOut.code)
      #expect(sim.reason(0) == reason)
      try sim.run(for: .seconds(11))
      // In D state it is what it is, and no more `starting`.
      #expect(sim.state(0) == (killDelay == 50 ? .starting : .stopping))
      if killDelay != 50 { #expect(sim.reason(0) == reason) }
      #expect(sim.starts(0) == (killDelay == 50 ? 2 : 1))
      #expect(
        sim.world.messages.contains { $0.kind == .startFailed && $0.reason == reason }
          == (killDelay == 50))
      sim.world.signalSelf(15)
      try sim.run(for: .seconds(60))
      #expect(sim.world.power == .reboot)
    }
  }

  @Test("a command that is stuck before its program is named with its step")
  func stuckCommand() throws {
    let sim = try simulate(
      services:
        #""a": {"exec": ["/a"], "restart": "no", "pre": [{"exec": ["/x"], "timeout": "3s"}]}"#)
    sim.world.commandBehaviour = { _, _, _ in
      var script = CommandScript()
      script.stuckStep = .workingDirectory
      return script
    }
    try sim.run(for: .seconds(4))
    #expect(sim.state(0) == .failed)
    #expect(sim.reason(0).kind == .spawnFailed)
    #expect(sim.reason(0).step == SpawnStepKind.workingDirectory.rawValue)
    #expect(sim.reason(0).value & 0xff == Errno.timedOut.code)
  }

  @Test("SPA-04: an execve that succeeds after the start timeout comes too late")
  func lateExec() throws {
    let sim = simulate { $0.service("web") { $0.restart.policy = .no } }
    sim.always(
      Script().with {
        $0.execDelay = 31_000_000
        $0.killDelay = 5_000_000
      })
    try sim.run(for: .minutes(2))
    #expect(sim.state(0) == .failed)
    #expect(sim.reason(0).kind == .startTimeout)
    #expect(!sim.world.messages.contains { $0.kind == .ready })
  }

  @Test("SPA-04: no more children than allowed are before their execve, and all get their turn")
  func spawnSlots() throws {
    let sim = simulate { builder in
      for index in 0..<300 { builder.service("s\(index)") }
    }
    sim.always(Script().with { $0.execDelay = 1_000_000 })
    try sim.run(for: .milliseconds(500))
    #expect(sim.world.liveInstances.count == Limits.spawnsInFlight)
    try sim.run(for: .seconds(5))
    for index in 0..<300 { #expect(sim.state(index) == .ready) }
  }

  @Test("SPA-10: helpers that outlive the service are killed with it and reaped")
  func stragglersAreKilled() throws {
    let sim = simulate { $0.service("web") { $0.restart.policy = .no } }
    sim.always(
      Script.ending(after: 1_000_000).with {
        $0.stragglers = 3
        $0.stragglersIgnore = true
      })
    try sim.run(for: .milliseconds(500))
    #expect(sim.world.processCount == 4)
    try sim.run(for: .seconds(1))
    #expect(sim.world.processCount == 0)
    #expect(sim.state(0) == .stopped)
  }

  @Test("SPA-10: with the policy to leave them they live on and are reaped when they end")
  func stragglersAreLeft() throws {
    let sim = simulate {
      $0.service("web") {
        $0.restart.policy = .no
        $0.stop.scope = .main
      }
    }
    sim.always(
      Script.ending(after: 1_000_000).with {
        $0.stragglers = 3
        $0.stragglerLife = 60_000_000
      })
    try sim.run(for: .seconds(30))
    #expect(sim.state(0) == .stopped)
    #expect(sim.world.processCount == 3)
    try sim.run(for: .seconds(60))
    #expect(sim.world.processCount == 0)
  }

  @Test("PID-06: an orphan and a service that end together do not take each other's status")
  func orphanAndService() throws {
    let sim = simulate {
      $0.service("web") { $0.restart.policy = .no }
      $0.service("old") {
        $0.restart.policy = .no
        $0.stop.scope = .main
      }
    }
    sim.world.behaviour = { service, _, _ in
      service == 0
        ? .ending(after: 2_000_000, code: 42)
        : Script.ending(after: 1_000_000).with {
          $0.stragglers = 2
          // Born at the same moment as the service's end.
          $0.stragglerLife = 2_000_000
        }
    }
    try sim.run(for: .seconds(10))
    #expect(sim.world.processCount == 0)
    #expect(sim.reason(0) == Reason(.exited, value: 42))
    #expect(
      sim.report(service: 0)?.lastExit == ExitReport(isSignal: false, number: 42))
    #expect(
      sim.report(service: 1)?.lastExit == ExitReport(isSignal: false, number: 0))
  }
}
