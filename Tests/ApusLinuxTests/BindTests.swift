import ApusBase
import ApusCore
import ApusLinux
import ApusManifest
import Foundation
import TestSockets
import Testing

/// Binds the only listener of a manifest; fails the test when it cannot.
func bind(_ manifest: Manifest, owner: NodeOwner = NodeOwner()) throws -> Int32 {
  let result = bindListener(0, of: manifest, owner: owner)
  guard case .bound(let fd) = result else {
    Issue.record("\(result)")
    throw Errno.invalid
  }
  return fd
}

/// What a thread that looks at a node over and over has seen.
final class Watch: @unchecked Sendable {
  private let lock = NSLock()
  private var done = false
  private var seen = (right: 0, wrong: 0)

  var isDone: Bool { lock.withLock { done } }
  var counts: (right: Int, wrong: Int) { lock.withLock { seen } }
  func finish() { lock.withLock { done = true } }
  func saw(_ isRight: Bool) {
    lock.withLock { if isRight { seen.right += 1 } else { seen.wrong += 1 } }
  }
}

/// Serialised because umask(2) belongs to the process.
@Suite("Binding listeners", .serialized)
struct BindTests {
  let scratch = Scratch()

  @Test("a bound path takes connections before anybody accepts, under its own name")
  func path() throws {
    let path = scratch["web.sock"]
    let fd = try bind(manifest(path: path))
    defer { close(fd) }
    let client = Endpoint.path(path).connect()
    #expect(client >= 0)
    close(client)
    #expect(BoundName(fd).bytes == Array(path.utf8) + [0])
    #expect(fcntl(fd, F_GETFD) & FD_CLOEXEC != 0)
    #expect(fcntl(fd, F_GETFL) & O_NONBLOCK == 0)
  }

  @Test("apus's own accepting never waits")
  func acceptIsNonblocking() throws {
    let fd = try bind(manifest(path: scratch["each.sock"], accepts: true))
    defer { close(fd) }
    #expect(fcntl(fd, F_GETFL) & O_NONBLOCK != 0)
  }

  @Test("SOC-06 a stale socket is replaced")
  func stale() throws {
    let path = scratch["stale.sock"]
    close(Endpoint.path(path).listen())
    #expect(Endpoint.path(path).connect() == -ECONNREFUSED)
    let fd = try bind(manifest(path: path))
    defer { close(fd) }
    let client = Endpoint.path(path).connect()
    #expect(client >= 0)
    close(client)
  }

