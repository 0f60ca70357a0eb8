internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CApus

/// The rights of one entry of `Manifest.credentials`, every name resolved, or why they could not be.
struct Account {
  var rights: Rights
  /// Supplementary groups, sorted, as a run of `AccountTable.groups`.
  var groups: Range<Int> = 0..<0
  /// HOME, USER, LOGNAME and SHELL entries, as a run of `AccountTable.text`, each with its NUL.
  var environment: Range<Int> = 0..<0
  /// The step and errno of a name or capability that does not exist.
  var failure: (step: SpawnStepKind, errno: Errno)?
}

/// Who the services run as, decided before anything starts: a user database that changes later
/// changes nothing but for names that were not in it.
struct AccountTable {
  /// By index of `Manifest.credentials`.
  private(set) var accounts: Rows<Account> = Rows()
  private(set) var groups: Rows<UInt32> = Rows()
  private(set) var text: Bytes = Rows()
  /// User and group of each entry of `Manifest.directories`: -1 for the service's, -2 for a name that
  /// does not exist.
  private(set) var owners: Rows<Int64> = Rows()
  private let own: Ownership
  private var database: UserDatabase

  /// Resolves every entry.
  init(_ manifest: Manifest, own: Ownership, database: UserDatabase) {
    self.own = own
    self.database = database
    accounts.reserveCapacity(manifest.credentials.count)
    for credentials in manifest.credentials {
      let account = resolve(credentials, of: manifest)
      accounts.append(account)
    }
    owners.reserveCapacity(2 * manifest.directories.count)
    for directory in manifest.directories {
      let user: Int64 =
        switch directory.user {
        case .none: -1
        case .id(let uid): Int64(uid)
        case .name(let name): database.user(named: manifest.bytes(name)).map { Int64($0.uid) } ?? -2
        }
      owners.append(user)
      let group = group(directory.group, of: manifest).map { Int64($0) }
      owners.append(group ?? (directory.group == .none ? -1 : -2))
    }
  }

  /// The same in memory of its own, without the database.
  consuming func owned() -> AccountTable {
    accounts = Rows(own: accounts)
    groups = Rows(own: groups)
    text = Rows(own: text)
    owners = Rows(own: owners)
    database = UserDatabase(passwd: Rows(), group: Rows())
    return self
  }

  /// The account of a service.
  func account(of service: Service) -> Account? { accounts.at(Int(service.credentials)) }

  /// Why a service cannot be started with the rights of an account.
  func failure(of service: Service, _ account: Account) -> (step: SpawnStepKind, errno: Errno)? {
    let start = 2 * Int(service.directories.start)
    for index in start..<start + 2 * Int(service.directories.count)
    where account.failure == nil && owners.at(index) == -2 {
      return missing(SpawnObject.owners + index - start)
    }
    return account.failure
  }

  private mutating func resolve(_ credentials: Credentials, of manifest: Manifest) -> Account {
    var account = Account(
      rights: Rights(
        uid: own.uid, gid: own.gid, changesIdentity: false, capabilities: nil,
        secureBits: credentials.secureBits, noNewPrivileges: false))
    switch credentials.user {
    case .none: break
    case .id(let uid):
      account.rights.uid = uid
      account.rights.gid = uid
      if let user = database.user(id: uid) { describe(user, &account) }
    case .name(let name):
      guard let user = database.user(named: manifest.bytes(name)) else {
        account.failure = missing(1)
        return account
      }
      account.rights.uid = user.uid
      describe(user, &account)
    }
    resolveGroups(credentials, of: manifest, &account)
    // -1 is "leave it" to setresuid(2).
    if account.rights.uid == .max || account.rights.gid == .max {
      account.failure = (.resolveUser, .invalid)
    }
    if account.failure != nil { return account }
    finish(credentials, of: manifest, &account)
    return account
  }

  /// A name that is not there; which one stands above the errno, see `SpawnObject`.
  private func missing(_ number: Int) -> (step: SpawnStepKind, errno: Errno) {
    (.resolveUser, Errno(Int32(min(number, 255)) << 8 | Errno.noEntry.code))
  }

