import ApusCommand
import ApusWire
import Foundation
import Testing

/// What a command left behind.
struct Outcome {
  var code: Int32
  var output: String
  var error: String
}

/// Runs a command at 1100 s after the kernel's start, which is second 1,000,001,100 of wall time.
func run(
  _ words: [String], control: String? = nil, colour: Bool = false, timeoutMs: UInt32 = 10_000,
  runtimeDirectory: String? = nil, width: Int? = 80
) -> Outcome {
  var context = Context(now: 1_100_000_000, wallOffset: 1_000_000_000_000_000)
  context.control = control.map { Array($0.utf8) }
  context.runtimeDirectory = runtimeDirectory.map { Array($0.utf8) }
  context.colour = colour
  context.width = width
  context.timeoutMs = timeoutMs
  let code = runCommand(words.map { Array($0.utf8) }, context: &context)
  context.output.flush()
  context.error.flush()
  return Outcome(
    code: code, output: String(decoding: context.output.kept, as: UTF8.self),
    error: String(decoding: context.error.kept, as: UTF8.self))
}

/// Runs `apus` with these words against a supervisor that answers with these frames.
func ask(
  _ words: [String], _ replies: [[UInt8]]..., colour: Bool = false, width: Int? = 80
) throws -> (outcome: Outcome, requests: [[UInt8]]) {
  let supervisor = try FakeSupervisor(replies)
  let outcome = run(["apus"] + words, control: supervisor.path, colour: colour, width: width)
  return (outcome, supervisor.requests())
}

/// A folder that goes with the test.
final class Folder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "apus-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and gives its path.
  func write(_ name: String, _ text: String) throws -> String {
    let file = URL(fileURLWithPath: path).appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
    return file.path
  }
}

/// A JSON text as Foundation reads it.
func parsed(_ text: String) throws -> [String: Any] {
  let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
  return try #require(value as? [String: Any])
}
