internal import ApusBase
internal import ApusJSON

/// The `directories` key.
extension Decoder {
  /// Decodes names below fixed places, each a string or an object with a mode and an owner too.
  @inline(never) mutating func directories(_ node: JSONNode) {
    let start = tables.directories.count
    var cursor = object(node, like: "an object like {\"state\": [\"web\"]}")
    while let key = next(&cursor, WordList("runtime state cache log config")) {
      var directory = Directory()
      directory.place = DirectoryPlace(rawValue: UInt8(truncatingIfNeeded: key)) ?? .runtime
      if document.kind(cursor.value) == .object {
        wrongKind(cursor.value, "an array", cure: Decoder.array(of: WordList("{...}").word(0)))
        continue
      }
      var elements = array(cursor.value)
      while let element = element(&elements, most: ManifestLimits.directories) {
        decode(element, directory)
      }
    }
    draft.service.directories = TableRange(from: start, to: tables.directories.count)
    if tables.directories.count - start > ManifestLimits.directories {
      tooMany(node, ManifestLimits.directories)
    }
  }

  private mutating func decode(_ node: JSONNode, _ blank: Directory) {
    var directory = blank
    if document.kind(node) == .string {
      directory.name = directoryName(node, blank.place)
    } else if document.kind(node) == .object {
      let failures = reports.errors
      var hasName = false
      var members = object(node)
      while let key = next(&members, WordList("name mode user group")) {
        switch key {
        case 0:
          hasName = true
          directory.name = directoryName(members.value, blank.place)
        case 1: directory.mode = mode(members.value)
        case 2: if let user = principal(members.value) { directory.user = user }
        default: if let group = principal(members.value) { directory.group = group }
        }
      }
      if !hasName, reports.errors == failures { error(node, "the key \"name\" is missing") }
    } else {
      wrongKind(node, "a name or an object like {\"name\": \"web\", \"mode\": \"0750\"}")
    }
    tables.directories.append(directory)
  }

  /// A relative path; of an absolute one below the place the rest is what was meant.
  private mutating func directoryName(_ node: JSONNode, _ place: DirectoryPlace) -> Text {
    guard let bytes = string(node) else { return .none }
    if Scalar.isRelative(bytes) { return strings.keep(bytes) }
    var start = 0
    var end = bytes.count
    while end > 0, bytes[end - 1] == UInt8(ascii: "/") { end -= 1 }
    var base: Bytes = Rows()
    base.append(place.path)
    if end > base.count, bytes.part(0, base.count) == base { start = base.count }
    while start < end, bytes[start] == UInt8(ascii: "/") { start += 1 }
    let rest = bytes.part(start, end)
    error(
      node, "expected a relative path without \".\" and \"..\", found ", bytes,
      hint: Scalar.isRelative(rest) ? rest : nil)
    return .none
  }
}

extension Scalar {
  /// A path of at most 255 bytes that begins and ends with a name, none of them `.` or `..`.
  static func isRelative(_ path: Bytes) -> Bool {
    var start = 0
    while start < path.count {
      let end = path.place(of: UInt8(ascii: "/"), from: start)
      let name = path.part(start, end)
      if name.count == 0 && (start == 0 || end == path.count) { return false }
      if name.first == UInt8(ascii: "."), name.count == 1 || name.count == 2 && name[1] == name[0] {
        return false
      }
      start = end + 1
    }
    return path.count > 0 && path.count <= 255 && path.last != UInt8(ascii: "/")
  }
}
