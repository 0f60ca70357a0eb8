/// A decoder of outside bytes and the promises it keeps on any of them.
///
/// To fuzz another decoder: make one of these in a file of its own and add it to `fuzzTargets`.
struct FuzzTarget: Sendable {
  /// Names the target in results.
  var name: String
  /// Valid inputs; every mutation starts from one of them, and each must be accepted as it is.
  var corpus: [[UInt8]]
  /// Pieces that mutations insert: tokens of the format and what commonly breaks decoders.
  var words: [[UInt8]]
  /// How many different outcomes a run must reach; fewer means that the inputs are too tame.
  var outcomes: Int
  /// Decodes one input. Never traps; what it finds broken it says.
  var run: @Sendable ([UInt8]) -> FuzzOutcome
}

/// What came of one input.
struct FuzzOutcome {
  /// Groups inputs that were treated alike, such as `accepted` or the name of an error.
  var name: String
  /// The promise that does not hold, nil when all do.
  var broken: String? = nil
}

/// Everything that decodes bytes from outside.
let fuzzTargets: [FuzzTarget] = [
  jsonTarget, manifestTarget, dropInTarget, dropInSetTarget, requestTarget, replyTarget,
  noticeTarget,
  userTarget, fileSystemTarget, recordTarget,
]
