import ApusWire
import Foundation
import TestSockets
import Testing

@Suite struct DeedTests {
  @Test(
    "a deed sends its letter and waits for the answer",
    arguments: [
      ("start", UInt8(4)), ("stop", 5), ("restart", 6), ("reload", 7), ("reset", 8), ("kill", 9),
    ])
  func services(command: String, kind: UInt8) throws {
    let (outcome, requests) = try ask([command, "web"], [answer(.done, "web")])
    #expect(outcome.code == 0 && outcome.output == "" && outcome.error == "")
    #expect(requests == [[1, kind, 9, 0, 0, 3] + Array("web".utf8)])
    let (hasty, flags) = try ask([command, "web", "--no-wait"], [answer(.done, "web")])
    #expect(hasty.code == 0)
    #expect(flags == [[1, kind, 9, 0, 1, 3] + Array("web".utf8)])
  }

  @Test(
    "the supervisor's answer is the exit code",
    arguments: [
      (AnswerCode.done, Int32(0), ""), (.failed, 1, "apus: web: why\n"),
      (.noSuchService, 4, "apus: no such service: web\n"),
      (.notPermitted, 5, "apus: web: why\n"),
    ])
  func codes(code: AnswerCode, status: Int32, message: String) throws {
    let (outcome, _) = try ask(["start", "web"], [answer(code, "web", "why")])
    #expect(outcome.code == status)
    #expect(outcome.error == message)
  }

  @Test("a failure without a reason still says something") func silentFailure() throws {
    #expect(try ask(["stop", "a"], [answer(.failed)]).outcome.error == "apus: a: failed\n")
    #expect(try ask(["halt"], [answer(.notPermitted)]).outcome.error == "apus: not permitted\n")
  }

  @Test("one failure does not keep the other services from being asked") func several() throws {
    let (outcome, requests) = try ask(
      ["start", "a", "b", "c"], [answer(.done)], [answer(.failed, "b", "exec /x: ENOENT (2)")],
      [answer(.noSuchService, "c")])
    #expect(requests.count == 3)
    #expect(outcome.code == 1)
    #expect(outcome.error == "apus: b: exec /x: ENOENT (2)\napus: no such service: c\n")
  }

  @Test("SHU-11 going down is what was asked for, or a failure", arguments: [true, false])
  func goingDown(saysSo: Bool) throws {
    let frames = saysSo ? [frame { $0.goingDownFrame() }] : []
    #expect(try ask(["reboot"], frames).outcome.code == 0)
    let (start, _) = try ask(["start", "web"], frames)
    #expect(start.code == 6)
    #expect(
      start.error
        == (saysSo
          ? "apus: the supervisor is going down\n"
          : "apus: the supervisor went away before it had answered\n"))
    #expect(try ask(["status"], frames).outcome.code == 6)
  }

  @Test("reboot has an argument for the firmware", arguments: [["apus", "reboot"], ["reboot"]])
  func rebootArgument(words: [String]) throws {
    let text = Array("0 tryboot".utf8)
    let supervisor = try FakeSupervisor([[answer(.done)], [answer(.failed, "", "why")]])
    #expect(run(words + ["0 tryboot"], control: supervisor.path).code == 0)
    let refused = run(words + ["--now", "0 tryboot"], control: supervisor.path)
    #expect(refused.code == 1 && refused.error == "apus: 0 tryboot: why\n")
    #expect(supervisor.requests() == [[1, 10, 15, 0, 0, 9] + text, [1, 10, 15, 0, 2, 9] + text])
  }

  @Test(
    "what the firmware cannot be told is refused, and so is an argument of the others",
    arguments: [
      (
        "reboot", ["0", "tryboot"],
        "reboot takes no operand tryboot"
      ),
      ("reboot", ["a\nb"], "not 1 to 64 printable bytes: a\\x0ab"),
      (
        "reboot", [String(repeating: "x", count: 65)],
        "not 1 to 64 printable bytes: "
          + String(repeating: "x", count: 65)
      ),
      ("poweroff", ["x"], "poweroff takes no operand x"),
      ("halt", ["x"], "halt takes no operand x"),
    ])
  func wrongArgument(name: String, words: [String], message: String) {
    for command in [["apus", name], [name]] {
      let outcome = run(command + words, control: "/nonexistent")
      #expect(outcome.code == 2)
      #expect(outcome.error == "apus: \(message)\n")
    }
  }

  @Test("nobody there is 6, a closed door is 5") func unreachable() throws {
    let folder = try Folder()
    let stale = try folder.write("control", "")
    let refused = run(["apus", "status"], control: stale)
    #expect(refused.code == 6)
    #expect(refused.error == "apus: no supervisor answers at \(stale): ECONNREFUSED (111)\n")
    let long = run(["apus", "status", "--control", "/" + String(repeating: "x", count: 120)])
    #expect(long.code == 6 && long.error.hasSuffix(": ENAMETOOLONG (36)\n"))
  }

  @Test("the control socket is found by option, variable, then the user's own folder")
  func controlPath() throws {
    let folder = try Folder()
    let first = try FakeSupervisor([[answer(.done)]])
    let second = try FakeSupervisor([[answer(.done)]])
    #expect(run(["apus", "--control", first.path, "start", "x"], control: second.path).code == 0)
    #expect(first.requests().count == 1)
    #expect(run(["apus", "start", "x"], control: second.path, runtimeDirectory: "/x").code == 0)
    #expect(second.requests().count == 1)

    try FileManager.default.createDirectory(
      atPath: folder.path + "/apus", withIntermediateDirectories: true)
    let third = try FakeSupervisor([[answer(.done)], [answer(.done)]])
    try FileManager.default.moveItem(atPath: third.path, toPath: folder.path + "/apus/control")
    #expect(run(["apus", "start", "x"], runtimeDirectory: folder.path).code == 0)
    #expect(run(["apus", "start", "--control=\(folder.path)/apus/control", "x"]).code == 0)
    #expect(third.requests().count == 2)
  }

  @Test(
    "CTL-02 a supervisor that talks nonsense is a failure",
    arguments: [
      [UInt8](), [1], [9, 129, 4, 0], [1, 200, 4, 0], [1, 129, 5, 0, 0],
      [UInt8](repeating: 7, count: 1500), [1, 129, 9, 0, 77, 0, 0, 0, 0],
    ])
  func nonsense(bytes: [UInt8]) throws {
    let (start, _) = try ask(["start", "web"], [bytes])
    #expect(start.code == 1 || start.code == 6)
    #expect(start.error.hasPrefix("apus: ") && start.error.hasSuffix("\n"))
    let (status, _) = try ask(["status"], [bytes, endFrame])
    #expect(status.code == 1 || status.code == 6)
    #expect(status.output == "")
  }

  @Test("a supervisor that does not answer a listing is given up") func silence() throws {
    let path = NSTemporaryDirectory() + "apus-\(UUID().uuidString.prefix(8))"
    let fd = Endpoint.path(path).listen(SOCK_SEQPACKET)
    try #require(fd >= 0)
    defer {
      close(fd)
      unlink(path)
    }
    let outcome = run(["apus", "status"], control: path, timeoutMs: 50)
    #expect(outcome.code == 6)
    #expect(outcome.error == "apus: no answer from the supervisor: timed out\n")
  }
}
