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
  public let passwd: [UInt8]
  /// The bytes of /etc/group.
  public let group: [UInt8]

  /// Takes the bytes of both files; a file that is not there is empty.
  public init(passwd: [UInt8], group: [UInt8]) {
    self.passwd = passwd
    self.group = group
  }

  /// The user of a name.
  public func user(named name: [UInt8]) -> User? {
    name.isEmpty ? nil : first(named: name, id: nil)
  }

  /// The first user of an id.
  public func user(id: UInt32) -> User? {
    first(named: [], id: id)
  }

  /// The id of a group.
  public func group(named name: [UInt8]) -> UInt32? {
    guard !name.isEmpty else { return nil }
    var lines = Lines(group, fields: 4)
    while let fields = lines.next() {
      if equals(group, fields[0], name), let gid = UserDatabase.id(group[fields[2]]) {
        return gid
      }
    }
    return nil
  }

  /// The groups that list a user as a member, in the order of the file and without the primary
  /// group; at most 65,536 of them, NGROUPS_MAX of Linux.
  public func groups(of name: [UInt8]) -> [UInt32] {
    var groups: [UInt32] = []
    guard !name.isEmpty else { return groups }
    var lines = Lines(group, fields: 4)
    while let fields = lines.next(), groups.count < 65536 {
      guard let gid = UserDatabase.id(group[fields[2]]), lists(fields[3], name),
        !groups.contains(gid)
      else { continue }
      groups.append(gid)
    }
    return groups
  }

  /// True when a list of members, separated by commas, holds a name.
  private func lists(_ members: Range<Int>, _ name: [UInt8]) -> Bool {
    var start = members.lowerBound
    for index in members.lowerBound...members.upperBound
    where index == members.upperBound || group[index] == UInt8(ascii: ",") {
      if equals(group, start..<index, name) { return true }
      start = index + 1
    }
    return false
  }

  private func first(named name: [UInt8], id: UInt32?) -> User? {
    var lines = Lines(passwd, fields: 7)
    while let fields = lines.next() {
      guard !fields[0].isEmpty, let uid = UserDatabase.id(passwd[fields[2]]),
        let gid = UserDatabase.id(passwd[fields[3]])
      else { continue }
      if id == nil ? equals(passwd, fields[0], name) : uid == id {
        return User(uid: uid, gid: gid, name: fields[0], home: fields[5], shell: fields[6])
      }
    }
    return nil
  }

  private func equals(_ bytes: [UInt8], _ range: Range<Int>, _ name: [UInt8]) -> Bool {
    guard range.count == name.count else { return false }
    for index in name.indices where bytes[range.lowerBound + index] != name[index] { return false }
    return true
  }

  private static func id(_ text: ArraySlice<UInt8>) -> UInt32? {
    Scalar.number([UInt8](text), most: 0xffff_fffe).map { UInt32(truncatingIfNeeded: $0) }
  }
}

/// The lines of a file whose fields are separated by colons.
private struct Lines {
  private let bytes: [UInt8]
  private let count: Int
  private var position = 0

  init(_ bytes: [UInt8], fields count: Int) {
    self.bytes = bytes
    self.count = count
  }

  /// The fields of the next line that has exactly as many as it must have.
  mutating func next() -> [Range<Int>]? {
    while position < bytes.count {
      var fields: [Range<Int>] = []
      var start = position
      var end = position
      while end < bytes.count, bytes[end] != UInt8(ascii: "\n") {
        if bytes[end] == UInt8(ascii: ":") {
          fields.append(start..<end)
          start = end + 1
        }
        end += 1
      }
      fields.append(start..<end)
      position = end + 1
      if fields.count == count { return fields }
    }
    return nil
  }
}
