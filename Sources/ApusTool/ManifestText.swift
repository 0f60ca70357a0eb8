/// The text of a manifest as a person would write it: what fits on a line stands on one.
extension ManifestValue {
  /// The whole text, ended by a line feed.
  public var rendered: String { rendered(indent: 0, used: 0, isTop: true) + "\n" }

  /// The text that begins after `used` characters of a line that is indented so far.
  private func rendered(indent: Int, used: Int, isTop: Bool = false) -> String {
    let line = inline
    if !isTop, indent + used + line.count < 100, !isTall { return line }
    let inner = String(repeating: " ", count: indent + 2)
    let outer = String(repeating: " ", count: indent)
    switch self {
    case .map(let object) where !object.members.isEmpty:
      let lines = object.members.map { member in
        let key = "\(Self.quoted(member.name)): "
        let value = member.value.rendered(indent: indent + 2, used: key.count)
        return inner + key + value
      }
      return "{\n" + lines.joined(separator: ",\n") + "\n" + outer + "}"
    case .list(let list) where !list.isEmpty:
      if list.allSatisfy(\.isScalar) { return filled(list.map(\.inline), inner, outer) }
      let lines = list.map { inner + $0.rendered(indent: indent + 2, used: 0) }
      return "[\n" + lines.joined(separator: ",\n") + "\n" + outer + "]"
    default: return line
    }
  }

  /// Short words beside each other, as many as a line holds.
  private func filled(_ words: [String], _ inner: String, _ outer: String) -> String {
    var lines: [String] = []
    for word in words {
      if let last = lines.last, inner.count + last.count + word.count + 3 <= 100 {
        lines[lines.count - 1] = last + ", " + word
      } else {
        lines.append(word)
      }
    }
    return "[\n" + lines.map { inner + $0 }.joined(separator: ",\n") + "\n" + outer + "]"
  }

  private var isScalar: Bool {
    switch self {
    case .text, .number, .flag: true
    case .list, .map: false
    }
  }

  /// True for what a reader wants on lines of its own: an object of objects.
  private var isTall: Bool {
    guard case .map(let object) = self else { return false }
    return object.members.count > 7
      || object.members.contains { $0.value.asMap?.members.isEmpty == false }
  }

  private var inline: String {
    switch self {
    case .text(let text): Self.quoted(text)
    case .number(let number): String(number)
    case .flag(let flag): flag ? "true" : "false"
    case .list(let list): "[" + list.map(\.inline).joined(separator: ", ") + "]"
    case .map(let object):
      object.members.isEmpty
        ? "{}"
        : "{ "
          + object.members.map { "\(Self.quoted($0.name)): \($0.value.inline)" }
          .joined(separator: ", ") + " }"
    }
  }

  /// A JSON string.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
