internal import ApusBase
internal import ApusJSON

/// A file that was parsed, under the name the caller gave it.
struct SourceFile: Sendable {
  let name: [UInt8]
  let document: JSONDocument
}

/// A value in one of the files, remembered for checks that come later.
struct Site: Sendable {
  var file: Int
  var node: JSONNode
}

/// A link by name that is resolved once every service is known.
struct PendingLink: Sendable {
  /// Number of the name in the string pool.
  var name: Int
  /// Where it is written.
  var site: Site
  /// The service it belongs to; nil for `defaults` and `system`.
  var service: Int?
  /// The key it stands under.
  var key: ServiceKey
  /// The key of `system` it stands under, for a service named by a power event.
  var event: SystemKey?
}

/// Turns parsed files into tables and diagnostics: where it stands, what it has made so far.
///
/// Decoding goes down a value and comes back by itself, never deeper than the shapes of the
/// manifest, whatever the input. Errors are noted and decoding goes on.
struct Decoder: Sendable {
  var files: [SourceFile] = []
  /// The file that is being decoded.
  var file = 0
  /// The way to the value that is being decoded.
  var path: [UInt8] = []
  /// The service that diagnostics are about.
  var subject: Int?
  /// The service that links and listeners belong to.
  var target: Int?
  /// What `%i` stands for; empty outside instances.
  var instance: [UInt8] = []
  var reports = Reports()
  var strings = StringPool()
  var tables = Manifest()
  var pending: [PendingLink] = []
  /// Services named by power events.
  var powerLinks: [PendingLink] = []
  /// One for each listener.
  var listenerSites: [Site] = []
  /// One for each service.
  var serviceSites: [Site] = []
  /// The service of a name's number, or -1.
  var owners: [Int32] = []
  /// True after a key that is not in force yet.
  var usesLaterKeys = false
  /// True once there is no room for another service.
  var isFull = false
  /// What services without a key of their own start from.
  var base = Draft()
  /// The values of `defaults`, for those that depend on the instance.
  var defaultSlots = Slots()

  /// The document that is being decoded; the file number is always one of `files`.
  var document: JSONDocument { files[file].document }

  // MARK: Diagnostics

  /// Notes an error about a value: a text, a word of the manifest, more text, and a hint.
  mutating func error(
    _ node: JSONNode, _ text: StaticString, _ word: [UInt8]? = nil, _ more: StaticString = "",
    hint: [UInt8]? = nil
  ) {
    report(.error, node, text, word, more, hint: hint)
  }

  /// Notes a diagnostic about a value at the current path.
  mutating func report(
    _ severity: Severity, _ node: JSONNode, _ text: StaticString, _ word: [UInt8]? = nil,
    _ more: StaticString = "", hint: [UInt8]? = nil
  ) {
    var message: [UInt8] = []
    message.append(text)
    if let word {
      message.append("\"")
      message.append(printable: word)
      message.append("\"")
    }
    message.append(more)
    if let hint {
      message.append("; did you mean \"")
      message.append(printable: hint)
      message.append("\"?")
    }
    report(severity, node, message: message)
  }

  /// Notes a diagnostic with a composed message.
  mutating func report(_ severity: Severity, _ node: JSONNode, message: [UInt8]) {
    let place = place(of: Site(file: file, node: node))
    reports.add(
      Diagnostic(
        file: files[file].name, line: place.line, column: place.column, path: path,
        severity: severity, message: message, service: subject))
  }

  /// Line and column of a value.
  func place(of site: Site) -> SourcePosition {
    let document = files[site.file].document
    return SourcePosition.locate(offset: document.offset(site.node), in: document.bytes)
  }

  /// Notes that a key or value is accepted but does nothing yet.
  mutating func notInForce(_ node: JSONNode) {
    report(.note, node, "accepted, not in force yet")
    usesLaterKeys = true
  }

  /// Appends `file:line:column` of another place to a message.
  func append(_ site: Site, to message: inout [UInt8]) {
    let place = place(of: site)
    message.append(contentsOf: files[site.file].name)
    message.append(UInt8(ascii: ":"))
    message.append(decimal: UInt64(place.line))
    message.append(UInt8(ascii: ":"))
    message.append(decimal: UInt64(place.column))
  }

  // MARK: Shapes

