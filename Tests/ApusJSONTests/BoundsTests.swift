import ApusJSON
import Foundation
import Testing

/// Time, stack and memory on texts made to hurt.
@Suite struct BoundsTests {
  @Test("PAR-02 depth costs no stack: 100,000 levels on a thread of 128 KiB")
  func constantStack() async throws {
    let depth = 100_000
    var limits = JSONLimits.manifest
    limits.depth = depth
    let arrays = [UInt8](repeating: 0x5b, count: depth) + [UInt8](repeating: 0x5d, count: depth)
    let objects = Array(
      (String(repeating: "{\"\":", count: depth) + "0" + String(repeating: "}", count: depth)).utf8)
    for text in [arrays, objects] {
      let levels = await onSmallStack { [limits] in
        guard let document = try? JSONDocument(text, limits: limits) else { return 0 }
        var levels = 0
        var node: JSONNode? = document.root
        while let inner = node {
          levels += document.kind(inner) == .number ? 0 : 1
          node = document.first(inner).flatMap { document.next($0) ?? $0 }
        }
        return levels
      }
      #expect(levels == depth)
      limits.depth = depth - 1
      #expect(parseError(text, limits: limits)?.code == .tooDeep)
      limits.depth = depth
    }
  }

  @Test("an object of 100,000 keys is not searched in quadratic time", .timeLimit(.minutes(1)))
  func manyKeys() throws {
    var text = Array("{\"0\":0".utf8)
    for key in 1..<100_000 { text += Array(",\"\(key)\":0".utf8) }
    let document = try JSONDocument(text + [0x7d])
    #expect(document.count(document.root) == 100_000)
    let error = parseError(text + Array(",\"7\":0}".utf8))
    #expect(error == JSONError(.duplicateKey, at: text.count + 1, first: 43))
  }

  @Test("keys that collide in the hash are told apart, and a duplicate among them is found")
  func collisions() throws {
    let keys = collidingKeys
    #expect(Set(keys).count == 256)
    #expect(Set(keys.map { fnv($0, from: basis) }).count == 1)
    var text: [UInt8] = [0x7b]
    for key in keys { text += [0x22] + key + Array("\":0,".utf8) }
    let last = text.count
    let distinct = text.dropLast() + [0x7d]
    #expect(try JSONDocument(Array(distinct)).duplicates == [])
    text += [0x22] + keys[100] + Array("\":0}".utf8)
    let first = 1 + 100 * (keys[0].count + 5)
    #expect(parseError(text) == JSONError(.duplicateKey, at: last, first: first))
  }

  @Test("duplicates in every place of the sorted order are found")
  func everyDuplicate() throws {
    var generator = SeededGenerator(seed: 5)
    for count in 2...40 {
      let names = (0..<count).map { String($0 * 7919 % 1009) }.shuffled(using: &generator)
      let repeated = Int.random(in: 0..<count, using: &generator)
      var text = "{"
      var offsets: [Int] = []
      for name in names + [names[repeated]] {
        text += text == "{" ? "" : ","
        offsets.append(text.utf8.count)
        text += "\"\(name)\":null"
      }
      let error = parseError(text + "}")
      #expect(error == JSONError(.duplicateKey, at: offsets[count], first: offsets[repeated]))
    }
  }

  @Test("a text of 256 KiB of one byte or token ends in an answer", .timeLimit(.minutes(1)))
  func monotonous() {
    for token in [
      "[", "{", "\"", "\\", ",", ":", "0", "-", "\"a\":", "[]", "{},", "\u{1}", " ", "tru",
    ] {
      let text = Array(String(repeating: token, count: (1 << 18) / token.utf8.count).utf8)
      #expect(parseError(text) != nil || token == "0", "\(token)")
      #expect(parseError(Array("[".utf8) + text.dropLast()) != nil, "\(token)")
    }
  }
}

/// Runs a closure on a thread whose stack is 128 KiB.
private func onSmallStack(_ body: @escaping @Sendable () -> Int) async -> Int {
  await withCheckedContinuation { continuation in
    let thread = Thread { continuation.resume(returning: body()) }
    thread.stackSize = 128 << 10
    thread.start()
  }
}

private let basis: UInt32 = 2_166_136_261

private func fnv(_ bytes: [UInt8], from state: UInt32) -> UInt32 {
  bytes.reduce(state) { ($0 ^ UInt32($1)) &* 16_777_619 }
}

/// Each pair leads FNV-1a from one state to the same next, so that any choice from every pair is a key
/// with the same hash. Found by trying words until two met.
private let collidingWords = [
  ("l9On", "H8aa"), ("mCCn", "q2aa"), ("lCCn", "p2aa"), ("lCCn", "p2aa"), ("lCCn", "p2aa"),
  ("lCCn", "p2aa"), ("lCCn", "p2aa"), ("lCCn", "p2aa"),
]

private let collidingKeys: [[UInt8]] = collidingWords.reduce([[]] as [[UInt8]]) { keys, words in
  keys.flatMap { [$0 + Array(words.0.utf8), $0 + Array(words.1.utf8)] }
}
