public import ApusBase

/// A validated service table, made of flat tables that refer to each other by index.
///
/// Loaded once before anything runs and only read afterwards; see `ManifestLoader` for how bytes
/// become one. Reading outside a table gives its default, never a trap.
@safe public struct Manifest: Sendable {
  /// Every string, each followed by a NUL; byte 0 is a NUL of its own.
  public var pool: Bytes = Rows(repeating: 0, count: 1)
  /// Lists of strings.
  public var texts: Rows<Text> = Rows()
  /// Lists of service indexes (`needs`, `wants`, `after`).
  public var links: Rows<UInt16> = Rows()
  /// Lists of groups.
  public var principals: Rows<Principal> = Rows()
  /// Lists of exit codes and signals.
  public var exitStatuses: Rows<ExitStatus> = Rows()
  /// Lists of resource limits.
  public var resourceLimits: Rows<ResourceLimit> = Rows()
  /// Services in manifest order; instances of a template stand after it.
  public var services: Rows<Service> = Rows()
  /// Listeners, those of a service together and in manifest order.
  public var listeners: Rows<Listener> = Rows()
  /// Restart policies; entry 0 is the default.
  public var restarts: Rows<Restart> = Rows(repeating: Restart(), count: 1)
  /// Stop plans; entry 0 is the default.
  public var stops: Rows<Stop> = Rows(repeating: Stop(), count: 1)
  /// Rights; entry 0 is the default.
  public var credentials: Rows<Credentials> = Rows(repeating: Credentials(), count: 1)
  /// Standard streams; entry 0 is the default.
  public var streams: Rows<Streams> = Rows(repeating: Streams(), count: 1)
  /// Lists of directories.
  public var directories: Rows<Directory> = Rows()
  /// Keys few services use; entry 0 is the default.
  public var extras: Rows<Extras> = Rows(repeating: Extras(), count: 1)
  /// Commands of `pre`, `started` and `post`.
  public var commands: Rows<ServiceCommand> = Rows()
  /// Members of records and options of listeners; entry 0 stands for none.
  public var values: Rows<Int64> = Rows(repeating: 0, count: 1)
  /// Names in `wants` and `after` that no service has.
  public var missing: Rows<MissingLink> = Rows()
  /// What only PID 1 does.
  public var system = System()
  /// True while another manifest waits for the services marked `leaving` to end.
  public var isLeaving = false
  /// The main file; a name that does not begin with a slash is meant from apus's own working
  /// directory.
  public var path: Bytes = Rows()
  /// How many boots before this one ended before they were good, and whether the fallback manifest is
  /// in use.
  public var failedBoots: UInt16 = 0
  public var isFallback = false
  /// Tells the name of a system call's number, see `ManifestLoader.init`.
  @unsafe public var callName: CallName?

  /// An empty table.
  @inline(never) public init() {}
}

/// A name that no service has, under a key where that is no mistake: what is installed later may.
public struct MissingLink: Equatable, Sendable {
  /// The service that names it; `UInt16.max` for the defaults.
  public var service: UInt16
  /// `wants`, `after` or `partOf`.
  public var key: ServiceKey
  /// The name.
  public var name: Text
}

extension Rows {
  /// Appends an element; one copy for each type serves all, for size.
  @inline(never) mutating func add(_ element: Element) { append(element) }
}

extension Manifest {
  /// Reads a duration as manifests spell it; nil for anything else.
  public static func duration(_ text: Bytes) -> Interval? { Scalar.duration(text) }

  /// The restart policy of a service.
  public func restart(of service: Service) -> Restart {
    restarts.at(Int(service.restart)) ?? Restart()
  }
  /// The stop plan of a service.
  public func stop(of service: Service) -> Stop { stops.at(Int(service.stop)) ?? Stop() }
  /// The rights of a service.
  public func credentials(of service: Service) -> Credentials {
    credentials.at(Int(service.credentials)) ?? Credentials()
  }
  /// The standard streams of a service.
  public func streams(of service: Service) -> Streams {
    streams.at(Int(service.streams)) ?? Streams()
  }
  /// The rarer keys of a service.
  public func extras(of service: Service) -> Extras {
    extras.at(Int(service.extras)) ?? Extras()
  }

  /// The service of that name.
  public func index(of name: borrowing Span<UInt8>) -> ServiceIndex? {
    for index in services.indices where equals(services[index].name, name) { return index }
    return nil
  }

  /// True when a string of the manifest has exactly these bytes.
  public func equals(_ text: Text, _ other: borrowing Span<UInt8>) -> Bool {
    guard Int(text.count) == other.count, Int(text.offset) + Int(text.count) <= pool.count
    else { return false }
    for index in 0..<other.count where pool[Int(text.offset) + index] != other[index] {
      return false
    }
    return true
  }
}

extension ByteWriter {
  /// Appends a string of the manifest.
  public mutating func text(_ text: Text, of manifest: Manifest) {
    bytes(manifest.pool, Int(text.offset)..<Int(text.offset) + Int(text.count))
  }
}
