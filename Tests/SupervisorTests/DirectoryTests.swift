import Foundation
import Testing

/// The `directories` of a service, as stat(2) finds them when it runs.
@Suite(.enabled(if: Board.isRoot, "needs root")) struct DirectoryTests {
  private static let user: uid_t = 65534
  private static let places = ["/run", "/var/lib", "/var/cache", "/var/log", "/etc"]

  /// A name below the five places that is gone after the test.
  private final class Name {
    let text = "apus-test-\(UUID().uuidString.prefix(8))"

    deinit {
      for place in DirectoryTests.places {
        try? FileManager.default.removeItem(atPath: place + "/" + text)
      }
    }
  }

  /// Owner, group and mode: `65534:65534 0755`.
  private func look(_ path: String) -> String {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return "nothing" }
    let mode = String(status.st_mode & 0o7777, radix: 8)
    return "\(status.st_uid):\(status.st_gid) 0\(mode)"
  }

  private func make(_ path: String, _ mode: mode_t, _ owner: uid_t, _ group: gid_t) {
    mkdir(path, 0o700)
    chown(path, owner, group)
    chmod(path, mode)
  }

  private func board(_ directories: String, keys: String = #""user": 65534"#) throws -> Board {
    try Board(
      #"""
      {"apus": 1, "services": {"x": {"exec": ["/bin/sh", "-c", "id -u; env; exec sleep 99"],
        "restart": "no", "start": "manual", \#(keys), "directories": {\#(directories)}}}}
      """#)
  }

  @Test("each is made at its place with its mode and owner, and named to the service")
  func made() throws {
    let name = Name()
    let a = name.text
    let board = try board(
      #"""
      "runtime": ["\#(a)", {"name": "\#(a)/private", "mode": "0700"},
          {"name": "\#(a)/shared/deep", "mode": "0770", "group": 7}, {"name": "\#(a)/b", "user": 0}],
        "state": [{"name": "\#(a)/deep/er", "mode": "0750", "user": "root", "group": "adm"}],
        "cache": [{"name": "\#(a)"}], "log": ["\#(a)/log"], "config": ["\#(a)"]
      """#)
    // What it has made is not in its way the next time.
    for _ in 0..<2 {
      #expect(board.command(["restart", "x"]).code == 0, "\(board.log)")
      for (path, expected) in [
        "/run/\(a)": "65534:65534 0755", "/run/\(a)/private": "65534:65534 0700",
        "/run/\(a)/shared": "65534:65534 0755", "/run/\(a)/shared/deep": "65534:7 0770",
        "/run/\(a)/b": "0:65534 0755",
        "/var/lib/\(a)": "65534:65534 0755", "/var/lib/\(a)/deep": "65534:65534 0755",
        "/var/lib/\(a)/deep/er": "0:4 0750", "/var/cache/\(a)": "65534:65534 0755",
        "/var/log/\(a)": "65534:65534 0755", "/var/log/\(a)/log": "65534:65534 0755",
        "/etc/\(a)": "65534:65534 0755",
      ] { #expect(look(path) == expected, "\(path)") }
    }
    try board.wait("the environment") { board.log.contains("CONFIGURATION_DIRECTORY") }
    let lines = board.command(["logs", "x"]).output
    for line in [
      "65534",
      "RUNTIME_DIRECTORY=/run/\(a):/run/\(a)/private:/run/\(a)/shared/deep:/run/\(a)/b",
      "STATE_DIRECTORY=/var/lib/\(a)/deep/er", "CACHE_DIRECTORY=/var/cache/\(a)",
      "LOGS_DIRECTORY=/var/log/\(a)/log", "CONFIGURATION_DIRECTORY=/etc/\(a)",
    ] { #expect(lines.contains(line + "\n"), "\(line) in \(lines)") }
  }

  @Test("the umask of the service, of apus and its user's rights change nothing of the modes")
  func umask() throws {
    let name = Name()
    let board = try board(
      #""runtime": [{"name": "\#(name.text)/a", "mode": "0777"}]"#,
      keys: #""user": 65534, "umask": "0077", "capabilities": []"#)
    #expect(board.command(["start", "x"]).code == 0)
    #expect(look("/run/\(name.text)") == "65534:65534 0755")
    #expect(look("/run/\(name.text)/a") == "65534:65534 0777")
  }

  @Test("one that is there gets its owner and mode, its parents and those below /etc keep theirs")
  func corrected() throws {
    let name = Name()
    let a = name.text
    for place in ["/run", "/var/lib", "/etc"] { make("\(place)/\(a)", 0o700, 0, 0) }
    make("/run/\(a)/in", 0o711, 0, 0)
    make("/var/lib/\(a)/in", 0o777, 33, 33)
    make("/etc/\(a)/in", 0o700, 33, 33)
    make("/etc/\(a)/stated", 0o700, 33, 33)
    let board = try board(
      #"""
      "runtime": ["\#(a)"], "state": [{"name": "\#(a)/in", "mode": "0750"}],
        "config": ["\#(a)", "\#(a)/in", {"name": "\#(a)/stated", "mode": "0500", "group": 7}]
      """#)
    #expect(board.command(["start", "x"]).code == 0, "\(board.log)")
    for (path, expected) in [
      "/run/\(a)": "65534:65534 0755", "/run/\(a)/in": "65534:65534 0711",
      "/var/lib/\(a)": "0:0 0700", "/var/lib/\(a)/in": "65534:65534 0750",
      "/etc/\(a)": "0:0 0700", "/etc/\(a)/in": "33:33 0700", "/etc/\(a)/stated": "65534:7 0500",
    ] { #expect(look(path) == expected, "\(path)") }
  }

  @Test("what is in one that gets another owner is given along, but nothing that is another's")
  func contents() throws {
    let name = Name()
    let top = "/var/lib/" + name.text
    let elsewhere = "/var/cache/" + name.text
    make(elsewhere, 0o700, 0, 0)
    make(top, 0o755, 33, 33)
    func file(_ path: String, _ owner: uid_t, _ mode: mode_t = 0o640) {
      #expect(FileManager.default.createFile(atPath: path, contents: nil))
      chown(path, owner, owner)
      chmod(path, mode)
    }
    for folder in ["a", "a/b", "a/b/c", "d", "closed"] { make("\(top)/\(folder)", 0o750, 33, 33) }
    make(top + "/roots", 0o755, 0, 0)
    make(top + "/open", 0o777, 33, 33)
    for path in ["f", "a/f", "a/b/c/f", "roots/f", "open/f"] { file("\(top)/\(path)", 33) }
    for number in 0..<200 { file("\(top)/d/\(number)-\(UUID().uuidString)", 33) }
    file(top + "/program", 33, 0o4755)
    file(top + "/a/roots", 0)
    file(elsewhere + "/linked", 33)
    link(elsewhere + "/linked", top + "/linked")
    symlink(elsewhere, top + "/soft")
    lchown(top + "/soft", 33, 33)
    let board = try board(#""state": ["\#(name.text)"]"#)
    #expect(board.command(["start", "x"]).code == 0, "\(board.log)")
    func owner(_ path: String) -> uid_t? {
      var status = stat()
      return lstat(path, &status) == 0 ? status.st_uid : nil
    }
    let given = try FileManager.default.subpathsOfDirectory(atPath: top).filter {
      owner("\(top)/\($0)") == Self.user
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: top + "/d").map { "d/" + $0 }
    #expect(names.count == 200)
    #expect(
      Set(given)
        == Set(
          ["a", "a/b", "a/b/c", "d", "closed", "f", "a/f", "a/b/c/f", "program", "soft"] + names))
    #expect(owner(elsewhere) == 0 && owner(elsewhere + "/linked") == 33)
    #expect(owner(top + "/a/roots") == 0 && owner(top + "/roots/f") == 33)
    // Who may write there may have brought it from elsewhere.
    #expect(owner(top + "/open") == 33 && owner(top + "/open/f") == 33)
    var status = stat()
    #expect(stat(top + "/program", &status) == 0 && status.st_mode & 0o7777 == 0o755)
    #expect(look(top + "/a/b") == "65534:65534 0750")
  }

  @Test("below `readOnly` all but those of /etc can be written to")
  func readOnly() throws {
    let name = Name()
    let a = name.text
    let board = try Board(
      #"""
      {"apus": 1, "services": {"x": {"start": "manual", "user": 65534, "restart": "no",
        "exec": ["/bin/sh", "-c", "touch /run/\#(a)/p/f /etc/\#(a)/f; exec sleep 99"],
        "sandbox": {"readOnly": true},
        "directories": {"runtime": [{"name": "\#(a)/p", "mode": "0700"}], "config": ["\#(a)"]}}}}
      """#)
    #expect(board.command(["start", "x"]).code == 0, "\(board.log)")
    try board.wait("the refusal") { board.log.contains("Read-only file system") }
    #expect(FileManager.default.fileExists(atPath: "/run/\(a)/p/f"))
    #expect(!FileManager.default.fileExists(atPath: "/etc/\(a)/f"))
  }

  @Test(
    "a user or group that does not exist is named with its directory, and nothing is made",
    arguments: [
      (#""user": "nosuch""#, "look up the user nosuch"),
      (#""group": "nogrp""#, "look up the group nogrp"),
    ])
  func unknown(key: String, words: String) throws {
    let name = Name()
    let board = try board(
      #""state": ["\#(name.text)", {"name": "\#(name.text)/in", \#(key)}]"#,
      keys: #""user": 65534, "groups": [4, 7]"#)
    #expect(board.command(["start", "x"]).code == 1)
    let reason = try board.service("x")["reason"] as? String ?? ""
    let expected =
      "\(words) of the directory /var/lib/\(name.text)/in: No such file or directory, ENOENT (2)"
    #expect(reason == expected)
    #expect(look("/var/lib/\(name.text)") == "nothing")
  }

  @Test("a directory in a folder of the service's user is changed only if it is that user's")
  func swapped() throws {
    let name = Name()
    let a = name.text
    let board = try board(
      #"""
      "runtime": ["\#(a)", {"name": "\#(a)/open", "user": 0, "group": 0},
        {"name": "\#(a)/closed", "user": 0, "group": 0, "mode": "0700"}]
      """#)
    #expect(board.command(["restart", "x"]).code == 0, "\(board.log)")
    // The user swaps two of root's that it may not change itself.
    for (from, to) in [("open", "was"), ("closed", "open"), ("was", "closed")] {
      let moving = try Child(
        [
          "/usr/bin/setpriv", "--reuid=65534", "--clear-groups", "/bin/mv", "/run/\(a)/\(from)",
          "/run/\(a)/\(to)",
        ], errors: .descriptor(2))
      #expect(moving.wait() == 0)
    }
    #expect(board.command(["restart", "x"]).code == 1)
    let reason = try board.service("x")["reason"] as? String ?? ""
    #expect(reason.hasPrefix("make the directory /run/\(a)/open: "), "\(reason)")
    #expect(reason.hasSuffix("EPERM (1)"), "\(reason)")
    #expect(look("/run/\(a)/open") == "0:0 0700")
  }
}
