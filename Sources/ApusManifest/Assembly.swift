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
  /// True for an entry whose keys override those of an earlier one.
  var isOverride: Bool
  /// True for an override of one instance until its template is met.
  var isUnclaimed = false
  /// The next entry that overrides keys of this one, as an index of the entries, or -1.
  var override = -1
}

/// From parsed files to services: the keys at the top, defaults, overrides, templates.
extension Decoder {
  private static var top: WordList {
    WordList("apus system defaults services")
  }

  /// Checks that a file is an object of version 1; false when it cannot be used.
  @inline(never) mutating func checkTop(isMain: Bool) -> Bool {
    let root = document.root
    guard expect(.object, root), !refusesMembers(of: root) else { return false }
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
  @inline(never) mutating func assemble() {
    servicesOffsets = Rows(repeating: -1, count: files.count)
    for index in files.indices {
      open(index)
      var cursor = object(document.root)
      while let key = next(&cursor, Decoder.top) {
        switch key {
        case 1: system(cursor.value)
        case 2 where index == 0: defaults(cursor.value)
        case 2: error(cursor.value, "\"defaults\" belong in the main file")
        case 3:
          servicesOffsets[index] = document.offset(cursor.value)
          var services = object(
            cursor.value, like: "an object like {\"web\": {\"exec\": [\"/path\"]}}")
          while next(&services) { add(services) }
        default: break
        }
      }
    }
    for index in entries.indices where !entries[index].isOverride { expand(index) }
    for index in entries.indices where entries[index].isUnclaimed { expandUnclaimed(index) }
    subject = nil
    target = nil
    addGoodService()
    reportOtherDuplicates()
  }

  /// Decodes the keys of `system`; a key of two files is an error, the first one counts.
  @inline(never) private mutating func system(_ node: JSONNode) {
    var cursor = object(node)
    while let number = next(&cursor, SystemKey.names) {
      if let other = systemSlots[number] {
        twice(cursor.value, "defined twice, first at ", other)
      } else if let key = SystemKey(rawValue: UInt8(truncatingIfNeeded: number)) {
        systemSlots.set(number, Site(file: file, node: cursor.value))
        decode(key, cursor.value)
      }
    }
  }

  /// Decodes `defaults` into what services start from; wrong values leave the built-in default.
  @inline(never) private mutating func defaults(_ node: JSONNode) {
    var cursor = object(node)
    while let number = next(&cursor, ServiceKey.names) {
      guard let key = ServiceKey(rawValue: UInt8(truncatingIfNeeded: number)) else { continue }
      guard key.mayBeDefault else {
        error(cursor.value, "may not stand in \"defaults\"")
        continue
      }
      let failures = reports.errors
      draft = base
      decode(key, cursor.value)
      guard reports.errors == failures else { continue }
      base = draft
      defaultSlots.set(number, Site(file: file, node: cursor.value))
      defaultDigests[number] = digest(number, Site(file: file, node: cursor.value))
    }
  }

  /// Notes the second definition of something with both places.
  @inline(never) private mutating func twice(
    _ node: JSONNode, _ text: Literal, _ other: Site, _ more: Literal = ""
  ) {
    var message: Bytes = Rows()
    message.append(text)
    append(other, to: &message)
    message.append(more)
    report(.error, node, message: message)
  }

  // MARK: Entries

  /// Adds an entry, or links it to the one it overrides.
  @inline(never) private mutating func add(_ cursor: Cursor) {
    let (name, key) = (cursor.name, cursor.key)
    guard Scalar.isServiceName(name), name.first != UInt8(ascii: "@") else {
      return error(key, "a service name is 1 to 64 of A-Z a-z 0-9 _ . @ -, not ", name)
    }
    let number = strings.number(of: name)
    var entry = Entry(
      name: number, key: Site(file: file, node: key), value: cursor.value, isOverride: false)
    let isOverride =
      member(cursor.value, "override").map { document.kind($0) == .true } ?? false
    var last = firstEntries[number]
    if last < 0 {
      if isOverride, template(of: name) != nil {
        entry.isOverride = true
        entry.isUnclaimed = true
      } else if isOverride {
        report(.warning, key, "overrides no service of an earlier file")
      }
      firstEntries.set(number, entries.count)
    } else if isOverride, entries[last].key.file != file {
      while entries[last].override >= 0 { last = entries[last].override }
      entries[last].override = entries.count
      entry.isOverride = true
    } else {
      return twice(
        key, "service defined twice, first at ", entries[last].key,
        "; \"override\": true replaces keys of it")
    }
    entries.add(entry)
  }

  /// The last value of every key of a service, until the next call.
  @inline(never) private mutating func gather(_ first: Int) -> Slots {
    gathered.clear()
    overlay(first)
    return gathered
  }

  /// Puts the keys of an entry, and of what overrides it, over those that are gathered.
  @inline(never) mutating func overlay(_ first: Int) {
    var current = first
    while current >= 0 {
      open(entries[current].key.file)
      var cursor = object(entries[current].value)
      while let number = next(&cursor, ServiceKey.names) {
        gathered.set(number, Site(file: file, node: cursor.value))
      }
      current = entries[current].override
    }
  }

  // MARK: Services

  /// Makes the services of an entry: one, or a template and its instances.
  @inline(never) mutating func expand(_ index: Int) {
    let entry = entries[index]
    let bytes = strings.bytes(of: strings.text(entry.name))
    standAtService(bytes)
    let failures = reports.errors
    guard hasRoom(entry.key) else { return }
    subject = tables.services.count
    target = subject
    let slots = gather(index)
    open(entry.key.file)
    if bytes.last == UInt8(ascii: "@") {
      template(index, bytes, slots, failures)
    } else {
      if let site = slots[.instances] {
        let length = enter(site)
        error(site.node, "only a template, whose name ends in \"@\", has instances")
        leave(length)
      }
      add(entry, entry.name, slots, failures)
    }
  }

  /// Adds one service; invalid when there were errors since `failures`.
  @inline(never) mutating func add(
    _ entry: Entry, _ name: Int, _ slots: Slots, _ failures: Int
  ) {
    isPlain = instance.isEmpty
    service(slots, name: strings.text(name))
    isPlain = false
    open(entry.key.file)
    if slots[.exec] == nil, document.kind(entry.value) == .object {
      error(entry.key.node, "the key \"exec\" is missing")
    }
    own(name, entry.key)
    if reports.errors > failures { refuseDraft(name) }
    commit(at: entry.key)
  }

  /// Makes the draft a service that exists only to be shown.
  @inline(never) mutating func refuseDraft(_ name: Int) {
    draft = .blank(strings.text(name))
    draft.service.flags = .invalid
    draft.service.start = .manual
  }

  /// Adds a service that exists only to be shown.
  @inline(never) mutating func addInvalid(_ name: Int, _ site: Site) {
    own(name, site)
    refuseDraft(name)
    commit(at: site)
  }

  /// Makes the service that comes next the owner of a name, if no other is.
  @inline(never) mutating func own(_ name: Int, _ site: Site) {
    let owner = owners[name]
    if owner < 0 { return owners.set(name, tables.services.count) }
    open(site.file)
    var message: Bytes = Rows()
    message.append("the service \"")
    message.append(printable: strings.bytes(of: strings.text(name)))
    message.append("\" is defined twice, first at ")
    append(serviceSites[owner], to: &message)
    report(.error, site.node, message: message)
  }

  @inline(never) mutating func hasRoom(_ site: Site) -> Bool {
    if tables.services.count < ManifestLimits.services { return true }
    open(site.file)
    subject = nil
    if !isFull { error(site.node, "more than 1024 services; this one and the rest are left out") }
    isFull = true
    return false
  }
}
