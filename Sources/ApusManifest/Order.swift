internal import ApusBase
internal import ApusJSON

/// How far the search for cycles has come with a service.
private struct Visit {
  var service: Int
  /// The next of its links, counted over `needs`, `wants` and `after`.
  var next: UInt32 = 0
  /// The longest chain below it so far.
  var depth = 0
}

/// The order of services must be possible.
extension Decoder {
  /// Refuses the services of every cycle, and those at the top of a chain that is too long.
  ///
  /// A depth-first search with its own stack: no input can make it deep in calls.
  @inline(never) mutating func refuseCycles() {
    let unseen = -1
    let open = -2
    var depths = Rows<Int>(repeating: unseen, count: tables.services.count)
    var stack: Rows<Visit> = Rows()
    for root in tables.services.indices where depths[root] == unseen {
      stack.add(Visit(service: root))
      depths[root] = open
      while let visit = stack.last {
        let top = stack.count - 1
        guard let link = link(visit.next, of: visit.service) else {
          depths[visit.service] = visit.depth + 1
          if visit.depth + 1 > ManifestLimits.chain {
            refuseChain(visit.service)
            depths[visit.service] = 0
          }
          stack.shorten(to: top)
          if top > 0 { stack[top - 1].depth = max(stack[top - 1].depth, depths[visit.service]) }
          continue
        }
        stack[top].next += 1
        let service = Int(tables.links[link])
        if depths[service] >= 0 {
          stack[top].depth = max(visit.depth, depths[service])
        } else if depths[service] == unseen {
          depths[service] = open
          stack.add(Visit(service: service))
        } else {
          var start = top
          while start > 0, stack[start].service != service { start -= 1 }
          refuseCycle(stack, start)
          for index in start...top { depths[stack[index].service] = 0 }
          stack.shorten(to: start)
        }
      }
    }
  }

  /// The index in `Manifest.links` of one of a service's links.
  @inline(never) private func link(_ number: UInt32, of service: Int) -> Int? {
    guard tables.services.indices.contains(service),
      !tables.services[service].flags.contains(.invalid)
    else { return nil }
    var number = number
    for kind in Service.orderKinds {
      let range = tables.services[service][links: kind]
      if number < range.count { return Int(range.start + number) }
      number -= range.count
    }
    return nil
  }

  /// Notes a cycle once for each of its services, at the link that belongs to it.
  @inline(never) private mutating func refuseCycle(_ stack: Rows<Visit>, _ start: Int) {
    for turn in start..<stack.count {
      guard let link = link(stack[turn].next - 1, of: stack[turn].service) else { continue }
      var message: Bytes = Rows()
      message.append("dependency cycle: ")
      let length = stack.count - start
      for step in 0...length {
        if step > 0 { message.append(" -> ") }
        if step == 16, length > 17 {
          message.append("...")
          break
        }
        let index = start + (turn - start + step) % length
        message.append(printable: strings.bytes(of: tables.services[stack[index].service].name))
      }
      refuse(stack[turn].service, link, message)
    }
    for turn in start..<stack.count { invalidate(stack[turn].service) }
  }

  @inline(never) private mutating func refuseChain(_ service: Int) {
    guard let link = link(0, of: service) else { return }
    var message: Bytes = Rows()
    message.append("the chain of dependencies is longer than 256 services")
    refuse(service, link, message)
    invalidate(service)
  }

  @inline(never) private mutating func refuse(_ service: Int, _ link: Int, _ message: Bytes) {
    stand(at: pending[link])
    subject = service
    report(.error, pending[link].site.node, message: message)
  }
}
