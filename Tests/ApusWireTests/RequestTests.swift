import ApusBase
import ApusWire
import Testing

/// The frame of a request.
func request(
  _ command: Command, _ name: String = "", noWait: Bool = false, now: Bool = false,
  onlyWait: Bool = false
) -> [UInt8] {
  var writer = ByteWriter(capacity: Frame.limit)
  RequestFrame.encode(
    command, name: Array(name.utf8), noWait: noWait, now: now, onlyWait: onlyWait, into: &writer)
  return writer.bytes
}

/// The result of decoding a request, as one value to compare.
func decoded(_ frame: [UInt8]) -> Result<RequestFrame, FrameError> {
  do {
    return .success(try RequestFrame(decoding: frame.span))
  } catch {
    return .failure(error)
  }
}

@Suite struct RequestTests {
  @Test("CTL-06 golden bytes of every command", arguments: Command.allCases)
  func golden(command: Command) throws {
    let named = command.naming == .always
    let expected: [UInt8] =
      [1, command.rawValue, named ? 9 : 6, 0, 0, named ? 3 : 0] + (named ? [0x77, 0x65, 0x62] : [])
    let frame = request(command, named ? "web" : "")
    #expect(frame == expected)
    let back = try decoded(frame).get()
    #expect(back.command == command)
    #expect(Array(frame[back.name]) == (named ? Array("web".utf8) : []))
    #expect(!back.noWait && !back.now)
  }

  @Test("CTL-06 the numbers of the commands never change") func numbers() {
    let names = Command.allCases.map { "\($0)=\($0.rawValue)" }.joined(separator: " ")
    #expect(
      names == """
        status=1 listSockets=2 boot=3 start=4 stop=5 restart=6 reload=7 reset=8 kill=9 \
        reboot=10 poweroff=11 halt=12 kexec=13 reexec=14 events=15 apply=16 logs=17
        """)
  }

  @Test("CTL-06 flags are one bit each") func flags() throws {
    #expect(
      request(.stop, "a", noWait: true) == [1, 5, 7, 0, 1, 1, 0x61])
    #expect(request(.reboot, now: true) == [1, 10, 6, 0, 2, 0])
    let back = try decoded(request(.start, "a", noWait: true, now: true)).get()
    #expect(back.noWait && back.now)
    #expect(try decoded(request(.logs, onlyWait: true)).get().onlyWait)
    #expect(decoded(request(.status, onlyWait: true)) == .failure(.flags))
  }

  @Test("CTL-02 what is wrong with a frame is told") func refusals() {
    #expect(decoded([]) == .failure(.length))
    #expect(decoded([1, 1, 5, 0, 0]) == .failure(.length))
    #expect(decoded([2, 1, 6, 0, 0, 0]) == .failure(.version))
    #expect(decoded([1, 0, 6, 0, 0, 0]) == .failure(.kind))
    #expect(decoded([1, 99, 6, 0, 0, 0]) == .failure(.kind))
    #expect(decoded([1, 1, 7, 0, 0, 0]) == .failure(.length))
    #expect(decoded([1, 1, 6, 1, 0, 0]) == .failure(.length))
    #expect(decoded([1, 1, 6, 0, 4, 0]) == .failure(.flags))
    #expect(decoded([1, 1, 6, 0, 0, 1]) == .failure(.length))
    #expect(decoded([1, 4, 6, 0, 0, 0]) == .failure(.name))
    #expect(decoded([1, 11, 7, 0, 0, 1, 0x61]) == .failure(.name))
    #expect(decoded([UInt8](repeating: 1, count: 1025)) == .failure(.length))
  }

  @Test(
    "CTL-09 names are checked before anything else sees them",
    arguments: ["..", ".", "../web", "a b", "a\u{7}", "a\u{0}", "ä", "a/b"])
  func badNames(name: String) {
    #expect(decoded(request(.start, name)) == .failure(.name))
  }

  @Test("a reboot has an argument of 1 to 64 printable bytes where others have a name")
  func rebootArgument() throws {
    let frame = request(.reboot, "0 tryboot", now: true)
    #expect(frame == [1, 10, 15, 0, 2, 9] + Array("0 tryboot".utf8))
    #expect(try frame[decoded(frame).get().name] == ArraySlice("0 tryboot".utf8))
    #expect(try decoded(request(.reboot, String(repeating: "~", count: 64))).get().name.count == 64)
    for wrong in [String(repeating: "x", count: 65), "a\u{0}", "a\n", "\u{7f}", "ä"] {
      #expect(decoded(request(.reboot, wrong)) == .failure(.name))
    }
    #expect(decoded(request(.poweroff, "x")) == .failure(.name))
  }

  @Test("CTL-09 64 bytes of name are the most") func longNames() throws {
    let most = String(repeating: "x", count: 64)
    #expect(try decoded(request(.start, most)).get().name.count == 64)
    #expect(decoded(request(.start, most + "x")) == .failure(.name))
    #expect(decoded(request(.start, String(repeating: "x", count: 300))) == .failure(.length))
  }

  @Test("CTL-02 any bytes decode to a request within the frame or an error") func fuzz() {
    var random = Generator(state: 0x9e37_79b9_7f4a_7c15)
    var accepted = 0
    for round in 0..<60_000 {
      var frame: [UInt8]
      if round % 3 == 0 {
        frame = (0..<Int(random.next() % 90)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      } else {
        let command = Command.allCases[Int(random.next() % UInt64(Command.allCases.count))]
        frame = request(command, command.naming == .never ? "" : "web@1")
        for _ in 0..<random.next() % 3 where !frame.isEmpty {
          frame[Int(random.next() % UInt64(frame.count))] = UInt8(
            truncatingIfNeeded: random.next())
        }
        if round % 7 == 0 { frame.removeLast(Int(random.next() % UInt64(frame.count))) }
      }
      guard case .success(let value) = decoded(frame) else { continue }
      accepted += 1
      #expect(value.name.upperBound == frame.count)
      let name = String(decoding: frame[value.name], as: UTF8.self)
      #expect(
        request(
          value.command, name, noWait: value.noWait, now: value.now, onlyWait: value.onlyWait)
          == frame,
        "an accepted frame has one spelling")
    }
    #expect(accepted > 10_000)
  }
}

/// A small generator with a fixed seed, so that a failure repeats (splitmix64).
struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
