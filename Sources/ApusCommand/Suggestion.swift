internal import ApusBase
internal import ApusManifest

/// Finds the command that was meant.
enum Suggestion {
  /// The command whose word is nearest, nil when none is near enough.
  static func verb(for word: Bytes) -> Verb? {
    var best: Verb?
    var bestDistance = 1 + max(1, min(2, word.count / 4))
    for verb in Verb.allCases {
      let distance = EditDistance.between(word, Bytes(verb.word))
      if distance < bestDistance, distance < word.count {
        best = verb
        bestDistance = distance
      }
    }
    return best
  }
}
