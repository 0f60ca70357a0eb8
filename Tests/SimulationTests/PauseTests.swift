import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// No path starts a service twice without its pause, whatever has caused it.
@Suite struct PauseTests {
  /// Ways in which a start comes to nothing although the process ends well.
  static let entries = [
    #""type": "notify""#, #""type": "forking""#, #""ready": {"fd": 4}"#,
    #""ready": {"exec": ["/p"], "interval": "1h"}"#, #""type": "notify", "restart": "no""#,
    #""type": "notify", "restart": "always""#, #""type": "notify", "restart": "on-abnormal""#,
    #""type": "notify", "successExit": ["SIGKILL"]"#,
  ]

  @Test("an end before ready is a failed start", arguments: entries, ["needs", "wants", "after"])
  func endedEarly(_ entry: String, _ link: String) throws {
    for signal in [UInt8?.none, 15, 9] where signal != 9 || entry.contains("SIGKILL") {
      let sim = try simulate(
        services:
          #""x": {"exec": ["/bin/true"], \#(entry)}, "dep": {"exec": ["/d"], "\#(link)": ["x"]}"#)
      sim.world.helperCodes[0] = 1
      sim.world.behaviour = { service, _, _ in
        service == 0 ? .ending(after: 1_000, signal: signal) : Script()
      }
      try sim.run(for: .seconds(60))
      let isOnce = entry.contains(#""no""#)
      #expect(sim.starts(0) == (isOnce ? 1 : sim.starts(0)) && sim.starts(0) < 15)
      #expect(sim.state(0) == (isOnce ? .failed : .backoff))
      #expect(sim.reason(0).kind == .endedEarly)
      let report = try #require(sim.report(service: 0))
      #expect(isOnce || report.restarts > 5)
      #expect(sim.world.messages.contains { $0.service == 0 && $0.kind == .exited })
      // Who needs it waits and says for whom, who only wants it goes on.
      #expect(sim.state(1) == (link == "needs" ? .waiting : .ready))
      if link == "needs" { #expect(sim.reason(1) == Reason(.dependency, value: 0)) }
      #expect(sim.starts(1) == (link == "needs" ? 0 : 1))
      // An operator is not kept waiting.
      let starts = sim.starts(0)
      sim.world.request(.start, 0, noWait: true)
      try sim.run(for: .milliseconds(10))
      #expect(sim.starts(0) == starts + 1)
    }
  }

  @Test("services that start each other when they fail rest in between", arguments: [1, 2, 3])
  func circle(_ length: Int) throws {
    let names = ["a", "b", "c"].prefix(length)
    let entries = names.indices.map { index in
      let next = names[(index + 1) % length]
      return #""\#(names[index])": {"exec": ["/x"], "restart": "no", "onFailure": ["\#(next)"]}"#
    }
    let sim = try simulate(services: entries.joined(separator: ", "))
    sim.always(.ending(after: 1_000, code: 1))
    try sim.run(for: .minutes(10))
    for service in 0..<length {
      #expect(sim.starts(service) < 40 && sim.starts(service) > 10)
      let pauses = sim.pauses(service)
      #expect(pauses.allSatisfy { $0 >= 90_000 })
      #expect(pauses.suffix(3).allSatisfy { $0 >= 27_000_000 })
    }
  }

  @Test("a timer does not cut a back-off short, and is a pause of its own for what has given up")
  func timer() throws {
    let sim = try simulate(
      services:
        #""kept": {"exec": ["/k"], "timer": {"every": "1s"}, "restart": {"delay": "20s"}}, "#
        + #""given": {"exec": ["/g"], "type": "oneshot", "timer": {"every": "1s"}, "restart": "no"}"#
    )
    sim.always(.ending(after: 1_000, code: 1))
    try sim.run(for: .seconds(100))
    #expect(sim.starts(0) <= 6)
    #expect(sim.starts(1) > 90)
  }

  @Test("what has failed and ends long after its KILL rests like every failure")
  func abandoned() throws {
    let sim = simulate {
      $0.service("slow") {
        $0.service.type = .notify
        $0.stop.timeout = .seconds(1)
      }
    }
    sim.always(
      Script().with {
        $0.manners = .ignores
        $0.killDelay = 60_000_000
      })
    try sim.run(for: .seconds(85))
    #expect(sim.world.messages.contains { $0.kind == .leftBehind } && sim.starts(0) == 1)
    try sim.run(for: .seconds(10))
    #expect(sim.starts(0) == 2)
    #expect(sim.pauses(0).allSatisfy { $0 >= 90_000 })
    #expect(sim.world.messages.contains { $0.kind == .backoff })
  }

  @Test("a limit pauses what listens, longer and longer, and it comes back alone")
  func limitOfListener() throws {
    let sim = try simulate(
      services:
        #""web": {"exec": ["/w"], "listen": [{"stream": "/run/w"}], "onFailure": ["tell"], "#
        + #""restart": {"limit": "3/5s"}}, "tell": {"exec": ["/t"], "start": "manual"}"#)
    let repaired = Instant(microseconds: 300_000_000)
    sim.world.behaviour = { service, _, _ in
      service == 0 ? .ending(after: 1_000, code: 1).with { $0.accepts = 0 } : Script()
    }
    sim.world.after(1_000_000) { $0.connect(0) }
    try sim.run(until: repaired)
    #expect(sim.state(0) == .backoff && sim.starts(0) > 8)
    #expect(sim.report(listener: 0)?.state == .paused)
    #expect(sim.report(listener: 0)?.pausedUntil != nil)
    #expect(sim.world.messages.contains { $0.kind == .gaveUp && $0.service == 0 })
    #expect(sim.starts(1) == 1)
    // The first has been dropped, as the service seemed not to digest it.
    sim.always(Script())
    sim.world.connect(0)
    try sim.run(for: .seconds(31))
    #expect(sim.state(0) == .ready && sim.world.count(.served) == 1)
  }

  @Test("a stop amid the pause of a limit does not let another's failure start it sooner")
  func limitAndStop() throws {
    let sim = try simulate(
      services:
        #""web": {"exec": ["/w"], "listen": [{"stream": "/run/w"}], "restart": {"limit": "3/60s"}}, "#
        + #""other": {"exec": ["/o"], "start": "manual", "restart": "no", "onFailure": ["web"]}"#)
    sim.always(.ending(after: 1_000, code: 1).with { $0.accepts = 0 })
    sim.world.after(1_000_000) { $0.connect(0) }
    try sim.run(for: .seconds(10))
    #expect(sim.state(0) == .backoff && sim.reason(0).kind == .restartLimit)
    let before = sim.starts(0)
    sim.world.request(.stop, 0)
    try sim.run(for: .seconds(1))
    sim.world.request(.start, 1)
    try sim.run(for: .seconds(1))
    #expect(sim.state(0) == .backoff && sim.starts(0) == before)
    let next = try #require(sim.report(service: 0)?.nextStart)
    // Longer than any delay: the simulator takes it for the pause of the limit.
    #expect(next - sim.world.now > .seconds(31))
  }

  @Test("one that starts with the board and listens goes back to listening when it has ended")
  func bootListener() throws {
    let sim = try simulate(
      services:
        #""web": {"exec": ["/w"], "listen": [{"stream": "/run/w"}], "start": "boot", "#
        + #""restart": "no"}"#)
    sim.world.behaviour = { _, earlier, _ in
      switch earlier {
      case 0: .ending(after: 1_000_000)
      case 1: .ending(after: 1_000_000, code: 1)
      default: Script()
      }
    }
    try sim.run(for: .seconds(3))
    #expect(sim.state(0) == .listening && sim.starts(0) == 1)
    sim.world.connect(0)
    try sim.run(for: .seconds(3))
    sim.world.connect(0)
    try sim.run(for: .seconds(3))
    #expect(sim.starts(0) == 3 && sim.world.count(.served) == 2)
  }

  @Test("eight clients of a daemon that serves one and ends wait for eight starts and no pause")
  func serveOne() throws {
    let sim = simulate { $0.service("one") { $0.listen() } }
    sim.always(
      Script().with {
        $0.accepts = 1
        $0.life = 2_000
      })
    sim.world.after(1_000_000) { $0.connect(0, count: 8) }
    try sim.run(for: .seconds(1))
    try sim.run(for: .milliseconds(100))
    #expect(sim.world.count(.served) == 8 && sim.starts(0) == 8)
    #expect(!sim.world.messages.contains { $0.kind == .backoff })
    // One that comes for each that is served: the queue is as long, and its head is another.
    for number in 0..<10 { sim.world.after(Int64(number) * 2_500) { $0.connect(0) } }
    sim.world.connect(0)
    try sim.run(for: .milliseconds(100))
    #expect(sim.world.count(.served) == 19)
    #expect(!sim.world.messages.contains { $0.kind == .backoff })
  }

  @Test("a daemon that takes nothing is started ever more slowly, whichever listener woke it")
  func serveNobody() throws {
    let sim = simulate { $0.service("none") { $0.listen(2) } }
    sim.always(
      Script().with {
        $0.accepts = 0
        $0.life = 2_000
      })
    sim.world.after(1_000_000) {
      $0.connect(0)
      $0.connect(1)
    }
    for second in 0..<60 { sim.world.after(Int64(second) * 1_000_000) { $0.connect(1) } }
    try sim.run(for: .minutes(1))
    #expect(sim.starts(0) < 15)
    #expect(sim.pauses(0).allSatisfy { $0 >= 90_000 })
  }
}
