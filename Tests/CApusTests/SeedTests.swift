import CApus
import Foundation
import Testing

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
    #expect(capus_seed_load("/no/such/folder/seed") == -ENOENT)
    #expect(capus_seed_save("/proc/seed") == -ENOENT)
    let long = folder + "/" + String(repeating: "a/", count: 600)
    #expect(capus_seed_save(long) == -ENAMETOOLONG)
    try FileManager.default.removeItem(atPath: folder)
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
