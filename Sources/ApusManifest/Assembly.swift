internal import ApusBase
internal import ApusJSON

/// A service as one of the files writes it.
struct Entry: Sendable {
  /// Number of the name in the string pool.
  var name: Int
  /// Where the name stands.
  var key: Site
  /// The object with the keys.
  var value: JSONNode
  /// The next entry that overrides keys of this one, as an index of the entries.
  var override: Int?
}

/// From parsed files to services: the keys at the top, defaults, overrides, templates.
extension Decoder {
  private static let top = Words("apus system defaults services")

  /// Checks that a file is an object of version 1; false when it can not be used.
  mutating func checkTop(isMain: Bool) -> Bool {
    let root = document.root
    guard expect(.object, root) else { return false }
    guard let version = member(root, "apus") else {
      if isMain { error(root, "the key \"apus\" is missing; expected \"apus\": 1") }
      return true
    }
    if document.integer(version) == 1 { return true }
    let length = enter(Decoder.top.word(0))
    error(version, "unknown version: this apus reads version 1")
    leave(length)
    return false
  }

  /// Decodes `defaults` and `system`, then every service.
  mutating func assemble() {
    var entries: [Entry] = []
    var first: [Int32] = []
    var system = Slots()
    for index in files.indices {
      open(index)
      var cursor = object(document.root)
      while let key = next(&cursor, Decoder.top) {
        switch key {
        case 1: self.system(cursor.value, &system)
        case 2:
          if index == 0 {
            defaults(cursor.value)
          } else {
            error(cursor.value, "\"defaults\" belong in the main file")
          }
        case 3:
          var services = object(cursor.value)
          while next(&services) { add(services, &entries, &first) }
        default: break
        }
      }
    }
    for index in entries.indices where isFirst(index, entries, first) {
      expand(entries[index], entries)
    }
    subject = nil
    target = nil
    reportOtherDuplicates()
  }

  /// Decodes the keys of `system`; a key of two files is an error, the first one counts.
  private mutating func system(_ node: JSONNode, _ sites: inout Slots) {
    var cursor = object(node)
    while let number = next(&cursor, SystemKey.names) {
      if let other = sites[number] {
        twice(cursor.value, other)
      } else if let key = SystemKey(rawValue: UInt8(truncatingIfNeeded: number)) {
        sites.set(number, Site(file: file, node: cursor.value))
        decode(key, cursor.value)
      }
    }
  }

  /// Decodes `defaults` into what services start from; wrong values leave the built-in default.
  private mutating func defaults(_ node: JSONNode) {
    var cursor = object(node)
    while let number = next(&cursor, ServiceKey.names) {
      guard let key = ServiceKey(rawValue: UInt8(truncatingIfNeeded: number)) else { continue }
      guard key.mayBeDefault else {
        error(cursor.value, "may not stand in \"defaults\"")
        continue
      }
      let failures = reports.errors
      var draft = base
      decode(key, cursor.value, into: &draft)
      guard reports.errors == failures else { continue }
      base = draft
      defaultSlots.set(number, Site(file: file, node: cursor.value))
    }
  }

  /// Notes the second definition of something with both places.
  private mutating func twice(_ node: JSONNode, _ other: Site) {
    var message: [UInt8] = []
    message.append("defined twice, first at ")
    append(other, to: &message)
    report(.error, node, message: message)
  }

  // MARK: Entries

  /// Adds an entry, or links it to the one it overrides.
  private mutating func add(
    _ cursor: Cursor, _ entries: inout [Entry], _ first: inout [Int32]
  ) {
    let (name, key, value) = (cursor.name, cursor.key, cursor.value)
    guard Scalar.isServiceName(name), name.first != UInt8(ascii: "@") else {
      return error(key, "a service name is 1 to 64 of A-Z a-z 0-9 _ . @ -, not ", name)
    }
    let number = strings.number(of: name)
    while first.count <= number { first.append(-1) }
    let entry = Entry(name: number, key: Site(file: file, node: key), value: value, override: nil)
    let isOverride = member(value, "override").map { document.kind($0) == .true } ?? false
    guard first[number] >= 0 else {
      if isOverride { report(.warning, key, "overrides no service of an earlier file") }
      first[number] = Int32(entries.count)
      entries.append(entry)
      return
    }
    var last = Int(first[number])
    guard isOverride, entries[last].key.file != file else {
      let place = entries[last].key
      var message: [UInt8] = []
      message.append("service defined twice, first at ")
      append(place, to: &message)
      message.append("; \"override\": true replaces keys of it")
      return report(.error, key, message: message)
    }
    while let next = entries[last].override { last = next }
    entries[last].override = entries.count
    entries.append(entry)
  }

