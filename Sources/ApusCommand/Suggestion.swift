/// Finds the command that was meant.
enum Suggestion {
  /// Longer words are not looked at, which bounds the work.
  private static let longest = 32

  /// The command whose word is nearest, nil when none is near enough.
  static func verb(for word: [UInt8]) -> Verb? {
    guard word.count <= longest else { return nil }
    var best: Verb?
    var bestDistance = 1 + max(1, min(2, word.count / 4))
    for verb in Verb.allCases {
      let distance = edits(word, [UInt8](verb.word))
      if distance < bestDistance, distance < word.count {
        best = verb
        bestDistance = distance
      }
    }
    return best
  }

  /// Insertions, removals, replacements and swaps of neighbours that make one word the other
  /// (optimal string alignment).
  private static func edits(_ word: [UInt8], _ target: [UInt8]) -> Int {
    var older = [Int](repeating: 0, count: target.count + 1)
    var previous = Array(0...target.count)
    for row in 0..<word.count {
      var current = previous
      current[0] = row + 1
      for column in target.indices {
        let isSame = word[row] == target[column]
        var cost = min(previous[column + 1], current[column]) + 1
        cost = min(cost, previous[column] + (isSame ? 0 : 1))
        if row > 0, column > 0, word[row] == target[column - 1], word[row - 1] == target[column] {
          cost = min(cost, older[column - 1] + 1)
        }
        current[column + 1] = cost
      }
      older = previous
      previous = current
    }
    return previous[target.count]
  }
}
