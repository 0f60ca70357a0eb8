import ApusBase
import ApusWire
import Foundation
import Synchronization
import TestSockets

/// The other end of the control socket: a real one, with the answers a test gives it.
final class FakeSupervisor: Sendable {
  /// Where it listens.
  let path: String
  private let listener: Int32
  private let heard = Mutex<[[UInt8]]>([])
  private let done = DispatchSemaphore(value: 0)

  /// Listens and answers one connection after the other with the frames of `replies`, in order.
  init(_ replies: [[[UInt8]]]) throws {
    path = NSTemporaryDirectory() + "apus-\(UUID().uuidString.prefix(8))"
    listener = Endpoint.path(path).listen(SOCK_SEQPACKET)
    guard listener >= 0 else { throw Errno(-listener) }
    Thread.detachNewThread { [self] in
      for frames in replies {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { break }
        var buffer = [UInt8](repeating: 0, count: 2048)
        let count = recv(client, &buffer, buffer.count, 0)
        heard.withLock { $0.append(Array(buffer[0..<max(0, count)])) }
        for frame in frames { send(client, frame, frame.count, Int32(MSG_NOSIGNAL)) }
        close(client)
      }
      done.signal()
    }
  }

  deinit {
    close(listener)
    unlink(path)
  }

  /// The requests, once every scripted connection is over.
  func requests() -> [[UInt8]] {
    done.wait()
    defer { done.signal() }
    return heard.withLock { $0 }
  }
}

/// A frame of the supervisor.
func frame(_ write: (inout ByteWriter) -> Void) -> [UInt8] {
  var writer = ByteWriter(capacity: Frame.limit)
  write(&writer)
  return writer.bytes
}

/// The last frame of a listing.
let endFrame = frame { $0.endListingFrame() }

/// An answer without words.
func answer(_ code: AnswerCode, _ service: String = "", _ text: String = "") -> [UInt8] {
  frame {
    $0.answerFrame(
      code, service: { $0.bytes(Array(service.utf8)) }, text: { $0.bytes(Array(text.utf8)) })
  }
}

/// A service's record.
func service(
  _ name: String, _ state: ServiceState, pid: Int32 = 0, reason: String = "",
  _ change: (inout ServiceRecord) -> Void = { _ in }
) -> [UInt8] {
  var record = ServiceRecord(state: state, since: Instant(microseconds: 977_000_000))
  record.mainPid = pid
  change(&record)
  return frame {
    $0.serviceFrame(
      record, name: { $0.bytes(Array(name.utf8)) }, reason: { $0.bytes(Array(reason.utf8)) })
  }
}

/// A listener's record.
func listener(
  _ service: String, _ name: String, _ address: String, _ state: ListenerState,
  reason: String = "", peer: String = "", _ change: (inout SocketRecord) -> Void = { _ in }
) -> [UInt8] {
  var record = SocketRecord(kind: .stream, state: state)
  record.queued = 0
  change(&record)
  return frame {
    $0.socketFrame(
      record, service: { $0.bytes(Array(service.utf8)) }, name: { $0.bytes(Array(name.utf8)) },
      address: { $0.bytes(Array(address.utf8)) }, reason: { $0.bytes(Array(reason.utf8)) },
      peer: { $0.bytes(Array(peer.utf8)) })
  }
}

/// A line that a service wrote, or only how many were lost.
func line(
  _ service: String, _ text: String?, at: Int64 = 1_000_000, lost: UInt32 = 0, level: UInt8 = 6
) -> [UInt8] {
  var writer = ByteWriter(capacity: Frame.replyLimit)
  writer.lineFrame(
    at: Instant(microseconds: at), lost: lost, level: level, service: Array(service.utf8),
    line: text.map { Array($0.utf8) })
  return writer.bytes
}
