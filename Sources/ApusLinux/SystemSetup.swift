public import ApusBase
public import ApusCore
public import ApusManifest
internal import ApusWire
internal import CApus

/// What PID 1 does to the board before it has a supervisor, timed line by line.
///
/// Nothing in here ends the boot: what fails is said on the console, and the next step follows. A
/// board that is half set up and reachable is worth more than one that stopped.
public struct SystemSetup {
  /// The lines of the boot's time line so far.
  public private(set) var entries: Rows<SetupEntry> = Rows()

  /// Nothing done yet.
  public init() { entries.reserveCapacity(64) }

  /// Does something and notes when and how long.
  mutating func timed(_ stage: BootStage, _ name: Literal, _ body: () -> Void) {
    timed(stage, Bytes(name), body)
  }

  /// Does something that has no name of its own and notes when and how long.
  mutating func timed(_ stage: BootStage, _ name: Bytes, _ body: () -> Void) {
    let start = capus_now()
    body()
    note(stage, name, since: start)
  }

  @inline(never)
  private mutating func note(_ stage: BootStage, _ name: Bytes, since start: Int64) {
    entries.append(
      SetupEntry(
        stage: stage, name: name, at: Instant(microseconds: start),
        duration: Interval(microseconds: capus_now() &- start)))
  }

  /// The first steps, which need no manifest: the kernel's file systems and a console.
  ///
  /// Descriptors 0, 1 and 2 must be open already (`capus_secure_streams`).
  public mutating func prepare() {
    mountInterfaces(&self)
    openConsole(Bytes("/dev/console"))
    // The kernel never takes PID 1 when memory runs out; the programs that act before it do.
    capus_spare_self()
    let answer = capus_take_ctrl_alt_del()
    if answer < 0 { complain("take over", "Ctrl-Alt-Del", Errno(0 &- answer)) }
  }

  /// What the manifest's `system` object says, in the order of the reference page.
  ///
  /// `again` for the fallback's manifest after another: what is mounted is left alone.
  public mutating func apply(_ manifest: Manifest, again: Bool = false) {
    let system = manifest.system
    if !system.console.isEmpty {
      openConsole(manifest.bytes(system.console))
    }
    setHostName(manifest)
    if system.loopback {
      timed(.start, "loopback") {
        let answer = capus_raise_loopback()
        if answer < 0 { complain("raise", "loopback", Errno(0 &- answer)) }
      }
    }
    if !system.coredump.isEmpty {
      write(manifest.bytes(system.coredump), to: Bytes("/proc/sys/kernel/core_pattern"))
    }
    protectNames()
    if system.sysctl.count > 0 {
      timed(.start, "sysctl") { applySettings(manifest) }
    }
    if system.modules.count > 0 {
      timed(.start, "modules") { loadModules(manifest) }
    }
    makeCreations(manifest, isFirst: true, &self)
    if system.fstab { mountTable(&self) }
    // Mount points are made where they are missing.
    for entry in system.mounts {
      let target = manifest.bytes(entry.target)
      if again, isMountPoint(target) { continue }
      timed(.mount, target) {
        mount(
          manifest.bytes(entry.source), target, manifest.bytes(entry.type),
          MountOptions(manifest.bytes(entry.options)))
      }
    }
    makeCreations(manifest, isFirst: false, &self)
    if !system.randomSeed.isEmpty {
      timed(.start, "seed") { loadSeed(manifest.bytes(system.randomSeed)) }
    }
  }
}

/// Makes a terminal 0, 1 and 2; without one they stay something harmless (PID-09).
private func openConsole(_ path: Bytes) {
  let answer = unsafe path.terminated.withCPath { unsafe capus_open_console($0) }
  if answer < 0 { complain("open", path, Errno(0 &- answer)) }
}

/// The manifest's name of the host, else the first word of /etc/hostname.
private func setHostName(_ manifest: Manifest) {
  var name = manifest.bytes(manifest.system.hostname)
  if name.isEmpty {
    for byte in textFile("/etc/hostname", limit: 256) {
      if byte <= 32 { break }
      name.push(byte)
    }
  }
  if name.isEmpty { return }
  let answer = unsafe name.withUnsafeBufferPointer {
    unsafe capus_set_host_name($0.baseAddress, $0.count)
  }
  if answer < 0 { complain("set host name", name, Errno(0 &- answer)) }
}

/// Keeps one user's links, FIFOs and files from being taken for another's where many may write
/// (proc_sys_fs(5)), as most distributions do; the manifest's `sysctl` comes after it. A kernel that
/// lacks one of them goes without.
private func protectNames() {
  protect("/proc/sys/fs/protected_hardlinks", "1")
  protect("/proc/sys/fs/protected_symlinks", "1")
  protect("/proc/sys/fs/protected_fifos", "1")
  protect("/proc/sys/fs/protected_regular", "2")
}

@inline(never)
private func protect(_ path: Literal, _ value: Literal) {
  _ = unsafe Bytes(value).withUnsafeBufferPointer { value in
    unsafe Bytes(path).terminated.withCPath {
      unsafe capus_write_file($0, value.baseAddress, value.count)
    }
  }
}

