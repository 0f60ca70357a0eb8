import ApusBase
import Glibc
import Testing

/// An error as messages spell it.
private func spelled(_ code: Int32) -> String {
  var writer = ByteWriter(capacity: 64)
  writer.errno(Errno(code))
  return String(decoding: writer.bytes, as: UTF8.self)
}

@Suite struct NamesTests {
  @Test func errnosAreSpelledByName() {
    #expect(spelled(98) == "EADDRINUSE (98)")
    #expect(spelled(1) == "EPERM (1)")
    #expect(spelled(133) == "EHWPOISON (133)")
    #expect(spelled(41) == "errno (41)")
    #expect(spelled(0) == "errno (0)")
    #expect(spelled(-1) == "errno (-1)")
    #expect(spelled(134) == "errno (134)")
    #expect(spelled(.max) == "errno (2147483647)")
  }

  @Test func errnosAgreeWithTheirConstants() {
    for (code, name) in [
      (ENOENT, "ENOENT"), (EAGAIN, "EAGAIN"), (ENAMETOOLONG, "ENAMETOOLONG"), (ENOSYS, "ENOSYS"),
      (ELOOP, "ELOOP"), (ENOMSG, "ENOMSG"), (EOVERFLOW, "EOVERFLOW"), (ETIMEDOUT, "ETIMEDOUT"),
      (ECONNREFUSED, "ECONNREFUSED"), (ESTALE, "ESTALE"), (ENOTRECOVERABLE, "ENOTRECOVERABLE"),
      (EMFILE, "EMFILE"), (EXDEV, "EXDEV"), (EBFONT, "EBFONT"), (EILSEQ, "EILSEQ"),
    ] {
      #expect(spelled(code) == "\(name) (\(code))")
    }
  }

  @Test func signalsAreSpelledByName() {
    func spelled(_ number: UInt8) -> String {
      var writer = ByteWriter(capacity: 64)
      writer.signal(number)
      return String(decoding: writer.bytes, as: UTF8.self)
    }
    #expect(spelled(UInt8(SIGHUP)) == "SIGHUP")
    #expect(spelled(UInt8(SIGKILL)) == "SIGKILL")
    #expect(spelled(UInt8(SIGCHLD)) == "SIGCHLD")
    #expect(spelled(UInt8(SIGSYS)) == "SIGSYS")
    #expect(spelled(37) == "SIGRTMIN+3")
    #expect(spelled(64) == "SIGRTMIN+30")
    #expect(spelled(0) == "signal 0")
    #expect(spelled(33) == "signal 33")
    #expect(spelled(255) == "signal 255")
  }
}
