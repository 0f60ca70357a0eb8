public import ApusBase
internal import ApusWire
internal import CApus

/// MS_* of mount(2), and the words mount(8) has for them.
enum MountFlag {
  static let readOnly: UInt32 = 1
  static let noSetUid: UInt32 = 2
  static let noDevices: UInt32 = 4
  static let noExecute: UInt32 = 8
  static let remount: UInt32 = 32
  static let strictTime: UInt32 = 1 << 24
  /// Words of fstab(5) that are no business of the kernel's; it keeps these bits to itself.
  static let notAtBoot: UInt32 = 1 << 28
  static let mayFail: UInt32 = 1 << 29
}

/// Options as mount(8) writes them, split into what mount(2) takes as flags and as text.
public struct MountOptions: Equatable, Sendable {
  /// MS_* bits.
  public var flags: UInt32 = 0
  /// What is left for the file system, separated by commas, ended by a NUL.
  public var data: Bytes = Rows()

  /// Splits `"ro,nosuid,size=4M"`.
  public init(_ text: Bytes) {
    var place = 0
    var word: Bytes = Rows()
    while word.read(text, from: &place, upTo: UInt8(ascii: ",")) {
      if word.isEmpty || word.starts(with: "x-") || take(word) { continue }
      if !data.isEmpty { data.push(UInt8(ascii: ",")) }
      for byte in word { data.push(byte) }
    }
    data.push(0)
  }

  /// Sets or clears the MS_* bits of a word; false when it has none.
  private mutating func take(_ word: Bytes) -> Bool {
    let words: [(Literal, UInt32, Bool)] = [
      ("ro", 1, true), ("rw", 1, false), ("nosuid", 2, true), ("suid", 2, false),
      ("nodev", 4, true), ("dev", 4, false), ("noexec", 8, true), ("exec", 8, false),
      ("sync", 16, true), ("async", 16, false), ("remount", 32, true), ("dirsync", 128, true),
      ("noatime", 1024, true), ("atime", 1024, false), ("nodiratime", 2048, true),
      ("bind", 4096, true), ("rbind", 4096 | 16384, true), ("relatime", 1 << 21, true),
      ("strictatime", 1 << 24, true), ("defaults", 0, true),
      ("noauto", MountFlag.notAtBoot, true), ("auto", MountFlag.notAtBoot, false),
      ("nofail", MountFlag.mayFail, true), ("user", 14, true), ("users", 14, true),
      ("nouser", 0, true), ("_netdev", 0, true),
    ]
    for (name, bits, isSet) in words where word.equals(name) {
      flags = isSet ? flags | bits : flags & ~bits
      return true
    }
    return false
  }
}

/// A file system the kernel offers, and where programs expect it.
private struct InterfaceMount {
  let target: Literal
  let type: Literal
  let flags: UInt32
  let options: Literal
  let mode: UInt32
}

/// Mounts one of the kernel's file systems unless something is mounted there.
///
/// Returns false when it is not there afterwards; that is said, and the boot goes on.
@discardableResult
private func mountInterface(_ mount: InterfaceMount) -> Bool {
  if unsafe capus_is_mount_point(mount.target.cString) == 1 { return true }
  let made = unsafe capus_make_path(mount.target.cString, mount.mode)
  if made < 0, made != 0 - Errno.exists.code {
    complain("make", mount.target, Errno(0 &- made))
    return false
  }
  var answer = unsafe capus_mount(
    mount.type.cString, mount.target.cString, mount.type.cString, mount.flags, mount.options.cString
  )
  if answer == 0 - Errno.invalid.code, mount.options.count > 0 {
    // An older kernel does not know an option; the file system matters more.
    answer = unsafe capus_mount(
      mount.type.cString, mount.target.cString, mount.type.cString, mount.flags, nil)
  }
  if answer == -16 { return true }  // EBUSY: the very same is mounted there
  if answer < 0 { complain("mount", mount.target, Errno(0 &- answer)) }
  return answer >= 0
}

