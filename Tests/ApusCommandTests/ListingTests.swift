import ApusBase
import ApusWire
import Foundation
import Testing

private let supervisor = frame {
  $0.supervisorFrame(pid: 1, uptime: .seconds(1099), allocations: 0)
}

private let web = service("web", .ready, pid: 77) {
  $0.restarts = 2
  $0.memory = 1_258_292
  $0.processor = 2_500_000
  $0.tasks = 3
  $0.lastExit = LastExit(isSignal: true, code: 11, at: Instant(microseconds: 976_900_000))
}
private let crash = service("crash", .backoff, reason: "exited with 1") {
  $0.nextStart = Instant(microseconds: 1_103_200_000)
  $0.lastExit = LastExit(isSignal: false, code: 1, at: Instant(microseconds: 1_099_000_000))
}
private let bare = service("getty@ttyS0", .listening)

@Suite struct ListingTests {
  @Test("status is a table") func statusTable() throws {
    let (outcome, requests) = try ask(["status"], [supervisor, web, crash, bare, endFrame])
    #expect(outcome.error == "")
    #expect(outcome.code == 0)
    #expect(requests == [[1, 1, 6, 0, 0, 0]])
    #expect(
      outcome.output == """
        SERVICE      STATE      SINCE        PID  RESTARTS  MEMORY  DETAIL
        web          ready      2min 3s ago   77         2    1.2M
        crash        backoff    2min 3s ago                         in 3s: exited with 1
        getty@ttyS0  listening  2min 3s ago

        """)
  }

  @Test("status of a service tells what is known of it") func statusDetail() throws {
    let (outcome, requests) = try ask(
      ["status", "web"], [supervisor, web, endFrame],
      [line("web", "bye", at: 976_899_000, lost: 3), endFrame])
    let name = [0, 0, 3] + Array("web".utf8)
    #expect(requests == [[1, 1, 9] + name, [1, 17, 9] + name])
    #expect(outcome.code == 0)
    #expect(
      outcome.output == """
        web: ready for 2min 3s
            main pid: 77
            restarts: 2
              memory: 1.2M
           processor: 2s
               tasks: 3
           last exit: SIGSEGV, 2min 3s ago
        -- web: 3 lines lost --
        2001-09-09 02:02:56.899 web: bye

        """)
    let (down, _) = try ask(["status", "crash"], [supervisor, crash, endFrame], [endFrame])
    #expect(down.code == 3)
    #expect(
      down.output == """
        crash: backoff for 2min 3s
            restarts: 0
           last exit: exit code 1, 1s ago
          next start: in 3s
              reason: exited with 1

        """)
  }

  @Test(
    "status ends with 3 for a named service that is not running",
    arguments: [
      (ServiceState.invalid, Int32(3)), (.skipped, 3), (.listening, 3), (.waiting, 3),
      (.starting, 0), (.ready, 0), (.stopping, 0), (.backoff, 3), (.stopped, 3), (.failed, 3),
    ])
  func notRunning(state: ServiceState, code: Int32) throws {
    let record = service("web", state)
    #expect(
      try ask(["status", "web"], [supervisor, record, endFrame], [endFrame]).outcome.code == code)
    let json = try ask(["status", "--json", "web"], [supervisor, record, endFrame]).outcome
    #expect(json.code == code)
    #expect(try ask(["status"], [supervisor, record, endFrame]).outcome.code == 0)
  }

  @Test("status of a service that is not there ends with 4") func noSuchService() throws {
    let (refused, _) = try ask(["status", "nobody"], [answer(.noSuchService, "nobody")])
    #expect(refused.code == 4)
    #expect(refused.error == "apus: no such service: nobody\n")
    let (some, requests) = try ask(
      ["status", "web", "nobody"], [supervisor, web, crash, endFrame])
    #expect(requests == [[1, 1, 6, 0, 0, 0]])
    #expect(some.code == 4)
    #expect(some.output.contains("web") && !some.output.contains("crash"))
    #expect(some.error == "apus: no such service: nobody\n")
  }

  @Test("the keys of status --json are stable") func statusJSON() throws {
    let (outcome, _) = try ask(["status", "--json"], [supervisor, web, crash, endFrame])
    #expect(outcome.code == 0)
    #expect(
      outcome.output == """
        {"supervisor":{"pid":1,"version":"0.1.0","uptimeUs":1099000000,"allocations":0},"services":[\
        {"name":"web","state":"ready","sinceUs":1000000977000000,"mainPid":77,"restarts":2,\
        "lastExit":{"kind":"signal","code":11,"atUs":1000000976900000},"nextStartUs":null,\
        "reason":"","status":"","memoryBytes":1258292,"cpuUs":2500000,"tasks":3,\
        "socketErrors":0},\
        {"name":"crash","state":"backoff","sinceUs":1000000977000000,"mainPid":0,"restarts":0,\
        "lastExit":{"kind":"exit","code":1,"atUs":1000001099000000},\
        "nextStartUs":1000001103200000,"reason":"exited with 1","status":"","memoryBytes":null,\
        "cpuUs":null,"tasks":null,"socketErrors":0}]}

        """)
    _ = try parsed(outcome.output)
  }

  @Test("list-sockets is a table that says why and until when") func socketsTable() throws {
    let frames = [
      listener("web", "http", "80", .active) {
        $0.lastTrigger = Instant(microseconds: 1_097_000_000)
        $0.triggers = 4
      },
      listener("ssh", "ssh", "22", .listening) { $0.accepted = 12 },
      listener("crash", "crash", "/run/crash.sock", .paused, reason: "trigger limit") {
        $0.queued = 3
        $0.pausedUntil = Instant(microseconds: 1_101_500_000)
      },
    ]
    let (outcome, requests) = try ask(["list-sockets"], frames + [endFrame])
    #expect(requests == [[1, 2, 6, 0, 0, 0]])
    #expect(
      outcome.output == """
        ADDRESS          NAME  SERVICE  STATE      QUEUE  ACCEPTED  DETAIL
        80               http  web      active         0            triggered 3s ago
        22                     ssh      listening      0        12
        /run/crash.sock        crash    paused         3            in 1s: trigger limit

        """)
  }

  @Test("the keys of list-sockets --json are stable") func socketsJSON() throws {
    let paused = listener("web", "http", "[::]:80", .paused, reason: "why") {
      $0.queued = nil
      $0.accepted = 5
      $0.triggers = 6
      $0.pausedUntil = Instant(microseconds: 7)
    }
    let other = listener("ssh", "ssh", "22", .error, peer: "uid 7")
    let (outcome, _) = try ask(["list-sockets", "--json"], [paused, other, endFrame])
    #expect(
      outcome.output == """
        {"sockets":[{"service":"web","name":"http","kind":"stream","address":"[::]:80",\
        "state":"paused","reason":"why","queued":null,"accepted":5,"triggers":6,\
        "pausedUntilUs":1000000000000007,"lastTriggerUs":null,"lastPeer":""},\
        {"service":"ssh","name":"ssh","kind":"stream","address":"22","state":"error",\
        "reason":"","queued":0,"accepted":0,"triggers":0,"pausedUntilUs":null,\
        "lastTriggerUs":null,"lastPeer":"uid 7"}]}

        """)
    let (one, requests) = try ask(["list-sockets", "ssh"], [paused, other, endFrame])
    #expect(requests == [[1, 2, 9, 0, 0, 3] + Array("ssh".utf8)])
    #expect(!one.output.contains("web") && one.output.contains("ssh"))
  }

  @Test("boot is a time line, with --blame the slowest first") func boot() throws {
    let frames = [
      frame {
        $0.bootSummaryFrame(
          kernel: .milliseconds(1203), initialization: Interval(microseconds: 45_600))
      },
      frame {
        $0.bootEntryFrame(
          .mount, at: Instant(microseconds: 1_203_000), duration: Interval(microseconds: 90),
          name: { $0.text("/proc") })
      },
      frame {
        $0.bootEntryFrame(
          .start, at: Instant(microseconds: 1_210_500), duration: Interval(microseconds: 2400),
          name: { $0.text("web") })
      },
      endFrame,
    ]
    #expect(
      try ask(["boot"], frames).outcome.output == """
        kernel 1.203s, apus 0.045s
            AT  TOOK  WHAT   NAME
        1.203s  90us  mount  /proc
        1.210s   2ms  start  web

        """)
    let blame = try ask(["boot", "--blame", "--json"], frames).outcome
    #expect(
      blame.output == """
        {"kernelUs":1203000,"initUs":45600,"entries":[\
        {"what":"start","name":"web","atUs":1210500,"durationUs":2400},\
        {"what":"mount","name":"/proc","atUs":1203000,"durationUs":90}]}

        """)
  }

  @Test("events are lines or objects, as they come") func events() throws {
    let events = [
      frame {
        $0.eventFrame(
          at: Instant(microseconds: 1_000_000), from: .ready, to: .backoff,
          name: { $0.text("web") }, reason: { $0.text("exit\u{1b}code") })
      },
      frame {
        $0.eventFrame(
          at: Instant(microseconds: 2_345_678), from: .backoff, to: .starting,
          name: { $0.text("web") }, reason: { _ in })
      },
    ]
    let (plain, requests) = try ask(["events"], events)
    #expect(requests == [[1, 15, 6, 0, 0, 0]])
    #expect(plain.code == 6)
    #expect(plain.error == "apus: the supervisor went away\n")
    #expect(
      plain.output == """
        2001-09-09 01:46:41.000 web ready → backoff (exit\\x1bcode)
        2001-09-09 01:46:42.345 web backoff → starting

        """)
    let (json, _) = try ask(["events", "--json"], events)
    #expect(
      json.output == """
        {"atUs":1000000001000000,"service":"web","from":"ready","to":"backoff",\
        "reason":"exit\\u001bcode"}
        {"atUs":1000000002345678,"service":"web","from":"backoff","to":"starting","reason":""}

        """)
    let (refused, _) = try ask(["events"], [answer(.notPermitted)])
    #expect(refused.code == 5)
  }

  @Test("what services say cannot steer a terminal") func escapes() throws {
    let record = service("web", .failed, reason: "a\u{1b}[31m\u{7}\nb\u{9b}c\\é")
    let (outcome, _) = try ask(["status", "web"], [supervisor, record, endFrame], [endFrame])
    #expect(outcome.output.contains(#"reason: a\x1b[31m\x07\x0ab\xc2\x9bc\\é"#))
  }

  @Test("colour marks the state and nothing else") func colour() throws {
    let (outcome, _) = try ask(["status"], [supervisor, web, crash, endFrame], colour: true)
    #expect(outcome.output.contains("web      \u{1b}[32mready\u{1b}[0m    2min"))
    #expect(outcome.output.contains("crash    \u{1b}[33mbackoff\u{1b}[0m  2min"))
    let (plain, _) = try ask(["status"], [supervisor, web, crash, endFrame])
    #expect(!plain.output.contains("\u{1b}"))
  }

  @Test("a table fits the terminal and loses nothing, and is whole in a pipe")
  func width() throws {
    let long = String(repeating: "n", count: 64)
    let why = "cannot bind 0.0.0.0:80: EADDRINUSE (98), and some more words that make it long"
    let frames = [
      supervisor, service("web", .listening, reason: why),
      service(long, .listening, pid: 4_194_304, reason: String(repeating: "é", count: 150)) {
        $0.restarts = .max
        $0.memory = .max - 1
        $0.nextStart = .never
      }, endFrame,
    ]
    for width in [30, 60, 80, 140] {
      let (status, _) = try ask(["status"], frames, width: width)
      let lines = status.output.split(separator: "\n")
      for line in lines where line != long { #expect(line.count <= max(70, width), "\(line)") }
      #expect(lines.contains { $0.hasPrefix(long) }, "a long name stays whole")
      let words = status.output.split { $0 == " " || $0 == "\n" }
      for word in why.split(separator: " ") { #expect(words.contains(word)) }
      #expect(status.output.filter { $0 == "é" }.count == 150)
    }
    let (pipe, _) = try ask(["status"], frames, width: nil)
    #expect(pipe.output.split(separator: "\n").count == 3)
    #expect(pipe.output.contains(why) && !pipe.output.contains("..."))
    let sockets = [
      listener(
        "web", "http", "/run/" + String(repeating: "a", count: 102), .listening, reason: why),
      endFrame,
    ]
    let (list, _) = try ask(["list-sockets"], sockets, width: nil)
    #expect(list.output.split(separator: "\n").count == 2)
  }

  @Test("the last column goes on below itself") func folded() throws {
    let frames = [
      supervisor, service("web", .failed, reason: "one two three four five six seven eight"),
      endFrame,
    ]
    let (status, _) = try ask(["status"], frames, width: 56)
    #expect(
      status.output == """
        1 failed
        SERVICE  STATE   SINCE        DETAIL
        web      failed  2min 3s ago  one two three four five
                                      six seven eight

        """)
  }

  @Test("what is wrong is counted first, and a socket in error is no rest") func troubles() throws {
    let frames = [
      supervisor, web, service("a", .failed), service("b", .invalid),
      service("c", .listening, reason: "socket error: cannot bind 80: EACCES (13)") {
        $0.socketErrors = 1
      },
      service("d", .listening) { $0.socketErrors = 2 },
      service("e", .stopped) { $0.isMasked = true }, endFrame,
    ]
    let (status, _) = try ask(["status"], frames)
    #expect(status.output.hasPrefix("1 failed, 1 invalid, 3 sockets in error, 1 masked\n"))
    #expect(status.code == 3)
    let (json, _) = try ask(["status", "--json"], frames)
    let services = try #require(try parsed(json.output)["services"] as? [[String: Any]])
    #expect(services[3]["reason"] as? String == "socket error: cannot bind 80: EACCES (13)")
  }

  @Test("a thousand services are listed whole") func many() throws {
    let records = (0..<1024).map { service("service-\($0)", .ready, pid: Int32($0 + 1)) }
    let (outcome, _) = try ask(["status", "--json"], [supervisor] + records + [endFrame])
    let services = try #require(try parsed(outcome.output)["services"] as? [[String: Any]])
    #expect(services.count == 1024)
    #expect(services.last?["name"] as? String == "service-1023")
  }
}
