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
    let count =
      names == nil ? capus_filter(nil, 0, 0, 0, &program) : capus_filter(&list, 0, 0, 0, &program)
    if count == 0 { return nil }
    self.program = Array(program.prefix(Int(count)))
  }

  /// One that allows everything but what is denied.
  init(denied: Int, families: [Int] = []) {
    var program = [capus_instruction](
      repeating: capus_instruction(), count: Int(CAPUS_FILTER_MOST))
    let bits = families.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
    let count = capus_filter(nil, 1, UInt32(denied), bits, &program)
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

  func answer(_ name: String, _ arguments: UInt32...) -> UInt32 {
    Calls.numbers[name].map { answer($0, arguments) } ?? 3
  }

  func answer(
    _ number: UInt32, _ arguments: [UInt32] = [], architecture: UInt32 = architecture
  ) -> UInt32 {
    func load(_ offset: Int) -> UInt32 {
      let argument = (offset - 16) / 8
      return offset == 0
        ? number : offset == 4 ? architecture : argument < arguments.count ? arguments[argument] : 0
    }
    var place = 0
    var value: UInt32 = 0
    while place < program.count {
      let step = program[place]
      place += 1
      switch step.code {
      case 0x20: value = load(Int(step.value))
      case 0x54: value &= step.value
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

  @Test("what is denied is refused by its arguments, and nothing else is")
  func denied() throws {
    func check(
      _ denied: Int, _ refused: [(String, [UInt32])], _ allowed: [(String, [UInt32])]
    ) throws {
      let filter = Filter(denied: denied)
      #expect(filter.program.count <= 300)
      for (name, arguments) in refused {
        guard let number = Calls.numbers[name] else { continue }
        #expect(filter.answer(number, arguments) == Filter.refused, "\(name) \(arguments)")
        for other in 0..<9 where 1 << other != denied && 1 << other != Int(CAPUS_DENY_FAMILIES) {
          #expect(
            Filter(denied: 1 << other).answer(number, arguments) == Filter.allow,
            "\(name) by \(other)")
        }
      }
      for (name, arguments) in allowed {
        guard let number = Calls.numbers[name] else { continue }
        #expect(filter.answer(number, arguments) == Filter.allow, "\(name) \(arguments)")
      }
      #expect(filter.answer("read", 0, 0, 0x7fff_ffff) == Filter.allow)
      #expect(filter.answer(0, architecture: 0x4000_0003) == Filter.kill)
      #expect(filter.answer(0x4000_0000) == Filter.kill)
    }
    try check(
      Int(CAPUS_DENY_CLOCK), [("clock_settime", []), ("settimeofday", []), ("adjtimex", [])],
      [("clock_gettime", [])])
    try check(
      Int(CAPUS_DENY_HOSTNAME), [("sethostname", []), ("setdomainname", [])], [("uname", [])])
    try check(
      Int(CAPUS_DENY_WRITE_EXECUTE),
      [
        ("mmap", [0, 1, 7]), ("mmap", [0, 1, 6]), ("mprotect", [0, 1, 5]),
        ("pkey_mprotect", [0, 1, 4]), ("shmat", [0, 0, 0o100000]),
      ],
      [
        ("mmap", [0, 1, 5]), ("mmap", [0, 1, 3]), ("mprotect", [0, 1, 3]),
        ("shmat", [0, 0, 0o10000]),
      ])
    try check(
      Int(CAPUS_DENY_NAMESPACES),
      [("setns", []), ("unshare", [0x80]), ("unshare", [0x2_0000]), ("clone", [0x1000_0011])],
      [("unshare", [0x400]), ("clone", [0x3d_0f00])])
    #expect(Filter(denied: Int(CAPUS_DENY_NAMESPACES)).answer("clone3", 0) == Filter.unknown)
    try check(
      Int(CAPUS_DENY_REALTIME),
      [
        ("sched_setattr", []), ("sched_setscheduler", [0, 1]), ("sched_setscheduler", [0, 2]),
        ("sched_setscheduler", [0, 6]), ("sched_setscheduler", [0, 0x4000_0001]),
      ], [("sched_setscheduler", [0, 0]), ("sched_setscheduler", [0, 0x4000_0003])])
    try check(
      Int(CAPUS_DENY_SETUID),
      [
        ("chmod", [0, 0o4755]), ("fchmod", [0, 0o2755]), ("fchmodat", [0, 0, 0o6000]),
        ("fchmodat2", [0, 0, 0o4000]), ("creat", [0, 0o4755]), ("mkdir", [0, 0o2755]),
        ("mkdirat", [0, 0, 0o2755]), ("mknod", [0, 0o4755]), ("mknodat", [0, 0, 0o104755]),
        ("open", [0, 0o101, 0o4755]), ("openat", [0, 0, 0o101, 0o2755]),
        ("openat", [0, 0, 0o20200000, 0o4755]),
      ],
      [
        ("chmod", [0, 0o1777]), ("open", [0, 0, 0o4755]), ("openat", [0, 0, 0o101, 0o755]),
        ("mkdir", [0, 0o1777]),
      ])
    #expect(Filter(denied: Int(CAPUS_DENY_SETUID)).answer("openat2", 0) == Filter.unknown)
    try check(
      Int(CAPUS_DENY_PERSONALITY), [("personality", [8]), ("personality", [0x40_0000])],
      [("personality", [.max]), ("personality", [0])])
  }

  @Test("only the families that are named")
  func families() throws {
    let unsupported = 0x5_0000 | UInt32(EAFNOSUPPORT)
    for chosen in [[], [1], [1, 2, 10], Array(1..<46)] {
      let filter = Filter(denied: Int(CAPUS_DENY_FAMILIES), families: chosen)
      for family in UInt32(0)..<70 {
        #expect(
          filter.answer("socket", family, 1)
            == (chosen.contains(Int(family)) ? Filter.allow : unsupported), "\(family)")
      }
      #expect(filter.answer("socketpair", 2) == Filter.allow)
    }
    // A list of calls and what is denied hold together.
    var program = [capus_instruction](
      repeating: capus_instruction(), count: Int(CAPUS_FILTER_MOST))
    let count = capus_filter(nil, 0, 0xff, 2, &program)
    #expect(count > 0 && count <= UInt32(CAPUS_FILTER_MOST))
  }
}
