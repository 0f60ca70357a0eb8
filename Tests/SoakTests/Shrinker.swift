import ApusSimulation

/// Makes a life in which a rule is broken shorter, for as long as the same rule is broken in it.
///
/// It leaves out the disorder of the world, then events, faults and services, half of them at a time,
/// then a quarter and so on. What is left out changes what follows by chance, so the shortest life is
/// not found, only a short one.
struct Shrinker {
  private let kind: Life.Kind
  private let seed: UInt64
  private let original: Violation
  private var violation: Violation
  private var reduction = Reduction()
  private var lives = 0
  /// The most lives that are tried.
  private static let most = 600

  init(_ kind: Life.Kind, _ seed: UInt64, _ violation: Violation) {
    self.kind = kind
    self.seed = seed
    original = violation
    self.violation = violation
  }

  /// What was seen, how to see it again, and the shortened life.
  mutating func shrink() {
    let workload = Life(kind, seed).workload
    var calm = reduction
    calm.isCalm = true
    _ = attempt(calm)
    let services = workload.simulation.world.services.count
    for _ in 0..<2 {
      drop(workload.eventCount, \.events)
      drop(workload.faultCount, \.faults)
      drop(services, \.services)
    }
  }

  private mutating func drop(_ count: Int, _ list: WritableKeyPath<Reduction, [Int]>) {
    var size = max(1, count / 2)
    while true {
      var start = 0
      while start < count {
        let part = Array(start..<min(count, start + size))
        start += size
        var shorter = reduction
        shorter[keyPath: list] = Array(Set(shorter[keyPath: list] + part)).sorted()
        if shorter[keyPath: list].count > reduction[keyPath: list].count { _ = attempt(shorter) }
      }
      if size == 1 { return }
      size /= 2
    }
  }

  private mutating func attempt(_ shorter: Reduction) -> Bool {
    lives += 1
    guard lives <= Self.most,
      let broken = Life(kind, seed, without: shorter).run(),
      broken.invariant == original.invariant
    else { return false }
    reduction = shorter
    violation = broken
    return true
  }

  /// What was seen, how to see it again, and the same in a shorter life.
  func report() -> String {
    var shorter = self
    shorter.shrink()
    let left = shorter.reduction
    return """
      \(original)
      again: APUS_SOAK_SEEDS=1 APUS_SOAK_FIRST=\(seed) swift test --filter FreshSeedTests/\(kind)

      the same rule in a shorter life:
      \(shorter.violation)
      without events \(left.events)
      without faults \(left.faults)
      without services \(left.services)\(left.isCalm ? ", in an orderly world" : "")
      """
  }
}
