public import ApusBase

/// A user as /etc/passwd lists it (passwd(5)).
public struct User: Equatable, Sendable {
  public var uid: UInt32
  /// The primary group.
  public var gid: UInt32
  /// The name, as a range of `UserDatabase.passwd`, as are the others.
  public var name: Range<Int>
  public var home: Range<Int>
  /// Empty for the system's default shell.
  public var shell: Range<Int>
}

/// Looks users and groups up in the bytes of /etc/passwd and /etc/group.
///
/// Pure and strict: a line counts only when it has all its fields and its ids are whole decimal
/// numbers below 2³² − 1, so that a damaged line never becomes root. The first matching line wins.
/// Every look-up reads the file from its start; a board has few users and looks up once, at load.
public struct UserDatabase: Sendable {
  /// The bytes of /etc/passwd.
  public let passwd: Bytes
  /// The bytes of /etc/group.
  public let group: Bytes

  /// Takes the bytes of both files; a file that is not there is empty.
  public init(passwd: Bytes, group: Bytes) {
    self.passwd = passwd
    self.group = group
  }

  /// The user of a name.
  public func user(named name: Bytes) -> User? {
    name.isEmpty ? nil : first(named: name, id: nil)
  }

  /// The first user of an id.
  public func user(id: UInt32) -> User? {
    first(named: Rows(), id: id)
  }

  /// The id of a group.
  @inline(never) public func group(named name: Bytes) -> UInt32? {
    guard !name.isEmpty else { return nil }
    var lines = Lines(group, fields: 4)
    while lines.next() {
      if lines.equals(0, name), let gid = lines.id(2) { return gid }
    }
    return nil
  }

  /// The groups that list a user as a member, in the order of the file and without the primary
  /// group; at most 65,536 of them, NGROUPS_MAX of Linux.
  @inline(never) public func groups(of name: Bytes) -> Rows<UInt32> {
    var groups: Rows<UInt32> = Rows()
    guard !name.isEmpty else { return groups }
    var lines = Lines(group, fields: 4)
    while groups.count < 65536, lines.next() {
      guard let gid = lines.id(2), lines.lists(3, name) else { continue }
      var isNew = true
      for other in groups where other == gid { isNew = false }
      if isNew { groups.add(gid) }
    }
    return groups
  }

  @inline(never) private func first(named name: Bytes, id: UInt32?) -> User? {
    var lines = Lines(passwd, fields: 7)
    while lines.next() {
      guard !lines.field(0).isEmpty, let uid = lines.id(2), let gid = lines.id(3) else { continue }
      if id == nil ? lines.equals(0, name) : uid == id {
        return User(
          uid: uid, gid: gid, name: lines.field(0), home: lines.field(5), shell: lines.field(6))
      }
    }
    return nil
  }
}

/// The lines of a file whose fields are separated by colons.
private struct Lines {
  private let bytes: Bytes
  private let count: Int
  private var position = 0
  /// Where the fields of the line start, and where one behind the last would.
  private var starts: Rows<Int> = Rows()

  init(_ bytes: Bytes, fields count: Int) {
    self.bytes = bytes
    self.count = count
  }

  /// Goes to the next line that has exactly as many fields as it must have.
  @inline(never) mutating func next() -> Bool {
    while position < bytes.count {
      starts.shorten(to: 0)
      starts.add(position)
      let end = bytes.place(of: UInt8(ascii: "\n"), from: position)
      while position <= end {
        if position == end || bytes[position] == UInt8(ascii: ":") { starts.add(position + 1) }
        position += 1
      }
      if starts.count == count + 1 { return true }
    }
    return false
  }

  /// Where a field of the line stands.
  @inline(never) func field(_ number: Int) -> Range<Int> {
    guard number + 1 < starts.count else { return 0..<0 }
    return starts[number]..<starts[number + 1] - 1
  }

  /// The id a field holds.
  @inline(never) func id(_ number: Int) -> UInt32? {
    let field = field(number)
    return Scalar.number(bytes.part(field.lowerBound, field.upperBound), most: 0xffff_fffe)
      .map { UInt32(truncatingIfNeeded: $0) }
  }

  /// True when a field is a name.
  @inline(never) func equals(_ number: Int, _ name: Bytes) -> Bool {
    let field = field(number)
    return equals(field.lowerBound, field.upperBound, name)
  }

  /// True when a field, a list of names separated by commas, holds a name.
  @inline(never) func lists(_ number: Int, _ name: Bytes) -> Bool {
    let field = field(number)
    var start = field.lowerBound
    while start <= field.upperBound {
      let end = min(bytes.place(of: UInt8(ascii: ","), from: start), field.upperBound)
      if equals(start, end, name) { return true }
      start = end + 1
    }
    return false
  }

  @inline(never) private func equals(_ start: Int, _ end: Int, _ name: Bytes) -> Bool {
    guard end - start == name.count else { return false }
    for index in name.indices where bytes[start + index] != name[index] { return false }
    return true
  }
}
