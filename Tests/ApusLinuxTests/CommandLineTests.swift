import ApusLinux
import Testing

@Suite("The kernel command line")
struct CommandLineTests {
  private func parse(_ text: String) -> KernelCommandLine {
    KernelCommandLine(parsing: Array(text.utf8))
  }

  @Test("every word of apus is understood, others are left alone")
  func words() {
    let line = parse(
      "BOOT_IMAGE=/vmlinuz console=ttyS0,115200 apus.manifest=/etc/other.json apus.debug"
        + " apus.mask=getty@ttyS0,dbus ro quiet\n")
    #expect(line.manifest == Array("/etc/other.json".utf8))
    #expect(line.masks == [Array("getty@ttyS0".utf8), Array("dbus".utf8)])
    #expect(line.isDebug)
    #expect(!line.isRescue)
  }

  @Test("three spellings of rescue", arguments: ["apus.rescue", "rescue", "single"])
  func rescue(word: String) {
    #expect(parse("quiet \(word)").isRescue)
    #expect(!parse("x\(word) \(word)x \(word)=1").isRescue)
  }

  @Test("quotes keep white space together, masks add up, the last manifest counts")
  func quotes() {
    let line = parse(
      "apus.manifest=/a \"apus.manifest=/with space\" apus.mask=a, apus.mask=,b x=\"y rescue\"")
    #expect(line.manifest == Array("/with space".utf8))
    #expect(line.masks == [Array("a".utf8), Array("b".utf8)])
    #expect(!line.isRescue)
  }

  @Test("any bytes are a command line")
  func anyBytes() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0..<80, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      _ = KernelCommandLine(parsing: bytes)
    }
    #expect(parse("") == KernelCommandLine(parsing: [0, 10, 34]))
  }
}
