import Foundation
import Testing

/// Who owns a folder cannot have apus make, open or give away anything of root's through it.
///
/// The attacker is user 65534: it owns `own`, and puts links, files and folders of root's that lie
/// there in the place of what apus is to find, beforehand or while apus looks.
@Suite(.enabled(if: Board.isRoot, "needs root")) struct ForeignFolderTests {
  private static let user: uid_t = 65534

  private func owner(_ path: String) -> uid_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_uid : nil
  }

  private func names(_ path: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  }

  /// A folder of the attacker's, with a folder of root's and a file of root's without another name.
  private func makeOwn(_ path: String) throws {
    mkdir(path, 0o755)
    mkdir(path + "/roots", 0o755)
    try "KEY=secret\n".write(toFile: path + "/roots/out", atomically: false, encoding: .utf8)
    try "KEY=secret\n".write(toFile: path + "/file", atomically: false, encoding: .utf8)
    for file in ["/file", "/roots/out"] { chmod(path + file, 0o600) }
    chown(path, Self.user, Self.user)
  }

  private func isUntouched(_ path: String) -> Bool {
    ["/file", "/roots/out"].allSatisfy {
      FileManager.default.contents(atPath: path + $0) == Data("KEY=secret\n".utf8)
    } && names(path + "/roots") == ["out"] && owner(path + "/roots") == 0
  }

  /// Starts a service that has to fail for that reason.
  private func refuse(_ board: Board, _ name: String, _ errno: String) {
    let answer = board.command(["start", name])
    #expect(answer.code == 1 && answer.errors.contains(errno), "\(name): \(answer)")
  }

  /// Runs `body` while the attacker swaps two names.
  private func whileSwapping(_ board: Board, _ a: String, _ b: String, _ body: () throws -> Void)
    throws
  {
    let said = board.path("swaps")
    let attacker = try Child(
      [Board.probe, "swap", "\(Self.user)", a, b], output: .file(said), errors: .descriptor(2))
    defer {
      #expect(attacker.isRunning)
      attacker.kill()
      attacker.wait()
    }
    try board.wait("the attacker") {
      (try? String(contentsOfFile: said, encoding: .utf8)) == "swaps\n"
    }
    try body()
  }

  @Test("`directories` below a folder of the service's user gives away nothing of root's")
  func directories() throws {
    let name = "apus-test-\(UUID().uuidString.prefix(8))"
    let run = "/run/" + name
    defer { try? FileManager.default.removeItem(atPath: run) }
    let board = try Board(
      #"""
      {"apus": 1, "defaults": {"restart": "no", "start": "manual", "user": 65534}, "services": {
        "fresh": {"exec": ["PROBE", "exit", "0"], "type": "oneshot",
          "directories": {"runtime": ["\#(name)", "\#(name)/fresh/deep"]}},
        "link": {"exec": ["PROBE", "sleep"], "directories": {"runtime": ["\#(name)/link"]}},
        "roots": {"exec": ["PROBE", "sleep"], "directories": {"runtime": ["\#(name)/roots"]}},
        "below": {"exec": ["PROBE", "sleep"], "directories": {"runtime": ["\#(name)/roots/deep"]}},
        "race": {"exec": ["PROBE", "exit", "0"], "type": "oneshot",
          "directories": {"runtime": ["\#(name)/race"]}},
        "root": {"exec": ["PROBE", "exit", "0"], "type": "oneshot", "user": 0,
          "directories": {"runtime": ["\#(name)/taken"]}}}}
      """#)
    // Twice: what it has made is its own from then on.
    for _ in 0..<2 { #expect(board.command(["start", "fresh"]).code == 0) }
    for path in [run, run + "/fresh/deep"] { #expect(owner(path) == Self.user, "\(path)") }
    try makeOwn(run)
    symlink("/run", run + "/link")
    refuse(board, "link", "ENOTDIR (20)")
    refuse(board, "roots", "EPERM (1)")
    refuse(board, "below", "EPERM (1)")
    #expect(isUntouched(run))
    #expect(owner("/run") == 0)
    for victim in ["/roots", "/link"] {
      mkdir(run + "/race", 0o700)
      chown(run + "/race", Self.user, Self.user)
      try whileSwapping(board, run + victim, run + "/race") {
        for _ in 0..<150 { board.command(["start", "race"]) }
      }
      // Which of the two is where does not matter.
      var owners: [uid_t?] = []
      for path in [victim, "/race"] {
        var status = stat()
        lstat(run + path, &status)
        owners.append(status.st_uid)
        unlink(run + path)
        rmdir(run + path)
      }
      #expect(Set(owners) == [0, Self.user], "\(victim): \(owners)")
      if victim == "/roots" { try makeOwn(run) }
    }
    #expect(owner("/run") == 0)
    // A service of root's own may live there, too.
    #expect(board.command(["start", "root"]).code == 0)
    #expect(owner(run + "/taken") == 0)
  }

  @Test("a folder of root's that the service's user has moved is not written to")
  func movedFolder() throws {
    let board = try Board(
      #"""
      {"apus": 1, "defaults": {"restart": "no", "start": "manual", "user": 65534}, "services": {
        "old": {"exec": ["PROBE", "sleep"], "stdout": "append:DIR/own/roots/out"},
        "new": {"exec": ["PROBE", "sleep"], "stdout": "file:DIR/own/roots/new"},
        "log": {"exec": ["/bin/echo", "line"], "log": {"file": "DIR/own/file"}},
        "made": {"exec": ["/bin/echo", "line"], "log": {"file": "DIR/own/made"}}}}
      """#)
    let own = board.path("own")
    try makeOwn(own)
    for name in ["old", "new"] { refuse(board, name, "EACCES (13)") }
    for name in ["log", "made"] { #expect(board.command(["start", name]).code == 0) }
    try board.wait("the refusal") { board.log.contains("own/file: EACCES (13)") }
    try board.wait("the line") { names(own).contains("made") }
    #expect(owner(own + "/made") == Self.user)
    #expect(isUntouched(own))
  }

  @Test("no special file, terminal or root is reached through a link of the service's user")
  func links() throws {
    let board = try Board(
      #"""
      {"apus": 1, "defaults": {"restart": "no", "start": "manual", "user": 65534}, "services": {
        "special": {"exec": ["PROBE", "sleep"], "listen": [{"special": "DIR/own/zero"}],
          "start": "demand"},
        "tty": {"exec": ["PROBE", "sleep"], "tty": "DIR/own/null"},
        "jail": {"exec": ["PROBE", "sleep"], "sandbox": {"root": "DIR/own/jail/"}}}}
      """#, prefix: ["/bin/sh", "-c", Self.makeLinks, "sh"])
    #expect(try board.socket(board.path("own/zero"))["state"] as? String == "error")
    #expect(
      (try board.socket(board.path("own/zero"))["reason"] as? String ?? "").hasSuffix("ELOOP (40)"))
    for name in ["tty", "jail"] { refuse(board, name, "ELOOP (40)") }
  }

  private static let makeLinks = #"""
    for word; do case $word in */apus.json) cd "${word%/*}";; esac; done
    umask 022; mkdir own; ln -s /dev/zero own/zero; ln -s /dev/null own/null; ln -s / own/jail
    chown -h 65534:65534 own own/*
    exec "$@"
    """#

  @Test("who swaps names while apus opens files never has one of root's opened")
  func race() throws {
    let board = try Board(
      #"""
      {"apus": 1, "defaults": {"restart": "no", "start": "manual", "user": 65534,
          "type": "oneshot"}, "services": {
        "out": {"exec": ["/bin/echo", "attack"], "stdout": "append:DIR/own/out"},
        "read": {"exec": ["PROBE", "log", "DIR/own/said", "x"], "environmentFile": "-DIR/own/out",
          "directories": {}, "expand": false},
        "there": {"exec": ["/bin/cat", "DIR/own/dir/out"], "workingDirectory": "DIR/own/dir",
          "stdin": "file:DIR/own/dir/out"}}}
      """#)
    let (own, secret) = (board.path("own"), board.path("secret"))
    mkdir(secret, 0o755)
    try makeOwn(own)
    try "KEY=secret\n".write(toFile: secret + "/out", atomically: false, encoding: .utf8)
    chmod(secret + "/out", 0o600)
    try "KEY=own\n".write(toFile: own + "/out", atomically: false, encoding: .utf8)
    chown(own + "/out", Self.user, Self.user)
    mkdir(own + "/dir", 0o755)
    symlink(secret, own + "/other")
    symlink(secret + "/out", own + "/soft")
    link(secret + "/out", own + "/hard")
    for name in ["soft", "hard", "file"] {
      try whileSwapping(board, own + "/out", own + "/" + name) {
        for _ in 0..<60 { for service in ["out", "read"] { board.command(["start", service]) } }
      }
    }
    try whileSwapping(board, own + "/dir", own + "/other") {
      for _ in 0..<60 { board.command(["start", "there"]) }
    }
    for path in [secret + "/out", own + "/hard"] where owner(path) == 0 {
      #expect(FileManager.default.contents(atPath: path) == Data("KEY=secret\n".utf8))
    }
    #expect(!board.command(["logs", "there"]).output.contains("secret"))
    #expect(names(secret) == ["out"])
  }

  @Test("a sandbox opens nothing that a link of the service's user leads to")
  func sandbox() throws {
    let board = try Board(
      #"""
      {"apus": 1, "defaults": {"user": 65534, "start": "manual", "restart": "no"}, "services": {
        "landlock": {"exec": ["PROBE", "sleep"],
          "sandbox": {"landlock": {"write": ["DIR/own/link/"]}}},
        "write": {"exec": ["PROBE", "sleep"],
          "sandbox": {"readOnly": true, "write": ["DIR/own/link"]}},
        "below": {"exec": ["PROBE", "sleep"],
          "sandbox": {"readOnly": true, "write": ["DIR/own/link/x"]}},
        "roots": {"exec": ["PROBE", "sleep"],
          "sandbox": {"readOnly": true, "write": ["/var/run/", "DIR/roots-link"],
            "landlock": {"read": ["/"], "execute": ["/"],
              "write": ["DIR/roots-link", "DIR/absent"]}}}}}
      """#)
    for folder in ["own", "target", "target/x"] { mkdir(board.path(folder), 0o777) }
    chown(board.path("own"), Self.user, Self.user)
    symlink(board.path("target"), board.path("own/link"))
    symlink(board.path("target"), board.path("roots-link"))
    for name in ["landlock", "write", "below"] { refuse(board, name, "ELOOP (40)") }
    #expect(board.command(["start", "roots"]).code == 0, "\(board.log)")
  }
}
