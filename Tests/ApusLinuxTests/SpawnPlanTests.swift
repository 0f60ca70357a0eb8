import ApusBase
import ApusCore
import ApusManifest
import Testing

/// The privilege order is data, so it is a plain unit test.
@Suite struct SpawnPlanTests {
  private let nothing = Surroundings(
    limits: [], resetsNice: false, bounding: 0x1ff_ffff_ffff, permitted: 0x1ff_ffff_ffff)

  private func rights(
    uid: UInt32 = 1000, changes: Bool = true, _ sets: CapabilitySets? = .exactly(1 << 13),
    secureBits: UInt8 = 0
  ) -> Rights {
    Rights(
      uid: uid, gid: 1000, changesIdentity: changes, capabilities: sets, secureBits: secureBits,
      noNewPrivileges: uid != 0)
  }

  private func kinds(
    _ manifest: Manifest, _ rights: Rights, _ command: CommandID = CommandID(.none),
    _ surroundings: Surroundings? = nil
  ) -> [SpawnStepKind] {
    steps(manifest, rights, surroundings, command).map(\.kind)
  }

  private func steps(
    _ manifest: Manifest, _ rights: Rights, _ surroundings: Surroundings? = nil,
    _ command: CommandID = CommandID(.none)
  ) -> [SpawnStep] {
    var plan = SpawnPlan()
    plan.build(
      manifest.services[0], of: manifest, rights: rights, surroundings: surroundings ?? nothing,
      command: command)
    #expect(plan.isComplete)
    return plan.steps
  }

  /// A service that uses everything there is a step for.
  private func everything() -> Manifest {
    var manifest = Manifest()
    var service = Service()
    manifest.pool += Array("/bin/true\0/var/x\0web\0".utf8)
    manifest.texts = [Text(offset: 1, count: 9), Text(offset: 18, count: 3)]
    service.exec = TableRange(start: 0, count: 1)
    service.workingDirectory = Text(offset: 11, count: 6)
    manifest.resourceLimits = [ResourceLimit(resource: 7, soft: 10, hard: 20)]
    var credentials = Credentials()
    credentials.limits = TableRange(start: 0, count: 1)
    manifest.credentials = [credentials]
    var directory = Directory()
    directory.name = manifest.texts[1]
    manifest.directories = [directory]
    service.directories = TableRange(start: 0, count: 1)
    var streams = Streams()
    streams.output = .append(Text(offset: 11, count: 6))
    manifest.streams = [streams]
    manifest.services = [service]
    return manifest
  }

