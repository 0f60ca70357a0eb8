public import ApusBase
public import ApusManifest

/// Writes a manifest's tables directly, for worlds that no file describes.
public struct ManifestBuilder {
  /// What has been built so far.
  public private(set) var manifest = Manifest()
  /// The services as they were configured, in their order.
  public private(set) var drafts: [(name: String, draft: Draft)] = []

  /// Nothing yet.
  public init() {}

  /// One service in the making.
  public struct Draft {
    /// The table entry.
    public var service = Service()
    /// Its `restart` key.
    public var restart = Restart()
    /// Its `stop` key.
    public var stop = Stop()
    /// Its rarer keys.
    public var extras = Extras()
    /// Its `pre`, `started` and `post` keys, without programs.
    public var pre: [ServiceCommand] = []
    public var started: [ServiceCommand] = []
    public var post: [ServiceCommand] = []
    /// Its `health` key: the interval and how many looks may fail.
    public var health: (interval: Interval, failures: Int)?
    /// Whether it has a command that asks it to end.
    public var hasStopCommand = false
    /// `needs`, by index.
    public var needs: [ServiceIndex] = []
    /// `wants`, by index.
    public var wants: [ServiceIndex] = []
    /// `after`, by index.
    public var after: [ServiceIndex] = []
    /// `partOf`, by index.
    public var partOf: [ServiceIndex] = []
    /// How many listeners it has.
    public var listeners = 0
    /// `successExit`.
    public var successExit: [ExitStatus] = []
    /// `restart.neverOn`.
    public var neverOn: [ExitStatus] = []
    /// `restart.alwaysOn`.
    public var alwaysOn: [ExitStatus] = []
    /// Drafts of one name with the same numbers are the same service with the same listeners.
    public var version: UInt32 = 1
    public var listenerVersion: UInt32 = 1

    /// One connection, one process.
    public mutating func accept(max: UInt16 = 64, perSource: UInt16 = 0) {
      service.flags.insert(.accept)
      service.maxConnections = max
      service.maxConnectionsPerSource = perSource
    }

    /// With listeners a demand service, as the manifest's default says.
    public mutating func listen(_ count: Int = 1) {
      listeners = count
      service.start = .demand
    }
  }

  /// Adds a service and says where it stands.
  @discardableResult
  public mutating func service(_ name: String, _ configure: (inout Draft) -> Void = { _ in })
    -> ServiceIndex
  {
    var draft = Draft()
    draft.service.name = text(name)
    draft.service.exec = texts(["/bin/" + name])
    configure(&draft)
    drafts.append((name, draft))
    draft.service.digest = draft.version
    let index = manifest.services.count
    draft.service.listeners = TableRange(
      start: UInt32(manifest.listeners.count), count: UInt32(draft.listeners))
    for number in 0..<draft.listeners {
      var listener = Listener()
      listener.name = draft.service.name
      listener.spelling = text("/run/\(name).\(number)")
      listener.address = .path(listener.spelling)
      listener.service = UInt16(index)
      listener.digest = draft.listenerVersion &* 64 &+ UInt32(number)
      manifest.listeners.append(listener)
    }
    draft.service.needs = links(draft.needs)
    draft.service.wants = links(draft.wants)
    draft.service.after = links(draft.after)
    draft.service.partOf = links(draft.partOf)
    draft.restart.neverOn = statuses(draft.neverOn)
    draft.restart.alwaysOn = statuses(draft.alwaysOn)
    draft.extras.successExit = statuses(draft.successExit)
    draft.service.restart = UInt16(manifest.restarts.count)
    manifest.restarts.append(draft.restart)
    draft.extras.pre = commands(draft.pre, name)
    draft.extras.started = commands(draft.started, name)
    draft.extras.post = commands(draft.post, name)
    draft.extras.health = health(draft.health)
    if draft.hasStopCommand { draft.stop.exec = texts(["/bin/\(name)-stop"]) }
    draft.service.stop = UInt16(manifest.stops.count)
    manifest.stops.append(draft.stop)
    draft.service.extras = UInt16(manifest.extras.count)
    manifest.extras.append(draft.extras)
    manifest.services.append(draft.service)
    return index
  }

  private mutating func health(_ health: (interval: Interval, failures: Int)?) -> Record {
    guard let health else { return .none }
    if manifest.values.isEmpty { manifest.values.append(0) }
    let start = UInt32(manifest.values.count)
    // An address, so that there is no command.
    let timeout = Interval.seconds(2).microseconds
    let members = [.min, 0, .min, health.interval.microseconds, timeout, Int64(health.failures)]
    for member in members { manifest.values.append(member) }
    return Record(start: start)
  }

  /// Changes what is not a service's own.
  public mutating func change(_ change: (inout Manifest) -> Void) { change(&manifest) }

  /// A hardware watchdog.
  public mutating func watchdog(_ timeout: Interval) {
    manifest.system.watchdogDevice = text("/dev/watchdog")
    manifest.system.watchdogTimeout = timeout
  }

  /// Boots are counted; this one is good after so long with these services up, and then runs another.
  public mutating func goodBoot(
    after: Interval, needs: [ServiceIndex] = [], runs: ServiceIndex? = nil
  ) {
    manifest.system.bootState = text("/boots")
    manifest.system.goodAfter = after
    manifest.system.goodService = runs.map { UInt16($0) }
    let start = manifest.links.count
    for service in needs { manifest.links.append(UInt16(service)) }
    manifest.system.goodNeeds = TableRange(start: UInt32(start), count: UInt32(needs.count))
  }

  private mutating func text(_ string: String) -> Text {
    let offset = manifest.pool.count
    for byte in string.utf8 { manifest.pool.append(byte) }
    manifest.pool.append(0)
    return Text(offset: UInt32(offset), count: UInt32(string.utf8.count))
  }

  private mutating func texts(_ strings: [String]) -> TableRange {
    let entries = strings.map { text($0) }
    let start = manifest.texts.count
    for entry in entries { manifest.texts.append(entry) }
    return TableRange(start: UInt32(start), count: UInt32(entries.count))
  }

  private mutating func commands(_ commands: [ServiceCommand], _ name: String) -> TableRange {
    let start = manifest.commands.count
    for var command in commands {
      command.exec = texts(["/bin/\(name)-command"])
      manifest.commands.append(command)
    }
    return TableRange(start: UInt32(start), count: UInt32(commands.count))
  }

  private mutating func links(_ services: [ServiceIndex]) -> TableRange {
    let start = manifest.links.count
    for service in services { manifest.links.append(UInt16(service)) }
    return TableRange(start: UInt32(start), count: UInt32(services.count))
  }

  private mutating func statuses(_ list: [ExitStatus]) -> TableRange {
    let start = manifest.exitStatuses.count
    for status in list { manifest.exitStatuses.append(status) }
    return TableRange(start: UInt32(start), count: UInt32(list.count))
  }
}
