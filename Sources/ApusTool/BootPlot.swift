import Foundation

/// A boot as a picture: one row for each service, its time from start to ready as a bar.
public struct BootPlot {
  /// True to begin with the kernel instead of with apus.
  public var startsWithKernel = false
  /// The width of the picture.
  public var width = 960

  private let log: BootLog
  private let graph: ServiceGraph?

  /// A plot of a time line; with a graph its dependencies are shown beneath the pointer.
  public init(_ log: BootLog, graph: ServiceGraph? = nil) {
    self.log = log
    self.graph = graph
  }

  /// One row: what belongs to one service, in the order of time.
  private struct Row {
    var name: String
    var entries: [BootLog.Entry]

    var start: Int { entries.first?.atUs ?? 0 }
    var end: Int { entries.map(\.end).max() ?? 0 }
    var isReady: Bool { entries.contains { $0.what == "ready" } }
  }

  private static let rowHeight = 22
  private static let top = 64

  /// Everything that has to be known before anything is drawn.
  private struct Layout {
    var rows: [Row]
    var mounts: [BootLog.Entry]
    var sockets: [BootLog.Entry]
    var origin: Int
    var end: Int
    var left: Int
    var right: Int

    func x(_ time: Int) -> Double {
      let span = Double(max(1, end - origin))
      return Double(left) + Double(time - origin) / span * Double(right - left)
    }
  }

  private var layout: Layout {
    var rows: [Row] = []
    for entry in log.entries where ["pre", "start", "ready", "started"].contains(entry.what) {
      if let index = rows.firstIndex(where: { $0.name == entry.name }) {
        rows[index].entries.append(entry)
      } else {
        rows.append(Row(name: entry.name, entries: [entry]))
      }
    }
    let origin = startsWithKernel ? 0 : min(log.kernelUs, log.entries.first?.atUs ?? .max)
    let up = log.kernelUs + log.initUs
    let longest = (rows.map(\.name) + ["sockets", "mounts"]).map { min($0.count, 28) }.max() ?? 0
    return Layout(
      rows: rows, mounts: log.entries.filter { $0.what == "mount" },
      sockets: log.entries.filter { $0.what == "bind" }, origin: origin,
      end: max(up, log.entries.map(\.end).max() ?? up), left: 24 + longest * 7,
      right: width - 84)
  }

  // MARK: The picture

  /// The whole SVG.
  public var svg: String {
    let layout = layout
    let kernel = BootLog.Entry(what: "mount", name: "kernel", atUs: 0, durationUs: log.kernelUs)
    let lanes = [
      ("kernel", startsWithKernel ? [kernel] : []), ("mounts", layout.mounts),
      ("sockets", layout.sockets),
    ].filter { !$0.1.isEmpty }
    let rows = lanes.count + layout.rows.count
    let bottom = Self.top + rows * Self.rowHeight + 8
    let height = bottom + 28
    var lines = [
      """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" role="img" aria-label="Time line of a boot">
      """, "<style>\(Self.style)</style>",
      "<rect class=\"paper\" width=\"\(width)\" height=\"\(height)\"/>",
      "<text class=\"title\" x=\"16\" y=\"26\">\(heading)</text>",
    ]
    lines += legend(layout)
    lines += axis(layout, bottom)
    var row = 0
    for (name, entries) in lanes {
      lines += lane(name, entries, layout, row: row)
      row += 1
    }
    let places = Dictionary(
      zip(layout.rows.map(\.name), layout.rows.indices.map { row + $0 })
    ) { first, _ in first }
    for service in layout.rows {
      lines += bars(of: service, layout, row: row, places)
      row += 1
    }
    return lines.joined(separator: "\n") + "\n</svg>\n"
  }

  /// What it took together; what ran as a supervisor only has no kernel that it started with.
  private var heading: String {
    let isBoot = log.kernelUs < 600_000_000
    return "apus \(BootLog.words(log.initUs))"
      + (isBoot ? ", kernel before it \(BootLog.words(log.kernelUs))" : "")
  }

