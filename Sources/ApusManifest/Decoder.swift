internal import ApusBase
internal import ApusJSON

/// A file that was parsed, under the name the caller gave it.
struct SourceFile: Sendable {
  let name: Bytes
  /// Its place among all files of the load.
  let number: Int
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
  /// Its place in the list.
  var index = 0
  /// The key of `system` it stands under, for a service named by a power event.
  var event: SystemKey?
}

/// Where a walk over an object or array stands.
struct Cursor {
  /// The next key or element.
  var node: JSONNode?
  /// The length of the path to the object or array.
  let pathLength: Int
  /// How many elements were visited.
  var index = 0
  /// The current key, its decoded bytes and its value.
  var key: JSONNode
  var name: Bytes = Rows()
  var value: JSONNode

  init(_ node: JSONNode?, pathLength: Int) {
    self.node = node
    self.pathLength = pathLength
    key = node ?? JSONDocument().root
    value = key
  }
}

/// Turns parsed files into tables and diagnostics: where it stands, what it has made so far.
///
/// Decoding goes down a value and comes back by itself, never deeper than the shapes of the
/// manifest, whatever the input. Errors are noted and decoding goes on.
struct Decoder: ~Copyable, Sendable {
  /// See `ManifestLoader.init`.
  var knowsCall: (@convention(c) (UnsafePointer<CChar>?) -> Int32)?
  var files: Rows<SourceFile> = Rows()
  /// The file that is being decoded; change it with `open`.
  private(set) var file = -1
  /// The document of that file.
  private(set) var document = JSONDocument()
  /// The way to the value that is being decoded.
  var path: Bytes = Rows()
  /// The service that diagnostics are about.
  var subject: Int?
  /// The service that links and listeners belong to.
  var target: Int?
  /// What `%i` stands for; empty outside instances.
  var instance: Bytes = Rows()
  var reports = Reports()
  /// The lines of the files that diagnostics were about.
  var lineTables: Rows<LineTable> = Rows()
  /// The duplicate keys and the objects of too many members that are noted already: file and offset
  /// in one number.
  var repeated: Rows<UInt64> = Rows()
  /// Where the `services` of each file begin.
  var servicesOffsets: Rows<Int> = Rows()
  /// What the instances of templates have come to, in the bytes of `ManifestLimits.expandedBytes`.
  var expanded = 0
  var strings = StringPool()
  var tables = Manifest()
  var pending: Rows<PendingLink> = Rows()
  /// Services named by power events.
  var powerLinks: Rows<PendingLink> = Rows()
  /// One for each listener.
  var listenerSites: Rows<Site> = Rows()
  /// One for each service.
  var serviceSites: Rows<Site> = Rows()
  /// The service of a name's number.
  var owners = NameTable()
  /// The services of all files, and the first entry of a name's number.
  var entries: Rows<Entry> = Rows()
  var firstEntries = NameTable()
  /// The values of the service that is being made.
  var gathered = Slots()
  /// The values of `system`.
  var systemSlots = Slots()
  /// True once there is no room for another service.
  var isFull = false
  /// What services without a key of their own start from.
  var base = Draft.blank()
  /// The service that is being decoded.
  var draft = Draft.blank()
  /// The values of `defaults`, for those that depend on the instance.
  var defaultSlots = Slots()
  /// Their digests, by the key's number.
  var defaultDigests = Rows<UInt32>(repeating: 0, count: 64)
  /// See `ManifestLoader.now`.
  var now: Int64?
  /// True while a service is decoded that is no instance.
  var isPlain = false
  /// True while what is decoded has been advised upon before, as the second instance of a template.
  var isAdvised = false
  /// True once the instances of templates have no more room.
  var isSpent = false

  /// Goes on with another file.
  @inline(never) mutating func open(_ index: Int) {
    guard index != file, files.indices.contains(index) else { return }
    file = index
    document = files[index].document
  }

  /// Forgets the file that was added last.
  @inline(never) mutating func discard() {
    files.shorten(to: files.count - 1)
    file = -1
  }

  // MARK: Shapes

  /// True for a value of that kind; else notes an error.
  @inline(never) mutating func expect(
    _ kind: JSONKind, _ node: JSONNode, cure: Bytes? = nil
  ) -> Bool {
    if document.kind(node) == kind { return true }
    wrongKind(node, Decoder.name(kind), cure: cure)
    return false
  }

  /// Starts at the members of an object, or at none after noting that it is no object.
  /// A string would be the `member`; `like` shows an object where that says nothing.
  @inline(never) mutating func object(
    _ node: JSONNode, member: Literal? = nil, like: Literal? = nil
  ) -> Cursor {
    let isObject = document.kind(node) == .object
    if !isObject {
      let cure = member.flatMap { membered(node, $0) }
      wrongKind(node, cure == nil ? like ?? "an object" : "an object", cure: cure)
    }
    let isWalked = isObject && !refusesMembers(of: node)
    return Cursor(isWalked ? document.first(node) : nil, pathLength: path.count)
  }

