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
    case 2, 3: Int.random(in: 960..<1100, using: &generator)
    default: Int.random(in: 0..<300, using: &generator)
    }
  }

  static func isIntact(_ held: Held) -> Bool {
    // All bytes are the first one when the block equals itself moved by one.
    held.size == 0
      || held.memory.load(as: UInt8.self) == held.mark
        && memcmp(held.memory, held.memory + 1, held.size - 1) == 0
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func keepsWhatCallersWrite(seed: UInt64) throws {
    var generator = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15)
    var live: [Held] = []
    for step in 0..<20_000 {
      if live.count < 400, Bool.random(using: &generator) || live.isEmpty {
        let size = Self.size(&generator)
        let alignment = 1 << Int.random(in: 0...8, using: &generator)
        let memory = try #require(
          step % 4 == 0
            ? apus_arena_allocate_aligned(alignment, size) : apus_arena_allocate(size))
        let mark = UInt8(truncatingIfNeeded: step)
        #expect(Int(bitPattern: memory) % (step % 4 == 0 ? max(alignment, 16) : 16) == 0)
        #expect(apus_arena_capacity(memory) >= size)
        memory.initializeMemory(as: UInt8.self, repeating: mark, count: size)
        live.append(Held(memory: memory, size: size, mark: mark))
      } else {
        let held = live.remove(at: Int.random(in: live.indices, using: &generator))
        #expect(Self.isIntact(held), "step \(step), \(held.size) bytes")
        apus_arena_release(held.memory)
      }
    }
    for held in live {
      #expect(Self.isIntact(held))
      apus_arena_release(held.memory)
    }
  }

  @Test func reusesWhatWasReleased() throws {
    let sizes = (0..<2000).map { $0 % 500 }
    // Once to grow, then the same again must fit in what is there.
    for round in 0..<5 {
      let before = apus_arena_bytes()
      let memory = sizes.map { apus_arena_allocate($0) }
      if round > 0 { #expect(apus_arena_bytes() == before) }
      for pointer in memory { apus_arena_release(pointer) }
    }
  }

  @Test func returnsScratchToTheKernel() throws {
    let before = apus_arena_bytes()
    let memory = try #require(apus_arena_allocate(1 << 20))
    #expect(apus_arena_bytes() >= before + (1 << 20))
    apus_arena_release(memory)
    #expect(apus_arena_bytes() == before)
  }

  @Test func refusesWhatCannotBe() {
    // size_t is Int in Swift: -1 is the largest.
    for size in [-1, -16, -4096, -5000, .max, .max - 15] {
      #expect(apus_arena_allocate(size) == nil)
    }
    #expect(apus_arena_allocate_aligned(4096, -100) == nil)
    #expect(apus_arena_allocate_aligned(0, 16) == nil)
    #expect(apus_arena_allocate_aligned(48, 16) == nil)
    apus_arena_release(nil)
  }

  @Test func trapsOnSecondRelease() async {
    await #expect(processExitsWith: .failure) {
      let memory = apus_arena_allocate(100)
      apus_arena_release(memory)
      apus_arena_release(memory)
    }
  }

  @Test func countsAllocationsAfterSeal() async {
    await #expect(processExitsWith: .exitCode(3)) {
      apus_arena_release(apus_arena_allocate(1))
      guard apus_arena_allocations_after_seal() == 0 else { exit(1) }
      apus_arena_seal()
      guard apus_arena_allocations_after_seal() == 0 else { exit(2) }
      for size in [1, 1000, 10_000] { apus_arena_release(apus_arena_allocate(size)) }
      exit(Int32(apus_arena_allocations_after_seal()))
    }
  }
}
