import Foundation
import TestSockets
import Testing

/// Docker's engine as Debian ships it, which takes its socket by `-H fd://`.
@Suite struct DebianDockerTests {
  private static let manifest = #"""
    {"apus": 1, "services": {"docker": {"type": "notify", "sandbox": "ROOT",
      "exec": ["/usr/sbin/dockerd", "-H", "fd://", "--storage-driver", "vfs", "--bridge", "none",
        "--iptables=false"],
      "listen": [{"stream": "DIR/docker.sock"}], "ready": {"timeout": "2min"}}}}
    """#

  private func docker(_ board: Board, _ words: String...) throws -> (code: Int32, output: String) {
    try board.debian(["docker", "-H", "unix://" + board.path("docker.sock")] + words)
  }

  @Test("dockerd starts with its first client, runs a container, and comes back when it is killed")
  func container() throws {
    let board = try DebianRoot.board(Self.manifest)
    try board.wait(for: "docker", "listening")
    #expect(board.page("docker.sock", "/_ping") == "OK", "\(board.log)")
    #expect(try board.state("docker") == "ready")
    // A container of one static program.
    let image = board.path("image/bin")
    try FileManager.default.createDirectory(atPath: image, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: image + "/busybox")
    let packing = try Child(
      ["/bin/tar", "-C", board.path("image"), "-cf", board.path("image.tar"), "."])
    #expect(packing.wait() == 0)
    let made = try docker(board, "import", board.path("image.tar"), "box")
    #expect(made.code == 0, "\(board.log)")
    let ran = try docker(
      board, "run", "--rm", "--network", "none", "box", "/bin/busybox", "echo", "in a container")
    #expect(ran.code == 0 && ran.output == "in a container\n", "\(board.log)")
    try board.strike("docker")
    #expect(board.page("docker.sock", "/_ping") == "OK", "\(board.log)")
    #expect(try docker(board, "image", "inspect", "box").code == 0)
    #expect(board.command(["stop", "docker"]).code == 0)
  }
}
