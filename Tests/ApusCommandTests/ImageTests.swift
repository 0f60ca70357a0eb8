import ApusCommand
import Foundation
import Testing

/// `apus check --root DIR`.
@Suite struct ImageTests {
  /// An image with a shell of its own, a script, a binary and their manifest.
  private func image() throws -> Folder {
    let folder = try Folder()
    _ = try folder.write("etc/passwd", "root:x:0:0::/:/bin/sh\nwww:x:33:33::/:/bin/sh\n")
    _ = try folder.write("etc/group", "root:x:0:\nwww:x:33:\n")
    _ = try folder.write("lib/ld.so", elf())
    _ = try folder.write("bin/busybox", elf(interpreter: "/lib/ld.so"))
    _ = try folder.write("usr/sbin/script", "#! /bin/sh -e\n")
    for file in ["lib/ld.so", "bin/busybox", "usr/sbin/script"] {
      #expect(chmod(folder.path + "/" + file, 0o755) == 0)
    }
    // Absolute as on the board, and one that climbs as far as it can.
    try link(folder, "bin/sh", to: "/bin/busybox")
    try link(folder, "sbin", to: "../../../../usr/sbin")
    return folder
  }

  private func link(_ folder: Folder, _ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/" + name, withDestinationPath: target)
  }

  /// A binary of 64 bits with one program header, which names an interpreter, or is none.
  private func elf(interpreter: String = "") -> String {
    var bytes = [UInt8](repeating: 0, count: 120)
    bytes.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    (bytes[32], bytes[54], bytes[56]) = (64, 56, 1)
    bytes[64] = interpreter.isEmpty ? 1 : 3
    (bytes[72], bytes[96]) = (120, UInt8(interpreter.utf8.count + 1))
    return String(decoding: bytes + Array(interpreter.utf8) + [0], as: UTF8.self)
  }

