import ApusBase
import ApusWire
import CApus
import Foundation
import Testing

/// Services with a log each; the shim's state is one a process, so one test at a time.
private final class Logs {
  private let sockets: [Int32]
  private var names: [UnsafeMutablePointer<CChar>] = []
  private let first: UInt32
  nonisolated(unsafe) private static var serial: UInt32 = 1
  let folder = NSTemporaryDirectory() + "apus-log-\(UUID().uuidString.prefix(8))"
  var now: Int64 = 1_000_000

  init(_ rules: [Rule], echo: Int32 = -1) throws {
    var pair: [Int32] = [0, 0]
    _ = socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &pair)
    sockets = pair
    first = Logs.serial
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    make(rules, echo, identity: first)
    capus_log_leave()
    Logs.serial += UInt32(rules.count)
  }

  struct Rule {
    var ring: UInt32 = 4096
    var rate: UInt32 = 0
    var file: String?
    var fileMost: UInt32 = 1000
    var keep: UInt32 = 2
  }

  private func string(_ text: String) -> UnsafePointer<CChar> {
    names.append(strdup(text))
    return UnsafePointer(names[names.count - 1])
  }

  /// As a new program does with what the one before it left.
  func make(_ rules: [Rule], _ echo: Int32 = -1, identity: UInt32) {
    #expect(capus_log_begin(UInt32(rules.count), echo) == 0)
    for (index, rule) in rules.enumerated() {
      var given = capus_log_rule()
      given.name = string("s\(index)")
      given.ring = rule.ring
      given.rate = rule.rate
      given.window_us = 1_000_000
      if let file = rule.file { given.file = string(folder + "/" + file) }
      given.file_most = rule.fileMost
      given.keep = rule.keep
      capus_log_place(UInt32(index), identity + UInt32(index), &given)
    }
    // What another test has kept as apus's own is not this one's.
    var own = capus_log_rule()
    own.name = string("apus")
    own.ring = 32768
    for ring in 0..<UInt32(2) {
      capus_log_place(UInt32(rules.count) + ring, ~(first + ring), &own)
    }
    #expect(capus_log_finish() > 2)
  }

  /// Another program in this one's place.
  func resume(_ rules: [Rule]) {
    make(rules, identity: first)
    capus_log_leave()
  }

  deinit {
    for socket in sockets { close(socket) }
    for name in names { free(name) }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// A service writes, and apus reads.
  @discardableResult
  func say(_ text: String, _ service: UInt32 = 0, isLast: Bool = false) -> Int32 {
    say(Array(text.utf8), service, isLast: isLast)
  }

  /// What the process that writes the first service's file says is wrong with it.
  func fileError() -> Int32 {
    let deadline = Date(timeIntervalSinceNow: 20)
    while Date() < deadline {
      let result = capus_log_read(0, now, 0)
      if result < 0 { return result }
    }
    return 0
  }

  @discardableResult
  func say(_ bytes: [UInt8], _ service: UInt32 = 0, isLast: Bool = false) -> Int32 {
    #expect(capus_log_open(service, getuid()) >= 0)
    var rest = bytes[...]
    var result: Int32 = 0
    repeat {
      let part = Array(rest.prefix(4000))
      #expect(write(capus_log_fd(service, 1), part, part.count) == part.count)
      rest = rest.dropFirst(part.count)
      now += 1
      result = capus_log_read(service, now, isLast ? 1 : 0)
    } while !rest.isEmpty
    return result
  }

  /// The next line of a reader; its frame is also what the other encoder makes.
  func next(_ had: UInt32, of service: Int32 = -1, reader: UInt32 = 0, follows: Bool = false)
    throws -> LineReply?
  {
    let result = capus_log_send(reader, had, service, follows ? 1 : 0, sockets[0])
    if result == 0 { return nil }
    #expect(result == 1)
    var frame = [UInt8](repeating: 0, count: Frame.replyLimit)
    frame.removeLast(frame.count - max(0, recv(sockets[1], &frame, frame.count, 0)))
    let line = try LineReply(decoding: frame)
    var writer = ByteWriter(capacity: Frame.replyLimit)
    writer.lineFrame(
      at: line.at, lost: line.lost, level: line.level, service: line.service,
      line: line.isLine ? line.text : nil)
    #expect(writer.bytes == frame)
    return line
  }

  /// All lines, as `level name: text` and `-N` for what was lost.
  func all(of service: Int32 = -1, reader: UInt32 = 0) throws -> [String] {
    var result: [String] = []
    var had: UInt32 = 0
    while let line = try next(had, of: service, reader: reader) {
      had += 1
      let name = String(decoding: line.service, as: UTF8.self)
      if line.lost > 0 { result.append("-\(line.lost)") }
      if line.isLine {
        result.append("\(line.level) \(name): \(String(decoding: line.text, as: UTF8.self))")
      }
    }
    return result
  }

  func file(_ name: String) -> String? {
    try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)
  }
}

