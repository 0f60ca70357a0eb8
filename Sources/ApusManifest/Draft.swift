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

/// Where the value of each key of a service stands, by the key's number.
struct Slots: Sendable {
  private var sites: [Site?] = [Site?](repeating: nil, count: 64)

  init() {}

  /// The value of a key.
  subscript(key: ServiceKey) -> Site? {
    get { sites[Int(key.rawValue)] }
    set { sites[Int(key.rawValue)] = newValue }
  }
}

extension Decoder {
  /// Adds a finished service to the tables, sharing entries with services before it.
  mutating func commit(_ draft: Draft, at site: Site) {
    var service = draft.service
    service.restart = place(draft.restart, in: &tables.restarts, ==)
    service.stop = place(draft.stop, in: &tables.stops, ==)
    service.credentials = place(draft.credentials, in: &tables.credentials, ==)
    service.streams = place(draft.streams, in: &tables.streams, ==)
    service.directories = place(draft.directories, in: &tables.directories, ==)
    service.extras = place(draft.extras, in: &tables.extras, ==)
    service.listeners = TableRange(
      start: UInt32(tables.listeners.count), count: UInt32(draft.listeners.count))
    for var listener in draft.listeners {
      listener.service = UInt16(tables.services.count)
      tables.listeners.append(listener)
    }
    listenerSites.append(contentsOf: draft.listenerSites)
    tables.services.append(service)
    serviceSites.append(site)
  }

  /// The index of an entry: the default, one of the last 16, or a new one.
  private func place<Entry>(
    _ entry: Entry, in table: inout [Entry], _ equals: (Entry, Entry) -> Bool
  ) -> UInt16 {
    if let first = table.first, equals(first, entry) { return 0 }
    var index = table.count
    while index > 1, index > table.count - 16 {
      index -= 1
      if equals(table[index], entry) { return UInt16(truncatingIfNeeded: index) }
    }
    table.append(entry)
    return UInt16(truncatingIfNeeded: table.count - 1)
  }
}
