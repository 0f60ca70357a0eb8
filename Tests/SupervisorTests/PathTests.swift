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