  @Test("SOC-06 a live socket is left alone")
  func live() {
    let path = scratch["live.sock"]
    let other = Endpoint.path(path).listen()
    defer { close(other) }
    let before = status(path)?.st_ino
    #expect(
      bindListener(0, of: manifest(path: path), owner: NodeOwner())
        == .failed(.probe, .addressInUse))
    #expect(status(path)?.st_ino == before)
  }

  @Test("SOC-06 a regular file, a directory and a symbolic link are refused and stay")
  func foreignNodes() throws {
    let file = scratch["file"]
    try Data("precious".utf8).write(to: URL(fileURLWithPath: file))
    let folder = scratch["folder"]
    mkdir(folder, 0o755)
    let link = scratch["link"]
    symlink(file, link)
    for (path, code) in [(file, Errno.exists), (folder, Errno(21)), (link, .linkLoop)] {
      let before = status(path)
      #expect(
        bindListener(0, of: manifest(path: path), owner: NodeOwner()) == .failed(.probe, code))
      #expect(status(path)?.st_ino == before?.st_ino)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data("precious".utf8))
  }

  @Test("a link that others could have put there is refused, and nothing is made behind it")
  func linkOnTheWay() {
    mkdir(scratch["elsewhere"], 0o755)
    mkdir(scratch["shared"], 0o755)
    chmod(scratch["shared"], 0o1777)
    symlink(scratch["elsewhere"], scratch["shared/way"])
    #expect(
      bindListener(0, of: manifest(path: scratch["shared/way/deep/web.sock"]), owner: NodeOwner())
        == .failed(.directory, .linkLoop))
    #expect(status(scratch["elsewhere/deep"]) == nil)
  }

  @Test(
    "links that root has put where only root may write are followed, relative and absolute ones")
  func trustedLinks() throws {
    for name in ["run", "var", "var/deep"] { mkdir(scratch[name], 0o755) }
    symlink("../run", scratch["var/run"])
    symlink(scratch["var/run"], scratch["lock"])
    symlink("lock/./../run", scratch["odd"])
    symlink("loop", scratch["loop"])
    for (name, at) in [("var/run/a", "run/a"), ("lock/b/c", "run/b/c"), ("odd/d", "run/d")] {
      let fd = try bind(manifest(path: scratch[name]))
      defer { close(fd) }
      #expect(BoundName(fd).bytes == Array(scratch[name].utf8) + [0])
      #expect((status(scratch[at])?.st_mode ?? 0) & S_IFMT == S_IFSOCK)
      let client = Endpoint.path(scratch[name]).connect()
      #expect(client >= 0)
      close(client)
    }
    #expect(
      bindListener(0, of: manifest(path: scratch["loop/x"]), owner: NodeOwner())
        == .failed(.directory, .linkLoop))
  }

  @Test("where others may replace a component the socket is bound by its directory's descriptor")
  func sharedParent() throws {
    mkdir(scratch["shared"], 0o755)
    chmod(scratch["shared"], 0o777)
    mkdir(scratch["shared/mine"], 0o755)
    mkdir(scratch["theirs"], 0o755)
    let path = scratch["shared/mine/web.sock"]
    let done = Watch()
    let ended = DispatchSemaphore(value: 0)
    // Somebody swaps the directory for a link to one of root's, again and again.
    let (mine, kept, theirs) = (scratch["shared/mine"], scratch["shared/kept"], scratch["theirs"])
    Thread.detachNewThread {
      while !done.isDone {
        rename(mine, kept)
        symlink(theirs, mine)
        unlink(mine)
        rename(kept, mine)
      }
      ended.signal()
    }
    var bound = 0
    for _ in 0..<3000 {
      guard
        case .bound(let fd) = bindListener(0, of: manifest(path: path), owner: NodeOwner())
      else { continue }
      bound += 1
      close(fd)
    }
    done.finish()
    ended.wait()
    #expect(status(scratch["theirs/web.sock"]) == nil)
    #expect(bound > 0)
    let fd = try bind(manifest(path: path))
    defer { close(fd) }
    let client = Endpoint.path(path).connect()
    #expect(client >= 0)
    close(client)
  }

  @Test("a link that cannot be made does not take its socket down, nor the other links")
  func badLink() throws {
    let path = scratch["web.sock"]
    try Data().write(to: URL(fileURLWithPath: scratch["file"]))
    var manifest = manifest(path: path)
    let links = [scratch["file/link"], scratch["file"], scratch["good"]]
    manifest.set(links.map { (SocketKey.symlinks.rawValue, Int64(manifest.add($0).offset)) })
    let fd = try bind(manifest)
    defer { close(fd) }
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: scratch["good"]) == path)
    let client = Endpoint.path(path).connect()
    #expect(client >= 0)
    close(client)
  }

  @Test("a file on the way, dots and an unfinished path are refused")
  func oddPaths() throws {
    try Data().write(to: URL(fileURLWithPath: scratch["file"]))
    for (path, code) in [
      (scratch["file/web.sock"], Errno.notDirectory), (scratch["../web.sock"], .invalid),
      (scratch["./web.sock"], .invalid), (scratch["web.sock/"], .invalid), ("/", .invalid),
      ("web.sock", .invalid), ("", .invalid),
      (scratch[String(repeating: "x", count: 256) + "/a"], .nameTooLong),
    ] {
      #expect(
        bindListener(0, of: manifest(path: path), owner: NodeOwner())
          == .failed(.directory, code), "\(path)")
    }
  }

  @Test(
    "missing directories are made with directoryMode, whatever the umask", arguments: [0, 0o77])
  func directories(mask: Int) throws {
    let old = umask(mode_t(mask))
    defer { umask(old) }
    let path = scratch["a\(mask)//b/web.sock"]
    let fd = try bind(manifest(path: path) { $0.directoryMode = 0o751 })
    defer { close(fd) }
    for name in ["a\(mask)", "a\(mask)/b"] {
      #expect((status(scratch[name])?.st_mode ?? 0) & 0o7777 == 0o751)
    }
    #expect(umask(mode_t(mask)) == mode_t(mask))
  }

  @Test("SOC-08 PRI-09 the node's mode is exactly the manifest's", arguments: [0, 0o22, 0o77])
  func mode(mask: Int) throws {
    let old = umask(mode_t(mask))
    defer { umask(old) }
    for mode in [0o660, 0o600, 0o777, 0o222] as [UInt16] {
      let path = scratch["m\(mask)-\(mode)"]
      let fd = try bind(manifest(path: path) { $0.mode = mode })
      defer { close(fd) }
      #expect((status(path)?.st_mode ?? 0) & 0o7777 == mode_t(mode))
    }
  }

  @Test(
    "SOC-08 whoever finds the node finds its mode and group right",
    arguments: [ListenerKind.stream, .datagram, .fifo])
  func modeAndGroupFromTheFirstInstant(kind: ListenerKind) throws {
    let path = scratch["watched"]
    let manifest = manifest(path: path) {
      $0.mode = 0o660
      $0.kind = kind
    }
    // Only root can give a group away; for others their own must be left alone.
    let isRoot = getuid() == 0
    let (user, group): (UInt32, UInt32) = isRoot ? (1234, 4711) : (getuid(), getgid())
    let watch = Watch()
    let ended = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      while !watch.isDone {
        guard let found = status(path) else { continue }
        watch.saw(found.st_mode & 0o7777 == 0o660 && found.st_gid == group)
      }
      ended.signal()
    }
    for _ in 0..<400 {
      let fd = try bind(manifest, owner: NodeOwner(user: user, group: group))
      #expect(status(path)?.st_uid == user)
      close(fd)
      unlink(path)
    }
    watch.finish()
    ended.wait()
    #expect(watch.counts.wrong == 0)
    #expect(watch.counts.right > 0)
  }

  @Test("a path longer than sun_path, which no manifest can say, leaves nothing behind")
  func longPath() throws {
    let path = scratch[String(repeating: "d", count: 120)] + "/web.sock"
    #expect(
      bindListener(0, of: manifest(path: path), owner: NodeOwner())
        == .failed(.resolve, .nameTooLong))
    #expect(status(path) == nil)
  }

  @Test("an abstract name leaves no node and is exclusive")
  func abstract() throws {
    var manifest = manifest()
    manifest.listeners[0].address = .abstract(manifest.add("apus-test-\(getpid())"))
    let fd = try bind(manifest)
    #expect(BoundName(fd).bytes == [0] + Array("apus-test-\(getpid())".utf8))
    #expect(
      bindListener(0, of: manifest, owner: NodeOwner()) == .failed(.bind, .addressInUse))
    close(fd)
    close(try bind(manifest))
  }

  @Test("a listener that is not in the manifest is refused")
  func outside() {
    #expect(
      bindListener(7, of: Manifest(), owner: NodeOwner()) == .failed(.resolve, .invalid))
    let torn = manifest { $0.address = .path(Text(offset: 4000, count: 9)) }
    #expect(bindListener(0, of: torn, owner: NodeOwner()) == .failed(.resolve, .invalid))
  }

  @Test("removeOnStop removes the node, unless somebody else listens there by now")
  func unbind() throws {
    let path = scratch["gone.sock"]
    let kept = manifest(path: path)
    unbindListener(try bind(kept), 0, of: kept)
    #expect(status(path) != nil)
    let removed = manifest(path: path) { $0.flags.insert(.removeOnStop) }
    let fd = try bind(removed)
    unbindListener(fd, 0, of: removed)
    #expect(status(path) == nil)
    #expect(fcntl(fd, F_GETFD) == -1)

    let ours = try bind(removed)
    unlink(path)
    let theirs = Endpoint.path(path).listen()
    defer { close(theirs) }
    unbindListener(ours, 0, of: removed)
    #expect(status(path) != nil)
  }

  @Test("no descriptor is left behind, whatever happens")
  func balance() throws {
    func open() -> Int {
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count ?? -1
    }
    let path = scratch["a/b/c.sock"]
    close(try bind(manifest(path: path)))
    let before = open()
    for _ in 0..<50 {
      close(try bind(manifest(path: path)))
      _ = bindListener(0, of: manifest(path: scratch["a"]), owner: NodeOwner())
      _ = bindListener(0, of: manifest(path: path + "/x"), owner: NodeOwner())
      let far = manifest {
        $0.address = .ipv4(0xCB00_7101, 1); $0.flags = []
      }
      #expect(
        bindListener(0, of: far, owner: NodeOwner()) == .failed(.bind, .addressNotAvailable))
    }
    // Other suites may open a few at the same time; a leak would be a hundred.
    #expect(open() < before + 40)
  }
}
