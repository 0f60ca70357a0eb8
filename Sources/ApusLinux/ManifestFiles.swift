public import ApusBase
public import ApusManifest
internal import CApus

/// Reads the manifest's files: the main one and its drop-ins, `*.json` in byte order of name.
///
/// The folder of drop-ins of `PATH/x.json` is `PATH/x.d`; a hidden file is none. Only at the start,
/// where waiting for a file system is right.
/// The text of `program` takes their place where there is one.
public func loadManifest(main path: Bytes, program: Bytes = Rows()) -> LoadedManifest {
  apus_arena_scratch(true)
  let loaded = readManifest(main: path, program)
  apus_arena_scratch(false)
  let owned = loaded.owned()
  apus_arena_drop()
  return owned
}

/// The manifest of the program before this one, of which everything has been said already; else that
/// on the disk. When that is to be applied the record has both, what it changes is marked in the
/// former, and a mistake in it leaves everything as it is.
private func readManifest(main path: Bytes, _ program: Bytes) -> LoadedManifest {
  _ = capus_record_begin()
  var place: UInt32 = 0
  var loaded = readManifest(main: path, program, &place)
  if capus_record_stage() == 1 {
    record(file: Rows(), Rows(), nil)
    let next = readManifest(main: path, program, &place)
    loaded.diagnostics = next.diagnostics
    if next.hasErrors { capus_record_stay() } else { loaded.manifest.leave(for: next.manifest) }
  }
  loaded.manifest.path = path
  return loaded
}

/// The next manifest of the record that is read, else that on the disk.
@inline(never)
private func readManifest(
  main path: Bytes, _ program: Bytes, _ place: inout UInt32
) -> LoadedManifest {
  var loader = unsafe ManifestLoader(knowsCall: capus_filter_knows, callName: capus_call_name)
  var isKept = false
  var file = capus_file()
  var isFallback = false
  while unsafe capus_record_file(&place, &file) == 1 {
    if !isKept {
      isFallback = read(file.name_at, file.sizes.name).equals("/etc/apus.fallback.json")
    }
    isKept = true
    let error = file.sizes.error
    add(
      read(file.name_at, file.sizes.name), read(file.bytes_at, file.sizes.bytes),
      error == 0 ? nil : Errno(error), to: &loader)
  }
  if !isKept {
    if program.isEmpty {
      addFromDisk(path, to: &loader)
    } else {
      add(Bytes("command line"), program, nil, to: &loader)
    }
  }
  var loaded = loader.finish()
  if isKept { loaded.diagnostics = Rows() }
  loaded.manifest.isFallback = isFallback
  return loaded
}

private func read(_ at: UInt32, _ count: UInt32) -> Bytes {
  var bytes = Bytes(repeating: 0, count: Int(count))
  unsafe bytes.withUnsafeMutableBufferPointer {
    unsafe capus_record_read(at, $0.baseAddress, $0.count)
  }
  return bytes
}

private func addFromDisk(_ path: Bytes, to loader: inout ManifestLoader) {
  add(path, isDropIn: false, to: &loader)
  var names: Bytes = Rows()
  var file = dropInFolder(of: path)
  let folder = file.count
  var owner = capus_owner()
  let found = unsafe file.withUnsafeBufferPointer {
    unsafe capus_owner($0.baseAddress, $0.count, &owner)
  }
  if found == 0, !isTrusted(file, FileOwnership(owner), canRefuse: true, &loader) { return }
  unsafe file.withUnsafeBufferPointer { folder in
    unsafe names = Bytes(unsafeUninitializedCapacity: 1 << 18) { buffer, used in
      // Without such a folder there are none.
      used = Int(
        max(
          0,
          unsafe capus_drop_ins(
            folder.baseAddress, folder.count, buffer.baseAddress, buffer.count)))
    }
  }
  for byte in names {
    if byte != 0 {
      file.push(byte)
    } else {
      add(file, isDropIn: true, to: &loader)
      file.removeLast(file.count - folder)
    }
  }
}

/// The users and groups of this machine.
public func loadUsers() -> UserDatabase {
  UserDatabase(
    passwd: (try? contents(of: Bytes("/etc/passwd"))) ?? Rows(),
    group: (try? contents(of: Bytes("/etc/group"))) ?? Rows())
}

/// `PATH/x.d/` for `PATH/x.json`, else the path with `.d/` behind it.
private func dropInFolder(of path: Bytes) -> Bytes {
  var folder = path
  if folder.count > 5, folder.ends(with: ".json") { folder.removeLast(5) }
  folder.append(".d/")
  return folder
}

/// Adds a file that only root can change; another one is said, and as a drop-in of PID 1 refused.
@inline(never)
private func add(_ path: Bytes, isDropIn: Bool, to loader: inout ManifestLoader) {
  var owner = capus_owner()
  let fd = unsafe path.withUnsafeBufferPointer {
    unsafe capus_open_regular($0.baseAddress, $0.count, &owner)
  }
  defer { if fd >= 0 { _ = capus_close(fd) } }
  let ownership = FileOwnership(owner)
  if fd == 0 - Errno.badDescriptor.code {
    record(file: path, Rows(), .badDescriptor)
    return loader.addIrregular(file: path, ownership)
  }
  guard fd >= 0 else { return add(path, Rows(), Errno(0 - fd), to: &loader) }
  guard isTrusted(path, ownership, canRefuse: isDropIn, &loader) else { return }
  do throws(Errno) {
    add(path, try contents(of: fd), nil, to: &loader)
  } catch {
    add(path, Rows(), error, to: &loader)
  }
}

/// False for what is refused: PID 1 obeys only what root alone can change, but for the main file,
/// without which there would be no board.
private func isTrusted(
  _ path: Bytes, _ ownership: FileOwnership, canRefuse: Bool, _ loader: inout ManifestLoader
) -> Bool {
  var (user, group) = (UInt32(0), UInt32(0))
  unsafe capus_own_identity(&user, &group)
  if ownership.isOnly(for: user, group: group) { return true }
  let isRefused = canRefuse && capus_pid() == 1
  loader.mistrust(file: path, ownership, isRefused: isRefused)
  return !isRefused
}

extension FileOwnership {
  fileprivate init(_ owner: capus_owner) {
    self.init(user: owner.user, group: owner.group, mode: owner.mode)
  }
}

/// Gives a file to the loader, and to the record of what lasts beyond a crash.
@inline(never)
func add(_ path: Bytes, _ bytes: Bytes, _ errno: Errno?, to loader: inout ManifestLoader) {
  record(file: path, bytes, errno)
  if let errno {
    loader.addUnreadable(file: path, errno: errno)
  } else {
    loader.add(file: path, bytes: bytes)
  }
}

/// A file up to one byte over the limit of manifests, so that a larger one is seen to be too large.
private func contents(of path: Bytes) throws(Errno) -> Bytes {
  try readFile(path, limit: 1 << 20 | 1)
}

/// The same of an open file.
private func contents(of fd: Int32) throws(Errno) -> Bytes {
  var count: Int64 = 0
  let bytes = unsafe Bytes(unsafeUninitializedCapacity: 1 << 20 | 1) { buffer, used in
    count = unsafe capus_read_all(fd, buffer.baseAddress, buffer.count)
    used = Int(max(0, count))
  }
  guard count >= 0 else { throw Errno(Int32(truncatingIfNeeded: 0 &- count)) }
  return bytes
}