@Suite(.serialized) struct LogTests {
  @Test("lines, their levels, and the one without an end")
  func lines() throws {
    let logs = try Logs([Logs.Rule()])
    #expect(try logs.all() == [])
    logs.say("one\n<3>two\n\n<30>three\n<x>\n<999\nfo")
    #expect(
      try logs.all() == [
        "6 s0: one", "3 s0: two", "6 s0: ", "6 s0: three", "6 s0: <x>", "6 s0: <999",
      ]
        + ["6 s0: fo"])
    #expect(try logs.next(6, follows: true) == nil)
    logs.say("ur\n")
    #expect(try logs.all().suffix(1) == ["6 s0: four"])
    logs.say("<1>last", isLast: true)
    logs.say("next\n", isLast: true)
    #expect(try logs.all().suffix(2) == ["1 s0: last", "6 s0: next"])
    logs.say([0, 255, 10])
    let line = try #require(try logs.all().count)
    #expect(line == 10)
  }

  @Test("apus's own messages are merged by time, its events are sent to who asks for them")
  func own() throws {
    let logs = try Logs([Logs.Rule(), Logs.Rule()])
    func keep(_ text: String, isEvent: Bool = false) {
      logs.now += 1
      let bytes = Array(text.utf8)
      capus_log_keep(isEvent ? 1 : 0, bytes, UInt32(bytes.count), logs.now)
    }
    logs.say("one\n")
    keep("<4>two")
    keep("\u{1}\nevent", isEvent: true)
    logs.say("three\n", 1)
    #expect(try logs.all() == ["6 s0: one", "4 apus: two", "6 s1: three"])
    #expect(try logs.all(of: 2) == ["4 apus: two"])
    #expect(try logs.all(of: 3) == ["6 apus: \u{1}\nevent"])
    logs.resume([Logs.Rule()])
    #expect(try logs.all() == ["6 s0: one", "4 apus: two"])
    #expect(try logs.all(of: 2) == ["6 apus: \u{1}\nevent"])
    for number in 0..<2000 { keep("<6>\(number) " + String(repeating: "x", count: 100)) }
    let kept = try logs.all(of: 1)
    #expect(kept.count > 200 && kept.count < 400, "32 kB of lines")
    #expect(kept.last?.hasPrefix("6 apus: 1999 x") == true)
  }

  @Test("a prefix that comes byte by byte")
  func slowly() throws {
    let logs = try Logs([Logs.Rule()])
    for byte in "<4>abc\n".utf8 { logs.say([byte]) }
    #expect(try logs.all() == ["4 s0: abc"])
  }

  @Test("the oldest lines go, and are counted", arguments: [0, 1, 7, 100, 1500])
  func wrap(length: Int) throws {
    let logs = try Logs([Logs.Rule(ring: 10_000)])
    let text = String(repeating: "x", count: length)
    for number in 0..<3000 { logs.say("\(number) \(text)\n") }
    let all = try logs.all()
    let lost = try #require(Int(all[0].dropFirst(1)))
    let kept = all.dropFirst()
    #expect(lost + kept.count == 3000)
    #expect(Array(kept) == (lost..<3000).map { "6 s0: \($0) \(text)" })
    // 8,192 bytes with 16 before each line; one more would not fit.
    let bytes = kept.reduce(0) { $0 + $1.utf8.count - 6 + 16 }
    #expect(bytes <= 8192 && bytes + 16 + length + 5 > 8192)
  }

  @Test("a line longer than 2 KB goes on as another one")
  func long() throws {
    let logs = try Logs([Logs.Rule(ring: 16384)])
    let bytes = (0..<5000).map { UInt8(97 + $0 % 26) }
    logs.say(Array("<5>".utf8) + bytes + [10] + Array("short\n".utf8))
    var parts: [LineReply] = []
    while let line = try logs.next(UInt32(parts.count)) { parts.append(line) }
    #expect(parts.map(\.text.count) == [2045, 2048, 907, 5])
    #expect(parts.prefix(3).flatMap(\.text) == bytes)
    #expect(parts.map(\.level) == [5, 5, 5, 6])
    #expect(parts.allSatisfy { $0.lost == 0 })
    #expect(parts[0].at == parts[2].at)
  }

  @Test("lines over the rate are counted, and come again in the next window")
  func rate() throws {
    let logs = try Logs([Logs.Rule(rate: 3), Logs.Rule()])
    logs.say("1\n2\n3\n4\n5")
    logs.say("5\n6\n", 0)
    logs.say("free\n", 1)
    #expect(try logs.all(of: 0) == ["6 s0: 1", "6 s0: 2", "6 s0: 3", "-3"])
    logs.now += 1_000_000
    logs.say("7\n8\n9\n10\n")
    #expect(
      try logs.all(of: 0)
        == ["6 s0: 1", "6 s0: 2", "6 s0: 3", "-3", "6 s0: 7", "6 s0: 8", "6 s0: 9", "-1"])
    #expect(try logs.all(of: 1) == ["6 s1: free"])
  }

  @Test("lines of several services by time, each reader at its own pace")
  func merge() throws {
    let logs = try Logs([Logs.Rule(), Logs.Rule(), Logs.Rule()])
    for round in 0..<5 { for service in [2, 0, 1] { logs.say("\(round)\n", UInt32(service)) } }
    let expected = (0..<5).flatMap { round in [2, 0, 1].map { "6 s\($0): \(round)" } }
    #expect(try logs.all() == expected)
    #expect(try logs.next(0, reader: 5)?.text == Array("0".utf8))
    #expect(try logs.next(1, reader: 5)?.service == Array("s0".utf8))
    // Asked again, because the first one could not be sent.
    #expect(try logs.next(1, reader: 5)?.service == Array("s0".utf8))
    #expect(try logs.all(of: 1, reader: 7) == (0..<5).map { "6 s1: \($0)" })
    #expect(try logs.next(2, reader: 5)?.service == Array("s1".utf8))
  }

  @Test("a reader that is overtaken is told how many it has missed")
  func overtaken() throws {
    let logs = try Logs([Logs.Rule()])
    logs.say("0\n1\n")
    #expect(try logs.next(0, follows: true)?.text == Array("0".utf8))
    for number in 2..<1000 { logs.say("\(number)\n") }
    let line = try #require(try logs.next(1, follows: true))
    let number = try #require(UInt32(String(decoding: line.text, as: UTF8.self)))
    #expect(number > 500 && line.lost == number - 1)
    var had: UInt32 = 2
    while let line = try logs.next(had, follows: true) {
      #expect(line.lost == 0)
      #expect(line.text == Array("\(number + had - 1)".utf8))
      had += 1
    }
    #expect(number + had - 2 == 999)
    logs.say("more\n")
    #expect(try logs.next(had, follows: true)?.text == Array("more".utf8))
  }

  @Test("lines, pipes and a line without an end go over to the next program")
  func resume() throws {
    let rules = [Logs.Rule(), Logs.Rule()]
    let logs = try Logs(rules)
    for number in 0..<500 { logs.say("\(number)\n") }
    logs.say("half a l", 1)
    let before = try logs.all()
    let ends = [capus_log_fd(0, 0), capus_log_fd(0, 1), capus_log_fd(1, 1)]
    logs.resume(rules)
    #expect([capus_log_fd(0, 0), capus_log_fd(0, 1), capus_log_fd(1, 1)] == ends)
    #expect(try logs.all() == before)
    logs.say("ine\n", 1)
    #expect(try logs.all(of: 1) == ["6 s1: half a line"])
    // Other sizes: the pipes stay, the lines do not.
    logs.resume([Logs.Rule(ring: 8192), Logs.Rule()])
    #expect(try logs.all(of: 0) == [])
    #expect(capus_log_fd(0, 1) == ends[1])
    // A service that is not there any more gives its pipe back.
    logs.resume([Logs.Rule(ring: 8192)])
    #expect(fcntl(ends[2], F_GETFD) < 0)
    #expect(fcntl(ends[1], F_GETFD) >= 0)
  }

  @Test("a silent service has no memory, one with a line one page")
  func memory() throws {
    let logs = try Logs([Logs.Rule](repeating: Logs.Rule(ring: 65536), count: 100))
    func blocks() -> Int {
      var status = stat()
      for fd in Int32(3)..<200 {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(fd)")
        if link?.hasPrefix("/memfd:apus-log") == true { fstat(fd, &status) }
      }
      return Int(status.st_blocks) * 512
    }
    let table = blocks()
    #expect(table > 0 && table <= 100 * 200)
    logs.say("one\n")
    #expect(blocks() == table + 4096)
  }

  @Test("a file gets whole lines and is rotated")
  func file() throws {
    let logs = try Logs([Logs.Rule(file: "web.log"), Logs.Rule()])
    for number in 0..<100 { logs.say("<6>line \(1000 + number) of a hundred lines\n") }
    logs.say("elsewhere\n", 1)
    capus_log_end()
    let names = try FileManager.default.contentsOfDirectory(atPath: logs.folder).sorted()
    #expect(names == ["web.log", "web.log.1", "web.log.2"])
    let text = try names.reversed().map { try #require(logs.file($0)) }
    for file in text { #expect(file.utf8.count <= 1000 && file.hasSuffix("\n")) }
    let lines = text.joined().split(separator: "\n").map(String.init)
    #expect(lines.count > 60)
    #expect(lines == (100 - lines.count..<100).map { "line \(1000 + $0) of a hundred lines" })
  }

  @Test("without old files the one file begins again")
  func keepNone() throws {
    let logs = try Logs([Logs.Rule(file: "f", keep: 0)])
    for _ in 0..<100 { logs.say("a line of twenty byte\n") }
    capus_log_end()
    #expect(try FileManager.default.contentsOfDirectory(atPath: logs.folder) == ["f"])
    #expect(try #require(logs.file("f")).utf8.count <= 1000)
  }

  @Test(
    "a file that cannot be written is told once; the ring has the lines, and it is tried again")
  func failingFile() throws {
    let logs = try Logs([Logs.Rule(file: "sub/f")])
    logs.say("1\n")
    #expect(logs.fileError() == -ENOENT)
    #expect(logs.say("2\n") == 1)
    #expect(try logs.all() == ["6 s0: 1", "6 s0: 2"])
    try FileManager.default.createDirectory(
      atPath: logs.folder + "/sub", withIntermediateDirectories: true)
    let deadline = Date(timeIntervalSinceNow: 20)
    // The writer makes the file before it writes to it, so an empty one says nothing yet.
    while logs.file("sub/f")?.isEmpty ?? true, Date() < deadline { logs.say("3\n") }
    #expect(logs.file("sub/f")?.hasPrefix("3\n") == true)
  }

  @Test("what is not a file of its own is not written to", arguments: ["link", "hard", "fifo"])
  func strangeFile(kind: String) throws {
    let logs = try Logs([Logs.Rule(file: kind)])
    let (other, path) = (logs.folder + "/other", logs.folder + "/" + kind)
    FileManager.default.createFile(atPath: other, contents: Data("x".utf8))
    switch kind {
    case "link": symlink(other, path)
    case "hard": link(other, path)
    default: mkfifo(path, 0o600)
    }
    logs.say("line\n")
    #expect(logs.fileError() < 0)
    #expect(logs.file("other") == "x")
    #expect(try logs.all() == ["6 s0: line"])
  }

  @Test("the echo has the name before each line")
  func echo() throws {
    let path = NSTemporaryDirectory() + "apus-echo-\(UUID().uuidString.prefix(8))"
    let fd = open(path, O_RDWR | O_CREAT, 0o600)
    defer {
      close(fd)
      unlink(path)
    }
    let logs = try Logs([Logs.Rule(), Logs.Rule()], echo: fd)
    logs.say("one\n<3>two\nth")
    logs.say("other\n", 1)
    logs.say("ree\n")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text == "s0: one\ns0: two\ns1: other\ns0: three\n")
  }
}
