import ApusBase
import ApusLinux
import ApusManifest

/// /etc/passwd and /etc/group, the second behind a line `--`: what is found lies within the bytes, and
/// no damaged line becomes root.
let userTarget = FuzzTarget(
  name: "users",
  corpus: [
    "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/srv:/bin/false\n--\nroot:x:0:\nweb:x:33:\nlog:x:4:web,db\n",
    "web:x:4294967294:33:a,b,c::\n--\nlog:x:1:web\nlog2:x:2:db,web\nlog3:x:1:web\n",
  ].map { Array($0.utf8) },
  words: fileWords
    + ["--\n", "web:x:0:0:::", "web", "root", "4294967295", "4294967296", "00", "-1"]
    .map { Array($0.utf8) },
  outcomes: 2, run: { UserCheck(bytes: $0).run() })

/// /etc/fstab and the options of its lines: fields are never empty or longer than their line.
let fileSystemTarget = FuzzTarget(
  name: "fstab",
  corpus: [
    "proc /proc proc defaults 0 0\n# a comment\n/dev/sda1\t/ ext4 ro,errors=remount-ro 0 1\n",
    "UUID=5 /mnt/a\\040b vfat noauto,nofail,uid=3 0 0\n/swap none swap sw\n",
  ].map { Array($0.utf8) },
  words: fileWords
    + ["\\040", "\\", "\\0", "\\777", "ro,", ",,", "nofail", "swap"].map { Array($0.utf8) },
  outcomes: 2,
  run: { bytes in
    let lines = fileSystemTable(in: bytes)
    for fields in lines {
      if fields.count != 4 || fields.contains(where: { $0.isEmpty || $0.count > bytes.count }) {
        return FuzzOutcome(name: "accepted", broken: "a line with other fields")
      }
      let options = MountOptions(fields[3])
      if options.data.count > fields[3].count + 1 {
        return FuzzOutcome(name: "accepted", broken: "options longer than they were")
      }
    }
    _ = mountPoints(in: bytes)
    return FuzzOutcome(name: lines.isEmpty ? "no line" : "accepted")
  })

private let fileWords: [[UInt8]] =
  ["\n", ":", "::", ",", " ", "\t", "#", "\0", "\r\n", "/", "99999999999999999999"]
  .map { Array($0.utf8) } + [[0xff], [UInt8](repeating: 0x3a, count: 300)]

/// One look at the users.
private struct UserCheck {
  let users: UserDatabase

  init(bytes: [UInt8]) {
    let mark = Array("--\n".utf8)
    let cut = bytes.indices.first { bytes[$0...].starts(with: mark) }
    users = UserDatabase(
      passwd: Array(bytes[..<(cut ?? bytes.count)]),
      group: cut.map { Array(bytes[($0 + mark.count)...]) } ?? [])
  }

  func run() -> FuzzOutcome {
    let name = Array("web".utf8)
    let user = users.user(named: name)
    let found = [user, users.user(id: 0), users.user(id: 33)].compactMap { $0 }
    let broken = found.compactMap(broken).first
    if users.groups(of: name).count > 65536 {
      return FuzzOutcome(name: "accepted", broken: "more groups than there can be")
    }
    if let user, user.uid == 0, !holdsRoot(name) {
      return FuzzOutcome(name: "accepted", broken: "root without a line that says so")
    }
    _ = users.group(named: name)
    return FuzzOutcome(name: user == nil ? "no such user" : "accepted", broken: broken)
  }

  private func broken(_ user: User) -> String? {
    for field in [user.name, user.home, user.shell]
    where field.lowerBound < 0 || field.upperBound > users.passwd.count {
      return "a field outside the file: \(field)"
    }
    return users.passwd[user.name].contains(0x0a) ? "a name over two lines" : nil
  }

  /// True when a line gives that name the id 0 in as many words.
  private func holdsRoot(_ name: [UInt8]) -> Bool {
    users.passwd.split(separator: 0x0a).contains { line in
      let fields = line.split(separator: 0x3a, omittingEmptySubsequences: false)
      return fields.count == 7 && Array(fields[0]) == name && !fields[2].isEmpty
        && fields[2].allSatisfy { $0 == 0x30 }
    }
  }
}
