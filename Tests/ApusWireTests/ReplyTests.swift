import ApusBase
import ApusWire
import Testing

/// What a writer of a frame's size holds after `write`.
func frame(_ write: (inout ByteWriter) -> Void) -> [UInt8] {
  var writer = ByteWriter(capacity: Frame.limit)
  write(&writer)
  return writer.bytes
}

/// A service with every optional field.
func fullService() -> ServiceRecord {
  var record = ServiceRecord(state: .backoff, since: Instant(microseconds: 0x0102_0304_0506))
  record.mainPid = 77
  record.restarts = 3
  record.lastExit = LastExit(isSignal: true, code: 9, at: Instant(microseconds: 5))
  record.nextStart = Instant(microseconds: 6)
  record.memory = 4096
  record.processor = 8192
  record.tasks = 7
  record.socketErrors = 2
  record.isMasked = true
  return record
}

let none: [UInt8] = [255, 255, 255, 255, 255, 255, 255, 255]

@Suite struct ReplyTests {
  @Test("CTL-06 golden bytes of an answer") func answer() throws {
    let bytes = frame {
      $0.answerFrame(.noSuchService, service: { $0.text("web") }, text: { $0.text("no") })
    }
    #expect(bytes == [1, 129, 14, 0, 4, 3, 0, 0x77, 0x65, 0x62, 2, 0, 0x6e, 0x6f])
    let back = try AnswerReply(decoding: bytes)
    #expect(back.code == .noSuchService)
    #expect(back.service == Array("web".utf8))
    #expect(back.text == Array("no".utf8))
  }

