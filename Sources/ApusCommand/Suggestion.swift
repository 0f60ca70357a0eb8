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
    // Row by row of the table of distances between beginnings; a row has `width` places.
    let width = target.count + 1
    var distances = [Int](repeating: 0, count: (word.count + 1) * width)
    for place in distances.indices {
      let (row, column) = (place / width, place % width)
      if row == 0 || column == 0 {
        distances[place] = row + column
        continue
      }
      let isSame = word[row - 1] == target[column - 1]
      var cost = min(distances[place - width], distances[place - 1]) + 1
      cost = min(cost, distances[place - width - 1] + (isSame ? 0 : 1))
      if row > 1, column > 1, word[row - 1] == target[column - 2],
        word[row - 2] == target[column - 1]
      {
        cost = min(cost, distances[place - 2 * width - 2] + 1)
      }
      distances[place] = cost
    }
    return distances[distances.count - 1]
  }
}
