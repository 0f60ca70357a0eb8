internal import ApusBase
internal import ApusJSON

/// A service while it is decoded: its record and, in full, what will be shared table entries.
struct Draft: Sendable {
  var service = Service()
  var restart = Restart()
  var stop = Stop()
  var credentials = Credentials()
  var streams = Streams()
  var directories = Directories()
  var extras = Extras()
  var listeners: [Listener] = []
  var listenerSites: [Site] = []
}

/// Where the value of each key of an object stands, by the key's number.
struct Slots: Sendable {
  /// As long as the highest number needs; a site of no file for keys that were not given.
  private var sites: [Site] = []

  init() {}

  /// The value of a key.
  subscript(key: ServiceKey) -> Site? { self[Int(key.rawValue)] }

  /// The value of the key of that number.
  subscript(number: Int) -> Site? {
    @inline(never) get {
      guard let site = sites.at(number), site.file >= 0 else { return nil }
      return site
    }
  }

  /// Notes where the value of the key of that number stands.
  @inline(never) mutating func set(_ number: Int, _ site: Site) {
    while sites.count <= number { sites.append(Site(file: -1, node: site.node)) }
    sites[number] = site
  }
}

extension Decoder {
  /// Adds a finished service to the tables; entries are shared with the service before it and with
  /// those that have only defaults.
  mutating func commit(_ draft: Draft, at site: Site) {
    let index = tables.services.count
    tables.services.append(draft.service)
    tables.services[index].restart = Decoder.share(draft.restart, &tables.restarts)
    tables.services[index].stop = Decoder.share(draft.stop, &tables.stops)
    tables.services[index].credentials = Decoder.share(draft.credentials, &tables.credentials)
    tables.services[index].streams = Decoder.share(draft.streams, &tables.streams)
    tables.services[index].directories = Decoder.share(draft.directories, &tables.directories)
    tables.services[index].extras = Decoder.share(draft.extras, &tables.extras)
    tables.services[index].listeners = TableRange(
      start: UInt32(tables.listeners.count), count: UInt32(draft.listeners.count))
    for listener in draft.listeners {
      let last = tables.listeners.count
      tables.listeners.append(listener)
      tables.listeners[last].service = UInt16(truncatingIfNeeded: index)
    }
    for site in draft.listenerSites { listenerSites.append(site) }
    serviceSites.append(site)
  }

  /// The index of an entry in a table: of the default, of the last one when it is the same, or of
  /// a new one; services limit every table to 1,025.
  @inline(never) static func share<Value: Equatable>(
    _ value: Value, _ table: inout [Value]
  ) -> UInt16 {
    var index = 0
    while index < table.count, table[index] != value {
      index = index < table.count - 1 ? table.count - 1 : table.count
    }
    if index == table.count { table.append(value) }
    return UInt16(truncatingIfNeeded: index)
  }
}
