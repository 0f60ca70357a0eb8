import ApusCommand
import Foundation
import Testing

private let good = """
  {
    "apus": 1,
    "services": {
      "web": { "exec": ["/usr/sbin/httpd"], "user": "www", "listen": [{ "stream": "80" }] },
      "db": { "exec": ["/usr/sbin/db"], "listen": [{ "stream": "/run/db" },
        { "stream": "127.0.0.1:5432", "name": "tcp" }] }
    }
  }
  """

@Suite struct CheckTests {
  @Test("a good manifest is ok") func goodManifest() throws {
    let folder = try Folder()
    let file = try folder.write("apus.json", good)
    let outcome = run(["apus", "check", file])
    #expect(outcome.error == "")
    #expect(outcome.code == 0)
    #expect(outcome.output == "\(file): ok, 2 services, 3 sockets\n")
    let json = run(["apus", "check", "--json", file])
    #expect(json.code == 0)
    #expect(json.output == "{\"diagnostics\":[]}\n")
  }

  @Test("every error of a bad manifest is told with its place") func badManifest() throws {
    let folder = try Folder()
    let file = try folder.write(
      "apus.json",
      """
      {
        "apus": 1,
        "services": {
          "web": { "exec": ["httpd"], "restrat": "no" },
          "db": {}
        }
      }

      """)
    let outcome = run(["apus", "check", file])
    #expect(outcome.code == 1)
    #expect(outcome.output == "")
    let lines = outcome.error.split(separator: "\n").map(String.init)
    #expect(lines.count == 3)
    #expect(lines.contains { $0.hasPrefix("\(file):4:23: error: services.web.exec[0]: ") })
    #expect(lines.contains { $0.contains("services.web.restrat: ") && $0.contains("restart") })
    #expect(lines.contains { $0.hasPrefix("\(file):5:") && $0.contains(": error: services.db") })
    let json = run(["apus", "check", file, "--json"])
    #expect(json.code == 1)
    #expect(json.error == "")
    let diagnostics = try #require(
      try parsed(json.output)["diagnostics"] as? [[String: Any]])
    #expect(diagnostics.count == 3)
    for diagnostic in diagnostics {
      #expect(
        diagnostic.keys.sorted() == ["column", "file", "line", "message", "path", "severity"])
      #expect(diagnostic["file"] as? String == file)
      #expect(diagnostic["severity"] as? String == "error")
    }
  }

  @Test("drop-ins are read in byte order, with one FILE and only there") func dropIns() throws {
    let folder = try Folder()
    let main = try folder.write("x.json", good)
    let later = try folder.write("x.d/b.json", "{ \"services\": { \"web\": {} } }")
    let first = try folder.write("x.d/B.json", "{ \"services\": { \"db\": {} } }")
    _ = try folder.write("x.d/ignored.txt", "{")
    _ = try folder.write("x.d/.hidden.json", "{")
    let outcome = run(["apus", "check", main])
    #expect(outcome.code == 1)
    let files = outcome.error.split(separator: "\n").map { $0.split(separator: ":")[0] }
    #expect(files.first.map(String.init) == first)
    #expect(files.last.map(String.init) == later)
    #expect(run(["apus", "check", main, try folder.write("y.json", "{}")]).code == 0)
  }

  @Test("a file that cannot be read is an error of that file") func unreadable() throws {
    let folder = try Folder()
    let missing = folder.path + "/none.json"
    let outcome = run(["apus", "check", missing])
    #expect(outcome.code == 1)
    #expect(outcome.error.hasPrefix("\(missing):1:1: error: "))
    let directory = run(["apus", "check", "--json", folder.path])
    #expect(directory.code == 1)
    #expect(try parsed(directory.output)["diagnostics"] as? [[String: Any]] != nil)
  }

  @Test("what is no regular file is refused at once, main file or drop-in, and the rest read")
  func irregular() throws {
    let folder = try Folder()
    let main = try folder.write("x.json", good)
    _ = try folder.write("x.d/z.json", "{ \"services\": { \"a\": { \"exec\": [\"/a\"] } } }")
    let fifo = folder.path + "/x.d/a.json"
    #expect(mkfifo(fifo, 0o600) == 0)
    // Somebody keeps it open for writing and says nothing.
    let writer = open(fifo, O_RDWR | O_CLOEXEC)
    defer { close(writer) }
    #expect(mkdir(folder.path + "/x.d/b.json", 0o755) == 0)
    let endless = "/dev/zero"
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/x.d/c.json", withDestinationPath: endless)
    let outcome = run(["apus", "check", main])
    #expect(outcome.code == 1)
    let reason = ":1:1: error: cannot read the file: not a regular file but "
    #expect(
      outcome.error.split(separator: "\n").map(String.init) == [
        fifo + reason + "a FIFO", folder.path + "/x.d/b.json" + reason + "a folder",
        folder.path + "/x.d/c.json" + reason + "a character device",
      ])
    for (file, kind) in [(fifo, "a FIFO"), (endless, "a character device"), ("/", "a folder")] {
      let alone = run(["apus", "check", file])
      #expect(alone.code == 1)
      #expect(alone.error == file + reason + kind + "\n")
    }
  }

  @Test("a file or folder that others can change is a warning") func mistrusted() throws {
    let folder = try Folder()
    let main = try folder.write("x.json", good)
    let dropIn = try folder.write("x.d/a.json", "{}")
    #expect(chmod(main, 0o644) == 0 && chmod(dropIn, 0o644) == 0)
    #expect(chmod(folder.path + "/x.d", 0o755) == 0)
    #expect(run(["apus", "check", main]).error == "")
    #expect(chmod(dropIn, 0o666) == 0)
    let written = run(["apus", "check", main])
    #expect(written.code == 0)
    #expect(
      written.error
        == "\(dropIn):1:1: warning: others can change this file: owner \(getuid()), "
        + "group \(getgid()), mode 0666\n")
    #expect(chmod(dropIn, 0o644) == 0 && chmod(folder.path + "/x.d", 0o777) == 0)
    #expect(chmod(main, 0o602) == 0)
    let others = run(["apus", "check", main]).error.split(separator: "\n").map(String.init)
    #expect(others.count == 2)
    #expect(others.first?.hasPrefix("\(main):1:1: warning: others can change this file: ") == true)
    #expect(
      others.last?.hasPrefix("\(folder.path)/x.d:1:1: warning: others can change this folder: ")
        == true)
    guard getuid() == 0 else { return }
    #expect(chmod(main, 0o600) == 0 && chmod(folder.path + "/x.d", 0o755) == 0)
    #expect(chown(dropIn, 65534, 0) == 0)
    #expect(
      run(["apus", "check", main]).error
        == "\(dropIn):1:1: warning: others can change this file: owner 65534, group 0, mode 0644\n")
  }

  @Test("PAR-03 a file over the limit is refused") func tooLarge() throws {
    let folder = try Folder()
    let file = try folder.write("a.json", String(repeating: " ", count: 3 << 20))
    let outcome = run(["apus", "check", file])
    #expect(outcome.code == 1)
    #expect(outcome.error.contains(": error: file is larger than the limit of 1048576 bytes"))
  }

  @Test("PAR-04 controls in a manifest cannot steer a terminal") func controls() throws {
    let folder = try Folder()
    let file = try folder.write(
      "a.json", "{\"apus\":1,\"services\":{\"a\\u001b[2J\":{\"exec\":[\"/x\"]}}}")
    let outcome = run(["apus", "check", file])
    #expect(outcome.code == 1)
    #expect(!outcome.error.contains("\u{1b}"))
  }

  @Test("--security shows who each service is and who reaches it") func security() throws {
    let folder = try Folder()
    let file = try folder.write("apus.json", good)
    let outcome = run(["apus", "check", "--security", file])
    #expect(outcome.code == 0)
    #expect(
      outcome.output == """
        SERVICE  USER  CAPABILITIES  SETUID  EXPOSURE  IMPROVE  NETWORK
        db       root  all           yes          100  user
            LOCAL: /run/db 127.0.0.1:5432
        web      www   none          no            55  seccomp  80

        """)
    let json = run(["apus", "check", "--security", "--json", file])
    #expect(
      json.output == """
        {"diagnostics":[],"security":[{"service":"db","user":"root",\
        "capabilities":"all","newPrivileges":true,"sandbox":[],"exposure":100,"improve":"user","findings":[],"network":[],\
        "local":["/run/db","127.0.0.1:5432"],"sharedPaths":[]},{"service":"web","user":"www","capabilities":"none",\
        "newPrivileges":false,"sandbox":[],"exposure":55,"improve":"seccomp","findings":[],"network":["80"],"local":[],"sharedPaths":[]}]}

        """)
  }

  @Test("--security leaves out a service that is invalid, which can do nothing")
  func securityOfInvalid() throws {
    let folder = try Folder()
    let file = try folder.write(
      "apus.json",
      """
      {"apus":1,"services":{"bad":{"exec":["relative"]},"good":{"exec":["/g"],"user":1}}}
      """)
    let outcome = run(["apus", "check", "--security", file])
    #expect(outcome.code == 1)
    #expect(outcome.error.contains("services.bad.exec"))
    #expect(!outcome.output.contains("bad") && outcome.output.contains("\ngood "))
    let json = run(["apus", "check", "--security", "--json", file]).output
    #expect(!json.contains(#""service":"bad""#) && json.contains(#""service":"good""#))
  }

  @Test("--security: every part of a sandbox lowers the exposure, down to 0") func exposure() throws
  {
    let folder = try Folder()
    let parts = [
      "readOnly", "privateTmp", "privateDevices", "privateNetwork", "privatePids", "protectKernel",
      "landlock", "seccomp",
    ]
    func exposure(_ keys: [String], _ others: String = "") throws -> Int {
      let members = keys.map {
        let value = ["landlock": #"{"read": []}"#, "seccomp": "[]"][$0] ?? "true"
        return #""\#($0)": \#(value)"#
      }
      let file = try folder.write(
        "apus.json",
        #"{"apus":1,"services":{"a":{"exec":["/a"],\#(others)"#
          + #""sandbox":{\#(members.joined(separator: ","))}}}}"#)
      let output = run(["apus", "check", "--security", "--json", file]).output
      let names = keys.map { #""\#($0)""# }.joined(separator: ",")
      #expect(output.contains(#""sandbox":[\#(names)]"#), "\(output)")
      let value = output.components(separatedBy: #""exposure":"#).last?.prefix { $0.isNumber }
      return try #require(value.flatMap { Int($0) })
    }
    let open = try exposure([])
    #expect(open == 100)
    for part in parts { #expect(try exposure([part]) < open, "\(part)") }
    let user = #""user": "www", "#
    for part in parts {
      let others = parts.filter { $0 != part }
      #expect(try exposure(others, user) > 0, "\(part)")
    }
    #expect(try exposure(parts, user) == 0)
    #expect(try exposure(parts, user + #""noNewPrivileges": false, "#) == 5)
    #expect(try exposure(parts, user + #""capabilities": ["net_raw"], "#) == 10)
  }

  @Test("--security: following its advice, key by key, leads from 100 to 0, ever less with each")
  func advice() throws {
    let folder = try Folder()
    let values = [
      "user": #""www""#, "capabilities": "[]", "noNewPrivileges": "true", "seccomp": "[]",
      "landlock": #"{"read": []}"#,
    ]
    var given: [String] = []
    var last = 101
    while last > 0 {
      let (own, sandbox) = (
        given.filter { ["user", "capabilities", "noNewPrivileges"].contains($0) },
        given.filter { !["user", "capabilities", "noNewPrivileges"].contains($0) }
      )
      func members(_ keys: [String]) -> String {
        keys.map { "\"\($0)\": \(values[$0] ?? "true")" }.joined(separator: ", ")
      }
      let file = try folder.write(
        "apus.json",
        #"{"apus":1,"services":{"a":{"exec":["/a"],\#(own.isEmpty ? "" : members(own) + ",")"#
          + #""sandbox":{\#(members(sandbox))}}}}"#)
      let output = run(["apus", "check", "--security", "--json", file]).output
      let exposure = output.components(separatedBy: #""exposure":"#).last?.prefix { $0.isNumber }
      let now = try #require(exposure.flatMap { Int($0) })
      #expect(now < last, "\(given)")
      last = now
      let advice = output.components(separatedBy: #""improve":""#)[1].prefix { $0 != "\"" }
      #expect(advice.isEmpty == (now == 0) && !given.contains(String(advice)), "\(output)")
      given.append(String(advice))
    }
    #expect(given.first == "user" && given.count > 8)
  }
}
