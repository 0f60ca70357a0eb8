import CApus
import Foundation
import Testing

private let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].first {
  FileManager.default.fileExists(atPath: $0 + "/cgroup.controllers")
}

@Suite(.enabled(if: root.map { access($0, W_OK) == 0 } ?? false, "needs a writable cgroup2"))
struct FreezeTests {
  @Test("a group is frozen until it goes on, and says so")
  func freeze() throws {
    let path = try #require(root) + "/apus-freeze-\(getpid())"
    #expect(mkdir(path, 0o755) == 0)
    let group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer {
      close(group)
      rmdir(path)
    }
    var sleeper: pid_t = 0
    var arguments = [strdup("/bin/sleep"), strdup("1000"), nil]
    #expect(posix_spawn(&sleeper, "/bin/sleep", nil, nil, &arguments, environ) == 0)
    for argument in arguments { free(argument) }
    defer {
      kill(sleeper, SIGKILL)
      waitpid(sleeper, nil, 0)
    }
    try "\(sleeper)".write(
      toFile: path + "/cgroup.procs", atomically: false, encoding: .utf8)
    #expect(capus_cgroup_is_frozen(group) == 0)
    #expect(capus_cgroup_freeze(group, 1) == 0)
    try wait { capus_cgroup_is_frozen(group) == 1 }
    #expect(capus_cgroup_freeze(group, 0) == 0)
    try wait { capus_cgroup_is_frozen(group) == 0 }
    #expect(capus_cgroup_freeze(-1, 1) == -EBADF)
    #expect(capus_cgroup_is_frozen(-1) == -EBADF)
  }

  private func wait(_ condition: () -> Bool) throws {
    let deadline = Date(timeIntervalSinceNow: 20)
    while !condition() {
      if Date() > deadline {
        Issue.record("waited in vain")
        throw CancellationError()
      }
      usleep(1000)
    }
  }
}