  /// The primary and the supplementary groups: the declared ones, else the user's own.
  private mutating func resolveGroups(
    _ credentials: Credentials, of manifest: Manifest, _ account: inout Account
  ) {
    var list: Rows<UInt32> = Rows()
    for index in credentials.groups.indices {
      guard let gid = group(manifest.principals.at(index) ?? .none, of: manifest) else {
        let number = 3 + index - Int(credentials.groups.start)
        account.failure = missing(min(number, SpawnObject.owners - 1))
        return
      }
      list.append(gid)
    }
    if credentials.groups.count == 0, case .name(let name) = credentials.user {
      list = database.groups(of: manifest.bytes(name))
    }
    if credentials.group != .none {
      guard let gid = group(credentials.group, of: manifest) else {
        account.failure = missing(2)
        return
      }
      account.rights.gid = gid
    }
    // The child reads them back into a buffer of this many.
    if list.count > 64 { account.failure = (.resolveUser, .invalid) }
    let start = groups.count
    for gid in list { insert(gid, after: start) }
    account.groups = start..<groups.count
  }

  /// Keeps the run from `start` sorted and without doubles, as the kernel keeps its own.
  private mutating func insert(_ gid: UInt32, after start: Int) {
    var place = start
    while place < groups.count, groups[place] < gid { place += 1 }
    if place < groups.count, groups[place] == gid { return }
    groups.insert(gid, at: place)
  }

  @inline(never)
  private func group(_ principal: Principal, of manifest: Manifest) -> UInt32? {
    switch principal {
    case .none: nil
    case .id(let gid): gid
    case .name(let name): database.group(named: manifest.bytes(name))
    }
  }

  /// What depends on the ids: whether anything changes, capabilities and no_new_privs.
  private mutating func finish(
    _ credentials: Credentials, of manifest: Manifest, _ account: inout Account
  ) {
    let wanted = groups.part(account.groups.lowerBound, account.groups.upperBound)
    // Without a declared user or group an unprivileged apus leaves its own groups alone.
    let asItIs =
      credentials.user == .none && credentials.group == .none
      && credentials.groups.count == 0
    let same =
      account.rights.uid == own.uid && account.rights.gid == own.gid
      && (wanted == own.groups || asItIs && !own.isPrivileged
        || account.rights.uid == own.uid && !own.isPrivileged && credentials.groups.count == 0)
    account.rights.changesIdentity = !same
    account.rights.noNewPrivileges =
      credentials.noNewPrivileges ?? (account.rights.uid != 0)
    let sets = capabilitySets(credentials, of: manifest)
    if case .unknown = sets { account.failure = (.resolveCapabilities, .invalid) }
    if case .sets(let sets) = sets {
      account.rights.capabilities = sets
      // The kernel would refuse the whole set; as here, which one it is stands above the errno.
      let missing = sets.permitted & ~own.permitted | sets.inheritable & ~own.bounding
      if missing != 0 {
        let number = Int32(missing.trailingZeroBitCount)
        account.failure = (.resolveCapabilities, Errno((number &+ 1) << 8 | 1))
      }
    }
    if case .standard = sets, account.rights.uid != 0, own.isPrivileged || !same {
      account.rights.capabilities = .exactly(0)
    }
  }

  @inline(never)
  private mutating func describe(_ user: User, _ account: inout Account) {
    account.rights.gid = user.gid
    let start = text.count
    entry("HOME=", user.home)
    entry("USER=", user.name)
    entry("LOGNAME=", user.name)
    entry("SHELL=", user.shell)
    account.environment = start..<text.count
  }

  @inline(never)
  private mutating func entry(_ key: Literal, _ value: Range<Int>) {
    if value.isEmpty { return }
    text.append(key)
    for index in value { text.push(database.passwd[index]) }
    text.push(0)
  }
}

extension LinuxKernel {
  /// Resolves every name again, for one that does not exist, when the files have changed since: a
  /// user that a package adds later is found at the next attempt.
  @inline(never)
  mutating func resolveNames() {
    let stamp = capus_users_stamp()
    if stamp == usersStamp { return }
    usersStamp = stamp
    // The table before this one, unless it is that of the boot, was the scratch's only content.
    apus_arena_drop()
    apus_arena_scratch(true)
    let users = loadUsers()
    accounts = AccountTable(manifest, own: own, database: users)
    listeners.resolveOwners(manifest, users)
    apus_arena_scratch(false)
  }
}

extension Manifest {
  /// The bytes of a string.
  @inline(never)
  func bytes(_ text: Text) -> Bytes {
    var result: Bytes = Rows()
    result.reserveCapacity(Int(text.count) + 1)
    for index in Int(text.offset)..<Int(text.offset) + Int(text.count) where index < pool.count {
      result.push(pool[index])
    }
    return result
  }
}
