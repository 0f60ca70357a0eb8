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
  /// Adds a finished service to the tables; entries are shared with the service before it and with
  /// those that have only defaults.
  mutating func commit(_ draft: Draft, at site: Site) {
    var service = draft.service
    if draft.restart != Restart() {
      if draft.restart != tables.restarts.last { tables.restarts.append(draft.restart) }
      service.restart = last(tables.restarts.count)
    }
    if draft.stop != Stop() {
      if draft.stop != tables.stops.last { tables.stops.append(draft.stop) }
      service.stop = last(tables.stops.count)
    }
    if draft.credentials != Credentials() {
      if draft.credentials != tables.credentials.last {
        tables.credentials.append(draft.credentials)
      }
      service.credentials = last(tables.credentials.count)
    }
    if draft.streams != Streams() {
      if draft.streams != tables.streams.last { tables.streams.append(draft.streams) }
      service.streams = last(tables.streams.count)
    }
    if draft.directories != Directories() {
      if draft.directories != tables.directories.last {
        tables.directories.append(draft.directories)
      }
      service.directories = last(tables.directories.count)
    }
    if draft.extras != Extras() {
      if draft.extras != tables.extras.last { tables.extras.append(draft.extras) }
      service.extras = last(tables.extras.count)
    }
    service.listeners = TableRange(
      start: UInt32(tables.listeners.count), count: UInt32(draft.listeners.count))
    for var listener in draft.listeners {
      listener.service = last(tables.services.count + 1)
      tables.listeners.append(listener)
    }
    listenerSites.append(contentsOf: draft.listenerSites)
    tables.services.append(service)
    serviceSites.append(site)
  }

  /// The index of the last of so many entries; services limit every table to 1,025.
  private func last(_ count: Int) -> UInt16 { UInt16(truncatingIfNeeded: count - 1) }
}
