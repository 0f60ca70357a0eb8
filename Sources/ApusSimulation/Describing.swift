internal import ApusBase
internal import ApusCore
internal import ApusWire

// How values read in the message of a broken rule. Embedded Swift has no names of cases and no
// descriptions made by reflection: there numbers stand for them.

#if hasFeature(Embedded)
  extension Array {
    /// The element, nil outside; on the host `Rows` has it.
    func at(_ index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
  }

  extension DefaultStringInterpolation {
    mutating func appendInterpolation(_ value: some RawRepresentable<UInt8>) {
      appendInterpolation(value.rawValue)
    }

    mutating func appendInterpolation(_ id: InstanceID) {
      appendLiteral("\(id.slot).\(id.generation)")
    }

    mutating func appendInterpolation(_ id: ClientID) {
      appendLiteral("\(id.slot).\(id.generation)")
    }
  }

  /// What the supervisor says of a service.
  func text(_ report: ServiceReport?) -> String {
    guard let report else { return "nothing" }
    return "\(report.state), pid \(report.pid), because \(report.reason.kind)"
  }
#else
  /// What the supervisor says of a service.
  func text(_ report: ServiceReport?) -> String { String(describing: report) }
#endif
