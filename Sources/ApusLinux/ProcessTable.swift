internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// One life of a slot, as the kernel layer holds it.
struct Process {
  var generation: UInt32 = 0
  /// 0 while there is no process.
  var pid: Int32 = 0
  var pidfd: Int32 = -1
  /// The session of its tree, 0 for none of its own.
  var session: Int32 = 0
  /// What marks its tree where there is no control group, 0 for nothing; see tree.h.
  var mark: UInt64 = 0
  /// It is no child of apus: its parent is told how it ends.
  var isForeign = false
  /// What the last look into the pid file has found.
  var named: Int32 = 0
  /// The accepted connection, kept until the child has it; of a main process the pipe on which it
  /// says that it is ready.
  var connection: Int32 = -1
  var service: UInt16 = 0
  /// How many of the service's processes had been killed for want of memory at its start.
  var memoryKills: UInt64 = 0
  /// Slot of `SpawnMemory` while the child is on its way to execve(2).
  var flight: UInt8?
  /// True from `accept` or `spawn` until `release` or `discard`.
  var isUsed = false
  /// True once its end has been reported; it is a zombie until `release`.
  var hasEnded = false
  /// It has been kept still by SIGSTOP, where there is no control group.
  var isHalted = false
  /// True once all of its tree has been asked to end.
  var isAskedToEnd = false
  /// A step on its way to execve(2) has failed.
  var hasFailed = false
}

/// A child on its way to execve(2).
struct Flight {
  /// Read end of the report pipe; -1 while the slot is free.
  var pipe: Int32 = -1
  /// Tells one use of the slot from the next in readiness of the pipe.
  var generation: UInt32 = 0
  var instance = InstanceID(slot: 0, generation: 0)
  /// When it is looked at again how far it is.
  var lookAt = Instant.never
  /// Since when it is known to be past the change of its identity.
  var changedAt: Instant?
  /// Why it was killed on its way.
  var verdict: Errno?
}

/// Every process apus started, in tables made once: main processes by service, then connections.
struct ProcessTable {
  private(set) var processes: Rows<Process>
  var flights: Rows<Flight>
  /// Peers of connections, by slot beyond `mainCount`.
  var peers: Rows<capus_peer>
  let mainCount: Int
  /// Listeners have their slots of the record between main processes and connections.
  var listenerCount = 0

  /// Room for one main process a service and `connections` more.
  init(services: Int, connections: Int, helpers: Int, flights: Int) {
    mainCount = services
    processes = Rows(repeating: Process(), count: services + connections + helpers)
    peers = Rows(repeating: capus_peer(), count: connections)
    self.flights = Rows(repeating: Flight(), count: flights)
  }

  /// The process of that life, nil when it is another one's or nobody's.
  @inline(never)
  func process(_ id: InstanceID) -> Process? {
    guard let process = processes.at(Int(id.slot)), process.isUsed,
      process.generation == id.generation
    else { return nil }
    return process
  }

  /// A fresh process for that life, when its slot is free.
  func unused(_ id: InstanceID) -> Process? {
    guard let process = processes.at(Int(id.slot)), !process.isUsed else { return nil }
    return Process()
  }

  /// Writes back a process; ignored outside the table.
  @inline(never)
  mutating func set(_ slot: UInt16, _ process: Process) {
    guard processes.indices.contains(Int(slot)) else { return }
    processes[Int(slot)] = process
    if Int(slot) >= helperBase {
      return capus_record_help(
        UInt32(truncatingIfNeeded: Int(slot) - helperBase), process.pid, process.generation)
    }
    let place = Int(slot) < mainCount ? Int(slot) : Int(slot) + listenerCount
    capus_record_hold(
      UInt32(truncatingIfNeeded: place), process.connection,
      process.isForeign ? 0 - process.pid : process.pid, process.generation)
  }

  /// The first slot of helpers, one for each service.
  var helperBase: Int { mainCount + peers.count }

  /// Notes what the pid file of a service says.
  mutating func name(_ pid: Int32, of service: UInt16) {
    if processes.indices.contains(Int(service)) { processes[Int(service)].named = pid }
  }

  /// The life whose main process has that pid.
  func instance(pid: Int32) -> InstanceID? {
    for slot in processes.indices where processes[slot].pid == pid && processes[slot].isUsed {
      return InstanceID(
        slot: UInt16(truncatingIfNeeded: slot), generation: processes[slot].generation)
    }
    return nil
  }

  /// True for a slot of a service's main process.
  func isMain(_ slot: UInt16) -> Bool { Int(slot) < mainCount }

  /// The peer of a connection's slot.
  func peer(of slot: UInt16) -> capus_peer? { peers.at(Int(slot) - mainCount) }

  /// Notes the peer of a connection's slot.
  mutating func setPeer(_ slot: UInt16, _ peer: capus_peer) {
    let index = Int(slot) - mainCount
    if peers.indices.contains(index) { peers[index] = peer }
  }
}