  /// Goes to the next member, with the path at it; a second member of a name is an error.
  @inline(never) mutating func next(_ cursor: inout Cursor) -> Bool {
    leave(cursor.pathLength)
    while let key = cursor.node, let value = document.next(key) {
      cursor.node = document.next(value)
      cursor.key = key
      cursor.value = value
      cursor.name.removeAll(keepingCapacity: true)
      document.string(key, into: &cursor.name)
      _ = enter(cursor.name)
      if !isRepeated(key) { return true }
      leave(cursor.pathLength)
    }
    return false
  }

  /// Goes to the next member whose key is a known word, and returns the number of the word.
  ///
  /// Other keys are errors, except `$schema`, `description` and what starts with `x-`.
  @inline(never) mutating func next(_ cursor: inout Cursor, _ words: WordList) -> Int? {
    while next(&cursor) {
      if let number = words.number(of: cursor.name) { return number }
      if !Decoder.isIgnored(cursor.name), !reports.count(unlessShown: .error) {
        let meant = ForeignWords.meaning(of: cursor.name, in: words)
        if meant == nil, ForeignWords.isBefore(cursor.name) {
          error(cursor.key, "unknown key; name this service in the \"after\" of the other one")
        } else {
          unknown(
            cursor.key, "unknown key", nil, words,
            near: meant ?? words.nearest(to: cursor.name))
        }
      }
    }
    return nil
  }

  /// Starts at the elements of an array, or at none after noting that it is no array; a string would
  /// be an array of itself, or with `splits` of its words.
  @inline(never) mutating func array(_ node: JSONNode, splits: Bool = false) -> Cursor {
    let isArray = document.kind(node) == .array
    if !isArray {
      wrongKind(
        node,
        splits && document.kind(node) != .string
          ? "an array like [\"/path\", \"argument\"]" : "an array",
        cure: listed(node, splits: splits))
    }
    return Cursor(isArray ? document.first(node) : nil, pathLength: path.count)
  }

  /// Goes to the next element, with the path at it; one more than `most` is an error.
  @inline(never) mutating func element(_ cursor: inout Cursor, most: Int = ManifestLimits.entries)
    -> JSONNode?
  {
    leave(cursor.pathLength)
    guard let node = cursor.node else { return nil }
    enter(index: cursor.index)
    cursor.index += 1
    if !instance.isEmpty { expanded += 4 }
    if cursor.index > most {
      tooMany(node, most)
      leave(cursor.pathLength)
      return nil
    }
    cursor.node = document.next(node)
    return node
  }

  /// Notes that a list or map is longer than it may be.
  @inline(never) mutating func tooMany(_ node: JSONNode, _ most: Int) {
    var message: Bytes = Rows()
    message.append("too many entries: the limit is ")
    message.append(decimal: UInt64(most))
    report(.error, node, message: message)
  }

  /// The value of one member, without any check.
  @inline(never) func member(_ node: JSONNode, _ name: Literal) -> JSONNode? {
    guard document.kind(node) == .object else { return nil }
    var key = document.first(node)
    while let current = key, let value = document.next(current) {
      if document.equals(current, name) { return value }
      key = document.next(value)
    }
    return nil
  }

  /// Goes one step down the path; `leave` with the result comes back.
  @inline(never) mutating func enter(_ key: Bytes) -> Int {
    let length = path.count
    if length > 0 { path.append(".") }
    path.append(printable: key)
    return length
  }

  /// Goes to a member's value that was noted, in its file.
  @inline(never) mutating func enter(_ site: Site) -> Int {
    open(site.file)
    var name: Bytes = Rows()
    document.string(document.key(of: site.node), into: &name)
    return enter(name)
  }

  /// Goes to an element of the array the path leads to.
  @inline(never) mutating func enter(index: Int) {
    path.append("[")
    path.append(decimal: UInt64(index))
    path.append("]")
  }

  /// Goes to a service from anywhere.
  @inline(never) mutating func standAtService(_ name: Bytes) {
    path = Rows()
    path.append("services.")
    path.append(printable: name)
  }

  /// Comes back to a path of that length.
  @inline(never) mutating func leave(_ length: Int) {
    path.shorten(to: length)
  }

  @inline(never) private static func isIgnored(_ name: Bytes) -> Bool {
    if name.count > 1, name[0] == UInt8(ascii: "x"), name[1] == UInt8(ascii: "-") { return true }
    return WordList("$schema description").number(of: name) != nil
  }
}
