internal import ApusBase
public import ApusCore
internal import ApusManifest
internal import ApusWire

/// Everything that crossed the border between the supervisor and the fake operating system, one
/// line each, as bytes: the same seed gives the same bytes.
public final class Trace {
  /// The lines, or the last `limit` bytes of them and a little more.
  public private(set) var bytes: [UInt8] = []
  /// FNV-1a over every byte ever written, also over those forgotten.
  public private(set) var hash = Trace.empty
  /// How many lines were written.
  public private(set) var lines = 0
  /// How many bytes to keep.
  public let limit: Int
  private var line = ByteWriter(capacity: 256)

  /// Keeps the last `limit` bytes.
  public init(limit: Int = 1 << 16) { self.limit = limit }

  func write(at now: Int64, _ compose: (inout ByteWriter) -> Void) {
    line.reset()
    line.decimal(now)
    line.byte(UInt8(ascii: " "))
    compose(&line)
    line.byte(UInt8(ascii: "\n"))
    hash = Self.digest(line.bytes, after: hash)
    if bytes.count / 2 > limit { bytes.removeFirst(bytes.count - limit) }
    bytes.append(contentsOf: line.bytes)
    lines += 1
  }

  /// FNV-1a over the bytes, continued from those that came before.
  static func digest(_ bytes: some Sequence<UInt8>, after hash: UInt64 = empty) -> UInt64 {
    bytes.reduce(hash) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  /// FNV-1a over no bytes.
  static var empty: UInt64 { 0xCBF2_9CE4_8422_2325 }

  /// The last lines, for a failure's message.
  public func tail(_ count: Int) -> String {
    var start = bytes.count
    var left = count + 1
    while start > 0 {
      if bytes[start - 1] == UInt8(ascii: "\n") {
        left -= 1
        if left == 0 { break }
      }
      start -= 1
    }
    return String(decoding: bytes[start...], as: UTF8.self)
  }
}

/// An event in the words of the trace.
public func describe(_ event: Event) -> String {
  var line = ByteWriter(capacity: 256)
  line.event(event)
  return String(decoding: Array(line.bytes), as: UTF8.self)
}

/// An effect in the words of the trace.
public func describe(_ effect: Effect) -> String {
  var line = ByteWriter(capacity: 256)
  line.effect(effect)
  return String(decoding: Array(line.bytes), as: UTF8.self)
}

extension ByteWriter {
  mutating func pair(_ key: Literal, _ value: some BinaryInteger) {
    byte(UInt8(ascii: " "))
    text(key)
    byte(UInt8(ascii: "="))
    decimal(Int64(truncatingIfNeeded: value))
  }

  mutating func instance(_ id: InstanceID) {
    text(" i")
    decimal(UInt64(id.slot))
    byte(UInt8(ascii: "."))
    decimal(UInt64(id.generation))
  }

  mutating func client(_ id: ClientID) {
    text(" c")
    decimal(UInt64(id.slot))
    byte(UInt8(ascii: "."))
    decimal(UInt64(id.generation))
  }

  mutating func report(_ report: ExitReport) {
    text(report.isSignal ? " signal" : " code")
    byte(UInt8(ascii: "="))
    decimal(UInt64(report.number))
    if report.dumpedCore { text(" core") }
  }

  /// The name of a case; its number where the program does not know its names.
  mutating func word(_ value: some RawRepresentable<UInt8>) {
    byte(UInt8(ascii: " "))
    #if hasFeature(Embedded)
      decimal(UInt64(value.rawValue))
    #else
      bytes(Array(String(describing: value).utf8))
    #endif
  }

  mutating func reason(_ reason: Reason) {
    guard reason != .none else { return }
    text(" because")
    word(reason.kind)
    if reason.step != 0 { pair("step", reason.step) }
    if reason.value != 0 { pair("value", reason.value) }
  }