  /// True for a value of that kind; else notes an error.
  mutating func expect(_ kind: JSONKind, _ node: JSONNode) -> Bool {
    let found = document.kind(node)
    if found == kind { return true }
    var message: [UInt8] = []
    message.append("expected ")
    message.append(Decoder.name(kind))
    message.append(", found ")
    message.append(Decoder.name(found))
    report(.error, node, message: message)
    return false
  }

  /// Visits the members of an object with their names; a second member of a name is an error.
  mutating func members(
    _ node: JSONNode, _ visit: (inout Decoder, JSONNode, [UInt8], JSONNode) -> Void
  ) {
    guard expect(.object, node) else { return }
    var key = document.first(node)
    while let current = key, let value = document.next(current) {
      var name: [UInt8] = []
      document.string(current, into: &name)
      let length = path.count
      if !path.isEmpty { path.append(UInt8(ascii: ".")) }
      path.append(printable: name)
      if !isRepeated(current) { visit(&self, current, name, value) }
      path.removeLast(path.count - length)
      key = document.next(value)
    }
  }

  /// Visits the members of an object whose keys are known words, with the number of the word.
  ///
  /// Other keys are errors, except `$schema`, `description` and what starts with `x-`.
  mutating func fields(
    _ node: JSONNode, _ words: Words, _ visit: (inout Decoder, Int, JSONNode) -> Void
  ) {
    members(node) { decoder, key, name, value in
      if let number = words.number(of: name) {
        visit(&decoder, number, value)
      } else if !Decoder.isIgnored(name) {
        decoder.error(key, "unknown key", hint: words.nearest(to: name))
      }
    }
  }

  /// Visits the elements of an array, at most `most` of them.
  mutating func elements(
    _ node: JSONNode, most: Int = ManifestLimits.entries,
    _ visit: (inout Decoder, Int, JSONNode) -> Void
  ) {
    guard expect(.array, node) else { return }
    var element = document.first(node)
    var index = 0
    while let current = element {
      let length = path.count
      path.append(UInt8(ascii: "["))
      path.append(decimal: UInt64(index))
      path.append(UInt8(ascii: "]"))
      if index < most {
        visit(&self, index, current)
      } else {
        tooMany(current, most)
      }
      path.removeLast(path.count - length)
      if index >= most { return }
      element = document.next(current)
      index += 1
    }
  }

  /// Notes that a list or map is longer than it may be.
  mutating func tooMany(_ node: JSONNode, _ most: Int) {
    var message: [UInt8] = []
    message.append("too many entries: the limit is ")
    message.append(decimal: UInt64(most))
    report(.error, node, message: message)
  }

  /// The value of one member, without any check.
  func member(_ node: JSONNode, _ name: StaticString) -> JSONNode? {
    guard document.kind(node) == .object else { return nil }
    var key = document.first(node)
    while let current = key, let value = document.next(current) {
      if document.equals(current, name) { return value }
      key = document.next(value)
    }
    return nil
  }

  /// Decodes something under one more step of the path.
  mutating func at(_ key: [UInt8], _ body: (inout Decoder) -> Void) {
    let length = path.count
    if !path.isEmpty { path.append(UInt8(ascii: ".")) }
    path.append(printable: key)
    body(&self)
    path.removeLast(path.count - length)
  }

  /// True for the second key of a name in an object, which is noted with both places.
  private mutating func isRepeated(_ key: JSONNode) -> Bool {
    let offset = document.offset(key)
    for duplicate in document.duplicates where duplicate.offset == offset {
      let first = SourcePosition.locate(offset: duplicate.first ?? 0, in: document.bytes)
      var message: [UInt8] = []
      message.append("duplicate key, first at ")
      message.append(contentsOf: files[file].name)
      message.append(UInt8(ascii: ":"))
      message.append(decimal: UInt64(first.line))
      message.append(UInt8(ascii: ":"))
      message.append(decimal: UInt64(first.column))
      report(.error, key, message: message)
      return true
    }
    return false
  }

  private static func isIgnored(_ name: [UInt8]) -> Bool {
    if name.count > 1, name[0] == UInt8(ascii: "x"), name[1] == UInt8(ascii: "-") { return true }
    return Words("$schema description").number(of: name) != nil
  }

  private static func name(_ kind: JSONKind) -> StaticString {
    switch kind {
    case .object: "an object"
    case .array: "an array"
    case .string: "a string"
    case .number: "a number"
    case .true, .false: "true or false"
    case .null: "null"
    }
  }
}