  private func legend(_ layout: Layout) -> [String] {
    var x = 16
    var lines: [String] = []
    var kinds = [("pre", "commands before"), ("start", "until execve"), ("ready", "until ready")]
    if !layout.rows.contains(where: { $0.entries.contains { $0.what == "pre" } }) {
      kinds.removeFirst()
    }
    for (kind, text) in kinds {
      lines.append(
        "<rect class=\"\(kind)\" x=\"\(x)\" y=\"37\" width=\"10\" height=\"10\" rx=\"2\"/>")
      lines.append("<text class=\"small\" x=\"\(x + 15)\" y=\"46\">\(text)</text>")
      x += 36 + text.count * 6
    }
    if !layout.sockets.isEmpty {
      lines.append("<path class=\"mark\" d=\"M\(x + 5) 37v10\"/>")
      lines.append("<text class=\"small\" x=\"\(x + 15)\" y=\"46\">bound</text>")
    }
    return lines
  }

  /// Lines and numbers of the time, at steps that a reader can count in.
  private func axis(_ layout: Layout, _ bottom: Int) -> [String] {
    let span = max(1, layout.end - layout.origin)
    var step = 1
    var factors = [2, 5, 10]
    var base = 1
    while span / step > 8 {
      step = base * factors.removeFirst()
      if factors.isEmpty {
        factors = [2, 5, 10]
        base *= 10
      }
    }
    return stride(from: 0, through: span, by: step).flatMap { time -> [String] in
      let x = Self.number(layout.x(layout.origin + time))
      return [
        "<path class=\"grid\" d=\"M\(x) \(Self.top - 6)V\(bottom)\"/>",
        "<text class=\"small tick\" x=\"\(x)\" y=\"\(bottom + 16)\">\(time == 0 ? "0" : BootLog.words(time))</text>",
      ]
    }
  }

  private func label(_ text: String, _ y: Int, isLane: Bool = false) -> String {
    let short = text.count > 28 ? text.prefix(27) + "…" : Substring(text)
    return
      "<text class=\"\(isLane ? "lane" : "name")\" x=\"16\" y=\"\(y + 15)\">\(Self.escaped(String(short)))</text>"
  }

  /// Mounts and sockets, each in one row.
  private func lane(
    _ name: String, _ entries: [BootLog.Entry], _ layout: Layout, row: Int
  ) -> [String] {
    let y = Self.top + row * Self.rowHeight
    var lines = [label(name, y, isLane: true)]
    for entry in entries {
      let (from, to) = (layout.x(entry.atUs), layout.x(entry.end))
      let title =
        "\(entry.name): \(entry.what) at \(BootLog.words(entry.atUs - layout.origin)), \(BootLog.words(entry.durationUs))"
      let shape =
        entry.what == "mount"
        ? "<rect class=\"mount\" x=\"\(Self.number(from))\" y=\"\(y + 6)\" width=\"\(Self.number(max(1.5, to - from)))\" height=\"10\"/>"
        : "<path class=\"mark\" d=\"M\(Self.number(from)) \(y + 5)v12\"/>"
      lines.append("<g>\(shape)<title>\(Self.escaped(title))</title></g>")
    }
    let last = entries.map { layout.x($0.end) }.max() ?? 0
    let text = name == "kernel" ? BootLog.words(log.kernelUs) : "\(entries.count)"
    lines.append(
      "<text class=\"small\" x=\"\(Self.number(last + 8))\" y=\"\(y + 15)\">\(text)</text>")
    return lines
  }

  /// The bars of a service, and beneath the pointer what it waits for.
  private func bars(
    of service: Row, _ layout: Layout, row: Int, _ places: [String: Int]
  ) -> [String] {
    let y = Self.top + row * Self.rowHeight
    var lines = ["<g class=\"service\">"]
    lines.append("<rect class=\"hit\" y=\"\(y)\" width=\"\(width)\" height=\"\(Self.rowHeight)\"/>")
    lines.append(label(service.name, y))
    for entry in service.entries {
      let (from, to) = (layout.x(entry.atUs), layout.x(entry.end))
      lines.append(
        "<rect class=\"\(entry.what)\" x=\"\(Self.number(from))\" y=\"\(y + 5)\" "
          + "width=\"\(Self.number(max(1.5, to - from)))\" height=\"12\" rx=\"2\"/>")
    }
    lines.append(total(of: service, layout, y))
    lines += links(of: service, layout, y, places)
    lines.append("<title>\(Self.escaped(title(of: service, layout)))</title>")
    lines.append("</g>")
    return lines
  }

