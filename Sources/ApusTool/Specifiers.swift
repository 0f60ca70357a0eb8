/// The `%` specifiers of systemd.unit(5), resolved at the time of the import.
struct Specifiers {
  /// What `%i` stands for.
  enum Instance: Equatable {
    /// The unit is no template.
    case none
    /// The manifest has a template as well and keeps `%i`.
    case template
    /// This one.
    case literal(String)
    /// A connection of an `accept` service, which apus does not name so.
    case connection
  }

  var unit: String
  var prefix: String
  var instance: Instance
  /// The home folder of the user of systemd itself.
  var home = "/root"

  /// Specifiers that have no answer before the board runs, and why.
  private static let later: [Character: String] = [
    "H": "the host name", "l": "the host name", "m": "the machine id", "b": "the boot id",
    "v": "the kernel's release", "q": "the pretty host name", "w": "os-release", "o": "os-release",
    "W": "os-release", "A": "os-release", "B": "os-release", "M": "os-release", "d": "credentials",
  ]

  /// The text with its specifiers resolved, and what could not be.
  func resolve(_ text: String) -> (text: String, problems: [String]) {
    guard text.contains("%") else { return (text, []) }
    var result = ""
    var problems: [String] = []
    var rest = Substring(text)
    while let character = rest.popFirst() {
      guard character == "%" else {
        result.append(character)
        continue
      }
      guard let letter = rest.popFirst() else {
        result += percent
        break
      }
      if letter == "%" {
        result += percent
      } else if let value = value(letter) {
        result += value
      } else if let what = Self.later[letter] {
        problems.append("%\(letter) (\(what)) is not known before the board runs")
        result += percent + String(letter)
      } else if letter == "i" || letter == "I" || letter == "j" || letter == "f" {
        problems.append(
          instance == .connection
            ? "%\(letter) is empty: apus numbers connections, and names the peer in REMOTE_ADDR"
            : "%\(letter) is empty: the unit is no template")
      } else {
        result += percent + String(letter)
      }
    }
    return (result, problems)
  }

  /// A percent sign as the manifest needs it: doubled in a template.
  private var percent: String { instance == .template ? "%%" : "%" }

  private var instanceText: String? {
    switch instance {
    case .none, .connection: nil
    case .template: "%i"
    case .literal(let text): text
    }
  }

  private var stem: String { instanceText.map { "\(prefix)@\($0)" } ?? unit }

  private func value(_ letter: Character) -> String? {
    switch letter {
    case "i": instanceText
    case "I": instance == .template ? "%i" : instanceText.map(UnitWords.unescape)
    case "n": stem + ".service"
    case "N": stem
    case "p": prefix
    case "P": UnitWords.unescape(prefix)
    case "j": prefix.split(separator: "-").last.map(String.init)
    case "J": prefix.split(separator: "-").last.map { UnitWords.unescape(String($0)) }
    case "f": "/" + (instanceText.map(UnitWords.unescape) ?? UnitWords.unescape(prefix))
    case "t": "/run"
    case "S": "/var/lib"
    case "C": "/var/cache"
    case "L": "/var/log"
    case "E": "/etc"
    case "T": "/tmp"
    case "V": "/var/tmp"
    case "h": home
    case "u", "g": "root"
    case "U", "G": "0"
    case "s": "/bin/sh"
    default: nil
    }
  }
}
