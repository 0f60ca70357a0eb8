internal import ApusBase
internal import ApusJSON

/// The `create` key of `system`.
extension Decoder {
  /// Decodes one node of the file system.
  @inline(never) mutating func create(_ node: JSONNode) {
    let failures = reports.errors
    var creation = Creation()
    var given = 0
    var cursor = object(node, like: "an object like {\"directory\": \"/data/web\"}")
    while let key = next(
      &cursor,
      WordList("directory file link fifo device mode user group target content when"))
    {
      let node = cursor.value
      given |= 1 << key
      switch key {
      case 0...4:
        creation.kind = Creation.Kind(rawValue: UInt8(truncatingIfNeeded: key)) ?? .directory
        if let path = path(node) { creation.path = path }
      case 5: if let mode = mode(node, most: 0o7777) { creation.mode = Int32(mode) }
      case 6: if let user = principal(node) { creation.user = user }
      case 7: if let group = principal(node) { creation.group = group }
      case 8, 9: if let text = text(node) { creation.text = text }
      default: creation.isFirst = word(node, WordList("start mounted")) == 0
      }
    }
    guard reports.errors == failures else { return }
    // One of the first five keys, with those of mode, target and content that it has a use for.
    let (mode, target, content) = (1 << 5, 1 << 8, 1 << 9)
    let extra = given & (mode | target | content)
    let isWhole =
      switch given & 31 {
      case 1, 8: extra & ~mode == 0
      case 2: extra & target == 0
      case 4: extra == target
      case 16: extra & ~mode == target && setDevice(&creation)
      default: false
      }
    guard isWhole else {
      return error(
        node,
        """
        expected a directory, fifo, file with content, link with target, or device with target \
        \"c 10:200\"
        """)
    }
    tables.system.creations.add(creation)
  }

  /// Reads the kind and the numbers of a device; false when they are none.
  private func setDevice(_ creation: inout Creation) -> Bool {
    let text = strings.bytes(of: creation.text)
    var position = 2
    guard let kind = text.first, kind | 1 == UInt8(ascii: "c"), text.at(1) == 0x20,
      let major = Scalar.number(text, &position), major < 4096,
      text.at(position) == UInt8(ascii: ":")
    else { return false }
    position += 1
    guard let minor = Scalar.number(text, &position), minor < 1 << 20, position == text.count
    else { return false }
    if kind == UInt8(ascii: "b") { creation.kind = .blockDevice }
    creation.major = UInt32(major)
    creation.minor = UInt32(minor)
    return true
  }
}
