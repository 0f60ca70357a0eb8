internal import ApusBase
public import ApusManifest
internal import CApus

/// Reads the manifest's files: the main one and its drop-ins, `*.json` in byte order of name.
///
/// The folder of drop-ins of `PATH/x.json` is `PATH/x.d`; a hidden file is none. Only at the start,
/// where waiting for a file system is right.
public func loadManifest(main path: [UInt8]) -> LoadedManifest {
  var loader = ManifestLoader()
  _ = capus_record_begin()
  if isResumed {
    loadPreviousManifest(into: &loader)
    return loader.finish()
  }
  add(path, to: &loader)
  let folder = dropInFolder(of: path)
  for name in dropIns(in: folder) { add(folder + [UInt8(ascii: "/")] + name, to: &loader) }
  return loader.finish()
}

/// The users and groups of this machine.
public func loadUsers() -> UserDatabase {
  UserDatabase(
    passwd: (try? contents(of: bytes("/etc/passwd"))) ?? [],
    group: (try? contents(of: bytes("/etc/group"))) ?? [])
}

/// `PATH/x.d` for `PATH/x.json`, else the path with `.d` behind it.
func dropInFolder(of path: [UInt8]) -> [UInt8] {
  let suffix = bytes(".json")
  let stem =
    path.count > suffix.count && path.suffix(suffix.count).elementsEqual(suffix)
    ? Array(path.dropLast(suffix.count)) : path
  return stem + bytes(".d")
}

/// The bytes of a literal.
func bytes(_ literal: StaticString) -> [UInt8] {
  var result: [UInt8] = []
  result.reserveCapacity(literal.utf8CodeUnitCount)
  for index in 0..<literal.utf8CodeUnitCount { unsafe result.append(literal.utf8Start[index]) }
  return result
}

private func add(_ path: [UInt8], to loader: inout ManifestLoader) {
  do throws(Errno) {
    add(path, try contents(of: path), nil, to: &loader)
  } catch {
    add(path, [], error, to: &loader)
  }
}

/// Gives a file to the loader, and to the record of what lasts beyond a crash.
@inline(never)
func add(_ path: [UInt8], _ bytes: [UInt8], _ errno: Errno?, to loader: inout ManifestLoader) {
  record(file: path, bytes, errno)
  if let errno {
    loader.addUnreadable(file: path, errno: errno)
  } else {
    loader.add(file: path, bytes: bytes)
  }
}

/// A file up to one byte over the limit of manifests, so that a larger one is seen to be too large.
private func contents(of path: [UInt8]) throws(Errno) -> [UInt8] {
  let limit = 1 << 20 | 1
  let fd = try checked(open(path))
  defer { _ = capus_close(fd) }
  var result: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 4096)
  while result.count < limit {
    let count = unsafe block.withUnsafeMutableBufferPointer { buffer in
      unsafe capus_read(fd, buffer.baseAddress, buffer.count)
    }
    if count < 0 { throw Errno(Int32(truncatingIfNeeded: -count)) }
    if count == 0 { break }
    result.append(contentsOf: block[..<Int(count)])
  }
  return result
}

private func open(_ path: [UInt8]) -> Int32 {
  let terminated = path + [0]
  return unsafe terminated.withUnsafeBufferPointer { bytes in
    unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe capus_open($0.baseAddress, 0) }
  }
}

/// The names of drop-ins, sorted by bytes; none when there is no such folder.
private func dropIns(in folder: [UInt8]) -> [[UInt8]] {
  let fd = open(folder)
  if fd < 0 { return [] }
  defer { _ = capus_close(fd) }
  var found: [[UInt8]] = []
  var block = [CChar](repeating: 0, count: 2048)
  while true {
    let count = unsafe block.withUnsafeMutableBufferPointer { buffer in
      unsafe capus_directory_names(fd, buffer.baseAddress, buffer.count)
    }
    if count <= 0 { return found }
    var name: [UInt8] = []
    for index in 0..<Int(count) {
      if block[index] != 0 {
        name.append(UInt8(bitPattern: block[index]))
        continue
      }
      if isDropIn(name) { insert(name, into: &found) }
      name = []
    }
  }
}

private func isDropIn(_ name: [UInt8]) -> Bool {
  name.count > 5 && name[0] != UInt8(ascii: ".")
    && name.suffix(5).elementsEqual(bytes(".json"))
}

private func insert(_ name: [UInt8], into names: inout [[UInt8]]) {
  var place = names.count
  while place > 0, name.lexicographicallyPrecedes(names[place - 1]) { place -= 1 }
  names.insert(name, at: place)
}
