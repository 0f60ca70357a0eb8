internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import ApusWire

/// The services of a board as somebody edits them: taken away, changed, added and moved about.
struct Variants {
  private struct Part {
    var name: String
    /// Stays what it is, wherever the part goes.
    var id: Int
    var draft: ManifestBuilder.Draft
    var flushes = false
    /// By `id`: `needs`, `wants`, `after` and `partOf`.
    var links: [[Int]] = [[], [], [], []]
  }

  private var parts: [Part] = []
  private let system: System
  private var number: UInt32 = 1

  /// As a board was built.
  init(_ builder: ManifestBuilder) {
    system = builder.manifest.system
    for (index, built) in builder.drafts.enumerated() {
      var part = Part(name: built.name, id: index, draft: built.draft)
      let service = builder.manifest.services[index]
      part.draft.extras = builder.manifest.extras(of: service)
      // Links are other ones in each manifest.
      part.draft.extras.onFailure = .none
      part.draft.service.type = service.type
      for listener in service.listeners.indices {
        part.flushes = builder.manifest.listeners[listener].flags.contains(.flush)
      }
      part.links = [
        built.draft.needs, built.draft.wants, built.draft.after, built.draft.partOf,
      ]
      parts.append(part)
    }
  }

  /// The tables of the parts as they are.
  func manifest() -> Manifest {
    var builder = ManifestBuilder()
    let ids = parts.map { $0.id }
    for part in parts {
      builder.service(part.name) { draft in
        draft.restart = part.draft.restart
        draft.stop = part.draft.stop
        draft.extras = part.draft.extras
        draft.pre = part.draft.pre
        draft.started = part.draft.started
        draft.post = part.draft.post
        draft.health = part.draft.health
        draft.hasStopCommand = part.draft.hasStopCommand
        let (name, exec) = (draft.service.name, draft.service.exec)
        draft.service = part.draft.service
        draft.service.name = name
        draft.service.exec = exec
        draft.listeners = part.draft.listeners
        draft.version = part.draft.version
        draft.listenerVersion = part.draft.listenerVersion
        draft.needs = part.links[0].compactMap { ids.firstIndex(of: $0) }
        draft.wants = part.links[1].compactMap { ids.firstIndex(of: $0) }
        draft.after = part.links[2].compactMap { ids.firstIndex(of: $0) }
        draft.partOf = part.links[3].compactMap { ids.firstIndex(of: $0) }
      }
    }
    builder.change { manifest in
      manifest.system = system
      for index in manifest.listeners.indices
      where parts[Int(manifest.listeners[index].service)].flushes {
        manifest.listeners[index].flags.insert(.flush)
      }
    }
    return builder.manifest
  }

  /// An edit.
  mutating func edit(_ random: inout Random) {
    for index in parts.indices.reversed() where parts.count > 1 && random.chance(120) {
      remove(index)
    }
    for index in parts.indices where random.chance(250) { change(index, &random) }
    for _ in 0..<random.below(3) { add(&random) }
    if random.chance(300) {
      for index in parts.indices { parts.swapAt(index, random.below(parts.count)) }
    }
  }

  private mutating func mark(_ index: Int) {
    number += 1
    parts[index].draft.version = number
  }

  /// What has named it is changed by that.
  private mutating func remove(_ index: Int) {
    let id = parts.remove(at: index).id
    for other in parts.indices {
      for list in 0..<4 where parts[other].links[list].contains(id) {
        parts[other].links[list].removeAll { $0 == id }
        mark(other)
      }
    }
  }

  private mutating func change(_ index: Int, _ random: inout Random) {
    mark(index)
    parts[index].draft.stop.timeout = .milliseconds(random.time(10, 5_000))
    let listens = parts[index].draft.listeners > 0
    if listens, random.chance(500) {
      parts[index].draft.listeners = 1 + random.below(3)
      if random.chance(500) { parts[index].draft.listenerVersion = number }
    }
    if listens, parts[index].draft.service.type == .simple, random.chance(200) {
      if parts[index].draft.service.accepts {
        parts[index].draft.service.flags.remove(.accept)
      } else {
        parts[index].draft.accept(max: UInt16(1 + random.below(5)))
      }
    }
    if !listens, random.chance(300) {
      parts[index].draft.service.start = random.pick([.boot, .manual])
    }
  }

  private mutating func add(_ random: inout Random) {
    number += 1
    // Above those of the board.
    let id = 100 + Int(number)
    var part = Part(name: "n\(number)", id: id, draft: ManifestBuilder.Draft())
    part.draft.version = number
    if random.chance(500) { part.draft.listen(1 + random.below(2)) }
    if part.draft.listeners > 0, random.chance(300) {
      part.draft.accept(max: UInt16(1 + random.below(5)))
    }
    part.draft.service.trigger = Rate(count: 20, window: .seconds(2))
    for _ in 0..<random.below(3) where !parts.isEmpty {
      part.links[random.below(3)].append(parts[random.below(parts.count)].id)
    }
    parts.append(part)
  }
}
