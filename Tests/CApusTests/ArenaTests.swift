import CApus
import Foundation
import Testing

/// The arena is one per process, so its tests run one after the other.
@Suite(.serialized) struct ArenaTests {
  /// A memory block together with the byte that fills it.
  struct Held {
    var memory: UnsafeMutableRawPointer
    var size: Int
    var mark: UInt8
  }

  /// xorshift64: the same sequence every run, so that a failure can be looked at again.
  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }

  /// Mostly what a manifest's tables are made of, sometimes around the limits.
  static func size(_ generator: inout Generator) -> Int {
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: Int.random(in: 4000..<4200, using: &generator)
    case 1: Int.random(in: 4096..<70_000, using: &generator)
    case 2: [262_144, 262_128, 1 << 20][Int.random(in: 0..<3, using: &generator)]
    default: Int.random(in: 0..<300, using: &generator)
    }
  }

  static func isIntact(_ held: Held) -> Bool {
    // All bytes are the first one when the block equals itself moved by one.
    held.size == 0
      || held.memory.load(as: UInt8.self) == held.mark
        && memcmp(held.memory, held.memory + 1, held.size - 1) == 0
  }

  /// Takes blocks of all sizes, each zeroed and aligned, and fills them.
  static func take(_ count: Int, _ generator: inout Generator) throws -> [Held] {
    try (0..<count).map { step in
      let size = size(&generator)
      let alignment = 1 << Int.random(in: 0...12, using: &generator)
      let memory = try #require(
        Bool.random(using: &generator)
          ? apus_arena_allocate_aligned(alignment, size) : apus_arena_allocate(size))
      #expect(UInt(bitPattern: memory) % 16 == 0)
      for offset in stride(from: 0, to: size, by: 61) {
        try #require(memory.load(fromByteOffset: offset, as: UInt8.self) == 0)
      }
      let held = Held(memory: memory, size: size, mark: UInt8(truncatingIfNeeded: step | 1))
      memset(memory, Int32(held.mark), size)
      return held
    }
  }

  @Test("what callers write stays, lasting beside scratch", arguments: [1, 2, 3] as [UInt64])
  func keeps(seed: UInt64) throws {
    var generator = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15)
    var lasting = try Self.take(200, &generator)
    for _ in 0..<5 {
      apus_arena_scratch(true)
      let before = apus_arena_bytes()
      let scratch = try Self.take(400, &generator)
      #expect(apus_arena_bytes() == before, "scratch counts as lasting")
      apus_arena_scratch(false)
      lasting += try Self.take(50, &generator)
      #expect(scratch.allSatisfy(Self.isIntact))
      apus_arena_drop()
      #expect(lasting.allSatisfy(Self.isIntact))
    }
  }

  @Test("what was scratch is the kernel's again")
  func drops() throws {
    let pages = { () throws -> Int in
      try #require(
        Int(
          try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[0]))
    }
    let size = 64 << 20
    let before = try pages()
    apus_arena_scratch(true)
    for _ in 0..<4 { _ = try #require(apus_arena_allocate(size)) }
    for _ in 0..<100_000 { _ = try #require(apus_arena_allocate(1000)) }
    apus_arena_scratch(false)
    #expect(try pages() - before >= 4 * size / 4096)
    apus_arena_drop()
    #expect(try pages() - before < size / 4096)
  }

  @Test("a size that wraps around, and a strange alignment, are refused")
  func refuses() {
    for size in [Int.max, -1, -16, -4096] { #expect(apus_arena_allocate(size) == nil) }
    #expect(apus_arena_allocate_aligned(4096, -100) == nil)
    #expect(apus_arena_allocate_aligned(0, 16) == nil)
    #expect(apus_arena_allocate_aligned(48, 16) == nil)
    #expect(apus_arena_allocate_aligned(8192, 16) == nil)
  }
}
