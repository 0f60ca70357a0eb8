import CApus
import Foundation
import Testing

/// What a filter answers, found by running it as the kernel does (seccomp(2), classic BPF).
private struct Filter {
  let program: [capus_instruction]

  init?(_ names: [String]?) {
    var program = [capus_instruction](
      repeating: capus_instruction(), count: Int(CAPUS_FILTER_MOST))
    var list = (names ?? []).map { strdup($0) } + [nil]
    defer { for name in list { free(name) } }
    let count = names == nil ? capus_filter(nil, &program) : capus_filter(&list, &program)
    if count == 0 { return nil }
    self.program = Array(program.prefix(Int(count)))
  }

  static let kill: UInt32 = 0x8000_0000
  static let allow: UInt32 = 0x7fff_0000
  static let unknown: UInt32 = 0x5_0000 | UInt32(ENOSYS)
  #if arch(x86_64)
    static let architecture: UInt32 = 0xc000_003e
  #elseif arch(arm64)
    static let architecture: UInt32 = 0xc000_00b7
  #endif

  static let refused: UInt32 = 0x5_0000 | UInt32(EPERM)

  func answer(_ name: String, _ argument: UInt32) -> UInt32 {
    Calls.numbers[name].map { answer($0, argument) } ?? 3
  }

  func answer(
    _ number: UInt32, _ argument: UInt32 = 0, architecture: UInt32 = architecture
  ) -> UInt32 {
    var place = 0
    var value: UInt32 = 0
    while place < program.count {
      let step = program[place]
      place += 1
      switch step.code {
      case 0x20: value = step.value == 0 ? number : step.value == 16 ? argument : architecture
      case 0x05: place += Int(step.value)
      case 0x15: place += Int(value == step.value ? step.yes : step.no)
      case 0x45: place += Int(value & step.value != 0 ? step.yes : step.no)
      case 0x35: place += Int(value >= step.value ? step.yes : step.no)
      case 0x06: return step.value
      default: return 1
      }
    }
    return 2
  }

  func allows(_ name: String) -> Bool {
    Calls.numbers[name].map { answer($0) == Filter.allow } ?? false
  }
}

/// The kernel's own list, from the headers of this machine.
private enum Calls {
  static let numbers: [String: UInt32] = {
    var numbers: [String: UInt32] = [:]
    #if arch(x86_64)
      let paths = [
        "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h",
      ]
    #else
      let paths = ["/usr/include/asm-generic/unistd.h"]
    #endif
    for path in paths {
      guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { continue }
      for line in text.split(separator: "\n") {
        let words = line.split(separator: " ").map(String.init)
        guard words.count == 3, words[0] == "#define", words[1].hasPrefix("__NR_"),
          let number = UInt32(words[2])
        else { continue }
        numbers[String(words[1].dropFirst(5))] = number
      }
    }
    return numbers
  }()

  /// The names that apus has, with their groups, as they stand in its own list.
  static let known: [(group: String, name: String)] = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Sources/CApus/calls.h")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return text.matches(of: /CALL\((\w+), (\w+)\)/).map { (String($0.1), String($0.2)) }
  }()
}

@Suite struct FilterTests {
  @Test("every system call of the kernel's headers is known, and one name allows one number")
  func names() throws {
    try #require(Calls.numbers.count > 300)
    try #require(Calls.known.count > 400)
    let base = try #require(Filter([]))
    for (name, number) in Calls.numbers where number < 470 {
      let filter = try #require(Filter([name]), "\(name)")
      for other in UInt32(0)...469 where filter.answer(other) != base.answer(other) {
        #expect(other == number, "\(name) allows \(other)")
      }
      #expect(filter.answer(number) == Filter.allow, "\(name)")
    }
    #expect(Set(Calls.known.map(\.name)).count == Calls.known.count)
  }

  @Test("every number of the kernel's headers has its name, and no other number has one")
  func numbers() throws {
    let names = Dictionary(uniqueKeysWithValues: Calls.numbers.map { ($1, $0) })
    try #require(names.count > 300)
    let newest = try #require(names.keys.max())
    for number in [UInt32](0...newest) + [470, 1000, 0x4000_0000, .max] {
      #expect(capus_call_name(number).map { String(cString: $0) } == names[number], "\(number)")
    }
    // What is newer than the headers has one number everywhere.
    #expect(capus_call_name(462).map { String(cString: $0) } == "mseal")
    #expect(capus_call_name(469).map { String(cString: $0) } == "file_setattr")
  }

