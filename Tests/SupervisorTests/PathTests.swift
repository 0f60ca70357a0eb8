import Foundation
import Testing

/// Paths through links and through folders of others.
@Suite struct PathTests {
  private func inode(_ path: String) -> UInt64? {
    var status = stat()
    return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
  }

  @Test("links of root's in directories of root's are followed; another is named")
  func links() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "good": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/var/run/u"}]},
        "bad": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/open/link/u"}]}}}
      """#, prefix: ["/bin/sh", "-c", Self.makeLinks, "sh"])
    #expect(board.talk("var/run/u").hasSuffix(" good\n"))
    #expect(inode(board.path("run/u")) != nil)
    let reason = try board.socket(board.path("open/link/u"))["reason"] as? String ?? ""
    #expect(reason.contains(board.path("open/link") + " is a link"), "\(reason)")
    #expect(reason.hasSuffix("ELOOP (40)"))
  }

  /// Makes what the manifest's paths lead through, beside the manifest.
  private static let makeLinks = #"""
    for word; do case $word in */apus.json) cd "${word%/*}";; esac; done
    umask 022; mkdir run var open open/deep && ln -s ../run var/run && ln -s ../run open/link && chmod 777 open
    exec "$@"
    """#

  @Test(
    "files that are opened for a service are no links or other names of somebody else's",
    .enabled(if: Board.isRoot, "needs root"))
  func foreignFiles() throws {
    let board = try Board(
      #"""
      {"apus": 1, "defaults": {"restart": "no", "start": "manual", "user": 65534}, "services": {
        "good": {"exec": ["PROBE", "log", "/dev/null", "x"], "stdout": "append:DIR/own/out"},
        "hard": {"exec": ["PROBE", "sleep"], "stdout": "append:DIR/own/hard"},
        "soft": {"exec": ["PROBE", "sleep"], "stderr": "file:DIR/own/soft"},
        "parent": {"exec": ["PROBE", "sleep"], "stdout": "append:DIR/own/parent/secret"},
        "fifo": {"exec": ["PROBE", "sleep"], "stdout": "append:DIR/own/fifo"},
        "read": {"exec": ["PROBE", "sleep"], "environmentFile": "DIR/own/soft"},
        "root": {"exec": ["PROBE", "report", "DIR/own/report"], "environmentFile": "DIR/link"}}}
      """#)
    let files = FileManager.default
    let (own, secret) = (board.path("own"), board.path("root"))
    for folder in [own, secret] { mkdir(folder, 0o755) }
    try "KEY=secret\n".write(toFile: secret + "/secret", atomically: true, encoding: .utf8)
    chmod(secret + "/secret", 0o600)
    link(secret + "/secret", own + "/hard")
    symlink(secret + "/secret", own + "/soft")
    symlink(secret, own + "/parent")
    mkfifo(own + "/fifo", 0o666)
    symlink("root/secret", board.path("link"))
    chown(own, 65534, 65534)
    let before = files.contents(atPath: secret + "/secret")
    for (name, errno) in [
      ("hard", "EMLINK (31)"), ("soft", "ELOOP (40)"), ("parent", "ELOOP (40)"),
      ("fifo", "EEXIST (17)"), ("read", "ELOOP (40)"),
    ] {
      let answer = board.command(["start", name])
      #expect(answer.code == 1 && answer.errors.contains(errno), "\(name): \(answer)")
    }
    #expect(files.contents(atPath: secret + "/secret") == before)
    #expect(board.command(["start", "good"]).code == 0)
    #expect(files.fileExists(atPath: own + "/out"))
    // A link that root has put where only root may write leads on.
    #expect(board.command(["start", "root"]).code == 0)
    #expect(try board.report("own/report").contains("env:KEY=secret"))
  }

  @Test(
    "in a folder of its own a service's files are made and opened by its own rights",
    .enabled(if: Board.isRoot, "needs root"))
  func ownRights() throws {
    let board = try Board(
      #"""
      {"apus": 1, "defaults": {"restart": "no", "start": "manual", "user": 65534}, "services": {
        "made": {"exec": ["PROBE", "log", "/dev/null", "x"], "stdout": "append:DIR/own/made"},
        "file": {"exec": ["PROBE", "log", "/dev/null", "x"], "stdout": "file:DIR/member/file",
          "groups": [65533]},
        "moved": {"exec": ["PROBE", "sleep"], "stdout": "append:DIR/own/moved"},
        "fed": {"exec": ["PROBE", "sleep"], "stdin": "file:DIR/own/moved"},
        "read": {"exec": ["PROBE", "sleep"], "environmentFile": "DIR/own/moved"},
        "many": {"exec": ["PROBE", "sleep"], "environmentFile": "DIR/member/moved",
          "groups": [65533]},
        "other": {"exec": ["PROBE", "log", "/dev/null", "x"], "stdout": "append:DIR/logs/out"},
        "root": {"exec": ["PROBE", "log", "/dev/null", "x"], "user": 0,
          "stdout": "append:DIR/own/moved"}}}
      """#)
    let (own, member, log) = (board.path("own"), board.path("member"), board.path("logs"))
    for folder in [own, member, log] { mkdir(folder, 0o755) }
    for folder in [own, member] {
      // A file of root's without another name, which its owner may move to any name there.
      try "KEY=secret\n".write(toFile: folder + "/moved", atomically: false, encoding: .utf8)
      chmod(folder + "/moved", 0o640)
    }
    chown(own, 65534, 65534)
    for (folder, group) in [(member, 65533), (log, 4)] {
      chown(folder, 0, gid_t(group))
      chmod(folder, 0o775)
    }
    for name in ["made", "file", "other"] {
      let answer = board.command(["start", name])
      #expect(answer.code == 0, "\(name): \(answer)")
    }
    for (file, uid) in [(own + "/made", 65534), (member + "/file", 65534), (log + "/out", 0)] {
      var status = stat()
      #expect(lstat(file, &status) == 0 && status.st_uid == uid, "\(file) \(status.st_uid)")
    }
    for name in ["moved", "fed", "read", "many"] {
      let answer = board.command(["start", name])
      #expect(answer.code == 1 && answer.errors.contains("EACCES (13)"), "\(name): \(answer)")
    }
    #expect(board.command(["start", "root"]).code == 0)
  }

  @Test("a folder that others may write to is named, by the log and by a look at the manifest")
  func shared() throws {
    let board = try Board(
      #"""
      {"apus": 1, "services": {
        "web": {"exec": ["PROBE", "serve"],
          "listen": [{"stream": "DIR/open/u", "symlinks": ["DIR/apus.json"]}]},
        "deep": {"exec": ["PROBE", "serve"], "listen": [{"stream": "DIR/open/deep/u"}]}}}
      """#, prefix: ["/bin/sh", "-c", Self.makeLinks, "sh"])
    let open = board.path("open")
    for name in ["u", "deep/u"] { #expect(!board.talk("open/\(name)").isEmpty) }
    #expect(board.log.contains("web: \(open)/u: others than root may write to its directory\n"))
    #expect(
      board.log.contains(
        "deep: \(open)/deep/u: others than root may replace \(open)/deep: bound by the descriptor of"
          + " its directory\n"))
    #expect(board.log.contains("web: cannot link to \(open)/u: EEXIST (17)\n"))
    let answer = board.command(["check", "--security", board.path("apus.json")])
    #expect(answer.output.contains("others may replace \(open)/deep"), "\(answer)")
  }
}
