import ApusSimulation
import Foundation
import Testing

/// Lives that nobody has lived before: the seeds come from the clock and are printed.
///
/// Ten thousand boards, and a quarter of that with edits and with replacements, which take longer.
/// `APUS_SOAK_SEEDS` asks for another number of lives, `APUS_SOAK_FIRST` for those of certain seeds.
@Suite struct FreshSeedTests {
  private static let count = UInt64(setting("APUS_SOAK_SEEDS") ?? 10_000)
  private static let first = setting("APUS_SOAK_FIRST").map { UInt64($0) } ?? now()
  /// The lives are lived side by side.
  private static let parts: UInt64 = 4

  @Test("random boards", arguments: 0..<parts)
  func boards(_ part: UInt64) { soak(.boards, part) }

  @Test("random boards whose manifest is edited and applied", arguments: 0..<parts)
  func edits(_ part: UInt64) { soak(.edits, part) }

  @Test("random boards that live on under another supervisor after any turn", arguments: 0..<parts)
  func replacements(_ part: UInt64) { soak(.replacements, part) }

  private func soak(_ kind: Life.Kind, _ part: UInt64) {
    let count = kind == .boards || Self.count < 4 ? Self.count : Self.count / 4
    let first = Self.first &+ part * count / Self.parts
    let end = Self.first &+ (part + 1) * count / Self.parts
    print("\(kind): seeds from \(first), \(end - first) lives")
    for seed in first..<end {
      guard let broken = Life(kind, seed).run() else { continue }
      Issue.record("\(Shrinker(kind, seed, broken).report())")
      return
    }
  }

  private static func now() -> UInt64 { UInt64(Date().timeIntervalSince1970 * 1_000_000) }

  private static func setting(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }
}

/// One life of a workload: what is lived, and what of it is left out.
struct Life {
  enum Kind: String {
    case boards
    case edits
    case replacements
  }
  let kind: Kind
  let seed: UInt64
  let workload: Workload

  init(_ kind: Kind, _ seed: UInt64, without reduction: Reduction = Reduction()) {
    self.kind = kind
    self.seed = seed
    workload = Workload(seed: seed, applies: kind == .edits, without: reduction)
    var random = Random(seed: seed &+ 77)
    let often = [1000, 200, 20][Int(seed % 3)]
    switch kind {
    case .boards: break
    case .edits: if seed % 2 == 0 { workload.simulation.replaces = { random.chance(50) } }
    case .replacements: workload.simulation.replaces = { random.chance(often) }
    }
  }

  /// What was broken in it.
  func run() -> Violation? {
    do {
      _ = try workload.run()
      return nil
    } catch { return error }
  }
}
