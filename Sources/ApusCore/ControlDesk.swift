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
    if !request.name.isEmpty {
      guard let index = manifest.index(of: frame.extracting(request.name)),
        !manifest.services[index].flags.contains(.template)
      else { return .refused(client, .noSuchService) }
      service = UInt16(truncatingIfNeeded: index)
    }
    let action: Request.Action
    switch request.command {
    case .status: return .listing(client, .status, service: service)
    case .listSockets: return .listing(client, .sockets, service: service)
    case .boot: return .listing(client, .boot, service: nil)
    case .events: return .listing(client, .events, service: nil)
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
    }
    return .request(
      client,
      Request(
        action: action, service: service, noWait: request.noWait, now: request.now,
        onlyWait: request.onlyWait))
  }
}
