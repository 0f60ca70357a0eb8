import Testing

/// Every decoder of outside bytes on a bounded number of damaged inputs.
@Suite struct FuzzTests {
  @Test("PAR-14 no input breaks a promise", arguments: fuzzTargets.map(\.name))
  func targets(name: String) throws {
    let target = try #require(fuzzTargets.first { $0.name == name })
    let run = FuzzRun.asked
    let result = run.run(target)
    print("fuzz \(name): seed \(run.seed), \(run.inputs.count) inputs, \(result.outcomes)")
    #expect(result.failure == nil)
    guard run.inputs.count >= FuzzRun.standard else { return }
    #expect(result.outcomes.count >= target.outcomes, "\(result.outcomes)")
  }

  @Test("the corpus is valid as it is", arguments: fuzzTargets.map(\.name))
  func corpus(name: String) throws {
    let target = try #require(fuzzTargets.first { $0.name == name })
    for input in target.corpus {
      let outcome = target.run(input)
      #expect(outcome.name == "accepted", "\(String(decoding: input, as: UTF8.self))")
      #expect(outcome.broken == nil)
    }
  }

  @Test("an input depends on its seed and number only")
  func repeatable() {
    var seen: Set<[UInt8]> = []
    for input in 0..<200 {
      var first = Mutator(target: jsonTarget, seed: 7, input: input)
      var second = Mutator(target: jsonTarget, seed: 7, input: input)
      let bytes = first.make()
      #expect(bytes == second.make())
      seen.insert(bytes)
    }
    #expect(seen.count > 150)
  }

  @Test("a decoder with a bug is caught: the canary")
  func canary() {
    var target = jsonTarget
    target.run = { bytes in
      // Stands for a parser that forgets to count depth behind a key.
      let outcome = jsonTarget.run(bytes)
      let isDeep = bytes.filter { $0 == UInt8(ascii: "{") }.count > 40
      return FuzzOutcome(name: outcome.name, broken: isDeep ? "too deep" : nil)
    }
    let result = FuzzRun(seed: 1, inputs: 0..<5000).run(target)
    #expect(result.failure?.contains("too deep") == true)
  }
}