  private func manifest(_ folder: Folder, _ services: String) throws {
    _ = try folder.write("etc/apus.json", #"{"apus": 1, "services": {\#n\#(services)\#n}}"#)
  }

  @Test("an image that has everything is ok, wherever its links lead") func complete() throws {
    let folder = try image()
    _ = try folder.write("etc/default/x", "A=1\n")
    _ = try folder.write("etc/apus.d/more.json", #"{"services": {"c": {"exec": ["/bin/sh"]}}}"#)
    try manifest(
      folder,
      #"""
      "a": {"exec": ["/sbin/script"], "user": "www", "group": "www", "workingDirectory": "/var/lib/a",
            "environmentFile": ["/etc/default/x", "-/etc/none"], "directories": {"state": ["a"]}},
      "b": {"exec": ["/bin/sh"], "pre": [["/bin/sh", "-c", "true"]],
            "listen": [{"stream": "/run/b", "user": "www"}], "sandbox": {"landlock": {"read": ["/run/x"]}}}
      """#)
    let outcome = run(["apus", "check", "--root", folder.path])
    #expect(outcome.error == "")
    #expect(outcome.code == 0)
    #expect(outcome.output == folder.path + "/etc/apus.json: ok, 3 services, 1 socket\n")
    #expect(run(["apus", "check", "--root=" + folder.path + "/"]).code == 0)
  }

  @Test("a service that the image's own files keep from starting needs nothing") func skipped()
    throws
  {
    let folder = try image()
    try manifest(
      folder,
      #"""
      "a": {"exec": ["/usr/sbin/telnetd"], "conditions": {"exists": ["/bin/sh", "/usr/sbin/telnetd"]}},
      "b": {"exec": ["/bin/none"], "user": "nobody", "conditions": {"missing": "/bin/sh"}},
      "c": {"exec": ["/bin/sh"], "conditions": {"exists": "/dev/watchdog", "executable": "/bin/sh"}},
      "d": {"exec": ["/bin/gone"], "conditions": {"exists": "/dev/watchdog", "missing": "/bin/other"}}
      """#)
    let outcome = run(["apus", "check", "--root", folder.path])
    #expect(
      outcome.error
        == "\(folder.path)/etc/apus.json:5:1: error: services.d.exec: not in the image: /bin/gone\n"
    )
  }

  @Test("everything that is missing is told with its service") func missing() throws {
    let folder = try image()
    _ = try folder.write("usr/bin/plain", "echo\n")
    _ = try folder.write("usr/bin/data", "data\n")
    _ = try folder.write("usr/bin/python", "#!/usr/bin/env python3\n")
    _ = try folder.write("usr/bin/env", elf())
    _ = try folder.write("usr/bin/bash", "#!/bin/bash\n")
    _ = try folder.write("usr/bin/glibc", elf(interpreter: "/lib64/ld-linux.so.2"))
    _ = try folder.write("usr/bin/short", String(elf(interpreter: "/lib/ld.so").prefix(100)))
    for name in ["plain", "python", "env", "bash", "glibc", "short"] {
      #expect(chmod(folder.path + "/usr/bin/" + name, 0o755) == 0)
    }
    try link(folder, "usr/bin/loop", to: "loop")
    try link(folder, "usr/bin/outside", to: "../../../../../../bin/sh2")
    try manifest(
      folder,
      #"""
      "a": {"exec": ["/bin/none"], "user": "nobody", "groups": ["audio"]},
      "b": {"exec": ["/usr/bin/data"], "environmentFile": "/etc/none", "workingDirectory": "/srv"},
      "c": {"exec": ["/usr/bin/plain"], "pre": [["/usr/bin/bash"]], "post": [["/usr/bin/glibc"]]},
      "d": {"exec": ["/usr/bin/python"], "reload": {"exec": ["/usr/bin/short"]}},
      "e": {"exec": ["/usr/bin/loop"], "stop": {"exec": ["/usr"]}, "sandbox": {"landlock": {"read": ["/opt"]}}},
      "f": {"exec": ["/usr/bin/outside"], "listen": [{"stream": "/run/f", "group": "audio"}]},
      "g": {"exec": ["/bin/sh"], "directories": {"config": [{"name": "g/a", "user": "none"}, {"name": "b", "group": "audio"}]}, "workingDirectory": "/etc/g/a/b"},
      "t@": {"exec": ["/bin/%i"], "instances": ["sh", "ksh"]}
      """#)
    let outcome = run(["apus", "check", "--root", folder.path])
    #expect(outcome.code == 1)
    let file = folder.path + "/etc/apus.json"
    #expect(
      outcome.error.split(separator: "\n").map(String.init)
        == [
          "\(file):2:1: error: services.a.exec: not in the image: /bin/none",
          "\(file):2:1: error: services.a.user: no such user in the image: nobody",
          "\(file):2:1: error: services.a.groups: no such group in the image: audio",
          "\(file):3:1: error: services.b.exec: not executable: /usr/bin/data",
          "\(file):3:1: error: services.b.environmentFile: not in the image: /etc/none",
          "\(file):3:1: error: services.b.workingDirectory: not in the image: /srv",
          "\(file):4:1: error: services.c.exec: the kernel cannot run this format: /usr/bin/plain",
          "\(file):4:1: error: services.c.pre: the interpreter of /usr/bin/bash is not in the image: "
            + "/bin/bash",
          "\(file):4:1: error: services.c.post: the interpreter of /usr/bin/glibc is not in the image: "
            + "/lib64/ld-linux.so.2",
          "\(file):5:1: error: services.d.exec: no such program in the image for env: python3",
          "\(file):5:1: error: services.d.reload.exec: damaged, the kernel cannot run it: "
            + "/usr/bin/short",
          "\(file):6:1: error: services.e.exec: not in the image: /usr/bin/loop: ELOOP (40)",
          "\(file):6:1: error: services.e.stop.exec: a folder, not a program: /usr",
          "\(file):6:1: warning: services.e.sandbox.landlock: not in the image: /opt",
          "\(file):7:1: error: services.f.exec: not in the image: /usr/bin/outside",
          "\(file):7:1: error: services.f.listen.group: no such group in the image: audio",
          "\(file):8:1: error: services.g.directories.user: no such user in the image: none",
          "\(file):8:1: error: services.g.directories.group: no such group in the image: audio",
          "\(file):9:1: error: services.t@ksh.exec: not in the image: /bin/ksh",
        ])
    let json = try parsed(run(["apus", "check", "--json", "--root", folder.path]).output)
    #expect((json["diagnostics"] as? [Any])?.count == 19)
  }

  @Test("a folder that is none, and an option without it, are told") func usage() throws {
    #expect(run(["apus", "check", "--root"]).code == 2)
    #expect(run(["apus", "check", "--root="]).code == 2)
    let none = run(["apus", "check", "--root", "/none/of/it"])
    #expect(none.code == 1)
    #expect(none.error == "apus: not a folder: /none/of/it\n")
    let folder = try Folder()
    let empty = run(["apus", "check", "--root", folder.path])
    #expect(empty.code == 1)
    #expect(
      empty.error
        == "\(folder.path)/etc/apus.json:1:1: error: cannot read the file: ENOENT (2)\n")
  }

  @Test("no binary, however mutilated, does more than be refused") func mutilated() {
    var random = SystemRandomNumberGenerator()
    let seeds = [
      Array(elf(interpreter: "/lib/ld.so").utf8), Array(elf().utf8),
      Array("#!/bin/sh -e\n".utf8),
      Array((try? Data(contentsOf: URL(filePath: "/bin/sh"))) ?? Data()),
    ]
    var kinds: Set<String> = []
    for turn in 0..<20_000 {
      var bytes = Array(seeds[turn % seeds.count].prefix(4096))
      for _ in 0..<Int.random(in: 0...6, using: &random) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<min(bytes.count, 200), using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      if turn % 5 == 0 {
        bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
      }
      let program = ProgramFile { offset, count in
        guard offset < UInt64(bytes.count) else { return [] }
        return Array(bytes[Int(offset)...].prefix(count))
      }
      kinds.insert(String("\(program)".prefix { $0 != "(" }))
    }
    #expect(kinds == ["complete", "linked", "script", "unknown", "damaged"])
  }

  @Test("--security names what makes a service weak") func findings() throws {
    let folder = try image()
    _ = try folder.write("etc/passwd", "root:x:0:0::/:\ntoor:x:0:0::/:\nwww:x:33:33::/:\n")
    _ = try folder.write("etc/env", "A=1\n")
    for name in ["srv", "srv/open", "var", "var/own", "run", "etc"] {
      _ = mkdir(folder.path + "/" + name, 0o755)
    }
    #expect(chmod(folder.path + "/srv/open", 0o777) == 0)
    #expect(chmod(folder.path + "/etc/env", 0o644) == 0)
    let file = try folder.write(
      "m.json",
      #"""
      {"apus": 1, "services": {
        "a": {"exec": ["/bin/sh", "--password=x"], "user": "toor", "sandbox": {"readOnly": true},
              "environment": {"DB_PASSWORD": "x", "HOME": "/"}, "environmentFile": "/etc/env"},
        "b": {"exec": ["/bin/sh"], "user": "www", "accept": true, "listen": [{"stream": "80"}],
              "maxConnectionsPerSource": 0, "log": {"file": "/srv/open/log"}},
        "c": {"exec": ["/bin/sh"], "capabilities": ["sys_ptrace", "kill"], "sandbox": {"hide": ["/x"]},
              "listen": [{"stream": "/srv/open/c", "mode": "0666"}]},
        "d": {"exec": ["/bin/sh"], "user": "www", "capabilities": [],
              "listen": [{"stream": "/run/d/e"}]}}}
      """#)
    let output = run(["apus", "check", "--security", "--json", "--root", folder.path, file]).output
    let security = try #require(try parsed(output)["security"] as? [[String: Any]])
    func findings(_ name: String) -> [String] {
      security.first { $0["service"] as? String == name }?["findings"] as? [String] ?? ["none"]
    }
    #expect(
      findings("a") == [
        "user toor is root: its id is 0",
        "root can undo this sandbox with sys_admin, sys_ptrace, sys_module, dac_read_search, "
          + "sys_rawio: give it a user, or capabilities without",
        "environment DB_PASSWORD looks like a secret: an environmentFile of mode 0600 keeps one",
        "an argument looks like a secret: every process sees the arguments of all",
        "environmentFile /etc/env: everybody can read it",
      ])
    guard getuid() == 0 else { return }
    #expect(
      findings("b") == [
        "one peer can take all connections: maxConnectionsPerSource limits that",
        "log.file /srv/open/log: others can change /srv/open",
      ])
    #expect(
      findings("c") == [
        "root can undo this sandbox with sys_ptrace: give it a user, or capabilities without",
        "socket /srv/open/c: others can change /srv/open",
        "socket /srv/open/c: everybody may connect (mode)",
      ])
    #expect(findings("d") == [])
    let table = run(["apus", "check", "--security", "--root", folder.path, file]).output
    #expect(table.contains("\na: user toor is root: its id is 0\n"))
  }
}