/// Writes each `key=value` below /proc/sys.
private func applySettings(_ manifest: Manifest) {
  for index in manifest.system.sysctl.indices {
    guard let text = manifest.texts.at(index) else { continue }
    let setting = manifest.bytes(text)
    guard let (path, value) = settingPath(setting) else {
      complain("set", setting, .invalid)
      continue
    }
    write(value, to: path)
  }
}

@inline(never)
private func write(_ value: Bytes, to path: Bytes) {
  let answer = unsafe value.withUnsafeBufferPointer { bytes in
    unsafe path.terminated.withCPath {
      unsafe capus_write_file($0, bytes.baseAddress, bytes.count)
    }
  }
  if answer < 0 { complain("write", path, Errno(0 &- answer)) }
}

/// The file and the value of a kernel setting, `net.ipv4.ip_forward=1` or with slashes.
///
/// As for sysctl(8), the first separator decides: with dots, a slash stands for a dot of a name
/// (`net.ipv4.conf.eth0/1.forwarding`). Nil without a `=`, a key, or with a `..` in it.
public func settingPath(_ setting: Bytes) -> (path: Bytes, value: Bytes)? {
  let (dot, slash) = (UInt8(ascii: "."), UInt8(ascii: "/"))
  var path = Bytes("/proc/sys/")
  let prefix = path.count
  var separator: UInt8 = 0
  for index in setting.indices {
    let letter = setting[index]
    if letter == UInt8(ascii: "=") {
      guard path.count > prefix else { return nil }
      return (path, setting.dropping(index + 1))
    }
    var mapped = letter
    if letter == dot || letter == slash {
      if separator == 0 { separator = letter }
      if separator == dot { mapped = letter == dot ? slash : dot }
      if letter == dot, index > 0, setting[index - 1] == dot { return nil }
    }
    path.push(mapped)
  }
  return nil
}

private func loadModules(_ manifest: Manifest) {
  let loader = ModuleLoader()
  for index in manifest.system.modules.indices {
    guard let text = manifest.texts.at(index) else { continue }
    let name = manifest.bytes(text)
    do {
      try loader.load(name)
    } catch {
      complain("load module", name, error)
    }
  }
}

@inline(never)
private func mount(_ source: Bytes, _ place: Bytes, _ type: Bytes, _ options: MountOptions) {
  let target = place.terminated
  makeFolders(target)
  let answer = unsafe source.terminated.withCPath { source in
    unsafe type.terminated.withCPath { type in
      unsafe target.withCPath { target in
        unsafe options.data.withCPath { data in
          unsafe capus_mount(
            source, target, type, options.flags & (MountFlag.notAtBoot &- 1), data)
        }
      }
    }
  }
  if answer < 0, options.flags & MountFlag.mayFail == 0 {
    complain("mount", place, Errno(0 &- answer), of: source)
  }
}

/// Mounts what /etc/fstab lists and is not mounted yet, in its order; the root is remounted with its
/// options, and swap is switched on.
private func mountTable(_ setup: inout SystemSetup) {
  for fields in fileSystemTable(in: textFile("/etc/fstab", limit: 64 << 10)) {
    setup.timed(.mount, fields[1]) { mount(fields) }
  }
}

/// Mounts a line of fstab(5): source, target, type, options.
private func mount(_ fields: Rows<Bytes>) {
  var options = MountOptions(fields[3])
  let isRoot = fields[1].equals("/")
  if isRoot {
    // It is mounted, so "noauto" says nothing; the kernel may have it read-only until now.
    options.flags |= MountFlag.remount
  } else if options.flags & MountFlag.notAtBoot != 0 {
    return
  }
  if fields[2].equals("swap") {
    let answer = unsafe fields[0].terminated.withCPath { unsafe capus_swap_on($0) }
    if answer < 0, options.flags & MountFlag.mayFail == 0 {
      complain("swap on", fields[0], Errno(0 &- answer))
    }
    return
  }
  if isRoot || !isMountPoint(fields[1]) { mount(fields[0], fields[1], fields[2], options) }
}

@inline(never)
private func isMountPoint(_ path: Bytes) -> Bool {
  unsafe path.terminated.withCPath { unsafe capus_is_mount_point($0) } == 1
}

/// Takes the seed of the last boot and leaves the next one.
private func loadSeed(_ path: Bytes) {
  makeFolders(path)
  let answer = unsafe path.terminated.withCPath { unsafe capus_seed_load($0) }
  if answer < 0 { complain("replace seed", path, Errno(0 &- answer)) }
}

/// Makes a path's folders where they are missing; `path` ends in a NUL.
private func makeFolders(_ path: Bytes) {
  var folder: Bytes = Rows()
  for byte in path {
    if !folder.isEmpty, byte == UInt8(ascii: "/") || byte == 0 {
      _ = unsafe folder.terminated.withCPath { unsafe capus_make_path($0, 0o755) }
    }
    folder.push(byte)
  }
}
