import ApusCommand
import Testing

@Suite struct ProgramRoleTests {
  private func role(_ words: [String], isFirst: Bool, isContainer: Bool = false) -> ProgramRole {
    .of(words.map { Array($0.utf8) }, isFirst: isFirst, isContainer: isContainer)
  }

  /// Words a boot loader hands over.
  private static let words = [
    [], ["splash"], ["single"], ["rescue"], ["S"], ["1"], ["auto"], ["x", "y"], ["--", "x"], ["-s"],
    ["run"], ["check"], ["reboot"], ["help"], ["--help"], ["--version"], [""], ["--resume=9"],
  ]

  @Test("PID 1 of a machine is init, whatever its name and words", arguments: words)
  func machine(words: [String]) {
    for name in [
      "init", "/sbin/init", "apus", "/sbin/apus", "reboot", "poweroff", "shutdown", "", "x",
    ] {
      #expect(role([name] + words, isFirst: true) == .initProcess, "\(name)")
    }
    #expect(role([], isFirst: true) == .initProcess)
  }

  @Test("PID 1 of a container is init unless its first word is a command")
  func container() {
    for name in ["init", "apus", "/usr/sbin/apus"] {
      for words in [[], ["splash"], ["single"], ["rescue"], ["-"], ["/etc/x.json"]] {
        #expect(role([name] + words, isFirst: true, isContainer: true) == .initProcess)
      }
      #expect(role([name, "run", "x"], isFirst: true, isContainer: true) == .supervisor)
      for word in ["check", "status", "version", "help", "--help", "-h", "--version"] {
        #expect(role([name, word], isFirst: true, isContainer: true) == .command)
      }
    }
  }

  @Test("another process runs a command, or supervises with run")
  func other() {
    for isContainer in [false, true] {
      #expect(role(["apus", "run"], isFirst: false, isContainer: isContainer) == .supervisor)
      for words in [[], ["apus"], ["apus", "x"], ["reboot"], ["init", "6"], ["init", "run"]] {
        #expect(role(words, isFirst: false, isContainer: isContainer) == .command)
      }
    }
  }
}