  /// How long it took, behind the bar, or before it where that is the end of the picture.
  private func total(of service: Row, _ layout: Layout, _ y: Int) -> String {
    let text =
      BootLog.words(service.end - service.start) + (service.isReady ? "" : ", not ready")
    let after = layout.x(service.end) + 6
    let isRoom = after + Double(text.count) * 6.5 < Double(width)
    let x = isRoom ? after : layout.x(service.start) - 6
    return "<text class=\"small\(isRoom ? "" : " before")\" x=\"\(Self.number(x))\" "
      + "y=\"\(y + 15)\">\(text)</text>"
  }

  private func links(of service: Row, _ layout: Layout, _ y: Int, _ places: [String: Int])
    -> [String]
  {
    guard let node = graph?.nodes.first(where: { $0.name == service.name }) else { return [] }
    return node.links.compactMap { link -> String? in
      guard [.needs, .wants, .after].contains(link.relation), let place = places[link.target],
        let other = layout.rows.first(where: { $0.name == link.target })
      else { return nil }
      let (from, to) = (layout.x(other.end), layout.x(service.start))
      let start = Self.top + place * Self.rowHeight + 11
      return
        "<path class=\"link\" d=\"M\(Self.number(from)) \(start)C\(Self.number(from)) \(y + 11) "
        + "\(Self.number(from)) \(y + 11) \(Self.number(to)) \(y + 11)\"/>"
    }
  }

  private func title(of service: Row, _ layout: Layout) -> String {
    var lines = [service.name]
    for entry in service.entries {
      let at = BootLog.words(entry.atUs - layout.origin)
      lines.append("\(entry.what): \(BootLog.words(entry.durationUs)), from \(at)")
    }
    if let node = graph?.nodes.first(where: { $0.name == service.name }) {
      for relation in ServiceGraph.Relation.allCases {
        let names = node.links.filter { $0.relation == relation }.map(\.target)
        if !names.isEmpty { lines.append("\(relation.rawValue): \(names.joined(separator: ", "))") }
      }
    }
    return lines.joined(separator: "\n")
  }

  // MARK: Text

  private static func number(_ value: Double) -> String {
    let text = String(format: "%.1f", value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static func escaped(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case _ where scalar.value < 0x20 && scalar != "\n": "?"
      default: String(scalar)
      }
    }.joined()
  }

  /// Light and dark, by what the reader's system says.
  private static let style = """
    text{font-family:system-ui,'DejaVu Sans',sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}
    .name,.lane{font-size:12px}.lane,.small{fill:#59636e}.small{font-size:11px}.tick{text-anchor:middle}.before{text-anchor:end}
    .paper{fill:#fff}.grid{stroke:#d8dee4;fill:none}.pre{fill:#d4a72c}.start{fill:#54aeff}.ready{fill:#0969da}
    .mount{fill:#8c959f;stroke:#fff;stroke-width:.5}.mark{stroke:#1a7f37;stroke-width:2;fill:none}
    .link{stroke:#cf222e;stroke-width:1.5;fill:none;opacity:0}.hit{fill:#818b98;opacity:0}
    .service:hover .link{opacity:1}.service:hover .hit{opacity:.15}
    @media (prefers-color-scheme:dark){text{fill:#f0f6fc}.lane,.small{fill:#9198a1}.paper{fill:#0d1117}
    .grid{stroke:#30363d}.pre{fill:#d29922}.start{fill:#79c0ff}.ready{fill:#1f6feb}.mount{fill:#6e7681;stroke:#0d1117}
    .mark{stroke:#3fb950}.link{stroke:#ff7b72}}
    """
}
