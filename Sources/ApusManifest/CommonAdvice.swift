internal import ApusBase
internal import ApusJSON

/// What is legal in each service and surely not meant of them together.
extension Decoder {
  /// Warns of services that are in each other's way.
  @inline(never) mutating func advise() {
    isAdvised = false
    adviseCircles()
    var logs = NameTable()
    for index in tables.services.indices
    where tables.services[index].flags.isDisjoint(with: [.invalid, .template]) {
      adviseConnection(index)
      guard let file = tables.text(tables.extras(of: tables.services[index]).log, 1) else {
        continue
      }
      let number = strings.number(of: strings.bytes(of: file))
      let other = logs[number]
      if other < 0 {
        logs.set(number, index)
      } else if other < tables.services.count {
        adviseLog(index, other)
        // Once is enough.
        logs.set(number, tables.services.count)
      }
    }
  }

  /// Stands at a key of a service, or at a member of its value; gives the key's name where the key is
  /// one of the defaults.
  @inline(never) private mutating func stand(
    at service: Int, _ key: Literal, _ member: Literal? = nil
  ) -> JSONNode? {
    guard let site = serviceSites.at(service) else { return nil }
    open(site.file)
    subject = service
    standAtService(strings.bytes(of: tables.services[service].name))
    guard let keys = document.next(site.node), let value = self.member(keys, key)
    else { return site.node }
    path.append(".")
    path.append(key)
    guard let member, let inner = self.member(value, member) else { return value }
    path.append(".")
    path.append(member)
    return inner
  }

  /// Warns of a file that two services would rotate.
  private mutating func adviseLog(_ service: Int, _ other: Int) {
    guard let node = stand(at: service, "log", "file") else { return }
    warn(
      node, "the file is also that of ", strings.bytes(of: tables.services[other].name),
      ": each would rotate the other's lines away")
  }

  /// Warns of a name that a connection of an `accept` service has.
  private mutating func adviseConnection(_ service: Int) {
    let name = strings.bytes(of: tables.services[service].name)
    let at = name.place(of: UInt8(ascii: "@"))
    guard at < name.count, let number = strings.find(name.part(0, at)),
      let owner = tables.services.at(owners[number]), owner.accepts
    else { return }
    guard let site = serviceSites.at(service) else { return }
    open(site.file)
    subject = service
    standAtService(name)
    warn(
      site.node, "this is also the name of a connection of ", name.part(0, at),
      ", which has \"accept\"")
  }

  // MARK: onFailure

  /// Names the circles in which services would start each other for failing.
  ///
  /// A depth-first search with its own stack; each circle is told once, at the link that closes it.
  private mutating func adviseCircles() {
    // 0 for a service not seen, 1 on the way, 2 done.
    var states = Rows<UInt8>(repeating: 0, count: tables.services.count)
    var stack: Rows<(service: Int, next: UInt32)> = Rows()
    for root in tables.services.indices where states[root] == 0 {
      stack.append((root, 0))
      states[root] = 1
      while let (service, next) = stack.last {
        let links = tables.extras(of: tables.services[service]).onFailure
        let isValid = !tables.services[service].flags.contains(.invalid)
        guard isValid, next < links.count else {
          states[service] = 2
          stack.shorten(to: stack.count - 1)
          continue
        }
        stack[stack.count - 1].next += 1
        let link = Int(links.start + next)
        let target = Int(tables.links.at(link) ?? .max)
        guard let state = states.at(target) else { continue }
        if state == 0 {
          states[target] = 1
          stack.append((target, 0))
        } else if state == 1 {
          adviseCircle(stack, target, link)
        }
      }
    }
  }

  private mutating func adviseCircle(
    _ stack: Rows<(service: Int, next: UInt32)>, _ target: Int, _ link: Int
  ) {
    guard let pending = pending.at(link), let last = stack.last else { return }
    stand(at: pending)
    subject = last.service
    if reports.count(unlessShown: .warning) { return }
    var message: Bytes = Rows()
    message.append("circle of \"onFailure\": ")
    var isInside = false
    var shown = 0
    for visit in stack {
      isInside = isInside || visit.service == target
      guard isInside, shown < 16 else { continue }
      message.append(printable: strings.bytes(of: tables.services[visit.service].name))
      message.append(" -> ")
      shown += 1
    }
    message.append(printable: strings.bytes(of: tables.services[target].name))
    report(.warning, pending.site.node, message: message)
  }
}
