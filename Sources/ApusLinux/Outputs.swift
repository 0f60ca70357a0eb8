public import ApusBase
public import ApusCore
internal import ApusManifest
internal import CApus

/// What services write to streams that are `log`: a pipe each, made for the first start and kept, and
/// a ring of the last lines; see log.h.
extension LinuxKernel {
  /// Lines sent to clients in one turn; what is left is sent in the next one.
  private static var linesPerTurn: Int { 128 }

  /// Makes the rings, and goes on with the pipes and lines of the program before this one.
  ///
  /// Where the kernel has no memory for them, output goes where it went before there were any: to the
  /// kernel's log or standard error.
  mutating func startOutputs() {
    let echo =
      options.role == .foreground ? 2 : options.logLevel == .debug ? files.console : -1
    guard capus_log_begin(ownMessages, echo) == 0 else { return }
    for slot in 0..<table.mainCount {
      let service = manifest.services[slot]
      if service.flags.contains(.template) || !hasOutput(service) { continue }
      var rule = unsafe capus_log_rule()
      unsafe manifest.values.withUnsafeBufferPointer { values in
        unsafe manifest.pool.withUnsafeBufferPointer { pool in
          unsafe capus_log_rule_of(
            &rule, manifest.extras(of: service).log.start, values.baseAddress, pool.baseAddress)
        }
      }
      unsafe rule.name = UnsafePointer(pointer(service.name))
      let number = UInt32(truncatingIfNeeded: slot)
      unsafe capus_log_place(number, capus_record_identity(number), &rule)
    }
    capus_record_log(capus_log_finish())
    for slot in 0..<table.mainCount { watchOutput(UInt16(truncatingIfNeeded: slot)) }
  }

  /// The ring of apus's own messages, behind those of the services; that of its events follows.
  private var ownMessages: UInt32 { UInt32(truncatingIfNeeded: table.mainCount) }

  /// Keeps an event frame among the last ones.
  public mutating func keep(event frame: borrowing ByteWriter) {
    unsafe frame.bytes.withUnsafeBufferPointer { bytes in
      unsafe capus_log_keep(
        1, bytes.baseAddress, UInt32(truncatingIfNeeded: bytes.count), now.microseconds)
    }
  }

  /// Has those who follow the log look again, once apus has said something.
  mutating func tellFollowers() {
    log.hasNews = false
    for slot in control.clients.indices where control.clients[slot].follows { awaitRoom(slot) }
  }

  @inline(never)
  private func hasOutput(_ service: Service) -> Bool {
    service.terminal.isEmpty && manifest.streams(of: service).uses(.log)
  }

  private func watchOutput(_ index: UInt16) {
    let fd = capus_log_fd(UInt32(index), 0)
    if fd >= 0 { _ = watches.add(fd, Watch(.output, index: index), events: CAPUS_READABLE) }
  }

  /// Makes the pipe of a service that has none yet; one that cannot be had is done without.
  @inline(never)
  mutating func openOutput(_ index: UInt16, _ account: Account) {
    if capus_log_open(UInt32(index), account.rights.uid) == 1 { watchOutput(index) }
  }

  /// Reads what services have written, of each a bounded part.
  mutating func readOutputs() {
    linesOfTurn = 0
    for index in 0..<watches.readyCount {
      if let watch = Watch(data: watches.ready[index].data), watch.kind == .output {
        readOutput(of: watch.index, isLast: false)
      }
    }
  }

  /// Reads what a service has written; all of it when a process of it has ended.
  @inline(never)
  mutating func readOutput(of index: UInt16, isLast: Bool) {
    let result = capus_log_read(UInt32(index), now.microseconds, isLast ? 1 : 0)
    if result < 0 {
      let name = manifest.services.at(Int(index)).map { manifest.bytes($0.name) } ?? Bytes()
      unsafe log.write(
        .error, name, "cannot write log file", capus_log_file(UInt32(index)), Errno(0 &- result))
    }
    if result < 0 || Int(result) & Int(CAPUS_NEW_WRITER) != 0 {
      // An error that it tells later has the output looked at as well.
      let channel = capus_log_channel(UInt32(index))
      if channel >= 0 {
        _ = watches.add(channel, Watch(.output, index: index), events: CAPUS_READABLE)
      }
    }
    if Int(result) & 1 != 0 { tellFollowers() }
  }

  /// Sends the next line of services' output.
  @inline(never)
  public mutating func sendLine(
    to client: ClientID, had: Int, of service: UInt16?, follows: Bool
  ) -> SendOutcome? {
    guard let place = control.client(client) else { return .gone }
    let slot = Int(client.slot)
    control.clients[slot].follows = follows
    linesOfTurn += 1
    if linesOfTurn > LinuxKernel.linesPerTurn {
      awaitRoom(slot)
      return .full
    }
    let sent = capus_log_send(
      UInt32(slot), UInt32(truncatingIfNeeded: had), ring(service),
      follows ? 1 : 0, place.fd)
    return sent == 0 ? nil : outcome(sent, slot)
  }

  /// The ring of a service or of an `OwnLog`; -1 for those of all.
  private func ring(_ service: UInt16?) -> Int32 {
    guard let service else { return -1 }
    if service == OwnLog.messages { return Int32(ownMessages) }
    return service == OwnLog.events ? Int32(ownMessages + 1) : Int32(service)
  }
}