/// Mounts what every program expects of a Linux system, whatever of it is not there yet (PID-07).
func mountInterfaces(_ setup: inout SystemSetup) {
  let shut = MountFlag.noSetUid | MountFlag.noDevices | MountFlag.noExecute
  let mounts = [
    InterfaceMount(target: "/proc", type: "proc", flags: shut, options: "", mode: 0o555),
    InterfaceMount(target: "/sys", type: "sysfs", flags: shut, options: "", mode: 0o555),
    InterfaceMount(
      target: "/dev", type: "devtmpfs", flags: MountFlag.noSetUid | MountFlag.strictTime,
      options: "mode=0755", mode: 0o755),
    InterfaceMount(
      target: "/dev/pts", type: "devpts", flags: MountFlag.noSetUid | MountFlag.noExecute,
      options: "mode=0620,gid=5,ptmxmode=0666", mode: 0o755),
    InterfaceMount(
      target: "/dev/shm", type: "tmpfs", flags: MountFlag.noSetUid | MountFlag.noDevices,
      options: "mode=1777", mode: 0o1777),
    InterfaceMount(
      target: "/run", type: "tmpfs", flags: MountFlag.noSetUid | MountFlag.noDevices,
      options: "mode=0755", mode: 0o755),
    InterfaceMount(
      target: "/sys/fs/cgroup", type: "cgroup2", flags: shut,
      options: "nsdelegate,memory_recursiveprot", mode: 0o755),
  ]
  for mount in mounts { setup.timed(.mount, mount.target) { mountInterface(mount) } }
  linkDescriptors()
}

/// /dev/fd and its kin, which devtmpfs leaves to user space.
private func linkDescriptors() {
  for (target, path) in [
    ("/proc/self/fd", "/dev/fd"), ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"), ("/proc/self/fd/2", "/dev/stderr"),
  ] as [(Literal, Literal)] {
    _ = unsafe capus_make_link(target.cString, path.cString)
  }
}

/// Where something is mounted, in the order of mounting, from the text of /proc/self/mounts.
///
/// White space and backslashes in names stand there as `\040` and the like (fstab(5)).
public func mountPoints(in text: Bytes) -> Rows<Bytes> {
  var points: Rows<Bytes> = Rows()
  var place = 0
  var line: Bytes = Rows()
  var field: Bytes = Rows()
  while line.read(text, from: &place, upTo: UInt8(ascii: "\n")) {
    var start = 0
    _ = field.read(line, from: &start, upTo: UInt8(ascii: " "))
    _ = field.read(line, from: &start, upTo: UInt8(ascii: " "))
    if !field.isEmpty { points.push(unescaped(field)) }
  }
  return points
}

/// The lines of fstab(5) that name something: source, target, type and options of each.
public func fileSystemTable(in text: Bytes) -> Rows<Rows<Bytes>> {
  var table: Rows<Rows<Bytes>> = Rows()
  var place = 0
  var line: Bytes = Rows()
  var field: Bytes = Rows()
  while line.read(text, from: &place, upTo: UInt8(ascii: "\n")) {
    for index in line.indices where line[index] == UInt8(ascii: "\t") {
      line[index] = UInt8(ascii: " ")
    }
    var fields: Rows<Bytes> = Rows()
    var start = 0
    while fields.count < 4, start < line.count {
      _ = field.read(line, from: &start, upTo: UInt8(ascii: " "))
      if !field.isEmpty { fields.push(unescaped(field)) }
    }
    if fields.count > 3, fields[0].first != UInt8(ascii: "#") { table.append(fields) }
  }
  return table
}

/// A field of /proc/self/mounts or of fstab(5) without its escapes.
func unescaped(_ field: Bytes) -> Bytes {
  var bytes: Bytes = Rows()
  var index = 0
  while index < field.count {
    var byte = field[index]
    if byte == UInt8(ascii: "\\"), index + 3 < field.count {
      byte = field[index + 1] << 6 | (field[index + 2] & 7) << 3 | field[index + 3] & 7
      index += 3
    }
    bytes.push(byte)
    index += 1
  }
  return bytes
}