  @Test("a call of another architecture allows nothing, a name of none is refused")
  func foreign() throws {
    let base = try #require(Filter([]))
    for (_, name) in Calls.known where Calls.numbers[name] == nil {
      let filter = try #require(Filter([name]), "\(name)")
      for number in UInt32(0)...450 { #expect(filter.answer(number) == base.answer(number)) }
    }
    for name in ["", "raed", "READ", "@", "@default2", "read ", "@basic_io"] {
      #expect(Filter([name]) == nil, "\(name)")
    }
  }

  @Test("a group is its calls and what every program needs")
  func groups() throws {
    let groups = Set(Calls.known.map(\.group)).subtracting(["PRIVILEGED"])
    #expect(groups.count == 29)
    for group in groups {
      let spelled = group == "DEBUGGING" ? "debug" : group.lowercased().replacing("_", with: "-")
      let filter = try #require(Filter(["@" + spelled]), "\(spelled)")
      for call in Calls.known where Calls.numbers[call.name].map({ $0 < 451 }) ?? false {
        let isIn = call.group == group || call.group == "DEFAULT"
        #expect(filter.allows(call.name) == isIn, "@\(spelled): \(call.name)")
      }
    }
    let everything = try #require(Filter(["@known"]))
    for call in Calls.known where Calls.numbers[call.name] != nil {
      #expect(everything.allows(call.name), "\(call.name)")
    }
  }

  @Test("the default set serves a daemon and gives no way to the kernel's or others' insides")
  func standard() throws {
    let filter = try #require(Filter(nil))
    for name in [
      "read", "openat", "accept4", "epoll_pwait", "clone", "execve", "mmap", "futex", "sendmsg",
      "getrandom", "rt_sigaction", "ioctl", "prctl", "rseq", "wait4", "fsync", "setresuid", "shmat",
      "getdents64", "landlock_restrict_self", "seccomp", "mlock", "timerfd_create", "io_submit",
    ] {
      #expect(filter.allows(name), "\(name)")
    }
    for name in [
      "ptrace", "mount", "umount2", "init_module", "bpf", "reboot", "kexec_load",
      "pivot_root", "chroot", "swapon", "settimeofday", "perf_event_open", "userfaultfd", "keyctl",
      "process_vm_writev", "open_by_handle_at", "io_uring_setup", "sethostname", "iopl", "syslog",
      "acct", "quotactl", "pidfd_getfd", "move_mount", "fsopen",
    ] where Calls.numbers[name] != nil {
      #expect(Filter(nil)?.answer(Calls.numbers[name] ?? 0) == Filter.kill, "\(name)")
    }
  }

  @Test("the default set gives no new namespace and no memory that can be executed unasked")
  func arguments() throws {
    let filter = try #require(Filter(nil))
    #expect(filter.answer("clone3", 0) == Filter.unknown)
    for name in ["unshare", "setns"] { #expect(filter.answer(name, 0) == Filter.refused) }
    // What fork(3), vfork(3) and pthread_create(3) ask for.
    for flags: UInt32 in [0x11, 0x4111, 0x120_0011, 0x3d_0f00] {
      #expect(filter.answer("clone", flags) == Filter.allow)
      for bit: UInt32 in [17, 25, 26, 27, 28, 29, 30] {
        #expect(filter.answer("clone", flags | 1 << bit) == Filter.refused, "\(bit)")
      }
    }
    for allowed: UInt32 in [0, 8, 0x4_0000, .max] {
      #expect(filter.answer("personality", allowed) == Filter.allow)
    }
    #expect(filter.answer("personality", 0x40_0000) == Filter.refused)
    // Who names calls has them as they are.
    let named = try #require(Filter(["clone", "clone3", "unshare", "personality"]))
    for name in ["clone", "clone3", "unshare", "personality"] {
      #expect(named.answer(name, 0x7e42_0000) == Filter.allow, "\(name)")
    }
  }

  @Test("another architecture and x32 are refused; a call newer than the list is not implemented")
  func edges() throws {
    for names in [nil, [], ["@known"]] as [[String]?] {
      let filter = try #require(Filter(names))
      #expect(filter.answer(0, architecture: 0x4000_0003) == Filter.kill)
      #expect(filter.answer(470) == Filter.unknown)
      #expect(filter.answer(0x3fff_ffff) == Filter.unknown)
      #expect(filter.answer(0x4000_0000) == Filter.kill)
      #expect(filter.answer(.max) == Filter.kill)
      #expect(filter.program.count <= Int(CAPUS_FILTER_MOST))
    }
  }

  @Test("any list of calls allows these and no others")
  func lists() throws {
    let all = Calls.numbers.filter { $0.value < 450 }.sorted { $0.value < $1.value }
    let base = try #require(Filter([]))
    for step in 2..<12 {
      let chosen = all.enumerated().filter { $0.offset % step == 0 }.map(\.element)
      let numbers = Set(chosen.map(\.value))
      let filter = try #require(Filter(chosen.map(\.key)))
      for number in UInt32(0)...469 {
        let expected = numbers.contains(number) ? Filter.allow : base.answer(number)
        #expect(filter.answer(number) == expected, "\(number) of each \(step)th")
      }
    }
  }
}
