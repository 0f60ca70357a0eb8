internal import ApusBase
public import ApusManifest
internal import CApus

/// Reads the manifest's files: the main one and its drop-ins, `*.json` in byte order of name.
///
/// The folder of drop-ins of `PATH/x.json` is `PATH/x.d`; a hidden file is none. Only at the start,
/// where waiting for a file system is right.
public func loadManifest(main path: [UInt8]) -> LoadedManifest {
  var loader = unsafe ManifestLoader(knowsCall: capus_filter_knows)
  _ = capus_record_begin()
  if isResumed {
    loadPreviousManifest(into: &loader)
    return loader.finish()
  }
  add(path, to: &loader)
  var names: [UInt8] = []
  var file = dropInFolder(of: path)
  let folder = file.count
  unsafe file.withUnsafeBufferPointer { folder in
    unsafe names = [UInt8](unsafeUninitializedCapacity: 1 << 18) { buffer, used in
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
      add(file, to: &loader)
      file.removeLast(file.count - folder)
    }
  }
  return loader.finish()
}

/// The users and groups of this machine.
public func loadUsers() -> UserDatabase {
  UserDatabase(
    passwd: (try? contents(of: bytes("/etc/passwd"))) ?? [],
    group: (try? contents(of: bytes("/etc/group"))) ?? [])
}

/// `PATH/x.d/` for `PATH/x.json`, else the path with `.d/` behind it.
private func dropInFolder(of path: [UInt8]) -> [UInt8] {
  var folder = path
  if folder.count > 5, folder.ends(with: ".json") { folder.removeLast(5) }
  folder.append(".d/")
  return folder
}

/// The bytes of a literal.
@inline(never)
func bytes(_ literal: StaticString) -> [UInt8] {
  var result: [UInt8] = []
  result.append(literal)
  return result
}

@inline(never)
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
  try readFile(path, limit: 1 << 20 | 1)
}
