import Foundation

/// One bounded run of a target, set by the environment:
///
/// - `APUS_FUZZ_INPUTS`: how many inputs a target gets, `standard` by default.
/// - `APUS_FUZZ_SEED`: where they come from; without it from the clock, another one each time.
/// - `APUS_FUZZ_ONLY`: the number of one input to repeat, as a failure names it.
///
/// The number of the input being run stands in `apus-fuzz-NAME` in the temporary folder; after a
/// trap it is the one to repeat.
struct FuzzRun {
  var seed: UInt64
  var inputs: Range<Int>

  /// Few enough for every run of the tests, enough to reach the outcomes a target names.
  static let standard = 2500

  private static let fresh = UInt64(Date().timeIntervalSince1970 * 1_000_000)

  /// The run the environment asks for.
  static var asked: FuzzRun {
    let environment = ProcessInfo.processInfo.environment
    let count = environment["APUS_FUZZ_INPUTS"].flatMap(Int.init) ?? standard
    let only = environment["APUS_FUZZ_ONLY"].flatMap(Int.init)
    return FuzzRun(
      seed: environment["APUS_FUZZ_SEED"].flatMap(UInt64.init) ?? fresh,
      inputs: only.map { $0..<$0 + 1 } ?? 0..<max(count, 1))
  }

  /// What a run found.
  struct Result {
    var outcomes: [String: Int] = [:]
    var failure: String?
  }

  /// Runs until an input breaks a promise.
  func run(_ target: FuzzTarget) -> Result {
    var result = Result()
    let trace = Trace(name: target.name)
    for input in inputs {
      trace.note(input)
      var mutator = Mutator(target: target, seed: seed, input: input)
      let bytes = mutator.make()
      let outcome = target.run(bytes)
      result.outcomes[outcome.name, default: 0] += 1
      if let broken = outcome.broken {
        let text = String(decoding: bytes.prefix(400), as: UTF8.self).debugDescription
        result.failure =
          "\(target.name) seed \(seed) input \(input): \(broken): \(bytes.count) bytes: \(text)"
        break
      }
    }
    trace.remove()
    return result
  }
}

/// The file that tells after a trap which input it was.
private struct Trace {
  private let url: URL
  private let handle: FileHandle?

  init(name: String) {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("apus-fuzz-\(name)")
    _ = FileManager.default.createFile(atPath: url.path, contents: nil)
    handle = try? FileHandle(forWritingTo: url)
  }

  func note(_ input: Int) {
    try? handle?.seek(toOffset: 0)
    try? handle?.write(contentsOf: Data("\(input)\n".utf8))
  }

  func remove() {
    try? handle?.close()
    try? FileManager.default.removeItem(at: url)
  }
}
