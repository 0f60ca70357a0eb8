import ApusManifest
import Testing

/// What `directories` becomes.
@Suite struct DirectoryTests {
  private func directories(_ text: String, of name: String = "a") -> [String] {
    let loaded = load(text)
    #expect(loaded.errorLines == [])
    guard let service = loaded.service(name) else { return [] }
    return service.directories.indices.map { index in
      let directory = loaded.manifest.directories[index]
      let path = "\(directory.place.path)/\(loaded.text(directory.name))"
      func word(_ principal: Principal) -> String {
        switch principal {
        case .none: "-"
        case .id(let id): "\(id)"
        case .name(let name): loaded.text(name)
        }
      }
      let mode = directory.mode.map { String($0, radix: 8) } ?? "-"
      let kept = (directory.keepsOwner ? " owner" : "") + (directory.keepsMode ? " mode" : "")
      return "\(path) \(mode) \(word(directory.user)):\(word(directory.group))\(kept)"
    }
  }

  @Test func `Strings and objects become entries, in the order of the file`() {
    let text = #"""
      {"apus": 1, "services": {"a": {"exec": ["/a"], "directories": {
        "log": ["l"], "runtime": ["web", {"name": "web/private", "mode": "0700", "group": "www"},
          {"user": 7, "name": "b/c"}], "state": [], "cache": [{"name": "c", "x-why": "because"}],
        "config": ["etc", {"name": "m", "mode": "755"}, {"name": "u", "user": "root"}]}}}}
      """#
    #expect(
      directories(text) == [
        "/var/log/l - -:-", "/run/web - -:-", "/run/web/private 700 -:www", "/run/b/c - 7:-",
        "/var/cache/c - -:-", "/etc/etc - -:- owner mode", "/etc/m 755 -:- owner",
        "/etc/u - root:- mode",
      ])
  }

  @Test func `Defaults are replaced as a whole, and instances have names of their own`() {
    let text = #"""
      {"apus": 1, "defaults": {"directories": {"runtime": ["all"], "state": ["s"]}}, "services": {
        "a": {"exec": ["/a"]}, "b": {"exec": ["/a"], "directories": {"log": ["b"]}},
        "t@": {"exec": ["/a"], "instances": ["x", "y"],
          "directories": {"runtime": [{"name": "%i/%%", "user": "u%i"}]}}}}
      """#
    #expect(directories(text) == ["/run/all - -:-", "/var/lib/s - -:-"])
    #expect(directories(text, of: "b") == ["/var/log/b - -:-"])
    #expect(directories(text, of: "t@x") == ["/run/x/% - ux:-"])
    #expect(directories(text, of: "t@y") == ["/run/y/% - uy:-"])
  }

  @Test func `A service has at most 64 of them`() {
    func lines(_ counts: Int...) -> [String] {
      let lists = counts.enumerated().map { place, count in
        let names = (0..<count).map { #""d\#($0)""# }.joined(separator: ",")
        return #""\#(["runtime", "state"][place])": [\#(names)]"#
      }
      return load(
        #"{"apus": 1, "services": {"a": {"exec": ["/a"], "directories": {\#(lists.joined(separator: ","))}}}}"#
      ).errorLines
    }
    #expect(lines(64) == [] && lines(32, 32) == [])
    let words = "too many entries: the limit is 64"
    #expect(lines(65).first?.contains("a.directories.runtime[64]: " + words) == true)
    #expect(lines(33, 32).first?.contains("a.directories: " + words) == true)
  }
}
