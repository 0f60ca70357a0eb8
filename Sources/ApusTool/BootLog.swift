public import Foundation

/// The time line of a boot as `apus boot --json` tells it.
public struct BootLog: Sendable {
  /// One line of it.
  public struct Entry: Sendable, Decodable {
    /// `mount`, `bind`, `pre`, `start` or `ready`; others are left out of a plot.
    public var what: String
    /// What it is about.
    public var name: String
    /// When it began, in microseconds since the kernel's start.
    public var atUs: Int
    /// How long it took.
    public var durationUs: Int

    var end: Int { atUs.addingReportingOverflow(max(0, durationUs)).partialValue }
  }

  /// Microseconds from the kernel's start to apus's own.
  public var kernelUs: Int
  /// Microseconds from there until the board was up.
  public var initUs: Int
  /// The lines.
  public var entries: [Entry]

  private struct Form: Decodable {
    var kernelUs: Int
    var initUs: Int
    var entries: [Entry]
  }

  /// Reads the JSON; fails with what is wrong with it.
  public init(json: Data) throws(ImportFailure) {
    let form: Form
    do {
      form = try JSONDecoder().decode(Form.self, from: json)
    } catch {
      throw ImportFailure("not the output of apus boot --json: \(error)")
    }
    let most = 1 << 52
    let numbers = [form.kernelUs, form.initUs] + form.entries.flatMap { [$0.atUs, $0.durationUs] }
    guard numbers.allSatisfy({ (0...most).contains($0) }) else {
      throw ImportFailure("not the output of apus boot --json: a time out of range")
    }
    (kernelUs, initUs) = (form.kernelUs, form.initUs)
    entries = form.entries.sorted { $0.atUs < $1.atUs }
  }

  /// A time as a reader wants it: three digits and a unit.
  static func words(_ microseconds: Int) -> String {
    func number(_ value: Double, _ unit: String) -> String {
      let digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
      var text = String(format: "%.\(digits)f", value)
      if text.contains(".") {
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
      }
      return "\(text) \(unit)"
    }
    if microseconds < 1000 { return "\(microseconds) µs" }
    if microseconds < 1_000_000 { return number(Double(microseconds) / 1000, "ms") }
    return number(Double(microseconds) / 1_000_000, "s")
  }
}