  private func isFirst(_ index: Int, _ entries: [Entry], _ first: [Int32]) -> Bool {
    first[entries[index].name] == Int32(index)
  }

  /// The last value of every key of a service; nil when an entry is no object.
  private mutating func gather(_ entry: Entry, _ entries: [Entry]) -> Slots {
    var slots = Slots()
    var current: Entry? = entry
    while let entry = current {
      open(entry.key.file)
      var cursor = object(entry.value)
      while let number = next(&cursor, ServiceKey.names) {
        slots.set(number, Site(file: file, node: cursor.value))
      }
      current = entry.override.flatMap { entries.at($0) }
    }
    return slots
  }

  // MARK: Services

  /// Makes the services of an entry: one, or a template and its instances.
  private mutating func expand(_ entry: Entry, _ entries: [Entry]) {
    let name = strings.text(entry.name)
    let bytes = strings.bytes(of: name)
    path = []
    path.append("services.")
    path.append(printable: bytes)
    let failures = reports.errors
    guard hasRoom(entry.key) else { return }
    subject = tables.services.count
    target = subject
    let slots = gather(entry, entries)
    open(entry.key.file)
    if bytes.last == UInt8(ascii: "@") {
      template(entry, bytes, slots, failures)
    } else {
      if let site = slots[.instances] {
        open(site.file)
        let length = enter(ServiceKey.instances.name)
        error(site.node, "only a template, whose name ends in \"@\", has instances")
        leave(length)
      }
      add(entry, entry.name, slots, failures)
    }
  }

  /// Adds one service; invalid when there were errors since `failures`.
  private mutating func add(_ entry: Entry, _ name: Int, _ slots: Slots, _ failures: Int) {
    let site = entry.key
    var draft = service(slots, name: strings.text(name))
    open(site.file)
    if slots[.exec] == nil, document.kind(entry.value) == .object {
      error(site.node, "the key \"exec\" is missing")
    }
    own(name, site)
    if reports.errors > failures { draft = invalid(name) }
    commit(draft, at: site)
  }

  /// Adds a template and its instances.
  ///
  /// The first instance stands for all when the keys are validated; without one `1` does.
  private mutating func template(
    _ entry: Entry, _ base: [UInt8], _ slots: Slots, _ failures: Int
  ) {
    let template = tables.services.count
    var names: [[UInt8]] = []
    if let site = slots[.instances] {
      open(site.file)
      let length = enter(ServiceKey.instances.name)
      var cursor = array(site.node)
      while let element = element(&cursor) {
        guard let instance = string(element) else { continue }
        if Scalar.isServiceName(base + instance), !instance.isEmpty {
          names.append(instance)
        } else {
          error(element, "not an instance name: ", instance)
        }
      }
      leave(length)
    }
    var draft = invalid(entry.name)
    draft.service.flags = .template
    own(entry.name, entry.key)
    commit(draft, at: entry.key)
    if names.isEmpty {
      instance = [UInt8(ascii: "1")]
      _ = service(slots, name: strings.text(entry.name))
    }
    var isValid = true
    for index in names.indices {
      guard hasRoom(entry.key) else { break }
      instance = names[index]
      let name = strings.number(of: base + instance)
      target = tables.services.count
      if index > 0 { subject = target }
      let failures = index == 0 ? failures : reports.errors
      if isValid {
        add(entry, name, slots, failures)
      } else {
        own(name, entry.key)
        commit(invalid(name), at: entry.key)
      }
      if index == 0, reports.errors > failures { isValid = false }
    }
    instance = []
    if reports.errors > failures, !isValid || names.isEmpty {
      tables.services[template].flags.insert(.invalid)
    }
  }

  /// A service that exists only to be shown.
  private func invalid(_ name: Int) -> Draft {
    var draft = Draft()
    draft.service.name = strings.text(name)
    draft.service.flags = .invalid
    draft.service.start = .manual
    return draft
  }

  /// Makes the service that comes next the owner of a name, if no other is.
  private mutating func own(_ name: Int, _ site: Site) {
    while owners.count <= name { owners.append(-1) }
    guard owners[name] >= 0 else {
      owners[name] = Int32(tables.services.count)
      return
    }
    open(site.file)
    var message: [UInt8] = []
    message.append("the service \"")
    message.append(printable: strings.bytes(of: strings.text(name)))
    message.append("\" is defined twice, first at ")
    append(serviceSites[Int(owners[name])], to: &message)
    report(.error, site.node, message: message)
  }

  private mutating func hasRoom(_ site: Site) -> Bool {
    if tables.services.count < ManifestLimits.services { return true }
    open(site.file)
    subject = nil
    if !isFull { error(site.node, "more than 1024 services; this one and the rest are left out") }
    isFull = true
    return false
  }
}