  @Test("PRI-01 every step of a start has its place")
  func order() {
    #expect(
      kinds(everything(), rights()) == [
        .session, .directories, .streams, .descriptors, .session, .limits, .boundingSet,
        .keepCapabilities, .groups, .gid, .uid, .capabilities, .ambientSet, .noNewPrivileges,
        .verify, .workingDirectory, .execute,
      ])
  }

  @Test("conditions and files of variables come first, and conditions in one process only")
  func beforeEverything() {
    var manifest = everything()
    // `exists` with one path, `architecture`, and a place for a command.
    let none = Int64.min
    manifest.values = [0, 1 << 32 | 1, none, none, 2, none, none, none, none, none, 0]
    var extras = Extras()
    extras.conditions = Record(start: 1)
    extras.environmentFiles = TableRange(start: 1, count: 1)
    manifest.extras = [extras]
    let first: [SpawnStepKind] = [.condition, .condition, .session, .environment, .directories]
    #expect(Array(kinds(manifest, rights()).prefix(5)) == first)
    // A command of the service comes after its first process.
    #expect(kinds(manifest, rights(), CommandID(.pre)).first == .session)
    // With commands before the start the first of them is that.
    manifest.commands = [ServiceCommand(exec: TableRange(start: 0, count: 1))]
    manifest.extras[0].pre = TableRange(start: 0, count: 1)
    #expect(Array(kinds(manifest, rights(), CommandID(.pre)).prefix(5)) == first)
    for other in [CommandID(.none), CommandID(.pre, 1), CommandID(.post), CommandID(.started)] {
      #expect(kinds(manifest, rights(), other).first == .session)
    }
  }

  @Test(
    "PRI-01 the control group comes before anything is used, scheduling before privilege is lost")
  func resources() throws {
    var manifest = everything()
    manifest.extras[0].nice = 5
    manifest.extras[0].scheduler = 1
    manifest.extras[0].schedulerPriority = 10
    manifest.extras[0].ioPriority = 0x4003
    manifest.extras[0].processors = TableRange(start: 1, count: 16)
    var plan = SpawnPlan()
    plan.build(
      manifest.services[0], of: manifest, rights: rights(), surroundings: nothing, hasGroup: true)
    #expect(Array(plan.steps.prefix(2)) == [.session, .group])
    let nice = try #require(plan.steps.firstIndex(of: .nice(5)))
    #expect(
      plan.steps[nice..<nice + 4] == [
        .nice(5), .scheduler(1, priority: 10), .ioPriority(0x4003),
        .processors(TableRange(start: 1, count: 16)),
      ])
    #expect(nice < (try #require(plan.steps.map(\.kind).firstIndex(of: .boundingSet))))
  }

  @Test("PRI-01 what needs CAP_SETPCAP comes before it is given up")
  func secureBits() {
    let one: UInt64 = 0x2000
    let withSetpcap: UInt64 = 0x2100
    let expected: [SpawnStep] = [
      .capabilities(permitted: withSetpcap, inheritable: one),
      .ambientSet(one),
      .secureBits(0x2f),
      .capabilities(permitted: one, inheritable: one),
      .noNewPrivileges,
      .verify,
      .workingDirectory(Text(offset: 11, count: 6)),
      .execute(Text(offset: 1, count: 9)),
    ]
    let steps = steps(everything(), rights(secureBits: 0x2f))
    #expect(Array(steps.suffix(8)) == expected)
  }

  @Test("PRI-01 the groups and the bounding set never follow the user, in any combination")
  func anyOrder() throws {
    let inherited = CapabilitySets(permitted: 0, inheritable: 1 << 3, ambient: 0, dropped: 1 << 3)
    for uid in [UInt32(0), 1000] {
      for sets in [nil, CapabilitySets.exactly(0), .exactly(1 << 13), inherited] {
        for bits in [UInt8(0), 0x2f] {
          let kinds = kinds(everything(), rights(uid: uid, sets, secureBits: bits))
          let user = try #require(kinds.firstIndex(of: .uid))
          let group = try #require(kinds.firstIndex(of: .gid))
          let groups = try #require(kinds.firstIndex(of: .groups))
          #expect(groups < group && group < user)
          if let bounding = kinds.firstIndex(of: .boundingSet) { #expect(bounding < groups) }
          if let keep = kinds.firstIndex(of: .keepCapabilities) { #expect(keep < user) }
          #expect((kinds.firstIndex(of: .capabilities) != nil) == (sets != nil))
          let verify = try #require(kinds.firstIndex(of: .verify))
          #expect(kinds[(verify + 1)...] == [.workingDirectory, .execute])
          #expect(kinds.filter { $0 == .verify }.count == 1)
        }
      }
    }
  }

  /// `everything` with a sandbox of these members.
  private func sandboxed(_ members: SandboxKeys) -> Manifest {
    var manifest = everything()
    var extras = Extras()
    manifest.values = [0]
    for member in 0..<SandboxKeys.count {
      manifest.values.append(members.rawValue >> UInt16(member) & 1 == 1 ? 1 : Int64.min)
    }
    extras.sandbox = .first
    manifest.extras = [extras]
    return manifest
  }

  @Test("PRI-01 every step of a sandbox has its place")
  func sandboxOrder() {
    let all = SandboxKeys(rawValue: 0x7ff)
    #expect(
      kinds(sandboxed(all), rights()) == [
        .session, .streams, .descriptors, .namespaces, .network, .root, .directories, .processes,
        .readOnly, .kernel, .temporary, .devices, .hide, .session, .limits, .boundingSet,
        .keepCapabilities, .groups, .gid, .uid, .capabilities, .ambientSet, .noNewPrivileges,
        .verify, .workingDirectory, .landlock, .filter, .execute,
      ])
  }

  @Test("each member of a sandbox has its steps, and no others")
  func sandboxMembers() {
    let expected: [(SandboxKeys, [SpawnStepKind])] = [
      (.readOnly, [.namespaces, .readOnly]), (.write, []), (.hide, [.namespaces, .hide]),
      (.privateTmp, [.namespaces, .temporary]), (.privateDevices, [.namespaces, .devices]),
      (.privateNetwork, [.network]), (.privatePids, [.namespaces, .processes]),
      (.protectKernel, [.namespaces, .kernel]), (.landlock, [.landlock]), (.seccomp, [.filter]),
      (.root, [.namespaces, .root]),
    ]
    let plain = Set(kinds(everything(), rights()).map(\.rawValue))
    for (member, steps) in expected {
      let found = kinds(sandboxed(member), rights()).filter { !plain.contains($0.rawValue) }
      #expect(found == steps, "\(member)")
    }
  }

  @Test("what restricts itself gains no privileges, unless the manifest says so")
  func restricted() {
    for member in [SandboxKeys.landlock, .seccomp] {
      var manifest = sandboxed(member)
      #expect(kinds(manifest, rights(uid: 0)).contains(.noNewPrivileges))
      manifest.credentials[0].noNewPrivileges = false
      #expect(!kinds(manifest, rights(uid: 0)).contains(.noNewPrivileges))
    }
    #expect(!kinds(sandboxed(.readOnly), rights(uid: 0)).contains(.noNewPrivileges))
  }

  @Test("capabilities that would undo a sandbox are taken, also where the manifest gives them")
  func confined() {
    let kernel: UInt64 = 1 << 16 | 1 << 34
    let devices: UInt64 = 1 << 17 | 1 << 27
    // CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE.
    let views: UInt64 = 1 << 2 | 1 << 19
    var given = rights(uid: 0, .exactly(kernel | devices | views | 1))
    given.confine([.protectKernel], standing: 0)
    let less = devices | 1
    #expect(
      given.capabilities
        == CapabilitySets(permitted: less, inheritable: less, ambient: less, dropped: ~less))
    given.confine([.privateDevices], standing: 0)
    #expect(given.capabilities == .exactly(1))
    var root = rights(uid: 0, changes: false, nil)
    root.confine([.privateNetwork, .landlock, .seccomp], standing: .max)
    #expect(root.capabilities == nil)
    for view in [SandboxKeys.readOnly, .hide, .privateTmp, .privatePids, .root] {
      var other = rights(uid: 0, changes: false, nil)
      other.confine([view], standing: .max)
      #expect(other.capabilities?.permitted == ~views && other.capabilities?.dropped == views)
    }
    root.confine([.protectKernel, .privateDevices], standing: .max)
    let taken = kernel | devices | views
    #expect(
      root.capabilities
        == CapabilitySets(permitted: ~taken, inheritable: 0, ambient: 0, dropped: taken))
    #expect(steps(everything(), root).contains(.boundingSet(drop: taken)))
  }

  @Test("a capability is made inheritable while the bounding set still has it")
  func inheritableOutsideBounding() throws {
    let sets = CapabilitySets(permitted: 0, inheritable: 1 << 3, ambient: 0, dropped: 1 << 3)
    let steps = steps(everything(), rights(sets))
    let early = try #require(
      steps.firstIndex(of: .capabilities(permitted: nothing.permitted, inheritable: 1 << 3)))
    let drop = try #require(steps.firstIndex(of: .boundingSet(drop: 1 << 3)))
    #expect(early < drop)
  }

  @Test("a service that runs as apus itself needs none of it, and is still verified")
  func asItIs() {
    let kinds = kinds(everything(), rights(changes: false, nil))
    #expect(
      kinds == [
        .session, .directories, .streams, .descriptors, .session, .limits, .noNewPrivileges,
        .verify, .workingDirectory, .execute,
      ])
  }

  @Test("SPA-07 a limit apus was started with is set back unless the service declares its own")
  func inheritedLimits() {
    let core = ResourceLimit(resource: 4, soft: 0, hard: .max)
    let files = ResourceLimit(resource: 7, soft: 1024, hard: 4096)
    let around = Surroundings(
      limits: [core, files], resetsNice: true, bounding: 0, permitted: 0)
    let steps = steps(everything(), rights(), around)
    #expect(steps.contains(.limit(core)))
    #expect(!steps.contains(.limit(files)))
    #expect(steps.contains(.limit(ResourceLimit(resource: 7, soft: 10, hard: 20))))
    #expect(steps.contains(.nice(0)))
  }

  @Test("PRI-01 a score is taken first of all, and the memory of apus is not shared for it")
  func score() {
    /// Whether the child is apart, and the score it takes.
    func plan(_ score: Int16, of own: Int16, isInit: Bool) -> (Bool, SpawnStep?) {
      var manifest = everything()
      var extras = Extras()
      extras.oomScoreAdjust = score
      manifest.extras = [extras]
      let around = Surroundings(
        limits: [], resetsNice: false, bounding: 0, permitted: 0, oomScoreAdjust: own,
        hasOwnScore: isInit)
      var plan = SpawnPlan()
      plan.build(manifest.services[0], of: manifest, rights: rights(), surroundings: around)
      #expect(plan.steps[0] == .session)
      if case .score = plan.steps[1] { return (plan.isApart, plan.steps[1]) }
      return (plan.isApart, nil)
    }
    // All children of the machine's PID 1 that share its memory take the same.
    #expect(plan(0, of: -1000, isInit: true) == (false, .score(0)))
    #expect(plan(500, of: -1000, isInit: true) == (true, .score(500)))
    #expect(plan(-1000, of: -1000, isInit: true) == (true, nil))
    #expect(plan(0, of: 0, isInit: true) == (false, nil))
    // Others would change their own.
    #expect(plan(0, of: 0, isInit: false) == (false, nil))
    #expect(plan(0, of: 200, isInit: false) == (true, .score(0)))
    #expect(plan(200, of: 200, isInit: false) == (false, nil))
    #expect(plan(-500, of: 0, isInit: false) == (true, .score(-500)))
  }

  @Test("the memory of apus is not shared with another identity where that one could look into it")
  func exposure() {
    func isApart(_ rights: Rights, _ isExposed: Bool) -> Bool {
      var plan = SpawnPlan()
      plan.build(
        everything().services[0], of: everything(), rights: rights, surroundings: nothing,
        isExposed: isExposed)
      return plan.isApart
    }
    #expect(isApart(rights(), true))
    #expect(isApart(rights(uid: 0, changes: false, .exactly(0)), true))
    #expect(isApart(rights(nil), true))
    #expect(!isApart(rights(uid: 0, changes: false, nil), true))
    #expect(!isApart(rights(), false))
  }

  @Test("who is killed for want of memory in a group takes nobody along but itself")
  func memoryLimit() {
    /// Whether the child is apart, with that limit.
    func isApart(_ limit: Int64, hasGroup: Bool = true, isInit: Bool = false) -> Bool {
      var manifest = everything()
      var extras = Extras()
      manifest.values = [0, limit] + [Int64](repeating: Int64.min, count: 7)
      extras.cgroup = Record(start: 1)
      manifest.extras = [extras]
      var around = nothing
      around.hasOwnScore = isInit
      var plan = SpawnPlan()
      plan.build(
        manifest.services[0], of: manifest, rights: rights(), surroundings: around,
        hasGroup: hasGroup)
      return plan.isApart
    }
    #expect(isApart(1 << 20))
    #expect(!isApart(1 << 20, hasGroup: false))
    #expect(!isApart(.min))
    #expect(!isApart(.max))
    // The kernel spares the machine's PID 1 (oom_kill.c).
    #expect(!isApart(1 << 20, isInit: true))
  }

  @Test("it is known from which step on a child can be held up by others than root")
  func identityStep() {
    func step(_ rights: Rights) -> SpawnStepKind? {
      var plan = SpawnPlan()
      plan.build(everything().services[0], of: everything(), rights: rights, surroundings: nothing)
      return plan.identityStep.map { plan.steps[$0].kind }
    }
    #expect(step(rights()) == .boundingSet)
    #expect(step(rights(nil)) == .groups)
    #expect(step(rights(uid: 0, changes: false, nil)) == nil)
  }

  @Test("a directory belongs to the service, but for the owner that its entry names")
  func owners() {
    var manifest = everything()
    manifest.directories += Array(repeating: manifest.directories[0], count: 3)
    // The last three: somebody else's before them.
    manifest.services[0].directories = TableRange(start: 1, count: 3)
    func directories(_ owners: [Int64]) -> [SpawnStep] {
      var plan = SpawnPlan()
      plan.build(
        manifest.services[0], of: manifest, rights: rights(), surroundings: nothing, owners: owners)
      return plan.steps.filter { $0.kind == .directories }
    }
    let (uid, gid) = (rights().uid, rights().gid)
    let own = (UInt32(1)...3).map { SpawnStep.directory($0, uid: uid, gid: gid) }
    #expect(directories([]) == own)
    #expect(
      directories([5, 5, -1, -1, 0, -1, -1, 0xffff_fffe]) == [
        own[0], .directory(2, uid: 0, gid: gid), .directory(3, uid: uid, gid: 0xffff_fffe),
      ])
  }

  @Test("a plan that does not fit says so, and its storage works again afterwards")
  func overflow() {
    var manifest = everything()
    manifest.directories += Array(repeating: manifest.directories[0], count: 200)
    manifest.services[0].directories.count = 200
    var plan = SpawnPlan()
    plan.build(manifest.services[0], of: manifest, rights: rights(), surroundings: nothing)
    #expect(!plan.isComplete)
    manifest.services[0].directories.count = 1
    plan.build(manifest.services[0], of: manifest, rights: rights(), surroundings: nothing)
    #expect(plan.isComplete)
  }
}
