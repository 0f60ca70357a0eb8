internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// Collects a child's environment: `KEY=VALUE` pointers, a later one replacing an earlier one of
/// the same key. Strings of the manifest are used where they lie.
@safe struct EnvironmentWriter {
  private let entries: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let capacity: Int
  private var count = 0
  /// True once an entry did not fit.
  private(set) var isFull = false

  /// Uses `capacity` pointers, the last of which stays NULL.
  init(_ entries: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, capacity: Int) {
    unsafe self.entries = unsafe entries
    self.capacity = capacity
    unsafe entries[0] = nil
  }

  /// Adds an entry that ends in a NUL, in place of one with the same key.
  @inline(never)
  mutating func set(_ entry: UnsafeMutablePointer<CChar>) {
    for index in 0..<count {
      if let old = unsafe entries[index], unsafe EnvironmentWriter.sameKey(old, entry) {
        unsafe entries[index] = unsafe entry
        return
      }
    }
    guard count + 1 < capacity else {
      isFull = true
      return
    }
    unsafe entries[count] = unsafe entry
    count += 1
    unsafe entries[count] = nil
  }

  private static func sameKey(
    _ left: UnsafeMutablePointer<CChar>, _ right: UnsafeMutablePointer<CChar>
  ) -> Bool {
    var index = 0
    while unsafe left[index] == right[index] {
      if unsafe left[index] == 0 || left[index] == CChar(61) { return true }
      index += 1
    }
    return false
  }
}

