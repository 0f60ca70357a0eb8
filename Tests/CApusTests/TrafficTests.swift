import CApus
import Foundation
import TestSockets
import Testing

@Suite struct TrafficTests {
  enum Kind: String, CaseIterable { case path, abstract, v4, v6 }

  /// A listener, and where it is.
  private func listen(_ kind: Kind) throws -> (fd: Int32, connect: () -> Int32) {
    let name = "/tmp/apus-traffic-\(UUID().uuidString)"
    let place: Endpoint =
      switch kind {
      case .path: .path(name)
      case .abstract: .abstract(name)
      case .v4: .port(0)
      case .v6: .everywhere(0)
      }
    let fd = place.listen()
    try #require(fd >= 0)
    return (
      fd,
      {
        switch kind {
        case .path, .abstract: place.connect()
        // An IPv4 client, of the dual-stack listener too.
        case .v4, .v6: Endpoint.port(Endpoint.localPort(fd)).connect()
        }
      }
    )
  }

  private let quiet = Int32(CAPUS_QUIET.rawValue)
  private let busy = Int32(CAPUS_BUSY.rawValue)

  @Test(
    "a connection is seen in the queue and once accepted, asked for and in /proc/net",
    arguments: Kind.allCases, [Int32(1), 0])
  func connection(_ kind: Kind, _ asks: Int32) throws {
    let (listener, connect) = try listen(kind)
    let (other, connectOther) = try listen(kind)
    #expect(capus_traffic(listener, asks) == quiet)
    let stranger = connectOther()
    let strangers = accept(other, nil, nil)
    #expect(capus_traffic(listener, asks) == quiet, "connections of others")
    let client = connect()
    try #require(client >= 0)
    #expect(capus_traffic(listener, asks) == busy, "in the queue")
    let accepted = accept(listener, nil, nil)
    #expect(capus_traffic(listener, asks) == busy, "accepted")
    close(client)
    // Of a unix socket the kernel tells, if it is asked, that nobody is there any more.
    let isAlone = asks == 1 && (kind == .path || kind == .abstract)
    #expect(
      capus_traffic(listener, asks) == (isAlone ? quiet : busy), "the daemon has not closed it")
    close(accepted)
    #expect(capus_traffic(listener, asks) == quiet, "over")
    for fd in [listener, other, stranger, strangers] { close(fd) }
  }

  @Test("what the daemon has closed is over, whatever the client does")
  func halfClosed() throws {
    let (listener, connect) = try listen(.v4)
    let client = connect()
    let accepted = accept(listener, nil, nil)
    shutdown(accepted, Int32(SHUT_WR))
    #expect(capus_traffic(listener, 1) == busy, "it may still read")
    close(accepted)
    #expect(capus_traffic(listener, 1) == quiet)
    close(client)
    close(listener)
  }

  @Test("a datagram socket has a queue and no connections")
  func datagram() {
    var ends: [Int32] = [0, 0]
    #expect(socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &ends) == 0)
    #expect(capus_traffic(ends[0], 1) == Int32(CAPUS_UNCONNECTED.rawValue))
    write(ends[1], "x", 1)
    #expect(capus_traffic(ends[0], 1) == busy)
    for fd in ends { close(fd) }
  }

  @Test("processor time of a process grows as it computes, and only then")
  func processorTime() throws {
    let first = capus_processor_time(getpid())
    var sum = 0
    for index in 0..<200_000 { sum &+= index }
    #expect(first > 0 && sum > 0)
    #expect(capus_processor_time(getpid()) > first)
    #expect(capus_processor_time(4_190_000) < 0)
  }

  /// What a look tells, after an earlier one.
  private func look(_ fd: Int32, after before: capus_queue = capus_queue()) -> capus_queue {
    var (before, queue) = (before, capus_queue())
    capus_queue_look(fd, &before, &queue)
    return queue
  }

  @Test(
    "what a daemon has taken is told from what has come since", arguments: Kind.allCases,
    [Int32(1), 2, 5, 30])
  func taken(_ kind: Kind, _ waiting: Int32) throws {
    let (listener, connect) = try listen(kind)
    var clients = (0..<waiting).map { _ in connect() }
    let before = look(listener)
    #expect(before.count == waiting && before.first != 0 && before.is_gone == 0)
    clients += (0..<5).map { _ in connect() }
    let same = look(listener, after: before)
    #expect(same.is_gone == 0 && same.count == waiting + 5, "only more have come")
    for more in 1...3 {
      let mark = look(listener)
      close(accept(listener, nil, nil))
      clients += (0..<more).map { _ in connect() }
      #expect(look(listener, after: mark).is_gone != 0, "one was taken, \(more) have come")
    }
    for fd in clients { close(fd) }
    close(listener)
  }
}
