internal import ApusBase
internal import ApusManifest
import Foundation

/// Services and what they have to do with each other, of one manifest with its drop-ins.
public struct ServiceGraph: Sendable {
  /// How one service looks at another.
  public enum Relation: String, CaseIterable, Sendable {
    /// Hard dependency and order.
    case needs
    /// Soft dependency and order.
    case wants
    /// Order.
    case after
    /// Stopped and restarted with it.
    case partOf
    /// Started when this one gives up.
    case onFailure

    /// The relation of a key that may name what is not there.
    init(_ key: ServiceKey) {
      switch key {
      case .wants: self = .wants
      case .partOf: self = .partOf
      default: self = .after
      }
    }

    /// The attributes of its edge in DOT.
    var style: String {
      switch self {
      case .needs: ""
      case .wants: ", style=dashed"
      case .after: ", style=dotted"
      case .partOf: ", color=gray"
      case .onFailure: ", color=red"
      }
    }
  }

  /// A listener.
  public struct Socket: Sendable {
    /// `stream`, `fifo`, …
    public var kind: String
    /// The address as the manifest spells it.
    public var address: String
  }

  /// A service that is no template and not invalid.
  public struct Node: Sendable {
    /// Its name.
    public var name: String
    /// `boot`, `demand`, `timer` or `manual`.
    public var start: String
    /// Its listeners.
    public var sockets: [Socket]
    /// The services it names, those that are not there included.
    public var links: [(relation: Relation, target: String)]
  }

  /// The services in the order of the manifest.
  public private(set) var nodes: [Node] = []

  /// Reads a manifest and the drop-ins beside it; fails where the check would.
  public init(manifest path: String) throws(ImportFailure) {
    var loader = ManifestLoader()
    for file in [path] + Self.dropIns(of: path) {
      guard let text = ImportRoot.read(file) else {
        throw ImportFailure("cannot read \(file): no regular file of at most 1 MiB")
      }
      loader.add(file: Array(file.utf8), bytes: Array(text.utf8))
    }
    let loaded = loader.finish()
    if let error = loaded.diagnostics.first(where: { $0.severity == .error }) {
      var line = ByteWriter(capacity: 1024)
      error.write(into: &line)
      throw ImportFailure(String(decoding: line.bytes, as: UTF8.self))
    }
    let manifest = loaded.manifest
    for (index, service) in manifest.services.enumerated()
    where service.flags.isDisjoint(with: [.template, .invalid]) {
      nodes.append(Self.node(index, service, manifest))
    }
  }

  private static func dropIns(of path: String) -> [String] {
    let folder = ((path as NSString).deletingPathExtension) + ".d"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".json") }.sorted {
      Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
    }
    .map { "\(folder)/\($0)" }
  }

  private static func node(_ index: Int, _ service: Service, _ manifest: Manifest) -> Node {
    func text(_ text: Text) -> String {
      let start = Int(text.offset)
      return String(decoding: manifest.pool[start..<start + Int(text.count)], as: UTF8.self)
    }
    func names(_ range: TableRange) -> [String] {
      range.indices.compactMap { link in
        let target = Int(manifest.links[link])
        return manifest.services.indices.contains(target)
          ? text(manifest.services[target].name) : nil
      }
    }
    var links: [(relation: Relation, target: String)] = []
    for (relation, range) in [
      (Relation.needs, service.needs), (.wants, service.wants), (.after, service.after),
      (.partOf, service.partOf),
      (.onFailure, manifest.extras(of: service).onFailure),
    ] {
      links += names(range).map { (relation, $0) }
    }
    for missing in manifest.missing where Int(missing.service) == index {
      links.append((Relation(missing.key), text(missing.name)))
    }
    let sockets = service.listeners.indices.map { listener in
      Socket(
        kind: "\(manifest.listeners[listener].kind)",
        address: text(manifest.listeners[listener].spelling))
    }
    return Node(
      name: text(service.name), start: "\(service.start)", sockets: sockets, links: links)
  }
}

/// The graph in DOT, Graphviz's language.
extension ServiceGraph {
  /// One node for each service and socket, one edge for each relation.
  public var dot: String {
    var lines = [
      "digraph manifest {", "  rankdir=LR;", "  node [shape=box, fontname=\"sans-serif\"];",
      "  edge [fontname=\"sans-serif\", fontsize=10];",
    ]
    let known = Set(nodes.map(\.name))
    for node in nodes {
      let style =
        switch node.start {
        case "boot": "solid"
        case "demand": "rounded"
        default: "dashed"
        }
      lines.append(
        "  \(Self.quoted(node.name)) [style=\(style), tooltip=\"starts: \(node.start)\"];")
    }
    let missing = nodes.flatMap(\.links).map(\.target).filter { !known.contains($0) }
    for name in Set(missing).sorted() {
      lines.append("  \(Self.quoted(name)) [style=dotted, fontcolor=gray, tooltip=\"not there\"];")
    }
    for node in nodes {
      for socket in node.sockets {
        let name = Self.quoted("\(socket.kind) \(socket.address)")
        lines.append("  \(name) [shape=ellipse];")
        lines.append("  \(name) -> \(Self.quoted(node.name)) [arrowhead=empty];")
      }
      for link in node.links {
        lines.append(
          "  \(Self.quoted(node.name)) -> \(Self.quoted(link.target)) "
            + "[label=\"\(link.relation.rawValue)\"\(link.relation.style)];")
      }
    }
    return lines.joined(separator: "\n") + "\n}\n"
  }

  private static func quoted(_ text: String) -> String {
    "\""
      + text.replacingOccurrences(of: "\\", with: "\\\\")
      .replacingOccurrences(of: "\"", with: "\\\"") + "\""
  }
}
