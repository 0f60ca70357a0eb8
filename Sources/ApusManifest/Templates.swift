internal import ApusBase
internal import ApusJSON

/// Templates, their instances, and what files say of one instance.
extension Decoder {
  /// Adds a template and its instances.
  ///
  /// The first instance that no file overrides stands for all when the keys are validated; without any
  /// instance `1` does.
  @inline(never) mutating func template(
    _ index: Int, _ base: Bytes, _ slots: Slots, _ failures: Int
  ) {
    let entry = entries[index]
    var failures = failures
    let template = tables.services.count
    var names: Rows<Int> = Rows()
    if let site = slots[.instances] {
      let length = enter(site)
      var cursor = array(site.node)
      while let element = element(&cursor) {
        guard let instance = string(element) else { continue }
        var name = base
        name.append(contentsOf: instance)
        if Scalar.isServiceName(name), !instance.isEmpty {
          names.add(strings.number(of: name))
        } else {
          error(element, "not an instance name: ", instance)
        }
      }
      leave(length)
    }
    addInvalid(entry.name, entry.key)
    tables.services[template].flags = .template
    if names.isEmpty {
      let listeners = tables.listeners.count
      instance = Rows(repeating: UInt8(ascii: "1"), count: 1)
      service(slots, name: strings.text(entry.name))
      tables.listeners.shorten(to: listeners)
      listenerSites.shorten(to: listeners)
      if reports.errors == failures { adviseTemplate(entry.key) }
    }
    var isValid = true
    var isFirst = true
    var isTold = false
    let source = sourceBytes(of: entry)
    for index in names.indices {
      guard hasRoom(entry.key) else { break }
      expanded += source / 16
      let name = names[index]
      instance = strings.bytes(of: strings.text(name)).part(base.count)
      target = tables.services.count
      if claim(name, after: entry.key.file) {
        let before = reports.errors
        addOverridden(entry, base, name)
        // What is wrong with one instance is not wrong with the template.
        failures += reports.errors - before
        subject = template
        continue
      }
      if !isFirst { subject = target }
      isAdvised = !isFirst
      let known = isFirst ? failures : reports.errors
      if isValid, expanded > ManifestLimits.expandedBytes {
        if !isTold { refuseExpansion(entry.key) }
        isTold = true
        addInvalid(name, entry.key)
      } else if isValid {
        let hadRoom = !isSpent
        add(entry, name, slots, known)
        // Where it ran out has been said.
        if hadRoom, isSpent { isTold = true }
      } else {
        addInvalid(name, entry.key)
      }
      if isFirst, reports.errors > known { isValid = false }
      isFirst = false
    }
    isAdvised = false
    instance = Rows()
    if reports.errors > failures, !isValid || isTold || names.isEmpty {
      tables.services[template].flags.insert(.invalid)
    }
  }

  /// The first entry of the template that a name is an instance of, when it is in an earlier file.
  @inline(never) func template(of name: Bytes) -> Int? {
    let at = name.place(of: UInt8(ascii: "@"))
    guard at + 1 < name.count, let number = strings.find(name.part(0, at + 1)) else { return nil }
    let first = firstEntries[number]
    return first >= 0 && entries[first].key.file < file ? first : nil
  }

  /// True when a file after that one overrides keys of the instance of that name.
  private mutating func claim(_ name: Int, after file: Int) -> Bool {
    let first = firstEntries[name]
    guard first >= 0, entries[first].isUnclaimed, entries[first].key.file > file else {
      return false
    }
    entries[first].isUnclaimed = false
    return true
  }

  /// Adds an instance with the template's keys and its own over them.
  private mutating func addOverridden(_ entry: Entry, _ base: Bytes, _ name: Int) {
    let slots = gathered
    gathered = Slots()
    gathered.take(slots)
    standAtService(strings.bytes(of: strings.text(name)))
    subject = target
    isAdvised = false
    let failures = reports.errors
    overlay(firstEntries[name])
    if let site = gathered[.instances], site.file != entry.key.file,
      site.file == entries[firstEntries[name]].key.file
    {
      let length = enter(site)
      error(site.node, "only a template, whose name ends in \"@\", has instances")
      leave(length)
    }
    add(entry, name, gathered, failures)
    gathered = slots
    standAtService(base)
  }

  /// Makes a service of its own of an override whose template has no such instance.
  @inline(never) mutating func expandUnclaimed(_ index: Int) {
    let entry = entries[index]
    let name = strings.bytes(of: strings.text(entry.name))
    open(entry.key.file)
    subject = nil
    standAtService(name)
    report(
      .warning, entry.key.node, "overrides no instance: not among those of ",
      name.part(0, name.place(of: UInt8(ascii: "@")) + 1))
    expand(index)
  }

  /// How much text an entry and what overrides keys of it are written in.
  private func sourceBytes(of entry: Entry) -> Int {
    var total = 0
    var current: Entry? = entry
    while let entry = current {
      if let document = files.at(entry.key.file)?.document {
        let end = document.next(entry.value).map { document.offset($0) } ?? document.bytes.count
        total += end - document.offset(entry.value)
      }
      current = entry.override < 0 ? nil : entries.at(entry.override)
    }
    return total
  }

  @inline(never) private mutating func refuseExpansion(_ site: Site) {
    open(site.file)
    isSpent = true
    error(
      site.node,
      "the instances of all templates come to more than 2 MiB; this one and the rest are left out")
  }

  /// True while the instances of templates may have more text; says so once when they may not.
  @inline(never) mutating func hasRoomToExpand(_ node: JSONNode) -> Bool {
    if expanded <= ManifestLimits.expandedBytes { return true }
    if !isSpent { refuseExpansion(Site(file: file, node: node)) }
    return false
  }
}