extension LinuxKernel {
  /// The environment: the defaults, the user's, the board's and the service's own entries, each
  /// in place of an earlier one of the same name, and last what the start itself says.
  func environment(
    of service: Service, _ account: Account, _ process: Process, _ peer: capus_peer?,
    _ result: inout capus_plan, _ writer: inout PlanWriter
  ) {
    let capacity =
      24 + Int(service.environment.count) + Int(manifest.system.environment.count)
    let hasFiles = manifest.extras(of: service).environmentFiles.count > 0
    let room = capacity + (hasFiles ? Self.fileEntries : 0)
    guard
      let entries = unsafe writer.piece(room * MemoryLayout<UnsafeRawPointer>.stride)?
        .bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: room)
    else { return }
    if hasFiles {
      // The child reads them, in place of this process.
      unsafe result.environment_room = UInt32(Self.fileEntries)
      unsafe result.file_room = UInt32(Self.fileBytes)
      unsafe result.file_text = writer.piece(Self.fileBytes)?.assumingMemoryBound(to: CChar.self)
    }
    if service.flags.contains(.expand) {
      unsafe result.word_room = UInt32(Self.expandedWords)
      unsafe result.word_bytes = UInt32(Self.fileBytes)
      unsafe result.words = writer.piece(
        Self.expandedWords * MemoryLayout<UnsafeRawPointer>.stride)?
        .bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: Self.expandedWords)
      unsafe result.word_text = writer.piece(Self.fileBytes)?.assumingMemoryBound(to: CChar.self)
    }
    var list = unsafe EnvironmentWriter(entries, capacity: capacity)
    let path = unsafe writer.position
    writer.text("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    writer.byte(0)
    unsafe list.set(path)
    addAccount(account, &list, &writer)
    // No list of the two: it would be an allocation for every start.
    for isOwn in 0..<2 {
      let range = isOwn == 0 ? manifest.system.environment : service.environment
      for index in range.indices {
        if let text = manifest.texts.at(index), let entry = unsafe pointer(text) {
          unsafe list.set(entry)
        }
      }
    }
    addDirectories(of: service, &list, &writer)
    unsafe addSockets(of: service, &result, &list, &writer)
    if let facts {
      addFacts(facts, &list, &writer)
    } else {
      unsafe addChannel(of: service, &result, &list, &writer)
    }
    if service.accepts, let peer { addPeer(peer, &list, &writer) }
    unsafe result.environment = entries
  }

  private func addAccount(
    _ account: Account, _ list: inout EnvironmentWriter, _ writer: inout PlanWriter
  ) {
    var start = unsafe writer.position
    for index in account.environment {
      let byte = accounts.text.at(index) ?? 0
      writer.byte(byte)
      if byte == 0 {
        unsafe list.set(start)
        unsafe start = writer.position
      }
    }
  }

  /// RUNTIME_DIRECTORY and its like: the paths of each place, with colons between them.
  private func addDirectories(
    of service: Service, _ list: inout EnvironmentWriter, _ writer: inout PlanWriter
  ) {
    var number: UInt8 = 0
    while let place = DirectoryPlace(rawValue: number) {
      number += 1
      let start = unsafe writer.position
      var isFirst = true
      for index in service.directories.indices {
        guard let directory = manifest.directories.at(index), directory.place == place
        else { continue }
        if isFirst { writer.text(place.variable) }
        writer.byte(UInt8(ascii: isFirst ? "=" : ":"))
        isFirst = false
        writer.text(place.path)
        writer.byte(UInt8(ascii: "/"))
        if let name = unsafe pointer(directory.name) { unsafe writer.string(name) }
      }
      if isFirst { continue }
      writer.byte(0)
      unsafe list.set(start)
    }
  }

  /// MAINPID for commands beside the main process; SERVICE_RESULT, EXIT_CODE and EXIT_STATUS for
  /// those after it (systemd.exec(5)).
  private func addFacts(
    _ facts: HelperFacts, _ list: inout EnvironmentWriter, _ writer: inout PlanWriter
  ) {
    var start = unsafe writer.position
    guard let end = facts.end else {
      if facts.pid <= 0 { return }
      writer.text("MAINPID=")
      writer.decimal(UInt64(UInt32(bitPattern: facts.pid)))
      writer.byte(0)
      return unsafe list.set(start)
    }
    let isGood = !end.isSignal && end.number == 0
    writer.text(
      isGood
        ? "SERVICE_RESULT=success"
        : end.ranOutOfMemory
          ? "SERVICE_RESULT=oom-kill"
          : end.dumpedCore
            ? "SERVICE_RESULT=core-dump"
            : end.isSignal ? "SERVICE_RESULT=signal" : "SERVICE_RESULT=exit-code")
    writer.byte(0)
    unsafe list.set(start)
    unsafe start = writer.position
    writer.text(
      end.dumpedCore
        ? "EXIT_CODE=dumped" : end.isSignal ? "EXIT_CODE=killed" : "EXIT_CODE=exited")
    writer.byte(0)
    unsafe list.set(start)
    unsafe start = writer.position
    writer.text("EXIT_STATUS=")
    if end.isSignal {
      // Without its SIG, as systemd.exec(5) has it.
      for index in min(3, scratch.count)..<scratch.count { writer.byte(scratch.bytes[index]) }
    } else {
      writer.decimal(UInt64(end.number))
    }
    writer.byte(0)
    unsafe list.set(start)
  }

  /// LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID and LISTEN_PIDFDID (sd_listen_fds(3)); the child writes
  /// its own pid and the inode of its pidfd.
  private func addSockets(
    of service: Service, _ result: inout capus_plan, _ list: inout EnvironmentWriter,
    _ writer: inout PlanWriter
  ) {
    let passed = passedCount(of: service)
    if passed == 0 { return }
    var start = unsafe writer.position
    writer.text("LISTEN_FDS=")
    writer.decimal(UInt64(passed))
    writer.byte(0)
    unsafe list.set(start)
    unsafe start = writer.position
    writer.text("LISTEN_FDNAMES=")
    var isFirst = !service.accepts
    // As systemd names it, whatever the listener's own name is.
    if service.accepts { writer.text("connection") }
    for index in service.listeners.indices where !service.accepts {
      guard let listener = manifest.listeners.at(index),
        listeners.listeners.at(index)?.fd ?? -1 >= 0
      else { continue }
      if !isFirst { writer.byte(UInt8(ascii: ":")) }
      isFirst = false
      let name = listener.name.isEmpty ? service.name : listener.name
      if let name = unsafe pointer(name) { unsafe writer.string(name) }
    }
    var stored = StoredDescriptors(of: storeOwner)
    while stored.next() {
      if !isFirst { writer.byte(UInt8(ascii: ":")) }
      isFirst = false
      for index in 0..<stored.count {
        if let name = unsafe stored.name { unsafe writer.byte(name[index]) }
      }
    }
    writer.byte(0)
    unsafe list.set(start)
    unsafe start = writer.position
    writer.text("LISTEN_PID=")
    unsafe result.pid_digits = writer.position
    for _ in 0..<11 { writer.byte(0) }
    unsafe list.set(start)
    if capus_has_pidfs() == 0 { return }
    unsafe start = writer.position
    unsafe writer.text("LISTEN_PIDFDID=")
    unsafe result.pidfd_digits = writer.position
    for _ in 0..<21 { writer.byte(0) }
    unsafe list.set(start)
  }

  /// Who connected, as inetd-style services learn it (systemd.exec(5)).
  private func addPeer(
    _ peer: capus_peer, _ list: inout EnvironmentWriter, _ writer: inout PlanWriter
  ) {
    if peer.family == 2 || peer.family == 10 {
      var start = unsafe writer.position
      writer.text("REMOTE_ADDR=")
      unsafe withUnsafePointer(to: peer) { unsafe writer.string(capus_peer_text($0)) }
      writer.byte(0)
      unsafe list.set(start)
      unsafe start = writer.position
      writer.text("REMOTE_PORT=")
      writer.decimal(UInt64(peer.port))
      writer.byte(0)
      unsafe list.set(start)
    }
    if peer.cookie != 0 {
      let start = unsafe writer.position
      writer.text("SO_COOKIE=")
      writer.decimal(peer.cookie)
      writer.byte(0)
      unsafe list.set(start)
    }
  }
}
