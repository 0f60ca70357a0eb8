import CApus
import Foundation
import Testing

/// What `system.create` makes, each by a child with a deadline.
@Suite(.enabled(if: getuid() == 0, "needs root: the way must be root's")) struct CreateTests {
  private let folder = "/var/lib/apus-create-\(UUID().uuidString.prefix(8))"

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  /// Makes a node; 0, or a step and a negated errno.
  @discardableResult
  private func make(
    _ type: mode_t, _ name: String, _ text: String = "", mode: Int32? = nil,
    user: Int32 = -1, group: Int32 = -1, major: UInt32 = 0, minor: UInt32 = 0
  ) -> [Int32] {
    var wanted = capus_creation()
    let kinds = [S_IFDIR, S_IFREG, S_IFLNK, S_IFIFO, S_IFCHR, S_IFBLK]
    wanted.kind = UInt8(kinds.firstIndex(of: type) ?? 0)
    wanted.mode = mode ?? -1
    wanted.user = user
    wanted.group = group
    wanted.major = major
    wanted.minor = minor
    let answer = (folder + "/" + name).withCString { path in
      text.withCString { text in
        wanted.path = path
        wanted.text = text
        return withUnsafePointer(to: wanted) {
          $0.withMemoryRebound(to: CChar.self, capacity: 1) {
            capus_attempt(CAPUS_CREATE, $0, 5000)
          }
        }
      }
    }
    return answer >= 0 ? [] : [-answer >> 16, -answer & 0xffff]
  }

  /// Type, permission bits, owner, group and names of a node.
  private func look(_ name: String) -> [UInt32] {
    var status = stat()
    guard lstat(folder + "/" + name, &status) == 0 else { return [] }
    return [
      status.st_mode & S_IFMT, status.st_mode & 0o7777, status.st_uid, status.st_gid,
      UInt32(status.st_nlink),
    ]
  }
  private func text(_ name: String) -> String? {
    try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)
  }

  @Test func `Each kind is made with its owner and mode, and those above it are root's`() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    umask(0o077)
    defer { umask(0o022) }
    #expect(make(S_IFDIR, "a/b/c", mode: 0o1777, user: 7, group: 8) == [])
    #expect(Array(look("a/b/c").prefix(4)) == [S_IFDIR, 0o1777, 7, 8])
    #expect(Array(look("a/b").prefix(4)) == [S_IFDIR, 0o755, 0, 0])
    #expect(make(S_IFREG, "f", "text\n", mode: 0o640, group: 9) == [])
    #expect(look("f") == [S_IFREG, 0o640, 0, 9, 1] && text("f") == "text\n")
    #expect(make(S_IFLNK, "l", "../x y", user: 7) == [])
    #expect(look("l") == [S_IFLNK, 0o777, 7, 0, 1])
    #expect(
      try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/l") == "../x y")
    #expect(make(S_IFIFO, "p") == [] && look("p") == [S_IFIFO, 0o644, 0, 0, 1])
    for (type, name, major, minor) in [
      (S_IFCHR, "tun", UInt32(10), UInt32(200)), (S_IFBLK, "big", 259, 0x12345),
    ] {
      #expect(make(type, name, mode: 0o666, major: major, minor: minor) == [])
      var status = stat()
      #expect(lstat(folder + "/" + name, &status) == 0)
      #expect(status.st_mode == type | 0o666)
      let device = UInt64(status.st_rdev)
      #expect(device >> 8 & 0xfff == UInt64(major))
      #expect(device & 0xff | device >> 12 & 0xf_ff00 == UInt64(minor))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 6)
  }

  @Test func `What is there keeps its content, and its owner and mode unless they are given`() {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    make(S_IFREG, "f", "mine", mode: 0o600, user: 5, group: 6)
    #expect(make(S_IFREG, "f", "theirs") == [])
    #expect(look("f") == [S_IFREG, 0o600, 5, 6, 1] && text("f") == "mine")
    #expect(make(S_IFREG, "f", "theirs", mode: 0o644, user: 1) == [])
    #expect(look("f") == [S_IFREG, 0o644, 1, 6, 1] && text("f") == "mine")
    make(S_IFDIR, "d", mode: 0o700)
    #expect(make(S_IFDIR, "d", mode: 0o2750, group: 4) == [])
    #expect(Array(look("d").prefix(4)) == [S_IFDIR, 0o2750, 0, 4])
    make(S_IFLNK, "l", "one")
    let before = look("l")
    #expect(make(S_IFLNK, "l", "one") == [] && look("l") == before)
    #expect(make(S_IFLNK, "l", "other") == [])
    #expect(
      (try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/l")) == "other")
    make(S_IFCHR, "c", major: 1, minor: 3)
    #expect(make(S_IFCHR, "c", major: 1, minor: 3) == [])
  }

  @Test func `Another kind of node is not touched, and the step is told`() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    make(S_IFREG, "f", "x", mode: 0o600)
    make(S_IFCHR, "c", mode: 0o600, major: 1, minor: 3)
    for type in [S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR] {
      #expect(make(type, "f", "y", mode: 0o777, user: 1) == [1, EEXIST])
    }
    #expect(make(S_IFCHR, "c", mode: 0o777, major: 1, minor: 5) == [1, EEXIST])
    #expect(look("f") == [S_IFREG, 0o600, 0, 0, 1] && look("c")[1] == 0o600)
    #expect(make(S_IFDIR, "f/x") == [0, ENOTDIR])
    #expect(make(S_IFREG, "f/") == [0, EINVAL])
    // A directory in the way of the file's first state.
    #expect(make(S_IFDIR, "g.new/x") == [])
    #expect(make(S_IFREG, "g", "x") == [1, EEXIST])
    #expect(look("g") == [])
  }

  @Test func `Where somebody else may write no other's file is given away`() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    make(S_IFREG, "secret", "x", mode: 0o600)
    make(S_IFDIR, "open", mode: 0o777, user: 5)
    link(folder + "/secret", folder + "/open/f")
    #expect(make(S_IFREG, "open/f", mode: 0o666, user: 5) == [1, EMLINK])
    symlink(folder + "/secret", folder + "/open/l")
    #expect(make(S_IFREG, "open/l", mode: 0o666, user: 5) == [0, ELOOP])
    symlink(folder, folder + "/open/up")
    #expect(make(S_IFDIR, "open/up/new") == [0, ELOOP])
    #expect(look("secret") == [S_IFREG, 0o600, 0, 0, 2] && look("new") == [])
    // Root's own links are followed.
    symlink("real", folder + "/way")
    make(S_IFDIR, "real")
    #expect(make(S_IFREG, "way/f", "x") == [] && text("real/f") == "x")
    #expect(make(S_IFDIR, "way", mode: 0o700) == [] && look("real")[1] == 0o700)
  }
}
