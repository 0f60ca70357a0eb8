import ApusBase
import ApusManifest
import Testing

/// `system.bootAttempts`.
@Suite struct BootAttemptsTests {
  private func loaded(_ value: String, services: String = "") -> LoadedManifest {
    load(#"{"apus": 1, "system": {"bootAttempts": \#(value)}, "services": {\#(services)}}"#)
  }

  @Test func `Every key is read`() throws {
    let loaded = loaded(
      #"""
      {"limit": 7, "state": "/data/boots",
       "good": {"after": "2min", "needs": ["web", "db"], "exec": ["/bin/mark", "good"]}}
      """#, services: #""db": {"exec": ["/d"]}, "web": {"exec": ["/w"]}"#)
    #expect(loaded.lines == [])
    let system = loaded.manifest.system
    #expect(system.bootLimit == 7 && loaded.text(system.bootState) == "/data/boots")
    #expect(system.goodAfter == .seconds(120))
    let needs = system.goodNeeds.indices.map { loaded.manifest.links[$0] }
    #expect(needs.map { loaded.text(loaded.manifest.services[Int($0)].name) } == ["web", "db"])
    let index = try #require(system.goodService)
    let service = loaded.manifest.services[Int(index)]
    #expect(loaded.text(service.name) == "boot-good")
    #expect(service.type == .oneshot && service.start == .manual)
    #expect(
      service.exec.indices.map { loaded.text(loaded.manifest.texts[$0]) } == ["/bin/mark", "good"])
    #expect(loaded.manifest.restart(of: service).policy == .no)
  }

  @Test func `Only the state has no default`() {
    let loaded = loaded(#"{"state": "/boots"}"#)
    #expect(loaded.lines == [])
    let system = loaded.manifest.system
    #expect(system.bootLimit == 3 && system.goodAfter == .seconds(60))
    #expect(system.goodNeeds.count == 0 && system.goodService == nil)
    #expect(load(#"{"apus": 1, "services": {}}"#).manifest.system.bootState.isEmpty)
  }

  @Test(arguments: [
    ("{}", #"the key "state" is missing"#),
    (#"{"limit": 3}"#, #"the key "state" is missing"#),
    (#"{"state": "boots"}"#, "bootAttempts.state: "),
    (#"{"state": 3}"#, "bootAttempts.state: "),
    (#"{"state": "/b", "limit": 0}"#, "bootAttempts.limit: "),
    (#"{"state": "/b", "limit": 1001}"#, "bootAttempts.limit: "),
    (#"{"state": "/b", "limit": "3"}"#, "bootAttempts.limit: "),
    (#"{"state": "/b", "limits": 3}"#, "bootAttempts.limits: "),
    (#"{"state": "/b", "good": 3}"#, "bootAttempts.good: "),
    (#"{"state": "/b", "good": {"after": "never"}}"#, "bootAttempts.good.after: "),
    (#"{"state": "/b", "good": {"after": 60}}"#, "bootAttempts.good.after: "),
    (#"{"state": "/b", "good": {"exec": []}}"#, "bootAttempts.good.exec: "),
    (#"{"state": "/b", "good": {"exec": ["mark"]}}"#, "bootAttempts.good.exec"),
    (#"{"state": "/b", "good": {"exec": "/mark"}}"#, "bootAttempts.good.exec: "),
    (
      #"{"state": "/b", "good": {"needs": ["nobody"]}}"#, "bootAttempts: unknown service \"nobody\""
    ),
    (#"{"state": "/b", "good": {"needs": "web"}}"#, "bootAttempts.good.needs: "),
    (#"["/b"]"#, "bootAttempts: "),
  ])
  func `What is wrong is named`(_ value: String, _ part: String) {
    let lines = loaded(value).errorLines
    #expect(lines.count == 1 && lines[0].contains(part), "\(value): \(lines)")
  }

  @Test func `A service of the name of its command is refused`() {
    let lines = loaded(
      #"{"state": "/b", "good": {"exec": ["/mark"]}}"#, services: #""boot-good": {"exec": ["/x"]}"#
    ).errorLines
    #expect(lines.count == 1 && lines[0].contains("boot-good"), "\(lines)")
  }
}
