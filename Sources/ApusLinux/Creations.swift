internal import ApusBase
internal import ApusManifest
internal import ApusWire
internal import CApus

/// Makes what the manifest's `create` lists for that moment, each by a child with a deadline.
///
/// What cannot be made is said, with the step and the errno; the next entry follows. A user or group
/// that does not exist leaves its entry out: nothing is given to somebody else.
func makeCreations(_ manifest: Manifest, isFirst: Bool, _ setup: inout SystemSetup) {
  if manifest.system.creations.isEmpty { return }
  setup.timed(.start, "create") {
    apus_arena_scratch(true)
    let users = loadUsers()
    apus_arena_scratch(false)
    for creation in manifest.system.creations where creation.isFirst == isFirst {
      let path = manifest.bytes(creation.path)
      guard let owner = NodeOwner(creation.user, creation.group, of: manifest, users) else {
        complain("find the user or group of", path, .noEntry)
        continue
      }
      let answer = make(creation, path, manifest.bytes(creation.text), owner.numbers)
      if answer >= 0 { continue }
      let step = (0 &- answer) >> 16
      complain(
        step == 0 ? "reach" : step == 1 ? "make" : "change the owner or mode of", path,
        Errno((0 &- answer) & 0xffff))
    }
  }
}

private func make(
  _ creation: Creation, _ path: Bytes, _ text: Bytes, _ owner: (user: Int32, group: Int32)
) -> Int32 {
  var wanted = capus_creation()
  wanted.kind = creation.kind.rawValue
  wanted.mode = creation.mode
  wanted.user = owner.user
  wanted.group = owner.group
  wanted.major = creation.major
  wanted.minor = creation.minor
  return unsafe path.terminated.withCPath { path in
    unsafe text.terminated.withCPath { text in
      unsafe wanted.path = path
      unsafe wanted.text = text
      return unsafe withUnsafePointer(to: wanted) {
        unsafe UnsafeRawPointer($0).withMemoryRebound(to: CChar.self, capacity: 1) {
          unsafe capus_attempt(CAPUS_CREATE, $0, 5_000)
        }
      }
    }
  }
}
