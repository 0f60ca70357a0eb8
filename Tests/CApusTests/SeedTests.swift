import CApus
import Foundation
import Testing

/// prctl(2), which Swift does not show.
@_silgen_name("prctl")
private func control(
  _ what: Int32, _ first: UInt, _ second: UnsafeMutablePointer<UInt>?, _ third: UInt, _ fourth: UInt
) -> Int32

@Suite struct SeedTests {
  private let folder = NSTemporaryDirectory() + "apus-seed-\(UUID().uuidString.prefix(8))"
  private var path: String { folder + "/seed" }

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func seed() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }

  private func entries() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder)
  }

  @Test("a saved seed is of root's alone, and each is another one")
  func save() throws {
    #expect(capus_seed_save(path) == 0)
    let first = try seed()
    #expect(first.count == 32)
    var status = stat()
    #expect(stat(path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
    #expect(capus_seed_save(path) == 0)
    #expect(try seed() != first)
    #expect(try entries() == ["seed"])
    try FileManager.default.removeItem(atPath: folder)
  }

  @Test("none is there, a good one, a short one, an endless one: a new one stands there afterwards")
  func load() throws {
    #expect(capus_seed_load(path) == 0)
    for count in [0, 1, 32, 512, 100_000] {
      let old = [UInt8](repeating: 7, count: count)
      try Data(old).write(to: URL(filePath: path))
      #expect(capus_seed_load(path) == 0)
      #expect(try seed().count == 32)
      #expect(try seed() != old)
      #expect(try entries() == ["seed"])
    }
    try FileManager.default.removeItem(atPath: folder)
  }

  @Test("what is no file, or nowhere, is left alone")
  func refused() throws {
    try FileManager.default.createSymbolicLink(
      atPath: path, withDestinationPath: "/etc/hostname")
    #expect(capus_seed_load(path) == -ELOOP)
    #expect(try entries() == ["seed"])
    #expect(capus_seed_save(path) == -EINVAL)
    unlink(path)
    #expect(mkfifo(path, 0o600) == 0)
    #expect(capus_seed_load(path) == -EINVAL)
    #expect(capus_seed_save(path) == -EINVAL)
    var status = stat()
    #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    #expect(capus_seed_load("/no/such/folder/seed") == -ENOENT)
    #expect(capus_seed_save("/proc/seed") == -ENOENT)
    let long = folder + "/" + String(repeating: "a/", count: 600)
    #expect(capus_seed_save(long) == -ENAMETOOLONG)
    try FileManager.default.removeItem(atPath: folder)
  }

  @Test("nothing waits for randomness: without enough of it the file that gathers some is not read")
  func early() throws {
    nonisolated(unsafe) var answers: [Int32] = []
    let path = path
    // Only this thread is under the filter.
    let thread = Thread {
      // getrandom(GRND_NONBLOCK) finds too little, and reading a file fails.
      guard Self.filter() else { return answers.append(1) }
      answers.append(capus_seed_save(path))
      let first = Self.bytes(path)
      answers.append(capus_seed_load(path) == -EACCES ? 0 : 2)
      answers.append(capus_seed_save(path))
      answers.append(Self.bytes(path) == first ? 3 : 0)
      answers.append(first == [UInt8](repeating: 0, count: 32) ? 4 : 0)
    }
    thread.start()
    while !thread.isFinished { usleep(1000) }
    #expect(answers == [0, 0, 0, 0, 0])
    var status = stat()
    #expect(stat(path, &status) == 0)
    // It does not count the next time.
    #expect(status.st_mode & 0o7777 == 0o400)
    try FileManager.default.removeItem(atPath: folder)
  }

  /// The bytes of a file, read by the number it is opened with for writing.
  private static func bytes(_ path: String) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 33)
    let fd = open(path, O_RDWR | O_CREAT, 0o600)
    let count = read(fd, &bytes, bytes.count)
    close(fd)
    return [UInt8](bytes.prefix(max(0, count)))
  }

  private static func filter() -> Bool {
    #if arch(x86_64)
      let (getrandom, openat): (UInt32, UInt32) = (318, 257)
    #else
      let (getrandom, openat): (UInt32, UInt32) = (278, 56)
    #endif
    let (load, equal, set, giveBack): (UInt16, UInt16, UInt16, UInt16) = (0x20, 0x15, 0x45, 0x06)
    let errno: UInt32 = 0x0005_0000
    let creates = UInt32(O_CREAT) | UInt32(O_DIRECTORY)
    func instruction(code: UInt16, jt: UInt64, jf: UInt64, k: UInt32) -> UInt64 {
      UInt64(code) | jt << 16 | jf << 24 | UInt64(k) << 32
    }
    var program = [
      instruction(code: load, jt: 0, jf: 0, k: 0),
      instruction(code: equal, jt: 0, jf: 3, k: getrandom),
      instruction(code: load, jt: 0, jf: 0, k: 32),
      instruction(code: equal, jt: 0, jf: 4, k: 1),
      instruction(code: giveBack, jt: 0, jf: 0, k: errno | UInt32(EAGAIN)),
      instruction(code: equal, jt: 0, jf: 2, k: openat),
      instruction(code: load, jt: 0, jf: 0, k: 32),
      instruction(code: set, jt: 0, jf: 1, k: creates),
      instruction(code: giveBack, jt: 0, jf: 0, k: 0x7fff_0000),
      instruction(code: giveBack, jt: 0, jf: 0, k: errno | UInt32(EACCES)),
    ]
    return program.withUnsafeMutableBufferPointer { instructions in
      var whole = [UInt(instructions.count), UInt(bitPattern: instructions.baseAddress)]
      return control(38, 1, nil, 0, 0) == 0 && control(22, 2, &whole, 0, 0) == 0
    }
  }

  @Test("a torn one that was being written is replaced")
  func torn() throws {
    try Data([1]).write(to: URL(filePath: path + ".new"))
    #expect(capus_seed_load(path) == 0)
    #expect(try seed().count == 32)
    #expect(try entries() == ["seed"])
    try FileManager.default.removeItem(atPath: folder)
  }
}