  @Test("CTL-06 golden bytes of the supervisor") func supervisor() throws {
    let bytes = frame {
      $0.supervisorFrame(
        pid: 1, uptime: .seconds(1), allocations: 2, manifest: Array("/a".utf8),
        boots: BootsRecord(failed: 2, limit: 3, isGood: true, isFallback: true))
    }
    #expect(
      bytes == [1, 130, 40, 1, 1, 0, 0, 0, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0]
        + [2, 0, 0, 0, 0, 0, 0, 0, 5, 0]
        + Array("0.1.0".utf8) + [2, 0, 0x2f, 0x61] + [UInt8](repeating: 0, count: 256)
        + [2, 0, 3, 0, 3])
    #expect(try SupervisorReply(decoding: bytes).manifest == Array("/a".utf8))
    let back = try SupervisorReply(decoding: bytes)
    #expect(back.allocations == 2 && back.boots.failed == 2 && back.boots.isFallback)
    #expect(back.pid == 1 && back.uptimeUs == 1_000_000 && back.version == Array("0.1.0".utf8))
  }

  @Test("CTL-06 golden bytes of a service") func service() throws {
    let bytes = frame {
      $0.serviceFrame(
        fullService(), name: { $0.text("web") }, reason: { $0.text("x") },
        status: { $0.text("fine") })
    }
    #expect(
      bytes == [1, 131, 85, 0, 7, 6, 5, 4, 3, 2, 1, 0, 0, 77, 0, 0, 0, 3, 0, 0, 0, 2, 9]
        + [5, 0, 0, 0, 0, 0, 0, 0] + [6, 0, 0, 0, 0, 0, 0, 0] + [0, 16, 0, 0, 0, 0, 0, 0]
        + [0, 32, 0, 0, 0, 0, 0, 0] + [7, 0, 0, 0, 0, 0, 0, 0]
        + [0, 0, 0, 0, 2, 1] + [3, 0, 0x77, 0x65, 0x62, 1, 0, 0x78, 4, 0]
        + Array("fine".utf8) + [0, 0])
    let back = try ServiceReply(decoding: bytes)
    #expect(back.record == fullService())
    #expect(back.name == Array("web".utf8) && back.reason == Array("x".utf8))
    #expect(back.status == Array("fine".utf8))
    var record = fullService()
    record.lastExit?.ranOutOfMemory = true
    let killed = frame { $0.serviceFrame(record, name: { _ in }, reason: { _ in }) }
    #expect(killed[21] == 3)
    #expect(try ServiceReply(decoding: killed).record == record)
  }

  @Test("CTL-06 golden bytes of a service without anything optional") func bareService() throws {
    let record = ServiceRecord(state: .invalid, since: .zero)
    let bytes = frame { $0.serviceFrame(record, name: { $0.text("a") }, reason: { _ in }) }
    #expect(
      bytes == [1, 131, 78, 0, 0] + [UInt8](repeating: 0, count: 18) + none + none + none + none
        + none + [0, 0, 0, 0, 0, 0] + [1, 0, 0x61, 0, 0, 0, 0, 0, 0])
    #expect(try ServiceReply(decoding: bytes).record == record)
  }

  @Test("CTL-06 golden bytes of a listener") func socket() throws {
    var record = SocketRecord(kind: .seqpacket, state: .paused)
    record.queued = 2
    record.accepted = 3
    record.triggers = 4
    record.pausedUntil = Instant(microseconds: 5)
    let bytes = frame {
      $0.socketFrame(
        record, service: { $0.text("s") }, name: { $0.text("n") }, address: { $0.text("/a") },
        reason: { $0.text("r") }, peer: { $0.text("p") })
    }
    #expect(
      bytes == [1, 132, 58, 0, 2, 2, 2, 0, 0, 0] + [3, 0, 0, 0, 0, 0, 0, 0]
        + [4, 0, 0, 0, 0, 0, 0, 0] + [5, 0, 0, 0, 0, 0, 0, 0] + none
        + [1, 0, 0x73, 1, 0, 0x6e, 2, 0, 0x2f, 0x61, 1, 0, 0x72, 1, 0, 0x70])
    let back = try SocketReply(decoding: bytes)
    #expect(back.record == record)
    #expect(back.service == [0x73] && back.name == [0x6e])
    #expect(back.address == [0x2f, 0x61] && back.reason == [0x72] && back.peer == [0x70])
    record.queued = nil
    let unknown = frame {
      $0.socketFrame(
        record, service: { _ in }, name: { _ in }, address: { _ in }, reason: { _ in },
        peer: { _ in })
    }
    #expect(Array(unknown[6..<10]) == [255, 255, 255, 255])
    #expect(try SocketReply(decoding: unknown).record == record)
  }

  @Test("CTL-06 golden bytes of a boot and of the frames without fields") func boot() throws {
    let summary = frame {
      $0.bootSummaryFrame(
        kernel: Interval(microseconds: 1), initialization: Interval(microseconds: 2))
    }
    #expect(summary == [1, 133, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0])
    let back = try BootSummaryReply(decoding: summary)
    #expect(back.kernelUs == 1 && back.initUs == 2)
    let entry = frame {
      $0.bootEntryFrame(
        .start, at: Instant(microseconds: 1), duration: Interval(microseconds: 2),
        name: { $0.text("web") })
    }
    #expect(
      entry == [1, 134, 26, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
        + [3, 0, 0x77, 0x65, 0x62])
    let line = try BootEntryReply(decoding: entry)
    #expect(line.stage == .start && line.atUs == 1 && line.durationUs == 2)
    #expect(line.name == Array("web".utf8))
    #expect(frame { $0.endListingFrame() } == [1, 135, 4, 0])
    #expect(frame { $0.goingDownFrame() } == [1, 136, 4, 0])
    #expect(try ReplyKind(decoding: [1, 135, 4, 0]) == .end)
    #expect(try ReplyKind(decoding: [1, 136, 4, 0]) == .goingDown)
    #expect(try ReplyKind(decoding: [1, 140, 4, 0]) == .line)
  }

  @Test("CTL-06 golden bytes of an event") func event() throws {
    let bytes = frame {
      $0.eventFrame(
        at: Instant(microseconds: 1), from: .ready, to: .backoff, name: { $0.text("web") },
        reason: { $0.text("x") })
    }
    #expect(
      bytes == [1, 137, 22, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 7, 3, 0, 0x77, 0x65, 0x62, 1, 0, 0x78])
    let back = try EventReply(decoding: bytes)
    #expect(back.at.microseconds == 1 && back.old == .ready && back.new == .backoff)
    #expect(back.name == Array("web".utf8) && back.reason == [0x78])
    var wrong = bytes
    wrong[12] = 10
    #expect((try? EventReply(decoding: wrong)) == nil)
  }

  @Test("CTL-02 texts over their limits are cut and the frame stays whole") func longTexts() throws
  {
    let endless = [UInt8](repeating: 0x78, count: 5000)
    let bytes = frame {
      $0.socketFrame(
        SocketRecord(kind: .stream, state: .error), service: { $0.bytes(endless) },
        name: { $0.bytes(endless) }, address: { $0.bytes(endless) },
        reason: { $0.bytes(endless) }, peer: { $0.bytes(endless) })
    }
    #expect(bytes.count <= Frame.limit)
    let back = try SocketReply(decoding: bytes)
    #expect(back.service.count == 64 && back.name.count == 255)
    #expect(back.address.count == 255 && back.reason.count == 320 && back.peer.count == 64)
    let service = frame {
      $0.serviceFrame(
        fullService(), name: { $0.bytes(endless) }, reason: { $0.bytes(endless) })
    }
    #expect(try ServiceReply(decoding: service).reason.count == 320)
  }

  @Test("EXH-03 writing a frame keeps the writer's storage") func storage() {
    var writer = ByteWriter(capacity: Frame.limit)
    let before = writer.bytes.withUnsafeBufferPointer { $0.baseAddress }
    for _ in 0..<100 {
      writer.serviceFrame(fullService(), name: { $0.text("web") }, reason: { $0.text("why") })
    }
    #expect(writer.bytes.withUnsafeBufferPointer { $0.baseAddress } == before)
  }

  @Test("CTL-02 no reply traps a client, whatever its bytes") func fuzz() {
    let samples: [[UInt8]] = [
      frame { $0.answerFrame(.done, service: { $0.text("web") }, text: { $0.text("no") }) },
      frame { $0.supervisorFrame(pid: 1, uptime: .seconds(1), allocations: 0) },
      frame { $0.serviceFrame(fullService(), name: { $0.text("w") }, reason: { $0.text("x") }) },
      frame {
        $0.socketFrame(
          SocketRecord(kind: .stream, state: .error), service: { $0.text("s") },
          name: { $0.text("n") }, address: { $0.text("/a") }, reason: { $0.text("r") },
          peer: { $0.text("p") })
      },
      frame { $0.bootSummaryFrame(kernel: .zero, initialization: .zero) },
      frame { $0.bootEntryFrame(.bind, at: .zero, duration: .zero, name: { $0.text("w") }) },
      frame {
        $0.eventFrame(
          at: .zero, from: .ready, to: .failed, name: { $0.text("w") }, reason: { _ in })
      },
    ]
    var random = Generator(state: 7)
    var accepted = 0
    for _ in 0..<60_000 {
      var bytes = samples[Int(random.next() % UInt64(samples.count))]
      for _ in 0..<random.next() % 4 {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.next() % 5 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
      accepted += (try? AnswerReply(decoding: bytes)) == nil ? 0 : 1
      accepted += (try? SupervisorReply(decoding: bytes)) == nil ? 0 : 1
      accepted += (try? ServiceReply(decoding: bytes)) == nil ? 0 : 1
      accepted += (try? SocketReply(decoding: bytes)) == nil ? 0 : 1
      accepted += (try? BootSummaryReply(decoding: bytes)) == nil ? 0 : 1
      accepted += (try? BootEntryReply(decoding: bytes)) == nil ? 0 : 1
      accepted += (try? EventReply(decoding: bytes)) == nil ? 0 : 1
    }
    #expect(accepted > 10_000)
  }

  @Test("CTL-02 a frame cut anywhere is refused") func torn() {
    let whole = frame {
      $0.serviceFrame(fullService(), name: { $0.text("web") }, reason: { $0.text("x") })
    }
    for count in 0..<whole.count {
      var cut = Array(whole[0..<count])
      #expect((try? ServiceReply(decoding: cut)) == nil)
      guard count >= 4 else { continue }
      cut[2] = UInt8(count)
      #expect((try? ServiceReply(decoding: cut)) == nil, "with a length that agrees")
    }
  }
}
