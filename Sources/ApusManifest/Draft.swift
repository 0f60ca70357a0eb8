internal import ApusBase
internal import ApusJSON

/// A service while it is decoded: its record and, in full, what will be shared table entries.
///
/// Its listeners stand in the tables already, where `service.listeners` says.
struct Draft: Sendable {
  var service = Service()
  var restart = Restart()
  var stop = Stop()
  var credentials = Credentials()
  var streams = Streams()
  var extras = Extras()

  /// A service that only has a name so far; one copy of the defaults serves all, for size.
  @inline(never) static func blank(_ name: Text = .none) -> Draft {
    var draft = Draft()
    draft.service.name = name
    return draft
  }
}

/// Where the value of each key of an object stands, by the key's number.
struct Slots: Sendable {
  /// A site of no file for keys that were not given.
  private var sites: Rows<Site>

  /// No values, with room for as many keys as an object may know.
  @inline(never) init() {
    sites = Rows(repeating: Site(file: -1, node: JSONDocument().root), count: 64)
  }

  /// Forgets all values.
  @inline(never) mutating func clear() {
    for number in sites.indices { sites[number].file = -1 }
  }

  /// Takes over the values of others.
  mutating func take(_ other: Slots) {
    for number in sites.indices { sites[number] = other.sites[number] }
  }

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
    if sites.indices.contains(number) { sites[number] = site }
  }
}

extension Decoder {
  /// Adds the draft to the tables; entries are shared with the service before it and with those
  /// that have only defaults.
  @inline(never) mutating func commit(at site: Site) {
    draft.service.restart = Decoder.share(draft.restart, &tables.restarts)
    draft.service.stop = Decoder.share(draft.stop, &tables.stops)
    draft.service.credentials = Decoder.share(draft.credentials, &tables.credentials)
    draft.service.streams = Decoder.share(draft.streams, &tables.streams)
    draft.service.extras = Decoder.share(draft.extras, &tables.extras)
    tables.services.append(draft.service)
    serviceSites.add(site)
  }

  /// The index of an entry in a table: of the default, of the last one when it is the same, or of
  /// a new one; services limit every table to 1,025.
  @inline(never) static func share<Value: Equatable>(
    _ value: Value, _ table: inout Rows<Value>
  ) -> UInt16 {
    var index = 0
    while index < table.count, table[index] != value {
      index = index < table.count - 1 ? table.count - 1 : table.count
    }
    if index == table.count { table.append(value) }
    return UInt16(truncatingIfNeeded: index)
  }
}
