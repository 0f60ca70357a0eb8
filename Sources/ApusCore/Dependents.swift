internal import ApusBase
internal import ApusManifest

/// For each service, those that name it in `needs`, `wants`, `after` or `partOf`: the edges of the
/// manifest turned round, so that a change of one service looks at its neighbours only.
struct Dependents: Sendable {
  /// What one service has to do with another.
  enum Relation: UInt8, Sendable {
    case needs
    case wants
    case after
    case partOf
  }
  /// One edge.
  struct Edge: Sendable {
    var service: UInt16
    var relation: Relation

    /// True when a stop of the one is a stop of the other.
    var isStoppedAlong: Bool { relation == .needs || relation == .partOf }
    /// True when the one ends before the other.
    var isOrdered: Bool { Service.orderKinds.contains(Int(relation.rawValue)) }
  }
  private var starts: Rows<UInt32>
  private var edges: Rows<Edge>

  init(manifest: Manifest) {
    let count = manifest.services.count
    starts = Rows<UInt32>(repeating: 0, count: count + 1)
    edges = Rows()
    var total = 0
    Self.visit(manifest) { target, _ in
      starts[Int(target) + 1] += 1
      total += 1
    }
    guard total > 0 else {
      starts = Rows()
      return
    }
    for index in 1...count { starts[index] += starts[index - 1] }
    edges = Rows<Edge>(repeating: Edge(service: 0, relation: .after), count: total)
    var next = Rows(own: starts)
    Self.visit(manifest) { target, edge in
      edges[Int(next[Int(target)])] = edge
      next[Int(target)] += 1
    }
  }

  /// The indexes of a service's edges.
  func range(of service: Int) -> Range<Int> {
    guard let first = starts.at(service), let end = starts.at(service + 1) else { return 0..<0 }
    return Int(first)..<Int(end)
  }

  /// The edge at an index of `range(of:)`.
  subscript(index: Int) -> Edge { edges[index] }

  private static func visit(_ manifest: Manifest, _ body: (UInt16, Edge) -> Void) {
    for index in manifest.services.indices {
      let service = manifest.services[index]
      let number = UInt16(truncatingIfNeeded: index)
      for kind in Service.linkKinds {
        guard let relation = Relation(rawValue: UInt8(kind)) else { continue }
        for link in service[links: kind].indices {
          guard let target = manifest.links.at(link), Int(target) < manifest.services.count
          else { continue }
          body(target, Edge(service: number, relation: relation))
        }
      }
    }
  }
}
