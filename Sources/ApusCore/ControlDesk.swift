internal import ApusBase
public import ApusManifest
internal import ApusWire

/// What a control client's credentials allow (SO_PEERCRED; never anything the client says).
public enum PeerRights: UInt8, Sendable {
  case none
  /// Listings.
  case look
  /// Everything.
  case change
}

/// What the supervisor writes down itself, where a listing names a service.
public enum OwnLog {
  /// Its messages, which `logs` knows as `apus` unless a service has that name.
  public static var messages: UInt16 { .max }
  /// The event frames of the last changes of state.
  public static var events: UInt16 { .max - 1 }

  /// True for the name of the messages.
  static func isName(_ name: borrowing Span<UInt8>) -> Bool {
    let word: Literal = "apus"
    guard name.count == word.count else { return false }
    for index in name.indices where unsafe name[index] != word.start[index] { return false }
    return true
  }
}

/// Turns frames of control clients into events, without allocating.
public enum ControlDesk {
  /// The event of one frame. Any bytes give an event; what is no request gives `refused`.
  public static func event(
    for frame: borrowing Span<UInt8>, from client: ClientID, rights: PeerRights,
    manifest: Manifest
  ) -> Event {
    let request: RequestFrame
    do throws(FrameError) {
      request = try RequestFrame(decoding: frame)
    } catch {
      return .refused(client, .failed)
    }
    let isLook = request.command.isListing || request.onlyWait
    guard rights == .change || rights == .look && isLook
    else { return .refused(client, .notPermitted) }
    var service: UInt16?
    var connection: UInt32 = 0
    let hasArgument = request.command == .reboot && !request.name.isEmpty
    if !request.name.isEmpty, !hasArgument {
      var found = manifest.index(of: frame.extracting(request.name))
      if found == nil, request.command == .logs, OwnLog.isName(frame.extracting(request.name)) {
        return .listing(client, request.onlyWait ? .follow : .logs, service: OwnLog.messages)
      }
      if found == nil {
        found = accepting(before: &connection, in: frame.extracting(request.name), manifest)
        // What else is asked for is the whole service's.
        switch request.command {
        case .status, .logs, .stop, .kill: break
        default: found = nil
        }
      }
      guard let index = found, !manifest.services[index].flags.contains(.template)
      else { return .refused(client, .noSuchService) }
      service = UInt16(truncatingIfNeeded: index)
    }
    let action: Request.Action
    switch request.command {
    case .status: return .listing(client, .status, service: service)
    case .listSockets: return .listing(client, .sockets, service: service)
    case .boot: return .listing(client, .boot, service: nil)
    case .events:
      return request.noWait
        ? .listing(client, .logs, service: OwnLog.events) : .listing(client, .events, service: nil)
    case .logs:
      return .listing(client, request.onlyWait ? .follow : .logs, service: service)
    case .start: action = .start
    case .stop: action = .stop
    case .restart: action = .restart
    case .reload: action = .reload
    case .reset: action = .reset
    case .kill: action = .kill
    case .reboot: action = .reboot
    case .poweroff: action = .poweroff
    case .halt: action = .halt
    case .kexec: action = .kexec
    case .reexec: action = .reexec
    case .apply: action = .apply
    }
    return .request(
      client,
      Request(
        action: action, service: service, noWait: request.noWait, now: request.now,
        onlyWait: request.onlyWait, connection: connection, hasArgument: hasArgument))
  }

  /// The service of `name@N` that takes connections, and N, which is above 0.
  @inline(never)
  private static func accepting(
    before number: inout UInt32, in name: borrowing Span<UInt8>, _ manifest: Manifest
  ) -> Int? {
    var end = name.count
    var scale: UInt32 = 1
    while end > 1, scale < 1_000_000_000 {
      end -= 1
      let digit = UInt32(name[end] ^ 0x30)
      if digit > 9 { break }
      number &+= digit &* scale
      scale &*= 10
    }
    // A name of one byte has nothing before a number.
    guard end < name.count, name[end] == UInt8(ascii: "@"), number > 0,
      let index = manifest.index(of: name.extracting(0..<end)),
      manifest.services[index].accepts
    else { return nil }
    return index
  }
}
