internal import ApusBase
internal import ApusJSON

/// Keys whose behaviour is not in force yet: decoded, validated, and kept where that is cheap.
extension Decoder {
  /// Decodes one of the rarer keys.
  mutating func rare(_ key: ServiceKey, _ node: JSONNode, _ extras: inout Extras) {
    switch key {
    case .pidFile: if let path = path(node) { extras.pidFile = path }
    case .idleStop:
      if let time = duration(node, least: .seconds(1)) { extras.idleStop = time }
    case .runtimeMax:
      if let time = duration(node, least: .seconds(1)) { extras.runtimeMax = time }
    case .watchdog:
      if let time = duration(node, least: .milliseconds(100)) { extras.watchdog = time }
    case .fdStore:
      if let count = integer(node, 0, 1024) { extras.fdStore = UInt16(truncatingIfNeeded: count) }
    default: break
    }
  }
}