  mutating func event(_ event: Event) {
    switch event {
    case .begin: text("begin")
    case .tick: text("tick")
    case .readable(let listener):
      text("readable")
      pair("l", listener)
    case .brokenListener(let listener):
      text("brokenListener")
      pair("l", listener)
    case .shutDownListener(let listener):
      text("shutDownListener")
      pair("l", listener)
    case .nodesChanged(let listener):
      text("nodesChanged")
      pair("l", listener)
    case .nodeLost(let listener, let what):
      text("nodeLost")
      pair("l", listener)
      word(what)
    case .nodesSeen(let service):
      text("nodesSeen")
      pair("s", service)
    case .inspected(let listener, let mark, let isFirstGone):
      text("inspected")
      pair("l", listener)
      pair("count", mark.count)
      if isFirstGone { text(" gone") }
    case .networkChanged: text("networkChanged")
    case .bound(let listener):
      text("bound")
      pair("l", listener)
    case .bindFailed(let listener, let step, let errno, let place):
      text("bindFailed")
      pair("l", listener)
      word(step)
      pair("errno", errno.code)
      if place > 0 { pair("place", place) }
    case .watchFailed(let listener, let errno):
      text("watchFailed")
      pair("l", listener)
      pair("errno", errno.code)
    case .accepted(let id, let listener, let source):
      text("accepted")
      instance(id)
      pair("l", listener)
      pair("source", source.key)
    case .acceptFailed(let id, let listener, let errno):
      text("acceptFailed")
      instance(id)
      pair("l", listener)
      pair("errno", errno.code)
    case .spawned(let id, let pid):
      text("spawned")
      instance(id)
      pair("pid", pid)
    case .spawnRefused(let id, let step, let errno):
      text("spawnRefused")
      instance(id)
      word(step)
      pair("errno", errno.code)
    case .executed(let id):
      text("executed")
      instance(id)
    case .executionFailed(let id, let step, let errno):
      text("executionFailed")
      instance(id)
      word(step)
      pair("errno", errno.code)
    case .exited(let id, let report):
      text("exited")
      instance(id)
      self.report(report)
    case .adopted(let id, let pid):
      text("adopted")
      instance(id)
      pair("pid", pid)
    case .orphanReaped(let pid):
      text("orphanReaped")
      pair("pid", pid)
    case .childless: text("childless")
    case .clock(let offset):
      text("clock")
      pair("offset", offset)
    case .signal(let number):
      text("signal")
      pair("number", number)
    case .request(let id, let request):
      text("request")
      client(id)
      word(request.action)
      if let service = request.service { pair("s", service) }
      if request.connection > 0 { pair("connection", request.connection) }
      if request.noWait { text(" no-wait") }
      if request.now { text(" now") }
    case .listing(let id, let listing, let service):
      text("listing")
      client(id)
      word(listing)
      if let service { pair("s", service) }
    case .clientWritable(let id):
      text("clientWritable")
      client(id)
    case .refused(let id, let code):
      text("refused")
      client(id)
      word(code)
    case .noticesRefused(let id, let strangers, let malformed):
      text("noticesRefused")
      instance(id)
      pair("strangers", Int(strangers))
      pair("malformed", Int(malformed))
    case .notified(let id, let notice):
      text("notified")
      instance(id)
      pair("flags", notice.flags.rawValue)
    case .clientGone(let id):
      text("clientGone")
      client(id)
    case .idle(let id, let found, let kilobytes):
      text("idle")
      instance(id)
      word(found)
      pair("kilobytes", kilobytes)
    case .pressure: text("pressure")
    case .watchdogTimeout(let timeout):
      text("watchdogTimeout")
      pair("us", timeout.microseconds)
    }
  }

  mutating func effect(_ effect: Effect) {
    switch effect {
    case .bind(let listener):
      text("bind")
      pair("l", listener)
    case .watch(let listener):
      text("watch")
      pair("l", listener)
    case .unwatch(let listener):
      text("unwatch")
      pair("l", listener)
    case .unbind(let listener):
      text("unbind")
      pair("l", listener)
    case .dropFirst(let service):
      text("dropFirst")
      pair("s", service)
    case .settle(let service):
      text("settle")
      pair("s", service)
    case .lookAtNodes(let listener):
      text("lookAtNodes")
      pair("l", listener)
    case .inspect(let listener, let since):
      text("inspect")
      pair("l", listener)
      if let since { pair("since", since.count) }
    case .accept(let listener, let id):
      text("accept")
      pair("l", listener)
      instance(id)
    case .discard(let id):
      text("discard")
      instance(id)
    case .tellStep(let id):
      text("tellStep")
      instance(id)
    case .spawn(let id, let service):
      text("spawn")
      instance(id)
      pair("s", service)
    case .run(let id, let service, let command, _):
      text("run")
      instance(id)
      pair("s", service)
      pair("role", command.role.rawValue)
      pair("index", command.index)
    case .signal(let id, let number, let scope):
      text("signal")
      instance(id)
      pair("number", number)
      text(scope == .all ? " all" : " main")
    case .emptyStore(let service):
      text("emptyStore")
      pair("s", service)
    case .adopt(let id, let pid):
      text("adopt")
      instance(id)
      pair("pid", pid)
    case .release(let id):
      text("release")
      instance(id)
    case .freeze(let id, let isFrozen):
      text(isFrozen ? "freeze" : "thaw")
      instance(id)
    case .lookIdle(let id, _, let look):
      text("lookIdle")
      instance(id)
      if look != .running { text(" frozen") }
    case .signalEveryone(let number):
      text("signalEveryone")
      pair("number", number)
    case .answer(let id, let answer):
      text("answer")
      client(id)
      word(answer.code)
      if let service = answer.service { pair("s", service) }
      reason(answer.reason)
    case .log(let message):
      text("log")
      word(message.kind)
      if let service = message.service { pair("s", service) }
      if let listener = message.listener { pair("l", listener) }
      reason(message.reason)
      if message.nextUs >= 0 { pair("next", message.nextUs) }
    case .rescue: text("rescue")
    case .replaceProgram(let client):
      text("replaceProgram")
      if let client { pair("client", client.slot) }
    case .bootFinished: text("bootFinished")
    case .readClock: text("readClock")
    case .petWatchdog: text("petWatchdog")
    case .bootGood: text("bootGood")
    case .keepArgument(let client):
      text("keepArgument")
      pair("client", client.slot)
    case .power(let action):
      text("power")
      word(action)
    }
  }
}
