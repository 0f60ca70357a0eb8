import ApusBase
import ApusWire

/// What a client of the control socket sends: any bytes are a request or an error, and what a request
/// names lies within the frame and can name a service.
let requestTarget = FuzzTarget(
  name: "request", corpus: requests, words: frameWords, outcomes: 5,
  run: { bytes in
    let first = lookAtRequest(bytes)
    return first.broken == nil && first.name != "accepted" ? lookAtRequest(sealed(bytes)) : first
  })

/// What the command reads from the socket, whoever answers there: any bytes are a reply or an error.
let replyTarget = FuzzTarget(
  name: "reply", corpus: replies, words: frameWords, outcomes: 4,
  run: { bytes in
    let first = lookAtReply(bytes)
    return first.name != "accepted" ? lookAtReply(sealed(bytes)) : first
  })

/// A datagram of the notify protocol: any bytes are a notice or none, with values in their limits.
let noticeTarget = FuzzTarget(
  name: "notice",
  corpus: [
    "READY=1\nSTATUS=42 clients\nMAINPID=4711", "WATCHDOG=1", "WATCHDOG=trigger\n",
    "RELOADING=1\nMONOTONIC_USEC=5", "EXTEND_TIMEOUT_USEC=30000000", "FDSTORE=1\nFDNAME=x",
    "WATCHDOG_USEC=20000000\nRESTART_RESET=1\nSTOPPING=1",
  ].map { Array($0.utf8) },
  words: [
    "=", "\n", "\0", "READY", "MAINPID=", "-1", "0", "1", "2147483648", "999999999999999", "x=y",
  ]
  .map { Array($0.utf8) }, outcomes: 2,
  run: { bytes in
    guard let notice = Notice(decoding: bytes.span) else { return FuzzOutcome(name: "malformed") }
    let isSound =
      (notice.mainPid >= -1 && notice.mainPid != 1)
      && (-1...999_999_999_999_999).contains(notice.watchdogUs)
      && (-1...999_999_999_999_999).contains(notice.extendUs)
    return FuzzOutcome(name: "accepted", broken: isSound ? nil : "a value beyond its limits")
  })

private let requests: [[UInt8]] = Command.allCases.map { command in
  var writer = ByteWriter(capacity: Frame.limit)
  let name = command.naming == .never ? [] : Array("getty@ttyS0".utf8)
  RequestFrame.encode(command, name: name, noWait: command == .start, into: &writer)
  return Array(writer.bytes)
}

private let replies: [[UInt8]] = {
  let makers: [(inout ByteWriter) -> Void] = [
    { writer in writer.answerFrame(.failed, service: { $0.text("web") }, text: { $0.text("why") })
    },
    { $0.endListingFrame() },
    { $0.bootSummaryFrame(kernel: .seconds(1), initialization: .seconds(2)) },
    { $0.supervisorFrame(pid: 1, uptime: .seconds(5), allocations: 0, manifest: Array("/a".utf8)) },
    { writer in
      writer.lineFrame(
        at: .zero, lost: 2, level: 6, service: Array("web".utf8), line: Array("up".utf8))
    },
  ]
  return makers.map { make in
    var writer = ByteWriter(capacity: Frame.replyLimit)
    make(&writer)
    return Array(writer.bytes)
  }
}()

private let frameWords: [[UInt8]] =
  (0...32).map { [1, $0, 0, 0] } + (128...150).map { [1, $0, 0, 0] } + [
    [0, 0], [255, 255], [64, 0], [65, 0], [255], [8], [3], [7], [0],
    Array("a@b".utf8), Array("../x".utf8), Array("web".utf8), [UInt8](repeating: 0x61, count: 64),
  ]

/// The same with a header that is right, so that the damage gets past the first check.
private func sealed(_ bytes: [UInt8]) -> [UInt8] {
  var bytes = bytes
  guard bytes.count >= 4 else { return bytes }
  bytes[0] = Frame.version
  bytes[2] = UInt8(truncatingIfNeeded: bytes.count)
  bytes[3] = UInt8(truncatingIfNeeded: bytes.count >> 8)
  // The length of the only text, too.
  if bytes.count >= 6, bytes[1] < 128 { bytes[5] = UInt8(truncatingIfNeeded: bytes.count - 6) }
  return bytes
}

private func lookAtRequest(_ bytes: [UInt8]) -> FuzzOutcome {
  do {
    let request = try RequestFrame(decoding: bytes.span)
    let name = request.name
    guard name.lowerBound >= 0, name.upperBound <= bytes.count, name.count <= Frame.nameLimit else {
      return FuzzOutcome(name: "accepted", broken: "a name outside the frame: \(name)")
    }
    let mayStand = bytes[name].allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        || [0x2d, 0x2e, 0x40, 0x5f].contains(byte)
        || request.command == .reboot && (0x20...0x7e).contains(byte)
    }
    return FuzzOutcome(name: "accepted", broken: mayStand ? nil : "a name of other bytes")
  } catch {
    return FuzzOutcome(name: "\(error)")
  }
}

private func lookAtReply(_ bytes: [UInt8]) -> FuzzOutcome {
  do {
    switch try ReplyKind(decoding: bytes) {
    case .answer: _ = try AnswerReply(decoding: bytes)
    case .supervisor: _ = try SupervisorReply(decoding: bytes)
    case .service: _ = try ServiceReply(decoding: bytes)
    case .socket: _ = try SocketReply(decoding: bytes)
    case .bootSummary: _ = try BootSummaryReply(decoding: bytes)
    case .bootEntry: _ = try BootEntryReply(decoding: bytes)
    case .event: _ = try EventReply(decoding: bytes)
    case .end, .goingDown: break
    case .line:
      let line = try LineReply(decoding: bytes)
      if line.text.count > Frame.lineLimit {
        return FuzzOutcome(name: "accepted", broken: "a line beyond its limit")
      }
    }
    return FuzzOutcome(name: "accepted")
  } catch {
    return FuzzOutcome(name: "\(error)")
  }
}
