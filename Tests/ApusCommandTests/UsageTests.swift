import ApusCommand
import Foundation
import Testing

/// The word of a command as text.
func word(_ verb: Verb) -> String { verb.word.description }

@Suite struct UsageTests {
  @Test("CTL-07 every command has a handler and a page", arguments: Verb.allCases)
  func handlers(verb: Verb) throws {
    let nowhere = "/nonexistent/control"
    let outcome = run(["apus", word(verb), "web"], control: nowhere)
    let bare = run(["apus", word(verb)], control: nowhere)
    #expect(!outcome.error.contains("unknown command"))
    switch verb {
    case .run: #expect(bare.code == 2)
    case .help, .version: #expect(bare.code == 0 && !bare.output.isEmpty)
    case .check: #expect(outcome.code == 1 && outcome.error.contains("web:1:1: error: "))
    case .status, .listSockets, .boot, .events, .logs, .reboot, .poweroff, .halt, .kexec, .apply,
      .reexec:
      #expect(bare.code == 6)
      #expect(bare.error == "apus: no supervisor answers at \(nowhere): ENOENT (2)\n")
    case .wait:
      #expect(outcome.code == 2)
      #expect(run(["apus", "wait", "web", "ready"], control: nowhere).code == 6)
    case .start, .stop, .restart, .reload, .reset, .kill:
      #expect(outcome.code == 6)
      #expect(bare.code == 2)
      #expect(bare.error == "apus: \(word(verb)) needs the name of a service\n")
    }
    let page = run(["apus", "help", word(verb)])
    #expect(page.code == 0)
    #expect(page.output.hasPrefix("apus \(word(verb)) - \(verb.summary)\n\nusage: apus "))
    #expect(run(["apus", word(verb), "--help"]).output == page.output)
    #expect(run(["apus", "help"]).output.contains("\n  \(word(verb)) "))
    for line in page.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  @Test("CTL-07 the completions know every command and no other") func completions() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let file = root.appendingPathComponent(
      "rootfs-overlay/usr/share/bash-completion/completions/apus")
    let script = try String(contentsOf: file, encoding: .utf8)
    let line = try #require(
      script.split(separator: "\n").first { $0.contains("commands='") })
    let words = line.split(separator: "'")[1].split(separator: " ").map(String.init)
    #expect(words == Verb.allCases.map(word))
  }

  @Test(
    "usage errors end with 2 and one line",
    arguments: [
      ([], "no command; apus help lists them"),
      (["frobnicate"], "unknown command frobnicate"),
      (["statsu"], "unknown command statsu; did you mean status?"),
      (["logs", "-n"], "option -n needs a number"),
      (["logs", "--since"], "option --since needs a duration"),
      (["logs", "--since=x"], "not a duration like 5s or 1min: x"),
      (["logs", "--level"], "option --level needs a level"),
      (
        ["logs", "--level", "8"],
        "not a level (emerg, alert, crit, err, warning, notice, info, debug or 0 to 7): 8"
      ),
      (["boot", "--past"], "unknown option --past of boot"),
      (["logs", "-n", "-1"], "not a number of lines: -1"),
      (["logs", "--lines=1x"], "not a number of lines: 1x"),
      (["logs", "--blame"], "unknown option --blame of logs"),
      (["status", "-f"], "unknown option -f of status"),
      (["apply", "web"], "apply takes no operand web"),
      (["event"], "unknown command event; did you mean events?"),
      (["listsockets"], "unknown command listsockets; did you mean list-sockets?"),
      (["status", "--now"], "unknown option --now of status"),
      (["--json"], "unknown option --json"),
      (["status", "--control"], "option --control needs a path"),
      (["boot", "web"], "boot takes no operand web"),
      (["version", "x"], "version takes no operand x"),
      (["help", "nothing"], "no help on nothing; apus help lists the commands"),
      (["start", ".."], "not a service name: .."),
      (["start", "a\u{1b}[2J"], "not a service name: a\\x1b[2J"),
      (["status", "../x"], "not a service name: ../x"),
      (["a\nb"], "unknown command a\\x0ab"),
      (
        ["run", "--manifest"],
        "usage: apus run [[--manifest] FILE] [--control PATH] [-- PROGRAM ARG...]"
      ),
    ])
  func usage(words: [String], message: String) {
    let outcome = run(["apus"] + words, control: "/nonexistent/control")
    #expect(outcome.code == 2)
    #expect(outcome.output == "")
    #expect(outcome.error == "apus: \(message)\n")
  }

  @Test("CTL-09 a name of 300 bytes never reaches the supervisor") func longName() {
    let outcome = run(
      ["apus", "stop", String(repeating: "x", count: 300)], control: "/nonexistent")
    #expect(outcome.code == 2)
    #expect(outcome.error.hasPrefix("apus: not a service name: xxx"))
  }

  @Test func versionIsPrinted() {
    #expect(run(["apus", "version"]).output == "apus 0.1.0 (development)\n")
    #expect(run(["/sbin/apus", "--version"]).output == "apus 0.1.0 (development)\n")
  }

  @Test("the overview fits 80 columns") func overview() {
    let outcome = run(["apus", "help"])
    #expect(outcome.code == 0)
    for line in outcome.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  @Test(
    "other inits' names are commands too",
    arguments: [
      (["reboot"], UInt8(10), UInt8(0)), (["/sbin/reboot", "-f"], 10, 2),
      (["poweroff", "-n"], 11, 0), (["halt", "--now"], 12, 2),
      (["shutdown", "now"], 11, 0), (["shutdown", "-r", "now"], 10, 0),
      (["shutdown", "-H", "+0"], 12, 0),
      (["shutdown", "-h", "now"], 11, 0),
    ])
  func otherNames(words: [String], kind: UInt8, flags: UInt8) throws {
    let supervisor = try FakeSupervisor([[answer(.done)]])
    let outcome = run(words, control: supervisor.path)
    #expect(outcome.code == 0 && outcome.error == "")
    #expect(supervisor.requests() == [[1, kind, 6, 0, flags, 0]])
  }

  @Test(
    "other inits' options that apus has not are refused",
    arguments: [["reboot", "-d", "3"], ["halt", "-w"], ["shutdown", "-r", "20:00"]])
  func otherOptions(words: [String]) {
    #expect(run(words, control: "/nonexistent").code == 2)
  }

  @Test("shutdown alone ends nothing and says how it is called") func bareShutdown() {
    let outcome = run(["shutdown"], control: "/nonexistent")
    #expect(outcome.code == 2 && outcome.error.contains("usage: shutdown "))
  }
}
